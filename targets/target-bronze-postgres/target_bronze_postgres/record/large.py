"""Large records, read piece by piece: decoded as a whole, 100 MB of numbers are a gigabyte.

What comes out is what :mod:`canonical` says of the whole record: its content hash, and the decoded
record, in which large arrays and objects that nobody looks into may be empty.
"""

from __future__ import annotations

from codecs import getincrementaldecoder
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Raw

from target_bronze_postgres.record.canonical import canonical, decode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LARGE = 1 << 20
"""Bytes of JSON from which on a value is taken apart."""

_TRIES = 64
_CLOSING = b']}"'
_SPACE = b" \t\r\n"
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_members = msgspec.json.Decoder(dict[str, Raw]).decode
_EMPTY: dict[bytes, Callable[[], Any]] = {b"[": list, b"{": dict}
# Members of a schema that say nothing of what is in an array or an object.
_SAYING_NOTHING = frozenset(
    ("type", "title", "description", "default", "examples", "format", "$comment")
)
_OF_MEMBERS = _SAYING_NOTHING | {"properties", "required", "additionalProperties", "$schema", "$id"}


def read(raw: bytes | Raw, is_looked_into: Callable[[str], bool]) -> tuple[Any, bytes] | None:
    """Read a record.

    Args:
        raw: The record.
        is_looked_into: Tells whether a top-level member has to be there with all that is in it.

    Returns:
        The decoded record and its content hash; None where it cannot be taken apart.

    Raises:
        Unstorable: JSONB cannot hold it.
    """
    try:
        _check_text(raw)
        members = _members(raw)
    except _UNREADABLE:
        return None
    digest = blake2b(digest_size=16)
    for piece in _object(members):
        digest.update(piece)
    record = {
        name: decode(value) if is_looked_into(name) else _light(value)
        for name, value in members.items()
    }
    return record, digest.digest()


def _check_text(raw: bytes | Raw) -> None:
    """Raise UnicodeDecodeError where it is not UTF-8: names, and what a later duplicate hides too.

    Nobody decodes the latter, but PostgreSQL reads them.
    """
    decode_some = getincrementaldecoder("utf-8")().decode
    text = memoryview(raw)
    for start in range(0, len(text), LARGE):
        decode_some(text[start : start + LARGE])
    decode_some(b"", final=True)


def _light(value: Raw) -> Any:
    empty = _EMPTY.get(bytes(memoryview(value)[:1])) if len(value) > LARGE else None
    return decode(value) if empty is None else empty()


def _pieces(raw: bytes | Raw) -> Iterator[bytes]:
    """Yield the canonical form of a value."""
    start = bytes(memoryview(raw)[:1])
    if len(raw) <= LARGE or start not in _EMPTY:
        yield canonical(decode(raw))
    elif start == b"[":
        yield from _array(bytes(raw))
    else:
        yield from _object(_members(raw))


def _object(members: dict[str, Raw]) -> Iterator[bytes]:
    separator = b"{"
    for name in sorted(members):
        yield separator + canonical(name) + b":"
        yield from _pieces(members[name])
        separator = b","
    yield b"}" if members else b"{}"


def _array(raw: bytes) -> Iterator[bytes]:
    position, end = 1, raw.rindex(b"]")
    separator = b"["
    while position < end:
        cut, elements = _some_elements(raw, position, end)
        yield separator
        yield canonical(elements)[1:-1]
        separator, position = b",", cut + 1
    yield b"]"


def _some_elements(raw: bytes, start: int, end: int) -> tuple[int, Any]:
    """Decode the elements from ``start`` to a comma after a megabyte, and return where it stands.

    Text that is cut within a string or within brackets is no JSON, so what is decoded was not.
    """
    cut = start + LARGE
    last = end - 1
    while raw[last] in _SPACE:
        last -= 1
    closing = raw[last : last + 1] if raw[last] in _CLOSING else b""  # most elements end alike
    for _ in range(_TRIES):
        found = raw.find(closing + b",", cut, end)
        if found < 0:
            break
        cut = found + len(closing)
        try:
            return cut, _decode(raw, start, cut)
        except msgspec.DecodeError:
            continue
    return end, decode(b"".join((b"[", memoryview(raw)[start:end], b"]")))


def _decode(raw: bytes, start: int, cut: int) -> Any:
    text = b"".join((b"[", memoryview(raw)[start:cut], b"]"))
    msgspec.json.decode(text, type=Raw)  # decode() would try once more what msgspec refuses
    return decode(text)


def says_nothing_within(schema: Any, name: str) -> bool:
    """Tell whether a schema says no more of a top-level member than its type."""
    if schema is True:
        return True
    if not isinstance(schema, dict) or not schema.keys() <= _OF_MEMBERS:
        return False
    properties = schema.get("properties", {})
    if not isinstance(properties, dict):
        return False
    of_member = properties.get(name, schema.get("additionalProperties", True))
    return of_member is True or (
        isinstance(of_member, dict) and of_member.keys() <= _SAYING_NOTHING
    )
