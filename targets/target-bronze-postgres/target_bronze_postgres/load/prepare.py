"""From an item to the columns of its row: decodes, checks and encodes what is not unchanged."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from target_bronze_postgres.db import limits
from target_bronze_postgres.load import columns, copytext
from target_bronze_postgres.load.item import Item, Letter, Prepared
from target_bronze_postgres.record import canonical, identity, quality, times
from target_bronze_postgres.record.canonical import Unstorable
from target_bronze_postgres.record.pointer import MISSING

if TYPE_CHECKING:
    from target_bronze_postgres.load.run import Run

_REPAIRED = {
    "nul": "NUL, which PostgreSQL cannot hold, was replaced by U+FFFD",
    "lone_surrogate": "half a surrogate pair was replaced by U+FFFD",
}


class Preparer:
    """Prepares items, on whichever thread needs them."""

    def __init__(self, run: Run) -> None:
        """Prepare records for a run."""
        self._run = run
        self._plausible = run.plausible()
        self._today = datetime.now(UTC).date().isoformat()

    def refresh_day(self) -> None:
        """Take today's date anew: a run may last longer than a day."""
        today = datetime.now(UTC).date().isoformat()
        if today != self._today:
            self._today, self._plausible = today, self._run.plausible()

    def prepare(self, item: Item) -> Prepared | None:
        """Prepare a record, once; None and a letter where JSONB cannot hold it."""
        if item.prepared is None and (item.letter is None or item.letter.landed):
            try:
                item.prepared = self._prepared(item)
            except Unstorable as error:
                item.letter = Letter(error.reason, str(error), landed=False)
        return item.prepared

    def _prepared(self, item: Item) -> Prepared:
        record, stream = _decode(item.raw), item.stream
        content = record
        for pointer in stream.volatile:
            content = pointer.without(content)
        content_hash = canonical.content_hash(content)
        if not item.lineage_id:
            _identify(item, record, content_hash)
        deleted = _deleted_at(item, record)
        checks = quality.Checks()
        timestamp, day, partition_by = self._day(item, record, checks)
        counts, unknown = quality.count(record, stream.known_fields)
        _judge(item, record, checks)
        return Prepared(
            content_hash=content_hash,
            deleted=deleted is not None,
            partition_key=day,
            source_timestamp=timestamp,
            partition_by=partition_by,
            metadata=_metadata(item, content_hash, deleted),
            body=_body(item, record, columns.of_quality(checks, counts)),
            status=checks.status,
            unknown=unknown,
        )

    def _day(
        self, item: Item, record: Any, checks: quality.Checks
    ) -> tuple[str | None, str, str | None]:
        """Return source timestamp, partition key, and what the latter is chosen by if not by it."""
        pointer = item.stream.source_timestamp
        value = MISSING if pointer is None else pointer.get(record)
        if value is MISSING or value is None:
            return None, self._extracted_day(item)[0], None
        try:
            timestamp = times.timestamp_text(times.parse(value, item.stream.timestamp_form))
        except times.BadTimeError as error:
            day, by = self._extracted_day(item)
            if item.stream.provenance.source_timestamp is None:
                return None, day, None  # a foreign tap's bookmark need not be a time
            checks.failed("source_timestamp", f"the source timestamp is {error}")
            return None, day, by
        day = timestamp[:10]
        if day in self._plausible:
            checks.passed("source_timestamp")
            return timestamp, day, None
        checks.failed("source_timestamp", f"the day {day} is out of the plausible range")
        return timestamp, *self._extracted_day(item)

    def _extracted_day(self, item: Item) -> tuple[str, str]:
        if item.extraction is not None and item.extraction.day in self._plausible:
            return item.extraction.day, "extracted_at"
        return self._today, "ingested_at"


def _decode(raw: bytes) -> Any:
    if len(raw) > limits.JSONB_BYTES:
        raise Unstorable(
            "too_big", f"the record has {len(raw)} bytes, JSONB holds {limits.JSONB_BYTES}"
        )
    if canonical.is_too_deep(raw):
        raise Unstorable("too_deep", f"the record is deeper than {limits.JSON_DEPTH} levels")
    return canonical.decode(raw)


def _identify(item: Item, record: Any, content_hash: bytes) -> None:
    prefix = item.stream.lineage_prefix
    # A key that only the slow decoder reads, such as a number of 5,000 digits.
    item.key = item.stream.key_reader.read_decoded(record)
    if item.key is None:
        item.lineage_id = identity.keyless_lineage_id(prefix, content_hash)
    else:
        item.lineage_id = identity.keyed_lineage_id(prefix, item.key.texts)
    item.lineage_hash = identity.lineage_hash(item.lineage_id)


def _deleted_at(item: Item, record: Any) -> str | None:
    if item.provenance.deleted_at is not None:
        return item.provenance.deleted_at
    if (pointer := item.stream.deleted) is None:
        return None
    found = pointer.get(record)
    if found is None or found is MISSING or found is False or found == "":
        return None
    return found if isinstance(found, str) else canonical.canonical(found).decode()


def _judge(item: Item, record: Any, checks: quality.Checks) -> None:
    validator = item.stream.validator
    if validator is None:
        checks.skipped("schema", "validation is switched off")
    elif validator.broken is not None:
        checks.skipped("schema", validator.broken)
    else:
        checks.judge_schema(validator, record)
    if item.stream.key_properties:
        checks.judge_key(item.stream.key_properties, whole=item.key is not None)
    for name in item.repairs:
        checks.failed("text", _REPAIRED[name])
    if not item.repairs:
        checks.passed("text")
    if item.fault is not None:
        checks.failed("provenance", f"the {item.fault}")
    # What was replaced or left out is kept with the line.
    if odd := (*item.repairs, *(("provenance",) if item.fault is not None else ())):
        item.letter = Letter(",".join(odd), checks.message or "", landed=True)


def _metadata(item: Item, content_hash: bytes, deleted: str | None) -> bytes:
    extracted = None if item.extraction is None else item.extraction.text
    start = columns.metadata_start(
        item.stream.name, item.stream.key.account, extracted, item.version
    )
    metadata = b'%b,"content_hash":"%b:%b"' % (
        start,
        canonical.RULE.encode(),
        content_hash.hex().encode(),
    )
    if deleted is not None:
        facts = {"deleted": True, "deleted_by": "source", "deleted_at": deleted}
        metadata += b"," + copytext.json(facts)[1:-1]
    return metadata


def _body(item: Item, record: Any, quality_columns: bytes) -> bytes:
    extraction, stream = item.extraction, item.stream
    return copytext.TAB.join(
        (
            copytext.raw_json(item.raw),
            copytext.NULL if item.key is None else copytext.text(item.key.raw_id),
            item.lineage_id.encode(),
            columns.parents(stream.parent_prefix, stream.parent_key, record),
            copytext.NULL if extraction is None else extraction.timestamp,
            quality_columns,
            item.response,
            stream.constants,
        )
    )
