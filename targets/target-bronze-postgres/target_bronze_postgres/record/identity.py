"""The identity of a record for life: its key's text, its lineage_id and the hash of that."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec
from msgspec import Raw

from target_bronze_postgres.db import limits
from target_bronze_postgres.record.canonical import canonical, decode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
    lineage_id = prefix + "/".join(map(encode_part, parts))
    if len(lineage_id) <= limits.LINEAGE_ID_BYTES:
        return lineage_id
    return prefix + "#" + _hash(lineage_id, b"key")


def keyless_lineage_id(prefix: str, content_hash: bytes) -> str:
    """Return the lineage_id of a record without a key: its content is its identity."""
    return prefix + "#" + content_hash.hex()


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


def _decoder(fields: Sequence[str], names: Sequence[str]) -> Callable[[bytes | Raw], Any] | None:
    try:
        struct = msgspec.defstruct(
            "Key",
            [(field, Raw, _ABSENT) for field in fields],
            rename=dict(zip(fields, names, strict=True)),
            gc=False,
        )
    except ValueError:  # a name with a quote, a backslash or a control character
        return None
    return msgspec.json.Decoder(struct).decode


def _parts_by_name(record: bytes | Raw, names: Sequence[str]) -> list[bytes]:
    members = decode(record)
    if not isinstance(members, dict):
        return [b""]
    return [canonical(members[name]) if name in members else b"" for name in names]


class KeyReader:
    """Reads a record's key without decoding the rest of the record."""

    def __init__(self, key_properties: Sequence[str]) -> None:
        """Make a reader of the named top-level members; no names means a keyless stream."""
        self.key_properties = tuple(key_properties)
        self._fields = [f"f{number}" for number in range(len(key_properties))]
        self._decode = _decoder(self._fields, self.key_properties)

    def read(self, record: bytes | Raw) -> list[bytes] | None:
        """Return the raw JSON of each key part, or None where the record has no whole key.

        A missing or null part makes a record keyless; 0, "" and false are keys.

        Raises:
            msgspec.DecodeError: The record is no JSON that msgspec takes.
        """
        if not self._fields:
            return None
        if self._decode is None:
            parts = _parts_by_name(record, self.key_properties)
        else:
            try:
                key = self._decode(record)
            except msgspec.ValidationError:  # no object
                return None
            parts = [bytes(getattr(key, field)) for field in self._fields]
        return None if any(part in {b"", b"null"} for part in parts) else parts


def raw_id(parts: Sequence[bytes], texts: Sequence[str]) -> str:
    """Return the key as the source has it: its text, or a JSON array of several parts as text."""
    return (
        texts[0]
        if len(parts) == 1
        else "[" + ",".join(p.decode("utf-8", "replace") for p in parts) + "]"
    )
