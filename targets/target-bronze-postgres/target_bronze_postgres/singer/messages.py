"""Typed Singer messages, read by msgspec, and by a scanner where msgspec refuses the line.

A RECORD keeps the raw bytes of its record: they are what is stored.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Raw

from target_bronze_postgres.errors import InputError
from target_bronze_postgres.record import repair

if TYPE_CHECKING:
    from collections.abc import Iterator

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
_TEXTS = {"type": str, "stream": str | None}
_NO_OBJECT = "no JSON object: something else than a tap wrote it, or the tap printed to stdout."
# A whole string, a string that is never closed, or a bracket.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+("?)|[{}\[\]]', re.DOTALL)
_KEY_END = re.compile(rb"[\s:]*")
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def read_line(line: bytes) -> tuple[Message, tuple[str, ...]] | None:
    """Read one line; return the message and what was repaired in it, or None if it is blank.

    Raises:
        InputError: The line is no JSON object, or is cut.
    """
    try:
        return _decode(line), ()
    except _UNREADABLE:
        return _read_again(line)


def _read_again(line: bytes) -> tuple[Message, tuple[str, ...]] | None:
    line = line.removeprefix(_BOM).strip()
    if not line:
        return None
    repaired, repairs = repair.repair(line)
    try:
        return _decode(repaired), repairs
    except _UNREADABLE:
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
    except _UNREADABLE as error:
        raise InputError(f"a message whose {name} is no JSON: fix the tap.") from error
    if name in _TEXTS and not isinstance(value, _TEXTS[name]):
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
    name: str | None = None
    value_from = 0
    for start, next_name, after in _boundaries(line):
        if name is not None:
            members[name] = _trim(line[value_from:start])
        name, value_from = next_name, after
    if line[value_from - 1 : value_from] != b"}" or line[value_from:].strip():
        raise InputError(_NO_OBJECT)
    return members


def _boundaries(line: bytes) -> Iterator[tuple[int, str | None, int]]:
    """Yield start, name and end of each top-level name, and at last of the end, without a name."""
    depth = 0
    for token in _TOKEN.finditer(line):
        start, end = token.span()
        if line[start] == ord('"'):
            if not token.group(1):
                break
            after = _KEY_END.match(line, end)
            if depth == 1 and after and b":" in after.group():
                yield start, _name(token.group()), after.end()
        else:
            depth += 1 if token.group() in b"{[" else -1
            if depth == 0:
                yield start, None, end
                return
    raise InputError("a message that is cut off in the middle: run the tap again.")


def _name(token: bytes) -> str:
    try:
        return msgspec.json.decode(token, type=str)
    except _UNREADABLE:
        return token[1:-1].decode("utf-8", "replace")


def _trim(value: bytes) -> bytes:
    return value.strip().removesuffix(b",").rstrip()
