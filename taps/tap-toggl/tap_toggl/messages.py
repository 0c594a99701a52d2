"""Singer messages that carry provenance in one more top-level member, ``bronze``.

Targets and mappers that do not know the member ignore it. Numbers are written digit for digit.

Every tap of this repository holds a copy of this file; a test holds that the copies are the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import simplejson
from singer_sdk.singerlib import RecordMessage, SchemaMessage
from singer_sdk.singerlib.encoding import SimpleSingerWriter

if TYPE_CHECKING:
    from singer_sdk.singerlib import Message

__all__ = ["BronzeRecordMessage", "BronzeSchemaMessage", "BronzeWriter"]


@dataclass(slots=True)
class BronzeSchemaMessage(SchemaMessage):
    """A SCHEMA with what holds for the whole stream."""

    bronze: dict[str, Any] | None = None


@dataclass(slots=True)
class BronzeRecordMessage(RecordMessage):
    """A RECORD with what is known of the answer or the file that it came from."""

    bronze: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the message as the object that is written."""
        message = RecordMessage.to_dict(self)  # super() does not work in a class with slots
        if self.bronze:
            message["bronze"] = self.bronze
        return message


class BronzeWriter(SimpleSingerWriter):
    """Writes messages as JSON lines, numbers and all values as they were read.

    The SDK's own writer turns NaN and Infinity into null. A target cannot store them either, but
    it can say so and keep the record's bytes.
    """

    def serialize_message(self, message: Message) -> str:
        """Return the message as one line of JSON."""
        line: str = simplejson.dumps(
            message.to_dict(),
            use_decimal=True,
            allow_nan=True,
            default=_text,
            separators=(",", ":"),
        )
        return line


def _text(value: object) -> str:
    """Return the text of a value that JSON does not know, such as a time."""
    return value.isoformat() if isinstance(value, datetime) else str(value)
