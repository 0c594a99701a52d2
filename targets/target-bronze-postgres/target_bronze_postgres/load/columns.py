"""Groups of columns of a bronze row, encoded as often as they change: a stream, a response."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from target_bronze_postgres.load import copybinary
from target_bronze_postgres.record import identity, repair
from target_bronze_postgres.record.canonical import canonical
from target_bronze_postgres.record.pointer import MISSING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_bronze_postgres.load.run import Run
    from target_bronze_postgres.record.pointer import Pointer
    from target_bronze_postgres.record.provenance import RecordProvenance, StreamProvenance
    from target_bronze_postgres.record.quality import Checks


def _join(names: tuple[str, ...], values: dict[str, bytes]) -> bytes:
    return b"".join(values[name] for name in names)


def of_stream(  # noqa: PLR0913, PLR0917 - the columns of one row
    source: str,
    name: str,
    keys: Sequence[str],
    bookmarks: Sequence[str],
    known: StreamProvenance,
    run: Run,
) -> bytes:
    """Return what is the same for every record of a stream in this run."""
    facts = {"key_properties": keys, "replication_key": bookmarks[0] if bookmarks else None}
    values = {
        "source": copybinary.text(source),
        "environment": copybinary.text(run.settings.environment),
        "pipeline_run_id": copybinary.text(run.run_id),
        "pipeline_version": copybinary.text(run.pipeline_version(known.tap)),
        "pipeline_parameters": copybinary.json(known.parameters),
        "lineage_type": copybinary.text("source"),
        "lineage_source": copybinary.text(f"{source}.{name}"),
        "lineage_metadata": copybinary.json(facts),
        "api_version": copybinary.text(known.api_version),
    }
    return _join(copybinary.STREAM_COLUMNS, values)


def of_response(stream_endpoint: str | None, known: RecordProvenance) -> bytes:
    """Return what is known of the response or the file that a record was read from."""
    values = {
        "api_endpoint": copybinary.text(known.api_endpoint or stream_endpoint),
        "api_request_id": copybinary.text(known.api_request_id),
        "api_response_code": copybinary.integer(known.api_response_code),
        "api_rate_limit_info": copybinary.json(known.api_rate_limit_info),
        "file_path": copybinary.text(known.file_path),
        "file_hash": copybinary.text(known.file_hash),
        "file_size": copybinary.bigint(known.file_size),
        "compression_type": copybinary.text(known.compression_type),
        "encoding": copybinary.text(known.encoding),
    }
    return _join(copybinary.RESPONSE_COLUMNS, values)


def of_quality(checks: Checks, counts: tuple[int, int, int]) -> bytes:
    """Return validation_status, error_message, quality_metrics, quality_score, quality_checks."""
    results = checks.results
    made = [result for result in results.values() if result is not None]
    return b"".join(
        (
            copybinary.text(checks.status),
            copybinary.text(checks.message),
            _metrics(counts),
            copybinary.score(round(sum(made) * 10_000 / len(made)) if made else None),
            copybinary.json(results),
        )
    )


def metadata_start(stream: str, account: str, extracted: str | None, version: int | None) -> bytes:
    """Return the members of metadata that many records share, without a closing brace."""
    facts: dict[str, Any] = {"account": account, "stream": stream}
    if extracted is not None:
        facts["time_extracted"] = extracted
    if version is not None:
        facts["stream_version"] = version
    return repair.repair(canonical(facts))[0][:-1]


@lru_cache(maxsize=4096)
def _metrics(counts: tuple[int, int, int]) -> bytes:
    return copybinary.json(dict(zip(("fields", "nulls", "unknown_fields"), counts, strict=True)))


def deletion(deleted_at: str) -> bytes:
    """Return the members of a tombstone's metadata."""
    facts = {"deleted": True, "deleted_by": "source", "deleted_at": deleted_at}
    return repair.repair(canonical(facts))[0][1:-1]


def parents(prefix: str, pointers: Sequence[Pointer], record: Any) -> bytes:
    """Return parent_lineage_ids: of the record that the SCHEMA's ``parent`` points to, if any.

    Args:
        prefix: The lineage prefix of the parent's stream.
        pointers: Where the parent's key stands in the record.
        record: The decoded record.
    """
    values = [pointer.get(record) for pointer in pointers]
    texts = [None if value is MISSING else identity.value_text(value) for value in values]
    parts = [text for text in texts if text is not None]
    if len(parts) < len(texts):
        return copybinary.NULL
    return copybinary.text_array([identity.keyed_lineage_id(prefix, parts)])
