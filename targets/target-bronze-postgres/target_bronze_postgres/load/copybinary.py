"""The binary format of COPY: columns of bronze rows as bytes, each with its length before it.

It costs the server less than text, and nothing in a value needs an escape.
https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Any

from target_bronze_postgres.record import repair
from target_bronze_postgres.record.canonical import canonical

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psycopg

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"

ROW_COLUMNS = ("id", "version", "source_timestamp", "partition_key", "metadata", "raw_data")
BODY_COLUMNS = (
    "raw_id",
    "lineage_id",
    "parent_lineage_ids",
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
COLUMNS = (
    *ROW_COLUMNS,
    *BODY_COLUMNS,
    "lineage_timestamp",
    *RESPONSE_COLUMNS,
    *STREAM_COLUMNS,
    *BATCH_COLUMNS,
)
"""Every column that is written, what varies most first: all of the bronze table's."""

_TEXT_OID = 25
_CHUNK = 120_000
"""Bytes that are handed to psycopg at once: it cuts what is longer than 128 KiB."""

pack_length = Struct(">i").pack
pack_json_start = Struct(">ib").pack
"""Length of a JSONB value with its version, and the version, which is 1."""

_pack_integer = Struct(">ii").pack
_pack_bigint = Struct(">iq").pack
_pack_interval = Struct(">iqii").pack
_pack_array_start = Struct(">iiIii").pack
_pack_numeric = Struct(">iHhHH").pack


def json(value: Any) -> bytes:
    """Return a JSONB column for a value of our own or of a message; NUL becomes U+FFFD."""
    return NULL if value is None else raw_json(repair.repair(canonical(value))[0])


def raw_json(text: bytes) -> bytes:
    """Return a JSONB column of valid JSON text."""
    return pack_json_start(len(text) + 1, 1) + text


def text(value: str | None) -> bytes:
    """Return a TEXT column; NUL and lone surrogates become U+FFFD."""
    if value is None:
        return NULL
    encoded = repair.text(value).encode()
    return pack_length(len(encoded)) + encoded


def text_array(values: Iterable[str]) -> bytes:
    """Return a TEXT[] column of one dimension."""
    items = [text(value) for value in values]
    array = _pack_array_start(1, 0, _TEXT_OID, len(items), 1) + b"".join(items)
    return pack_length(len(array)) + array


def integer(value: int | None) -> bytes:
    """Return an INTEGER column, or one of a DATE: days since 2000."""
    return NULL if value is None else _pack_integer(4, value)


def bigint(value: int | None) -> bytes:
    """Return a BIGINT column, or one of a TIMESTAMP: microseconds since 2000."""
    return NULL if value is None else _pack_bigint(8, value)


def interval(microseconds: int) -> bytes:
    """Return an INTERVAL column."""
    return _pack_interval(16, microseconds, 0, 0)


def score(ten_thousandths: int | None) -> bytes:
    """Return a NUMERIC(5, 4) column of 0 to 1, given as 0 to 10,000."""
    if ten_thousandths is None:
        return NULL
    whole = ten_thousandths == 10_000  # noqa: PLR2004 - numerals have the base 10,000
    digits = [1 if whole else ten_thousandths] if ten_thousandths else []
    head = (len(digits), 0 if whole or not digits else -1, 0, 4)
    return _pack_numeric(8 + 2 * len(digits), *head) + b"".join(
        digit.to_bytes(2) for digit in digits
    )


def write_rows(copy: psycopg.Copy, rows: list[bytes], end: bytes) -> None:
    """Write rows, of each of which the last columns are ``end``."""
    size = sum(map(len, rows)) // max(len(rows), 1) + len(end)
    count = max(1, _CHUNK // max(size, 1))
    for start in range(0, len(rows), count):
        some = rows[start : start + count]
        if size > _CHUNK:  # not copied once more only to append the end
            copy.write(some[0])
            copy.write(end)
        else:
            copy.write(end.join(some) + end)
