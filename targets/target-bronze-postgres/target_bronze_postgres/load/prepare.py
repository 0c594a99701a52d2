"""From a RECORD line to the columns of its row: identity first, the rest where it is needed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from target_bronze_postgres.db import limits
from target_bronze_postgres.load import columns, copytext
from target_bronze_postgres.load.item import Extraction, Item, Letter, Prepared
from target_bronze_postgres.record import canonical, identity, provenance, quality, repair, times
from target_bronze_postgres.record.canonical import Unstorable
from target_bronze_postgres.record.pointer import MISSING

if TYPE_CHECKING:
    from msgspec import Raw

    from target_bronze_postgres.load.run import Run
    from target_bronze_postgres.load.stream import Stream
    from target_bronze_postgres.singer.messages import Message

_CACHED = 1_000
_REPAIRED = {
    "nul": "NUL, which PostgreSQL cannot hold, was replaced by U+FFFD",
    "lone_surrogate": "half a surrogate pair was replaced by U+FFFD",
}


class Preparer:
    """Makes items of RECORD messages. One per thread: it keeps small caches."""

    def __init__(self, run: Run) -> None:
        """Prepare records for a run."""
        self._plausible = run.plausible()
        self._today = datetime.now(UTC).date().isoformat()
        self._extractions: dict[Any, tuple[int, Extraction] | None] = {None: None}
        self._responses: dict[tuple[Stream, bytes], tuple[provenance.RecordProvenance, bytes]] = {}

    def refresh_day(self, run: Run) -> None:
        """Take today's date anew: a run may last longer than a day."""
        today = datetime.now(UTC).date().isoformat()
        if today != self._today:
            self._today, self._plausible = today, run.plausible()

    def item(self, line: bytes, message: Message, repairs: tuple[str, ...], stream: Stream) -> Item:
        """Make an item with its identity; a record whose key cannot be read is a dead letter.

        Raises:
            InputError: The RECORD's ``bronze`` member is malformed.
        """
        raw: bytes | Raw = message.record
        if b"\\u0000" in line:
            raw, found = repair.repair(bytes(raw))
            repairs = tuple(sorted({*repairs, *found}))
        known, response = self._response(stream, bytes(message.bronze))
        item = Item(line, raw, stream, canonical.raw_hash(raw))
        if (extraction := self._extraction(message.time_extracted)) is not None:
            item.extracted, item.extraction = extraction
        item.version = message.version if type(message.version) is int else None
        item.provenance, item.response, item.repairs = known, response, repairs
        try:
            self._identify(item)
        except (Unstorable, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self.prepare(item)  # finds the reason, or a key that only the slow decoder reads
        return item

    def prepare(self, item: Item) -> Prepared | None:
        """Decode, check and encode a record, once; None and a letter where JSONB cannot hold it."""
        if item.prepared is None and (item.letter is None or item.letter.landed):
            try:
                item.prepared = self._prepared(item)
            except Unstorable as error:
                item.letter = Letter(error.reason, str(error), landed=False)
        return item.prepared

    def _extraction(self, text: Any) -> tuple[int, Extraction] | None:
        # Taps write the same time for all records of a response.
        if type(text) is not str:
            return None
        if text not in self._extractions:
            if len(self._extractions) > _CACHED:
                self._extractions = {}
            self._extractions[text] = _read_extraction(text)
        return self._extractions[text]

    def _response(self, stream: Stream, raw: bytes) -> tuple[provenance.RecordProvenance, bytes]:
        key = (stream, raw)
        if (found := self._responses.get(key)) is None:
            known = provenance.of_record(raw)
            found = known, columns.of_response(stream.provenance.api_endpoint, known)
            if len(self._responses) > _CACHED:
                self._responses.clear()
            self._responses[key] = found
        return found

    @staticmethod
    def _identify(item: Item) -> None:
        stream = item.stream
        if (parts := stream.key_reader.read(item.raw)) is None:
            return
        texts = [identity.part_text(part) or "" for part in parts]
        item.parts = parts
        item.lineage_id = identity.keyed_lineage_id(stream.lineage_prefix, texts)
        item.lineage_hash = identity.lineage_hash(item.lineage_id)

    def _prepared(self, item: Item) -> Prepared:
        record = _decode(item)
        stream = item.stream
        content = record
        for pointer in stream.volatile:
            content = pointer.without(content)
        content_hash = canonical.content_hash(content)
        self._complete_identity(item, record, content_hash)
        deleted = self._deleted_at(item, record)
        checks = quality.Checks()
        moment, day, partition_by = self._day(item, record, checks)
        self._judge(item, record, checks)
        metadata = self._metadata(item, content_hash, deleted, partition_by)
        timestamp = None if moment is None else times.timestamp_text(moment)
        return Prepared(
            content_hash=content_hash,
            deleted=deleted is not None,
            partition_key=day,
            source_timestamp=timestamp,
            metadata=metadata,
            body=self._body(item, record, checks),
            status=checks.status,
            unknown=quality.unknown_fields(record, stream.known_fields),
        )

    @staticmethod
    def _complete_identity(item: Item, record: Any, content_hash: bytes) -> None:
        stream = item.stream
        if item.lineage_id:
            return
        if names := stream.key_properties:
            members = record if isinstance(record, dict) else {}
            texts = [identity.value_text(members.get(name)) for name in names]
            if None not in texts:  # a key that only the slow decoder reads
                item.parts = [canonical.canonical(members[name]) for name in names]
                item.lineage_id = identity.keyed_lineage_id(
                    stream.lineage_prefix, [text or "" for text in texts]
                )
        if not item.lineage_id:
            item.lineage_id = identity.keyless_lineage_id(stream.lineage_prefix, content_hash)
        item.lineage_hash = identity.lineage_hash(item.lineage_id)

    @staticmethod
    def _deleted_at(item: Item, record: Any) -> str | None:
        if item.provenance is not None and item.provenance.deleted_at is not None:
            return item.provenance.deleted_at
        pointer = item.stream.deleted
        found = MISSING if pointer is None else pointer.get(record)
        if found is None or found is MISSING or found is False or found == "":
            return None
        return found if isinstance(found, str) else canonical.canonical(found).decode()

    def _day(
        self, item: Item, record: Any, checks: quality.Checks
    ) -> tuple[datetime | None, str, str | None]:
        """Return the source timestamp, the partition key, and what else it was chosen by."""
        pointer = item.stream.source_timestamp
        value = MISSING if pointer is None else pointer.get(record)
        if value is MISSING or value is None:
            return None, self._extracted_day(item)[0], None
        try:
            moment = times.parse(value, item.stream.timestamp_form)
        except times.BadTimeError as error:
            fallback, by = self._extracted_day(item)
            if item.stream.provenance.source_timestamp is None:
                return None, fallback, None  # a foreign tap's bookmark need not be a time
            checks.failed("source_timestamp", f"the source timestamp is {error}")
            return None, fallback, by
        day = moment.date().isoformat()
        if day in self._plausible:
            checks.passed("source_timestamp")
            return moment, day, None
        checks.failed("source_timestamp", f"the day {day} is out of the plausible range")
        return moment, *self._extracted_day(item)

    def _extracted_day(self, item: Item) -> tuple[str, str]:
        if item.extraction is not None and item.extraction.day in self._plausible:
            return item.extraction.day, "extracted_at"
        return self._today, "ingested_at"

    @staticmethod
    def _judge(item: Item, record: Any, checks: quality.Checks) -> None:
        validator = item.stream.validator
        if validator is None:
            checks.skipped("schema", "validation is switched off")
        elif validator.broken is not None:
            checks.skipped("schema", validator.broken)
        else:
            checks.judge_schema(validator, record)
        if item.stream.key_properties:
            checks.judge_key(item.stream.key_properties, whole=item.parts is not None)
        if item.repairs:
            for name in item.repairs:
                checks.failed("text", _REPAIRED[name])
            item.letter = Letter(",".join(item.repairs), checks.message or "", landed=True)
        else:
            checks.passed("text")

    @staticmethod
    def _metadata(
        item: Item, content_hash: bytes, deleted: str | None, partition_by: str | None
    ) -> bytes:
        facts: dict[str, Any] = {
            "stream": item.stream.name,
            "account": item.stream.key.account,
            "content_hash": f"{canonical.RULE}:{content_hash.hex()}",
        }
        if item.extraction is not None:
            facts["time_extracted"] = item.extraction.text
        if item.version is not None:
            facts["stream_version"] = item.version
        if deleted is not None:
            facts |= {"deleted": True, "deleted_by": "source", "deleted_at": deleted}
        if partition_by is not None:
            facts["partition_by"] = partition_by
        return copytext.json(facts)[:-1]

    @staticmethod
    def _body(item: Item, record: Any, checks: quality.Checks) -> bytes:
        parts = item.parts
        texts = [identity.part_text(part) or "" for part in parts] if parts else []
        row = (
            copytext.raw_json(bytes(item.raw)),
            copytext.text(identity.raw_id(parts, texts) if parts else None),
            item.lineage_id.encode(),
            columns.parents(item.stream, record),
            copytext.NULL if item.extraction is None else item.extraction.timestamp.encode(),
            columns.of_quality(checks, quality.metrics(record, item.stream.known_fields)),
            item.response,
            item.stream.constants,
        )
        return copytext.TAB.join(row)


def _read_extraction(text: str) -> tuple[int, Extraction] | None:
    try:
        moment = times.parse_utc(text)
    except times.BadTimeError:
        return None
    timestamp = times.timestamp_text(moment)
    return times.microseconds(moment), Extraction(text, timestamp[:10], timestamp)


def _decode(item: Item) -> Any:
    raw = bytes(item.raw)
    if len(raw) > limits.JSONB_BYTES:
        raise Unstorable(
            "too_big", f"the record has {len(raw)} bytes, JSONB holds {limits.JSONB_BYTES}"
        )
    if (
        raw.count(b"[") + raw.count(b"{") > limits.JSON_DEPTH
        and canonical.depth(raw) > limits.JSON_DEPTH
    ):
        raise Unstorable("too_deep", f"the record is deeper than {limits.JSON_DEPTH} levels")
    return canonical.decode(raw)
