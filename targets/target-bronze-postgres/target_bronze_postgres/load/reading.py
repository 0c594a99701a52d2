"""From a RECORD message to an item: its bytes, its identity, and where and when it was read.

Every record passes here, also one that is unchanged: what can be kept from one to the next is.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from target_bronze_postgres.db import limits
from target_bronze_postgres.errors import InputError
from target_bronze_postgres.load import columns
from target_bronze_postgres.load.item import Extraction, Item
from target_bronze_postgres.record import identity, provenance, repair, times
from target_bronze_postgres.record.canonical import Unstorable, raw_hash
from target_bronze_postgres.singer.messages import scan_members

if TYPE_CHECKING:
    from target_bronze_postgres.load.prepare import Preparer
    from target_bronze_postgres.load.stream import Stream
    from target_bronze_postgres.singer.messages import Message

Response = tuple[provenance.RecordProvenance, bytes, str | None]
"""What is known of a response, its columns, and what is wrong with the member that says so."""

_KEPT = 1_000
_UNREADABLE = (Unstorable, msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class ItemReader:
    """Makes items of RECORD messages."""

    def __init__(self, preparer: Preparer) -> None:
        """Leave records whose key cannot be read to ``preparer``."""
        self._preparer = preparer
        self._extractions: dict[str, Extraction | None] = {}
        self._responses: dict[tuple[Stream, bytes], Response] = {}

    def read(self, line: bytes, message: Message, repairs: tuple[str, ...], stream: Stream) -> Item:
        """Make an item with its identity; a record whose key cannot be read is a dead letter."""
        raw = bytes(message.record)
        if b"\\u0000" in raw:
            raw, found = repair.repair(raw)
            repairs = tuple(sorted({*repairs, *found}))
        known, response, fault = self._response(stream, bytes(message.bronze))
        extraction = self._extraction(message.time_extracted)
        item = Item(
            line=line,
            raw=raw,
            stream=stream,
            raw_hash=raw_hash(raw, stream.raw_salt),
            extracted=None if extraction is None else extraction.microseconds,
            extraction=extraction,
            version=message.version if is_version(message.version) else None,
            provenance=known,
            response=response,
            repairs=repairs,
            fault=fault,
        )
        try:
            _identify(item)
        except _UNREADABLE:
            self._preparer.prepare(item)  # finds the reason, or a key only its decoder reads
            if item.prepared is None:
                _identify_by_scan(item)
        return item

    def _extraction(self, text: Any) -> Extraction | None:
        # Taps write the same time for all records of a response.
        if type(text) is not str:
            return None
        if text not in self._extractions:
            if len(self._extractions) > _KEPT:
                self._extractions.clear()
            self._extractions[text] = _read_extraction(text)
        return self._extractions[text]

    def _response(self, stream: Stream, raw: bytes) -> Response:
        key = (stream, raw)
        if (found := self._responses.get(key)) is None:
            known, fault = provenance.of_record(raw)
            found = known, columns.of_response(stream.provenance.api_endpoint, known), fault
            if len(self._responses) > _KEPT:
                self._responses.clear()
            self._responses[key] = found
        return found


def is_version(value: Any) -> bool:
    """Tell whether a message's version is one: a whole number that a BIGINT holds."""
    return type(value) is int and limits.BIGINT[0] <= value <= limits.BIGINT[1]


def _identify(item: Item) -> None:
    _name(item, item.stream.key_reader.read(item.raw))


def _identify_by_scan(item: Item) -> None:
    """Find the key of a dead letter, so that its lineage is known to be still there."""
    with suppress(InputError, *_UNREADABLE):
        _name(item, item.stream.key_reader.read_members(scan_members(item.raw.strip())))


def _name(item: Item, key: identity.Key | None) -> None:
    if key is not None:
        item.key = key
        item.lineage_id = identity.keyed_lineage_id(item.stream.lineage_prefix, key.texts)
        item.lineage_hash = identity.lineage_hash(item.lineage_id)


def _read_extraction(text: str) -> Extraction | None:
    try:
        moment = times.parse_utc(text)
    except times.BadTimeError:
        return None
    timestamp = times.timestamp_text(moment)
    return Extraction(text, times.microseconds(moment), timestamp[:10], timestamp.encode())
