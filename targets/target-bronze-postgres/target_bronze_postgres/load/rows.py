"""Copies the rows of a batch into their bronze tables, and gives them and their heads their ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

from target_bronze_postgres.load import copytext
from target_bronze_postgres.load.tables import identifier
from target_bronze_postgres.record.times import timestamp_text

if TYPE_CHECKING:
    import psycopg

    from target_bronze_postgres.load.batch import Batch
    from target_bronze_postgres.load.decisions import Row

    Connection = psycopg.Connection[Any]

_COPIED_AT_ONCE = 500
_STEPS = ("parse", "look up", "validate", "hash", "version", "copy")


def write_rows(conn: Connection, batch: Batch, rows: list[Row]) -> None:
    """Copy rows, in order within each table."""
    tables: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        tables.setdefault(row.item.stream.table, []).append(row)
    tail = _batch_columns(batch)
    for table, table_rows in tables.items():
        ids = _new_ids(conn, table, len(table_rows))
        columns = sql.SQL(", ").join(map(sql.Identifier, copytext.COLUMNS))
        copy_in = sql.SQL("COPY {} ({}) FROM STDIN").format(identifier(table), columns)
        with conn.cursor() as cursor, cursor.copy(copy_in) as copy:
            for start in range(0, len(table_rows), _COPIED_AT_ONCE):
                some = slice(start, start + _COPIED_AT_ONCE)
                copy.write(
                    b"".join(map(_line, table_rows[some], ids[some], [tail] * _COPIED_AT_ONCE))
                )


def _new_ids(conn: Connection, table: tuple[str, str], count: int) -> list[int]:
    sequence = sql.Identifier(table[0], table[1] + "_id_seq").as_string()
    with conn.cursor(binary=True) as cursor:
        cursor.execute(
            "SELECT array_agg(nextval(%s)) FROM generate_series(1, %s)", (sequence, count)
        )
        row = cursor.fetchone()
    return row[0] if row else []


def _line(row: Row, row_id: int, tail: bytes) -> bytes:
    if row.head is not None:
        row.head.id = row_id
    timestamp = row.source_timestamp
    return b"%d\t%d\t%b\t%b\t%b%b\t%b\t%b\n" % (
        row_id,
        row.version,
        copytext.NULL if timestamp is None else timestamp.encode(),
        row.partition_key.encode(),
        row.prepared.metadata,
        _metadata_end(row),
        row.prepared.body,
        tail,
    )


def _metadata_end(row: Row) -> bytes:
    if not row.late and row.partition_by is None:
        return b"}"
    late = b',"late":true' if row.late else b""
    by = "" if row.partition_by is None else f',"partition_by":"{row.partition_by}"'
    return late + by.encode() + b"}"


def _batch_columns(batch: Batch) -> bytes:
    ended = batch.ended_at
    started = batch.started_at or ended
    if ended is None or started is None:
        return copytext.TAB.join([copytext.NULL] * len(copytext.BATCH_COLUMNS))
    values = {
        "ingested_at": timestamp_text(ended),
        "processing_start_time": timestamp_text(started),
        "processing_end_time": timestamp_text(ended),
        "processing_duration": f"{(ended - started).total_seconds()} seconds",
    }
    columns = {name: text.encode() for name, text in values.items()}
    columns["processing_steps"] = copytext.json(_STEPS)
    columns["processing_errors"] = copytext.NULL
    return copytext.TAB.join(columns[name] for name in copytext.BATCH_COLUMNS)
