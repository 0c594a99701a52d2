"""A small encoder of FIT files: header, definition and data messages, developer fields, checksum.

Numbers of messages, fields and types are those of the public FIT profile.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FIT_EPOCH: Final = datetime(1989, 12, 31, tzinfo=UTC)
SEMICIRCLES: Final = 2**31 / 180
HEADER: Final = struct.Struct("<BBHI4s")
PROTOCOL: Final = 0x20
PROFILE: Final = 21180
LOCAL_NUMBERS: Final = 16
INVALID: Final = {
    "enum": 0xFF, "sint8": 0x7F, "uint8": 0xFF, "sint16": 0x7FFF, "uint16": 0xFFFF,
    "sint32": 0x7FFFFFFF, "uint32": 0xFFFFFFFF, "uint32z": 0, "byte": 0xFF,
}  # fmt: skip
"""What stands for no value, by type."""
TYPES: Final = {
    "enum": (0x00, "B"), "sint8": (0x01, "b"), "uint8": (0x02, "B"), "string": (0x07, "s"),
    "byte": (0x0D, "B"), "sint16": (0x83, "h"), "uint16": (0x84, "H"), "sint32": (0x85, "i"),
    "uint32": (0x86, "I"), "float32": (0x88, "f"), "uint32z": (0x8C, "I"),
}  # fmt: skip
"""The number of each type in definitions, and its form."""


@dataclass(frozen=True)
class Field:
    """One field of a message: its number and type, and how its value is scaled."""

    number: int
    type: str
    scale: float = 1
    offset: float = 0
    length: int = 1
    """Items of an array, or bytes of a text."""

    @property
    def form(self) -> str:
        """The form of all items together."""
        return f"{self.length}{TYPES[self.type][1]}"

    def packed(self, value: Any) -> bytes:
        """Return a value, or each of an array, as bytes; None as the type's invalid value."""
        if self.type == "string":
            return struct.pack(f"<{self.form}", str(value or "").encode()[: self.length - 1])
        items = value if isinstance(value, (list, tuple, bytes)) else [value] * self.length
        return struct.pack(f"<{self.form}", *map(self._raw, items))

    def _raw(self, value: Any) -> Any:
        if value is None:
            return INVALID.get(self.type, float("nan"))
        if isinstance(value, datetime):
            return int((value - FIT_EPOCH).total_seconds())
        if self.type == "float32":
            return value
        return round((value + self.offset) * self.scale)


TIME: Final = Field(253, "uint32")
MESSAGES: Final[Mapping[str, tuple[int, Mapping[str, Field]]]] = {
    "file_id": (0, {
        "type": Field(0, "enum"), "manufacturer": Field(1, "uint16"),
        "product": Field(2, "uint16"), "serial_number": Field(3, "uint32z"),
        "time_created": Field(4, "uint32"),
    }),
    "sport": (12, {
        "sport": Field(0, "enum"), "sub_sport": Field(1, "enum"),
        "name": Field(3, "string", length=24),
    }),
    "session": (18, {
        "message_index": Field(254, "uint16"), "timestamp": TIME, "event": Field(0, "enum"),
        "event_type": Field(1, "enum"), "start_time": Field(2, "uint32"),
        "start_position_lat": Field(3, "sint32", SEMICIRCLES),
        "start_position_long": Field(4, "sint32", SEMICIRCLES), "sport": Field(5, "enum"),
        "sub_sport": Field(6, "enum"), "total_elapsed_time": Field(7, "uint32", 1000),
        "total_timer_time": Field(8, "uint32", 1000), "total_distance": Field(9, "uint32", 100),
        "total_calories": Field(11, "uint16"), "avg_speed": Field(14, "uint16", 1000),
        "avg_heart_rate": Field(16, "uint8"), "max_heart_rate": Field(17, "uint8"),
        "total_training_effect": Field(24, "uint8", 10), "first_lap_index": Field(25, "uint16"),
        "num_laps": Field(26, "uint16"), "trigger": Field(28, "enum"),
        "time_in_hr_zone": Field(65, "uint32", 1000, length=5), "unknown": Field(219, "uint8"),
    }),
    "lap": (19, {
        "message_index": Field(254, "uint16"), "timestamp": TIME, "event": Field(0, "enum"),
        "event_type": Field(1, "enum"), "start_time": Field(2, "uint32"),
        "total_elapsed_time": Field(7, "uint32", 1000),
        "total_timer_time": Field(8, "uint32", 1000), "total_distance": Field(9, "uint32", 100),
        "avg_heart_rate": Field(15, "uint8"), "lap_trigger": Field(24, "enum"),
        "sport": Field(25, "enum"),
    }),
    "record": (20, {
        "timestamp": TIME, "position_lat": Field(0, "sint32", SEMICIRCLES),
        "position_long": Field(1, "sint32", SEMICIRCLES),
        "altitude": Field(2, "uint16", 5, 500), "heart_rate": Field(3, "uint8"),
        "distance": Field(5, "uint32", 100), "speed": Field(6, "uint16", 1000),
        "power": Field(7, "uint16"), "temperature": Field(13, "sint8"),
    }),
    "event": (21, {
        "timestamp": TIME, "event": Field(0, "enum"), "event_type": Field(1, "enum"),
        "data": Field(3, "uint32"),
    }),
    "device_info": (23, {
        "timestamp": TIME, "device_index": Field(0, "uint8"), "manufacturer": Field(2, "uint16"),
        "serial_number": Field(3, "uint32z"), "product": Field(4, "uint16"),
        "software_version": Field(5, "uint16", 100),
    }),
    "activity": (34, {
        "timestamp": TIME, "total_timer_time": Field(0, "uint32", 1000),
        "num_sessions": Field(1, "uint16"), "type": Field(2, "enum"), "event": Field(3, "enum"),
        "event_type": Field(4, "enum"), "local_timestamp": Field(5, "uint32"),
    }),
    "file_creator": (49, {"software_version": Field(0, "uint16")}),
    "monitoring": (55, {
        "timestamp": TIME, "cycles": Field(3, "uint32", 2), "activity_type": Field(5, "enum"),
        "heart_rate": Field(27, "uint8"),
    }),
    "hrv": (78, {"time": Field(0, "uint16", 1000, length=5)}),
    "monitoring_info": (103, {"timestamp": TIME, "local_timestamp": Field(0, "uint32")}),
    "field_description": (206, {
        "developer_data_index": Field(0, "uint8"), "field_definition_number": Field(1, "uint8"),
        "fit_base_type_id": Field(2, "uint8"), "field_name": Field(3, "string", length=24),
        "units": Field(8, "string", length=16),
    }),
    "developer_data_id": (207, {
        "application_id": Field(1, "byte", length=16), "developer_data_index": Field(3, "uint8"),
        "application_version": Field(4, "uint32"),
    }),
    "stress_level": (227, {
        "stress_level_value": Field(0, "sint16"), "stress_level_time": Field(1, "uint32"),
    }),
    "sleep_level": (275, {"timestamp": TIME, "sleep_level": Field(0, "enum")}),
    "metrics": (140, {"timestamp": TIME, "vo2max": Field(7, "sint32", 65536)}),
    "unknown": (65289, {"first": Field(0, "uint32"), "second": Field(1, "byte", length=6)}),
}  # fmt: skip
"""The messages that are written: number, and fields by name; some are in no profile."""


class Encoder:
    """Collects messages and returns the bytes of a file."""

    def __init__(self) -> None:
        """Start an empty file."""
        self._body = bytearray()
        self._local: list[tuple[str, bool]] = []
        self._forms: dict[str, struct.Struct] = {}

    def add(
        self, name: str, /, developer: Mapping[int, float] | None = None, **values: Any
    ) -> None:
        """Add a message; fields that are not given have no value.

        ``developer`` are values of developer fields (32-bit floats) of application 0, by number.
        """
        number, known = MESSAGES[name]
        self._define(name, number, known.values(), sorted(developer or {}))
        self._body.append(self._local.index((name, bool(developer))))
        for own, field in known.items():
            self._body += field.packed(values.get(own))
        for _, value in sorted((developer or {}).items()):
            self._body += struct.pack("<f", value)

    def bytes(self) -> bytes:
        """Return the whole file."""
        body = bytes(self._body)
        header = HEADER.pack(14, PROTOCOL, PROFILE, len(body), b".FIT")
        header += struct.pack("<H", checksum(header))
        return header + body + struct.pack("<H", checksum(header + body))

    def _define(self, name: str, number: int, known: Any, developer: Sequence[int]) -> None:
        """Add the definition of a message before its first use."""
        if (name, bool(developer)) in self._local:
            return
        self._local.append((name, bool(developer)))
        assert len(self._local) <= LOCAL_NUMBERS
        flags = 0x40 | (0x20 if developer else 0)
        self._body += struct.pack("<BBBHB", flags | len(self._local) - 1, 0, 0, number, len(known))
        for field in known:
            size = struct.calcsize(f"<{field.form}")
            self._body += struct.pack("<BBB", field.number, size, TYPES[field.type][0])
        if developer:
            self._body.append(len(developer))
            for own in developer:
                self._body += struct.pack("<BBB", own, 4, 0)


def _table() -> list[int]:
    found = []
    for value in range(256):
        crc = value
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
        found.append(crc)
    return found


TABLE: Final = _table()


def checksum(data: bytes) -> int:
    """Return the CRC-16 of the FIT protocol."""
    crc = 0
    for byte in data:
        crc = (crc >> 8) ^ TABLE[(crc ^ byte) & 0xFF]
    return crc
