"""What a comparison has found, in ``bronze_ops``: it may take several runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from target_bronze_postgres.load.stream import StreamKey
from target_bronze_postgres.record import repair

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import psycopg

    from target_bronze_postgres.ops.reconcile.days import Days

    Connection = psycopg.Connection[Any]

KEPT: Final = "7 days"
"""After so long a time a comparison that was cut is begun again: its source has moved on."""

_OPEN = """
    SELECT started_at FROM bronze_ops.reconciliations
    WHERE source = %s AND first_day = %s AND last_day = %s AND tap = %s AND ended_at IS NULL
      AND started_at > now() - %s::interval
    ORDER BY started_at DESC LIMIT 1
"""
_STREAMS = """
    SELECT id, source, account, stream, ended_at IS NOT NULL, read_whole,
           ARRAY[records_source, records_bronze, missing, changed, vanished, buried], fixed, state
    FROM bronze_ops.reconciliations
    WHERE started_at = %s AND first_day = %s AND last_day = %s AND tap = %s
"""
_BEGIN = """
    INSERT INTO bronze_ops.reconciliations
        (source, account, stream, first_day, last_day, started_at, tap, schema_message)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING id
"""
_KEEP = """
    INSERT INTO bronze_ops.reconciled_records AS r
        (reconciliation_id, lineage_hash, found, lineage_id, message)
    SELECT * FROM unnest(%b::bigint[], %b::bytea[], %b::text[], %b::text[], %b::bytea[])
    ON CONFLICT (reconciliation_id, lineage_hash) DO UPDATE SET
        found = excluded.found, lineage_id = excluded.lineage_id, message = excluded.message
"""
_STATE = """
    UPDATE bronze_ops.reconciliations SET state = %s
    WHERE started_at = %s AND ended_at IS NULL AND id = ANY (%s)
"""
_END = """
    UPDATE bronze_ops.reconciliations SET
        ended_at = now(), state = NULL, schema_message = NULL, fixed = %s, records_source = %s,
        records_bronze = %s, missing = %s, changed = %s, vanished = %s, buried = %s
    WHERE id = %s
"""
_FORGET = "DELETE FROM bronze_ops.reconciled_records WHERE reconciliation_id = %s"
_COUNTS = """
    SELECT found, count(*) FROM bronze_ops.reconciled_records
    WHERE reconciliation_id = %s GROUP BY found
"""
_EXAMPLES = """
    SELECT lineage_id FROM bronze_ops.reconciled_records
    WHERE reconciliation_id = %s AND found = %s ORDER BY id LIMIT %s
"""
# Those of these days that are not gone on with, and old ones of any days.
_SUPERSEDED = """
    WITH superseded AS (
        DELETE FROM bronze_ops.reconciliations
        WHERE ended_at IS NULL AND started_at <> %(started_at)s
          AND (started_at < now() - %(kept)s::interval
               OR (first_day, last_day, tap) = (%(first)s, %(last)s, %(tap)s)
                  AND source IN (%(source)s, %(source)s || '_files'))
        RETURNING id
    )
    DELETE FROM bronze_ops.reconciled_records
    WHERE reconciliation_id IN (SELECT id FROM superseded)
"""
_LETTERS = """
    SELECT message FROM bronze_ops.reconciled_records
    WHERE reconciliation_id = %s AND found IN ('missing', 'changed') ORDER BY id
"""
_SCHEMA = "SELECT schema_message FROM bronze_ops.reconciliations WHERE id = %s"


@dataclass
class Compared:
    """A stream in a comparison; ``has_ended`` if it was read to its end and concluded.

    Then ``numbers`` are records of the source and of bronze; missing, changed, vanished, buried
    ones.
    """

    id: int
    key: StreamKey
    has_ended: bool = False
    read_whole: bool = False
    numbers: tuple[int, ...] = ()
    fixed: bool = False


@dataclass
class Found:
    """What became of a record that was read: same, missing, changed or outside."""

    compared: Compared
    lineage_hash: bytes
    found: str
    lineage_id: str | None = None
    message: bytes | None = None


@dataclass
class Comparison:
    """All streams of a source over some days, read by one tap."""

    source: str
    days: Days
    tap: str
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    streams: dict[StreamKey, Compared] = field(default_factory=dict)
    state: str | None = None

    @property
    def open(self) -> list[Compared]:
        """The streams that are not read to their ends yet."""
        return [one for one in self.streams.values() if not one.has_ended]


def begin(conn: Connection, source: str, days: Days, tap: str, *, afresh: bool) -> Comparison:
    """Return the comparison that was cut, unless it is too old or not wanted; else a new one."""
    comparison = Comparison(source, days, tap)
    names = (source, days.first, days.last, tap)
    row = None if afresh else conn.execute(_OPEN, (*names, KEPT)).fetchone()
    if row:
        comparison.started_at = row[0]
        for number, *names_of, ended, whole, numbers, fixed, state in conn.execute(
            _STREAMS, (row[0], *names[1:])
        ).fetchall():
            key = StreamKey(*names_of)
            compared = Compared(number, key, ended, whole, tuple(numbers), fixed)
            comparison.streams[key] = compared
            comparison.state = comparison.state or state
    conn.execute(
        _SUPERSEDED,
        {
            "started_at": comparison.started_at,
            "kept": KEPT,
            "source": source,
            "first": days.first,
            "last": days.last,
            "tap": tap,
        },
    )
    return comparison


def open_stream(
    conn: Connection, comparison: Comparison, key: StreamKey, schema: bytes
) -> Compared:
    """Return a stream of the comparison, which begins with its first SCHEMA."""
    if (known := comparison.streams.get(key)) is None:
        days = comparison.days
        names = (key.source, key.account, key.stream, days.first, days.last)
        row = conn.execute(
            _BEGIN, (*names, comparison.started_at, comparison.tap, schema)
        ).fetchone()
        known = comparison.streams[key] = Compared(row[0] if row else 0, key)
    return known


def keep(conn: Connection, found: Iterable[Found]) -> None:
    """Keep what was found; of a record that was read twice, the last."""
    last = {(one.compared.id, one.lineage_hash): one for one in found}
    if last:
        rows = last.values()
        columns = (
            [one.compared.id for one in rows],
            [one.lineage_hash for one in rows],
            [one.found for one in rows],
            [one.lineage_id for one in rows],
            [one.message for one in rows],
        )
        conn.execute(_KEEP, columns)


def keep_state(conn: Connection, comparison: Comparison, state: bytes) -> None:
    """Keep the STATE that the next run goes on from."""
    comparison.state = repair.text(state.decode("utf-8", "replace"))
    numbers = [one.id for one in comparison.open]
    conn.execute(_STATE, (comparison.state, comparison.started_at, numbers))


def note_whole(conn: Connection, compared: Compared) -> None:
    """Note that a stream was read to its end."""
    compared.read_whole = True
    conn.execute(
        "UPDATE bronze_ops.reconciliations SET read_whole = true WHERE id = %s", (compared.id,)
    )


def counts(conn: Connection, compared: Compared) -> dict[str, int]:
    """Return how many records were the same, missing, changed or outside."""
    return dict(conn.execute(_COUNTS, (compared.id,)).fetchall())


def examples(conn: Connection, compared: Compared, found: str, number: int) -> list[str]:
    """Return the lineage_ids of some records that are missing or changed."""
    rows = conn.execute(_EXAMPLES, (compared.id, found, number)).fetchall()
    return [lineage for (lineage,) in rows]


def messages(conn: Connection, compared: Compared) -> Iterator[bytes]:
    """Yield the SCHEMA line of a stream, and the RECORD lines of what is missing or changed.

    To be called within a transaction.
    """
    row = conn.execute(_SCHEMA, (compared.id,)).fetchone()
    if row and row[0]:
        yield row[0]
    with conn.cursor("bronze_messages") as cursor:
        cursor.itersize = 100
        for (message,) in cursor.execute(_LETTERS, (compared.id,)):
            yield message


def drop(conn: Connection, compared: Compared) -> None:
    """Forget a stream that could not be read, and that no other run goes on with."""
    with conn.transaction():
        conn.execute("DELETE FROM bronze_ops.reconciliations WHERE id = %s", (compared.id,))
        conn.execute(_FORGET, (compared.id,))


def end(conn: Connection, compared: Compared, numbers: tuple[int, ...], *, fixed: bool) -> None:
    """Close a stream's comparison.

    Args:
        conn: The connection.
        compared: The stream.
        numbers: Records of the source and of bronze; missing, changed, vanished, buried ones.
        fixed: Whether what was missing or changed has been loaded.
    """
    with conn.transaction():
        conn.execute(_END, (fixed, *numbers, compared.id))
        conn.execute(_FORGET, (compared.id,))
    compared.has_ended = True
