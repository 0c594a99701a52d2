"""The identity of a record for life: its key's text, its lineage_id and the hash of that."""

from __future__ import annotations

from hashlib import blake2b
from operator import attrgetter
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec
from msgspec import Raw

from target_bronze_postgres.db import limits
from target_bronze_postgres.record import repair
from target_bronze_postgres.record.canonical import canonical, decode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_ABSENT = Raw()
_PART_BYTES = 50


def _hash(text: str, purpose: bytes) -> str:
    return blake2b(text.encode("utf-8", "replace"), digest_size=16, person=purpose).hexdigest()


def encode_part(text: str) -> str:
    """Percent-encode one part of a lineage_id, the slash too."""
    return text if text.isascii() and text.isalnum() else quote(text, safe="", errors="replace")


def _short_part(text: str) -> str:
    encoded = encode_part(text)
    return encoded if len(encoded) <= _PART_BYTES else "#" + _hash(text, b"name")


def lineage_prefix(source: str, account: str, stream: str) -> str:
    """Return ``source/account/stream/``; a name over 50 bytes stands as ``#`` and its hash."""
    return "/".join((*map(_short_part, (source, account, stream)), ""))


def lineage_hash(lineage_id: str) -> bytes:
    """Return the 16 bytes by which ``bronze_ops.heads`` knows a lineage."""
    return blake2b(lineage_id.encode(), digest_size=16).digest()


def keyed_lineage_id(prefix: str, parts: Sequence[str]) -> str:
    """Return the lineage_id of a record with a key."""
    lineage_id = prefix + "/".join([encode_part(part) for part in parts])
    if len(lineage_id) <= limits.LINEAGE_ID_BYTES:
        return lineage_id
    return prefix + "#" + _hash(lineage_id, b"key")


def keyless_lineage_id(prefix: str, content_hash: bytes) -> str:
    """Return the lineage_id of a record without a key: its content is its identity."""
    return prefix + "#" + content_hash.hex()


def stored_text(raw_id: str) -> bytes:
    """Return a raw_id as TEXT in UTF-8 holds it; NUL and lone surrogates become U+FFFD."""
    return repair.text(raw_id).encode()


def part_text(raw: bytes) -> str | None:
    """Return the text of one key part, None where it is null; ``1`` and ``"1"`` are one key."""
    if raw.isdigit():
        return raw.decode()
    if raw[:1] == b'"' and b"\\" not in raw:
        return raw[1:-1].decode("utf-8", "replace")
    return value_text(decode(raw))


def value_text(value: Any) -> str | None:
    """Return a decoded key part as text, as :func:`part_text` does for raw bytes."""
    if value is None or isinstance(value, str):
        return value
    return canonical(value).decode()


class Key(msgspec.Struct, frozen=True, gc=False):
    """A record's key: each part as text, and all of it as the source has it."""

    texts: tuple[str, ...]
    raw_id: str


class KeyReader:
    """Reads a record's key without decoding the rest of the record.

    A missing or null part makes a record keyless; 0, "" and false are keys.
    """

    def __init__(self, key_properties: Sequence[str]) -> None:
        """Make a reader of the named top-level members; no names means a keyless stream."""
        self.key_properties = tuple(key_properties)
        fields = tuple(f"f{number}" for number in range(len(key_properties)))
        self._decode = _decoder(fields, self.key_properties)
        self._parts: Callable[[Any], Any] | None = attrgetter(*fields) if fields else None
        self._single = self._decode if len(fields) == 1 else None

    def read(self, record: bytes | Raw) -> Key | None:
        """Return the key of a record's JSON, None where it has no whole key.

        Raises:
            msgspec.DecodeError: The record is no JSON that msgspec takes; UnicodeDecodeError and
                RecursionError likewise.
            Unstorable: A part of the key is nothing that JSONB holds.
        """
        if self._parts is None:
            return None
        if self._decode is None:
            return self.read_decoded(decode(record))
        try:
            found = self._parts(self._decode(record))
        except msgspec.ValidationError:  # no object
            return None
        return key_of([bytes(found)] if type(found) is Raw else [bytes(part) for part in found])

    def read_single(self, record: bytes | Raw) -> bytes | None:
        """Return the only part of a record's key as it stands there, empty where it is missing.

        It is None where the key has other than one part, or the record is no object.

        Raises:
            msgspec.DecodeError: As :meth:`read`, and UnicodeDecodeError and RecursionError too.
        """
        if self._single is None:
            return None
        try:
            return bytes(self._single(record).f0)
        except msgspec.ValidationError:
            return None

    def read_decoded(self, record: Any) -> Key | None:
        """Return the key of a decoded record, None where it has no whole key."""
        if not isinstance(record, dict) or not self.key_properties:
            return None
        return key_of([canonical(record.get(name)) for name in self.key_properties])

    def read_members(self, members: Mapping[str, bytes]) -> Key | None:
        """Return the key of a record of which only the raw members are known.

        Raises:
            Unstorable: A part of the key is nothing that JSONB holds.
        """
        if not self.key_properties:
            return None
        return key_of([members.get(name, b"") for name in self.key_properties])


def _decoder(fields: Sequence[str], names: Sequence[str]) -> Callable[[bytes | Raw], Any] | None:
    try:
        struct = msgspec.defstruct(
            "KeyParts",
            [(field, Raw, _ABSENT) for field in fields],
            rename=dict(zip(fields, names, strict=True)),
            gc=False,
        )
    except ValueError:  # a name with a quote, a backslash or a control character
        return None
    return msgspec.json.Decoder(struct).decode


def key_of(parts: list[bytes]) -> Key | None:
    """Return the key of which these are the parts as they stand in the record, empty if missing.

    Raises:
        Unstorable: A part is nothing that JSONB holds.
    """
    texts = [part_text(part) if part else None for part in parts]
    if None in texts:
        return None
    raw_id = texts[0] if len(parts) == 1 else f"[{b','.join(parts).decode('utf-8', 'replace')}]"
    return Key(tuple(text or "" for text in texts), raw_id or "")
