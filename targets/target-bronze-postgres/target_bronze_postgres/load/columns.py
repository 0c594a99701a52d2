"""Groups of columns of a bronze row, encoded as often as they change: a stream, a response."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from target_bronze_postgres.load import copytext
from target_bronze_postgres.record import identity
from target_bronze_postgres.record.pointer import MISSING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_bronze_postgres.load.run import Run
    from target_bronze_postgres.record.pointer import Pointer
    from target_bronze_postgres.record.provenance import RecordProvenance, StreamProvenance
    from target_bronze_postgres.record.quality import Checks


def _join(names: tuple[str, ...], values: dict[str, bytes]) -> bytes:
    return copytext.TAB.join(values[name] for name in names)


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
        "source": copytext.text(source),
        "environment": copytext.text(run.settings.environment),
        "pipeline_run_id": copytext.text(run.run_id),
        "pipeline_version": copytext.text(run.pipeline_version(known.tap)),
        "pipeline_parameters": copytext.json(known.parameters),
        "lineage_type": b"source",
        "lineage_source": copytext.text(f"{source}.{name}"),
        "lineage_metadata": copytext.json(facts),
        "api_version": copytext.text(known.api_version),
    }
    return _join(copytext.STREAM_COLUMNS, values)


def of_response(stream_endpoint: str | None, known: RecordProvenance) -> bytes:
    """Return what is known of the response or the file that a record was read from."""
    values = {
        "api_endpoint": copytext.text(known.api_endpoint or stream_endpoint),
        "api_request_id": copytext.text(known.api_request_id),
        "api_response_code": copytext.number(known.api_response_code),
        "api_rate_limit_info": copytext.json(known.api_rate_limit_info),
        "file_path": copytext.text(known.file_path),
        "file_hash": copytext.text(known.file_hash),
        "file_size": copytext.number(known.file_size),
        "compression_type": copytext.text(known.compression_type),
        "encoding": copytext.text(known.encoding),
    }
    return _join(copytext.RESPONSE_COLUMNS, values)


def of_quality(checks: Checks, counts: tuple[int, int, int]) -> bytes:
    """Return validation_status, error_message, quality_metrics, quality_score, quality_checks."""
    results = tuple(checks.results.items())
    if checks.message is None:
        return _sound(counts, results)
    return copytext.TAB.join(
        (
            checks.status.encode(),
            copytext.text(checks.message),
            _metrics(counts),
            _score_and_checks(results),
        )
    )


@lru_cache(maxsize=4096)
def _sound(counts: tuple[int, int, int], results: tuple[tuple[str, bool | None], ...]) -> bytes:
    return copytext.TAB.join(
        (b"valid", copytext.NULL, _metrics(counts), _score_and_checks(results))
    )


@lru_cache(maxsize=256)
def metadata_start(stream: str, account: str, extracted: str | None, version: int | None) -> bytes:
    """Return the members of metadata that many records share, without a closing brace."""
    facts: dict[str, Any] = {"account": account, "stream": stream}
    if extracted is not None:
        facts["time_extracted"] = extracted
    if version is not None:
        facts["stream_version"] = version
    return copytext.json(facts)[:-1]


@lru_cache(maxsize=4096)
def _metrics(counts: tuple[int, int, int]) -> bytes:
    return copytext.json(dict(zip(("fields", "nulls", "unknown_fields"), counts, strict=True)))


@lru_cache(maxsize=256)
def _score_and_checks(results: tuple[tuple[str, bool | None], ...]) -> bytes:
    made = [result for _, result in results if result is not None]
    score = b"%.4f" % (sum(made) / len(made)) if made else copytext.NULL
    return score + copytext.TAB + copytext.json(dict(results))


def parents(prefix: str | None, pointers: Sequence[Pointer], record: Any) -> bytes:
    """Return parent_lineage_ids: of the record that the SCHEMA's ``parent`` points to, if any.

    Args:
        prefix: The lineage prefix of the parent's stream; None where there is no parent.
        pointers: Where the parent's key stands in the record.
        record: The decoded record.
    """
    if prefix is None:
        return copytext.NULL
    values = [pointer.get(record) for pointer in pointers]
    texts = [None if value is MISSING else identity.value_text(value) for value in values]
    parts = [text for text in texts if text is not None]
    if len(parts) < len(texts):
        return copytext.NULL
    # A lineage_id holds no character that an array literal would have to quote.
    return b"{" + identity.keyed_lineage_id(prefix, parts).encode() + b"}"
