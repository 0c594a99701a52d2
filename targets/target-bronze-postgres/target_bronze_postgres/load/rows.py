"""Encodes the rows of a batch and copies them into their bronze tables."""

from __future__ import annotations

from collections import defaultdict, deque
from datetime import timedelta
from struct import Struct
from typing import TYPE_CHECKING, Any

from psycopg import sql

from target_bronze_postgres.load import copybinary
from target_bronze_postgres.load.copybinary import pack_json_start
from target_bronze_postgres.load.tables import identifier
from target_bronze_postgres.record import times

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    import psycopg

    from target_bronze_postgres.load.batch import Batch
    from target_bronze_postgres.load.decisions import Plan
    from target_bronze_postgres.load.item import Item, Prepared

    Connection = psycopg.Connection[Any]

Table = tuple[str, str]
"""Schema and name."""

_STEPS = ("parse", "look up", "validate", "hash", "version", "copy")
_COUNT = len(copybinary.COLUMNS)
_IDS = "SELECT array_agg(nextval(%s)) FROM generate_series(1, %s)"

# Count of columns, id, version, source_timestamp, partition_key, the start of metadata.
_pack_dated = Struct(">hiqiiiqiiib").pack
_pack_undated = Struct(">hiqiiiiiib").pack


def encode(  # noqa: PLR0913, PLR0917 - the columns of a row
    item: Item,
    prepared: Prepared,
    row_id: int,
    version: int,
    timestamp: int | None,
    day: int,
    partition_by: str | None,
    *,
    late: bool,
) -> bytes:
    """Return a row but for its last columns, which are the batch's.

    Args:
        item: The record.
        prepared: What has been made of it.
        row_id: Its id.
        version: Its version.
        timestamp: Its source timestamp, in microseconds since 2000.
        day: Its partition key, in days since 2000.
        partition_by: What the partition is chosen by, if not by the source timestamp.
        late: Whether an older extraction came after a newer one.
    """
    metadata = prepared.metadata
    if late:
        metadata += b',"late":true'
    if partition_by is not None:
        metadata += f',"partition_by":"{partition_by}"'.encode()
    size = len(metadata) + 2  # the version before it, the brace after it
    if timestamp is None:
        start = _pack_undated(_COUNT, 8, row_id, 4, version, -1, 4, day, size, 1)
    else:
        start = _pack_dated(_COUNT, 8, row_id, 4, version, 8, timestamp, 4, day, size, 1)
    raw = item.raw
    raw_start = pack_json_start(len(raw) + 1, 1)
    return b"".join((start, metadata, b"}", raw_start, raw, prepared.body))


def write_rows(conn: Connection, batch: Batch, plan: Plan) -> None:
    """Copy rows, month by month: each partition is opened once, in the order of ids."""
    end = _batch_columns(batch)
    columns = sql.SQL(", ").join(map(sql.Identifier, copybinary.COLUMNS))
    for table, months in plan.rows.items():
        if not months:
            continue
        query = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)")
        with (
            conn.cursor() as cursor,
            cursor.copy(query.format(identifier(table), columns)) as copy,
        ):
            copy.write(copybinary.HEADER)
            for month in sorted(months):
                copybinary.write_rows(copy, months[month], end)
            copy.write(copybinary.TRAILER)


def new_ids(conn: Connection, table: Table, count: int) -> list[int]:
    """Return ids for rows of a table; what is not used in the end leaves a gap."""
    sequence = sql.Identifier(table[0], table[1] + "_id_seq").as_string()
    with conn.cursor(binary=True) as cursor:
        row = cursor.execute(_IDS, (sequence, count)).fetchone()
    return (row[0] if row else None) or []


class Ids:
    """Gives out the ids of new rows, table by table; what is left over serves the next batch."""

    def __init__(self, fetch: Callable[[Table, int], list[int]]) -> None:
        """Take them from ``fetch``, so many at a time."""
        self._fetch = fetch
        self._left: dict[Table, deque[int]] = defaultdict(deque)

    def reserve(self, table: Table, count: int) -> None:
        """Make sure that there are ``count``."""
        if (missing := count - len(self._left[table])) > 0:
            self._left[table].extend(self._fetch(table, missing))

    def of(self, table: Table) -> Iterator[int]:
        """Yield ids of a table, without end."""
        left = self._left[table]
        while True:
            self.reserve(table, 1)
            while left:
                yield left.popleft()


def _batch_columns(batch: Batch) -> bytes:
    ended = batch.ended_at
    started = batch.started_at or ended
    if ended is None or started is None:
        return copybinary.NULL * len(copybinary.BATCH_COLUMNS)
    values = {
        "ingested_at": _timestamp(ended),
        "processing_start_time": _timestamp(started),
        "processing_end_time": _timestamp(ended),
        "processing_duration": copybinary.interval((ended - started) // timedelta(microseconds=1)),
        "processing_steps": copybinary.json(_STEPS),
        "processing_errors": copybinary.NULL,
    }
    return b"".join(values[name] for name in copybinary.BATCH_COLUMNS)


def _timestamp(moment: datetime) -> bytes:
    return copybinary.bigint(times.since_2000(moment))
