"""Typed Singer messages, read by msgspec, and by a scanner where msgspec refuses the line.

A RECORD keeps the raw bytes of its record: they are what is stored.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import Raw

from target_bronze_postgres.errors import InputError
from target_bronze_postgres.record import repair

_NOTHING = Raw(b"null")


class Message(msgspec.Struct, gc=False):
    """One line of the input. Members that its type does not have keep their defaults.

    https://hub.meltano.com/singer/spec, with BATCH and ACTIVATE_VERSION of the Meltano SDK and the
    ``bronze`` member of this project's taps.
    """

    type: str = ""
    stream: str | None = None
    record: Raw = _NOTHING
    time_extracted: Any = None
    version: Any = None
    bronze: Raw = _NOTHING
    schema: Raw = _NOTHING
    key_properties: Any = None
    bookmark_properties: Any = None
    value: Raw = _NOTHING
    encoding: Raw = _NOTHING
    manifest: Any = None


_decode = msgspec.json.Decoder(Message).decode
_BOM = b"\xef\xbb\xbf"
_NO_OBJECT = "no JSON object: something else than a tap wrote it, or the tap printed to stdout."
# A whole string, a string that is never closed, or a bracket.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+("?)|[{}\[\]]', re.DOTALL)
_KEY_END = re.compile(rb"[\s:]*")


def read_line(line: bytes) -> tuple[Message, tuple[str, ...]] | None:
    """Read one line; return the message and what was repaired in it, or None if it is blank.

    Raises:
        InputError: The line is no JSON object, or is cut.
    """
    try:
        return _decode(line), ()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _read_again(line)


def _read_again(line: bytes) -> tuple[Message, tuple[str, ...]] | None:
    line = line.removeprefix(_BOM).strip()
    if not line:
        return None
    repaired, repairs = repair.repair(line)
    try:
        return _decode(repaired), repairs
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _scan(repaired), repairs


def _scan(line: bytes) -> Message:
    """Take a line apart by its brackets and strings alone, whatever its values are worth."""
    members = scan_members(line)
    message = Message()
    for name in ("record", "bronze", "schema", "value", "encoding"):
        if name in members:
            setattr(message, name, Raw(members[name]))
    for name in ("type", "stream", "time_extracted", "version", "key_properties", "manifest"):
        if name in members:
            setattr(message, name, _plain(name, members[name]))
    return message


def _plain(name: str, raw: bytes) -> Any:
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"a message whose {name} is no JSON: fix the tap.") from error
    if name in {"type", "stream"} and not isinstance(value, str):
        raise InputError(f"a message whose {name} is no string: fix the tap.")
    return value


def scan_members(line: bytes) -> dict[str, bytes]:
    """Return the raw value of each top-level member of a JSON object.

    Only brackets and strings are looked at, so that a value which no parser takes (NaN, a number
    of a million digits, thousands of levels, broken UTF-8) still has a name and an extent.

    Raises:
        InputError: The line is no object, or is cut.
    """
    if not line.startswith(b"{"):
        raise InputError(_NO_OBJECT)
    members: dict[str, bytes] = {}
    depth, name, value_from, end = 0, "", 1, 0
    for token in _TOKEN.finditer(line):
        end = token.end()
        if line[token.start()] == ord('"'):
            if not token.group(1):
                break
            after = _KEY_END.match(line, end)
            if depth == 1 and after and b":" in after.group():
                if name:
                    members[name] = _trim(line[value_from : token.start()])
                name = token.group()[1:-1].decode("utf-8", "replace")
                value_from = after.end()
        else:
            depth += 1 if token.group() in b"{[" else -1
            if depth == 0:
                if name:
                    members[name] = _trim(line[value_from : token.start()])
                break
    if depth != 0:
        raise InputError("a message that is cut off in the middle: run the tap again.")
    if line[end:].strip():
        raise InputError(_NO_OBJECT)
    return members


def _trim(value: bytes) -> bytes:
    return value.strip().removesuffix(b",").rstrip()
