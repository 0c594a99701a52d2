"""From an item to the columns of its row: decodes, checks and encodes what is not unchanged."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from target_bronze_postgres.db import limits
from target_bronze_postgres.load import columns, copybinary
from target_bronze_postgres.load.copybinary import pack_length
from target_bronze_postgres.load.item import Item, Letter, Prepared
from target_bronze_postgres.record import canonical, identity, large, quality, times
from target_bronze_postgres.record.canonical import Unstorable
from target_bronze_postgres.record.pointer import MISSING

if TYPE_CHECKING:
    from msgspec import Raw

    from target_bronze_postgres.load.run import Run
    from target_bronze_postgres.load.stream import Stream

_REPAIRED = {
    "nul": "NUL, which PostgreSQL cannot hold, was replaced by U+FFFD",
    "lone_surrogate": "half a surrogate pair was replaced by U+FFFD",
}
_KEPT = 4_096
_LARGE = 1 << 17
"""Bytes of a record in which so many misfits fit that they are not all named."""
_RULE = f',"content_hash":"{canonical.RULE}:'.encode()


class Preparer:
    """Prepares items, on whichever thread needs them."""

    def __init__(self, run: Run) -> None:
        """Prepare records for a run."""
        self._run = run
        self._start_day()

    def refresh_day(self) -> None:
        """Take today's date anew: a run may last longer than a day."""
        if times.day_number(datetime.now(UTC)) != self._today:
            self._start_day()

    def _start_day(self) -> None:
        self._today = times.day_number(datetime.now(UTC))
        self._plausible = self._run.plausible()
        self._plausible_days: dict[int, bool] = {}

    def prepare(self, item: Item) -> Prepared | None:
        """Prepare a record, once; None and a letter where JSONB cannot hold it."""
        if item.prepared is None and (item.letter is None or item.letter.landed):
            try:
                item.prepared = self._prepared(item)
            except Unstorable as error:
                item.letter = Letter(error.reason, str(error), landed=False)
        return item.prepared

    def _prepared(self, item: Item) -> Prepared:
        stream = item.origin.stream
        record, content_hash = _decode(item.raw, stream)
        if not item.lineage_id:
            _identify(item, record, content_hash)
        deleted = _deleted_at(item, record)
        checks = quality.Checks()
        timestamp, day, partition_by = self._day(item, record, checks)
        counts, unknown = quality.count(record, stream.known_fields)
        verdict = _verdict(item, record, checks, counts)
        return Prepared(
            content_hash,
            deleted is not None,
            day,
            timestamp,
            partition_by,
            _metadata(item, content_hash, deleted),
            _body(item, record, verdict),
            checks.status,
            unknown,
        )

    def _day(
        self, item: Item, record: Any, checks: quality.Checks
    ) -> tuple[int | None, int, str | None]:
        """Return source timestamp, partition key, and what the latter is chosen by if not by it."""
        stream = item.origin.stream
        pointer = stream.source_timestamp
        value = MISSING if pointer is None else pointer.get(record)
        if value is MISSING or value is None:
            return None, self._extracted_day(item)[0], None
        try:
            moment = times.parse(value, stream.timestamp_form)
        except times.BadTimeError as error:
            number, by = self._extracted_day(item)
            if stream.provenance.source_timestamp is None:
                return None, number, None  # a foreign tap's bookmark need not be a time
            checks.failed("source_timestamp", f"the source timestamp is {error}")
            return None, number, by
        timestamp, day = times.since_2000(moment), times.day_number(moment)
        if self._is_plausible(day):
            checks.passed("source_timestamp")
            return timestamp, day, None
        text = times.day_text(day)
        checks.failed("source_timestamp", f"the day {text} is out of the plausible range")
        return timestamp, *self._extracted_day(item)

    def _extracted_day(self, item: Item) -> tuple[int, str]:
        extraction = item.origin.extraction
        if extraction is not None and self._is_plausible(extraction.day):
            return extraction.day, "extracted_at"
        return self._today, "ingested_at"

    def _is_plausible(self, day: int) -> bool:
        found = self._plausible_days.get(day)
        if found is None:
            found = self._plausible_days[day] = times.day_text(day) in self._plausible
        return found


def _decode(raw: bytes | Raw, stream: Stream) -> tuple[Any, bytes]:
    """Return a record and its content hash; what is large in it may be empty if nobody asks."""
    if len(raw) > limits.JSONB_BYTES:
        raise Unstorable(
            "too_big", f"the record has {len(raw)} bytes, JSONB holds {limits.JSONB_BYTES}"
        )
    if canonical.is_too_deep(raw):
        raise Unstorable("too_deep", f"the record is deeper than {limits.JSON_DEPTH} levels")
    if len(raw) > large.LARGE and not stream.volatile:
        found = large.read(raw, stream.looks_into)
        if found is not None:
            return found
    record = content = canonical.decode(raw)
    for pointer in stream.volatile:
        content = pointer.without(content)
    return record, canonical.content_hash(content)


def _identify(item: Item, record: Any, content_hash: bytes) -> None:
    stream = item.origin.stream
    # A key that only the slow decoder reads, such as a number of 5,000 digits.
    key = stream.key_reader.read_decoded(record)
    if key is None:
        lineage_id = identity.keyless_lineage_id(stream.lineage_prefix, content_hash)
    else:
        item.raw_id = identity.stored_text(key.raw_id)
        lineage_id = identity.keyed_lineage_id(stream.lineage_prefix, key.texts)
    item.lineage_id = lineage_id.encode()
    item.lineage_hash = identity.lineage_hash(lineage_id)


def _deleted_at(item: Item, record: Any) -> str | None:
    if item.origin.provenance.deleted_at is not None:
        return item.origin.provenance.deleted_at
    if (pointer := item.origin.stream.deleted) is None:
        return None
    found = pointer.get(record)
    if found is None or found is MISSING or found is False or found == "":
        return None
    return found if isinstance(found, str) else canonical.canonical(found).decode()


def _verdict(
    item: Item, record: Any, checks: quality.Checks, counts: tuple[int, int, int]
) -> bytes:
    """Make the other checks and return the columns of quality."""
    stream = item.origin.stream
    plain = (
        checks.status == "valid"
        and not item.repairs
        and item.origin.fault is None
        and (item.raw_id is not None or not stream.key_properties)
        and stream.validator is not None
        and stream.validator.is_valid(record)
    )
    if not plain:
        _judge(item, record, checks)
        return columns.of_quality(checks, counts)
    # Sound records of a stream differ in their counts at most, and in whether they have a time.
    key = (counts, bool(checks.results))
    if (found := stream.sound.get(key)) is None:
        _judge(item, record, checks)
        if len(stream.sound) >= _KEPT:
            stream.sound.clear()
        found = stream.sound[key] = columns.of_quality(checks, counts)
    return found


def _judge(item: Item, record: Any, checks: quality.Checks) -> None:
    stream, fault = item.origin.stream, item.origin.fault
    if stream.validator is None:
        checks.skipped("schema", "validation is switched off")
    elif stream.validator.broken is not None:
        checks.skipped("schema", stream.validator.broken)
    else:
        is_large = len(item.raw) > _LARGE
        checks.judge_schema(stream.validator, record, is_large=is_large)
    if stream.key_properties:
        checks.judge_key(stream.key_properties, whole=item.raw_id is not None)
    for name in item.repairs:
        checks.failed("text", _REPAIRED[name])
    if not item.repairs:
        checks.passed("text")
    if fault is not None:
        checks.failed("provenance", f"the {fault}")
    # What was replaced or left out is kept with the line.
    if odd := (*item.repairs, *(("provenance",) if fault is not None else ())):
        item.letter = Letter(",".join(odd), checks.message or "", landed=True)


def _metadata(item: Item, content_hash: bytes, deleted: str | None) -> bytes:
    metadata = item.origin.metadata + _RULE + content_hash.hex().encode() + b'"'
    if deleted is not None:
        metadata += b"," + columns.deletion(deleted)
    return metadata


def _body(item: Item, record: Any, verdict: bytes) -> bytes:
    stream, lineage_id, raw_id = item.origin.stream, item.lineage_id, item.raw_id
    parents = copybinary.NULL
    if stream.parent_prefix is not None:
        parents = columns.parents(stream.parent_prefix, stream.parent_key, record)
    return b"".join(
        (
            copybinary.NULL if raw_id is None else pack_length(len(raw_id)) + raw_id,
            pack_length(len(lineage_id)),
            lineage_id,
            parents,
            verdict,
            item.origin.columns,
        )
    )
