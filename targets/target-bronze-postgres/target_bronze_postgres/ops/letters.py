"""The rows of ``bronze_ops.dead_letters``: which ones are meant, read, marked and deleted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from psycopg import sql
from psycopg.rows import class_row

from target_bronze_postgres.db.migrations import check_version

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    import psycopg

    Connection = psycopg.Connection[Any]

__all__ = ["Letter", "Wanted", "count", "mark_landed", "messages", "purge", "read"]

DEAD = "NOT landed AND replayed_at IS NULL"


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter without its bytes, which the reader role may not see.

    Attributes:
        times: How often the very same line came.
        landed: Whether a repaired form of it stands in the bronze table.
        replayed_at: When it landed after all, by ``bronze dead-letters replay``.
    """

    id: int
    run_id: str
    source: str
    account: str
    stream: str
    reason: str
    error: str
    landed: bool
    times: int
    received_at: datetime
    replayed_at: datetime | None

    @property
    def status(self) -> str:
        """``dead``, ``landed`` (repaired) or ``replayed``."""
        if self.replayed_at is not None:
            return "replayed"
        return "landed" if self.landed else "dead"


_COLUMNS = ", ".join(Letter.__slots__)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters are meant; what is None does not matter.

    Attributes:
        ids: These alone; empty for all.
        names: Of the columns source, account, stream and reason.
        dead: Whether those are meant that did not land yet.
        landed: Whether those that landed, repaired or replayed.
        days: At least so many days old.
    """

    ids: Sequence[int] = ()
    names: Mapping[str, str | None] = field(default_factory=dict)
    dead: bool = True
    landed: bool = False
    days: int | None = None

    def where(self) -> tuple[sql.Composed, list[Any]]:
        """Return a condition, and its parameters."""
        equal = [(name, value) for name, value in self.names.items() if value is not None]
        found: list[tuple[sql.Composed, Any]] = [
            (sql.SQL("{} = %s").format(sql.Identifier(name)), value) for name, value in equal
        ]
        if self.ids:
            found.append((sql.SQL("id = ANY (%s)").format(), list(self.ids)))
        if self.days is not None:
            found.append(
                (sql.SQL("received_at <= now() - make_interval(days => %s)").format(), self.days)
            )
        kinds = [sql.SQL(DEAD)] * self.dead + [sql.SQL(f"NOT ({DEAD})")] * self.landed
        parts = [sql.SQL("({})").format(sql.SQL(" OR ").join(kinds)), *(part for part, _ in found)]
        return sql.SQL(" AND ").join(parts), [value for _, value in found]


def count(conn: Connection, wanted: Wanted) -> int:
    """Return how many letters are meant; 0 in a database without bronze tables."""
    if not check_version(conn):
        return 0
    where, values = wanted.where()
    query = sql.SQL("SELECT count(*) FROM bronze_ops.dead_letters WHERE {}").format(where)
    row = conn.execute(query, values).fetchone()
    return row[0] if row else 0


def read(conn: Connection, wanted: Wanted, limit: int | None = None) -> list[Letter]:
    """Return letters by source, account and stream, the oldest first; at most ``limit``."""
    if not check_version(conn):
        return []
    where, values = wanted.where()
    query = sql.SQL(
        "SELECT {} FROM bronze_ops.dead_letters WHERE {} "
        "ORDER BY source, account, stream, received_at, id LIMIT %s"
    ).format(sql.SQL(_COLUMNS), where)
    with conn.cursor(row_factory=class_row(Letter)) as cursor:
        return cursor.execute(query, [*values, limit]).fetchall()


def messages(conn: Connection, ids: Sequence[int]) -> Iterator[bytes]:
    """Yield the exact bytes of letters, in the order of their ids, one at a time in memory."""
    query = "SELECT message FROM bronze_ops.dead_letters WHERE id = %s"
    for number in ids:
        for (message,) in conn.execute(query, (number,)):
            yield message


def mark_landed(conn: Connection, letters: Sequence[Letter]) -> list[int]:
    """Mark the letters that a replay has landed, and return their ids.

    One that could not land has come once more by now, which ``times`` tells, unless it landed in a
    repaired form.
    """
    query = """
        UPDATE bronze_ops.dead_letters AS d SET replayed_at = now()
        FROM unnest(%s::bigint[], %s::bigint[]) AS sent (id, times)
        WHERE d.id = sent.id AND (d.landed OR d.times = sent.times)
        RETURNING d.id
    """
    sent = [letter.id for letter in letters], [letter.times for letter in letters]
    return sorted(number for (number,) in conn.execute(query, sent))


def purge(conn: Connection, wanted: Wanted) -> int:
    """Delete letters and return how many there were."""
    if not check_version(conn):
        return 0
    where, values = wanted.where()
    query = sql.SQL("DELETE FROM bronze_ops.dead_letters WHERE {}").format(where)
    return conn.execute(query, values).rowcount
