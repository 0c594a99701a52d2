"""Reads FIT files: messages in file order, each with its fields, and the units of the fields.

FIT is binary; fitdecode decodes it by Garmin's public profile. What a file holds beyond the
profile comes as ``unknown_...``, with its number. A file that breaks off or lies about itself gives
what can be read, and a warning.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from datetime import datetime, time
from io import BytesIO
from itertools import islice
from typing import IO, TYPE_CHECKING, Any, Final

import fitdecode  # type: ignore[import-untyped] # it has no types

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["SAMPLES", "FileId", "FitFile", "Message"]

SAMPLES: Final = frozenset(
    {
        "accelerometer_data",
        "aviation_attitude",
        "barometer_data",
        "beat_intervals",
        "gps_metadata",
        "gyroscope_data",
        "hr",
        "hrv",
        "magnetometer_data",
        "one_d_sensor_calibration",
        "raw_bbi",
        "record",
        "three_d_sensor_calibration",
    }
)
"""Messages that come by the second; all others sum up."""
# What a broken file makes the decoder raise: its own errors, and those of what it is built on.
BROKEN: Final = (
    fitdecode.FitError,
    ValueError,
    ArithmeticError,
    LookupError,
    TypeError,
    AssertionError,
    OSError,
    struct.error,
)
PLAIN: Final = frozenset({type(None), bool, int, str})


@dataclass(frozen=True, slots=True)
class Message:
    """A FIT message: ``fields`` and ``units`` by the names of the fields."""

    name: str
    fields: dict[str, Any]
    units: dict[str, str]


@dataclass(slots=True)
class FitFile:
    """A FIT file. ``warnings`` is complete when the messages have been read.

    Args:
        source: The file, at its start.
        skipped: Names of messages to leave out.
    """

    source: IO[bytes]
    skipped: frozenset[str] = frozenset()
    warnings: list[str] = field(default_factory=list)
    header: dict[str, Any] = field(default_factory=dict)

    @staticmethod
    def is_fit(data: bytes) -> bool:
        """Tell whether bytes begin as a FIT file does, broken or whole."""
        return data[8:12] == b".FIT"

    def messages(self) -> Iterator[Message]:
        """Yield the messages in file order; where the file breaks, that is the end."""
        reader = fitdecode.FitReader(
            self.source,
            check_crc=fitdecode.CrcCheck.READONLY,
            error_handling=fitdecode.ErrorHandling.IGNORE,
        )
        try:
            for frame in reader:
                yield from self._taken(frame)
        except BROKEN as error:
            self.warnings.append(f"the file breaks off or is damaged ({type(error).__name__})")
        finally:
            reader.close()

    def _taken(self, frame: Any) -> Iterator[Message]:
        """Yield a message, if the frame is one; note what the other frames tell."""
        match frame.frame_type:
            case fitdecode.FIT_FRAME_HEADER:
                self.header = self.header or _header(frame)
                if frame.crc_matched is False:
                    self.warnings.append("the checksum of the header is wrong")
            case fitdecode.FIT_FRAME_CRC if not frame.matched:
                self.warnings.append("the checksum of the file is wrong")
            case fitdecode.FIT_FRAME_DATA if frame.name not in self.skipped:
                yield _message(frame)
            case _:
                pass


@dataclass(frozen=True, slots=True)
class FileId:
    """What a file says that it is.

    ``kind`` is a name of the profile, such as ``activity``, or a number that is not in it.
    """

    kind: str | int | None
    created: str | None
    """When it was made, in UTC, as RFC 3339 text."""

    @classmethod
    def of(cls, start: bytes) -> FileId:
        """Read the first messages of a file."""
        messages = islice(FitFile(BytesIO(start)).messages(), 8)
        found = next((one.fields for one in messages if one.name == "file_id"), {})
        created = found.get("time_created")
        return cls(found.get("type"), created if isinstance(created, str) else None)


def _header(frame: Any) -> dict[str, Any]:
    """Return what the header of a file tells."""
    return {
        "protocol_version": ".".join(map(str, frame.proto_ver)),
        "profile_version": ".".join(map(str, frame.profile_ver)),
        "data_size": frame.body_size,
    }


def _message(frame: Any) -> Message:
    """Return a message as JSON values."""
    found = Message(frame.name, {}, {})
    for data in frame.fields:
        name, value = data.name, _value(data)
        number = 2
        while name in found.fields and found.fields[name] != value:
            name, number = f"{data.name}_{number}", number + 1
        found.fields[name] = value
        if data.units:
            found.units[name] = str(data.units)
    return found


def _value(data: Any) -> Any:
    """Return the value of a field; the local time of a device is a wall clock without a zone."""
    value = data.value
    if type(value) in PLAIN:  # nearly all are: a file has a million
        return value
    if isinstance(value, datetime) and data.type.name == "local_date_time":
        value = value.replace(tzinfo=None)
    return _json(value)


def _json(value: Any) -> Any:
    """Return a decoded value as a JSON value."""
    if type(value) in PLAIN or (type(value) is float and math.isfinite(value)):
        return value
    if isinstance(value, (tuple, list)):
        return [_json(member) for member in value]
    if isinstance(value, (datetime, time)):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, bytes):
        return value.hex()
    return str(value)  # JSON has no NaN and no infinity
