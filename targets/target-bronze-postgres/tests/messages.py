"""Singer messages, as tests write them."""

from __future__ import annotations

import json
from typing import Any


def as_input(*messages: Any) -> bytes:
    """Return messages as lines; bytes go in as they are, with their own newline or none."""
    return b"".join(
        message if isinstance(message, bytes) else json.dumps(message).encode() + b"\n"
        for message in messages
    )


def schema(stream: str = "users", **members: Any) -> dict[str, Any]:
    """Return a SCHEMA message of a stream with an integer id as its key."""
    properties = {"id": {"type": "integer"}, "name": {}, "at": {"type": ["string", "null"]}}
    body = {"type": "object", "properties": properties, "required": ["id"]}
    message = {"type": "SCHEMA", "stream": stream, "schema": body, "key_properties": ["id"]}
    return message | members


def record(stream: str = "users", extracted: str | None = None, **members: Any) -> dict[str, Any]:
    """Return a RECORD message of these members, extracted at a time if one is given."""
    message: dict[str, Any] = {"type": "RECORD", "stream": stream, "record": members}
    return message if extracted is None else message | {"time_extracted": extracted}


def state(value: Any) -> dict[str, Any]:
    """Return a STATE message."""
    return {"type": "STATE", "value": value}
