"""From a RECORD message to an item: its bytes, its identity, and where and when it was read.

Every record passes here, also one that is unchanged: what can be kept from one to the next is.
"""

from __future__ import annotations

from contextlib import suppress
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import msgspec

from target_bronze_postgres.db import limits
from target_bronze_postgres.errors import InputError
from target_bronze_postgres.load import columns, copybinary
from target_bronze_postgres.load.item import Extraction, Item, Origin
from target_bronze_postgres.record import identity, provenance, repair, times
from target_bronze_postgres.record.canonical import Unstorable, raw_hash
from target_bronze_postgres.singer.messages import scan_members

if TYPE_CHECKING:
    from target_bronze_postgres.load.prepare import Preparer
    from target_bronze_postgres.load.stream import Stream
    from target_bronze_postgres.singer.messages import Message

_KEPT = 1_000
_PLAIN_DIGITS = 40
"""So many fit into a lineage_id after any prefix."""
_UNREADABLE = (Unstorable, msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class ItemReader:
    """Makes items of RECORD messages."""

    def __init__(self, preparer: Preparer) -> None:
        """Leave records whose key cannot be read to ``preparer``."""
        self._preparer = preparer
        # Taps write the same for all records of a response.
        self._origins: dict[tuple[Stream, bytes, Any, Any], Origin] = {}

    def read(self, line: bytes, message: Message, repairs: tuple[str, ...], stream: Stream) -> Item:
        """Make an item with its identity; a record whose key cannot be read is a dead letter."""
        raw: msgspec.Raw | bytes = message.record
        if b"\\" in line and b"\\u0000" in line:
            raw, found = repair.repair(bytes(raw))
            repairs = tuple(sorted({*repairs, *found}))
        item = Item(
            line, raw, self._origin(message, stream), raw_hash(raw, stream.raw_salt), repairs
        )
        try:
            _identify(item, stream)
        except _UNREADABLE:
            self._preparer.prepare(item)  # finds the reason, or a key only its decoder reads
            if item.prepared is None:
                _identify_by_scan(item)
        return item

    def _origin(self, message: Message, stream: Stream) -> Origin:
        time, version = message.time_extracted, message.version
        # Values of other types, which may not be hashable, count as missing.
        if type(time) is not str:
            time = None
        if type(version) is not int:
            version = None
        key = (stream, bytes(message.bronze), time, version)
        if (found := self._origins.get(key)) is None:
            if len(self._origins) > _KEPT:
                self._origins.clear()
            found = self._origins[key] = _read_origin(*key)
        return found


def is_version(value: Any) -> bool:
    """Tell whether a message's version is one: a whole number that a BIGINT holds."""
    return type(value) is int and limits.BIGINT[0] <= value <= limits.BIGINT[1]


def _read_origin(stream: Stream, raw: bytes, time: str | None, number: int | None) -> Origin:
    known, fault = provenance.of_record(raw)
    extraction = None if time is None else _read_extraction(time)
    extracted = None if extraction is None else extraction.microseconds
    version = number if is_version(number) else None
    text = None if extraction is None else extraction.text
    lineage_timestamp = None if extracted is None else extracted - times.FROM_1970_TO_2000
    return Origin(
        stream=stream,
        provenance=known,
        fault=fault,
        extraction=extraction,
        extracted=extracted,
        version=version,
        metadata=columns.metadata_start(stream.name, stream.key.account, text, version),
        columns=b"".join(
            (
                copybinary.bigint(lineage_timestamp),
                columns.of_response(stream.provenance.api_endpoint, known),
                stream.constants,
            )
        ),
    )


def _read_extraction(text: str) -> Extraction | None:
    try:
        moment = times.parse_utc(text)
    except times.BadTimeError:
        return None
    return Extraction(text, times.microseconds(moment), times.day_number(moment))


def _identify(item: Item, stream: Stream) -> None:
    """Find the key of a record, and from it its lineage."""
    part = stream.key_reader.read_single(item.raw)
    if part is None:
        _name(item, stream.key_reader.read(item.raw))
    elif part.isdigit() and len(part) <= _PLAIN_DIGITS:
        # What _name() comes to for most records, without its detours.
        item.raw_id = part
        item.lineage_id = lineage_id = stream.encoded_prefix + part
        item.lineage_hash = blake2b(lineage_id, digest_size=16).digest()
    else:
        _name(item, identity.key_of([part]))


def _identify_by_scan(item: Item) -> None:
    """Find the key of a dead letter, so that its lineage is known to be still there."""
    reader = item.origin.stream.key_reader
    with suppress(InputError, *_UNREADABLE):
        _name(item, reader.read_members(scan_members(bytes(item.raw).strip())))


def _name(item: Item, key: identity.Key | None) -> None:
    if key is not None:
        lineage_id = identity.keyed_lineage_id(item.origin.stream.lineage_prefix, key.texts)
        item.raw_id = identity.stored_text(key.raw_id)
        item.lineage_id = lineage_id.encode()
        item.lineage_hash = identity.lineage_hash(lineage_id)
