"""The text format of COPY: columns of bronze rows as bytes.

https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS
"""

from __future__ import annotations

from typing import Any

from target_bronze_postgres.record import repair
from target_bronze_postgres.record.canonical import canonical

NULL = rb"\N"
TAB = b"\t"

ROW_COLUMNS = ("id", "version", "source_timestamp", "partition_key", "metadata")
BODY_COLUMNS = (
    "raw_data",
    "raw_id",
    "lineage_id",
    "parent_lineage_ids",
    "lineage_timestamp",
    "validation_status",
    "error_message",
    "quality_metrics",
    "quality_score",
    "quality_checks",
)
RESPONSE_COLUMNS = (
    "api_endpoint",
    "api_request_id",
    "api_response_code",
    "api_rate_limit_info",
    "file_path",
    "file_hash",
    "file_size",
    "compression_type",
    "encoding",
)
STREAM_COLUMNS = (
    "source",
    "environment",
    "pipeline_run_id",
    "pipeline_version",
    "pipeline_parameters",
    "lineage_type",
    "lineage_source",
    "lineage_metadata",
    "api_version",
)
BATCH_COLUMNS = (
    "ingested_at",
    "processing_start_time",
    "processing_end_time",
    "processing_duration",
    "processing_steps",
    "processing_errors",
)
COLUMNS = ROW_COLUMNS + BODY_COLUMNS + RESPONSE_COLUMNS + STREAM_COLUMNS + BATCH_COLUMNS
"""Every column that is written, what varies most first: all of the bronze table's."""


def raw_json(raw: bytes) -> bytes:
    """Return a column of valid JSON text, unchanged but for COPY's own escapes.

    Valid JSON has tabs and carriage returns only between its tokens, where a space means the same;
    in COPY they would split the column.
    """
    escaped = raw.replace(b"\\", b"\\\\")
    if b"\t" in escaped or b"\r" in escaped or b"\n" in escaped:
        escaped = escaped.replace(b"\t", b" ").replace(b"\r", b" ").replace(b"\n", b" ")
    return escaped


def json(value: Any) -> bytes:
    """Return a column of JSON for a value of our own or of a message; NUL becomes U+FFFD."""
    return NULL if value is None else raw_json(repair.repair(canonical(value))[0])


def text(value: str | None) -> bytes:
    """Return a TEXT column; NUL and lone surrogates become U+FFFD."""
    if value is None:
        return NULL
    if value.isalnum() and value.isascii():
        return value.encode()
    encoded = repair.text(value).encode().replace(b"\\", b"\\\\")
    return encoded.replace(b"\t", b"\\t").replace(b"\n", b"\\n").replace(b"\r", b"\\r")


def number(value: int | None) -> bytes:
    """Return an INTEGER or BIGINT column."""
    return NULL if value is None else b"%d" % value
