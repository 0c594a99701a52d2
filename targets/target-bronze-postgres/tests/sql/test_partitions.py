"""Months are made when they are needed, whoever loads, reads and writes meanwhile."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import errors

from target_bronze_postgres.db.migrations import migrate

if TYPE_CHECKING:
    from collections.abc import Callable

    Connection = psycopg.Connection[Any]

MAKE = "SELECT bronze_ops.create_partition_if_not_exists(%s, %s)"
INSERT = """
    INSERT INTO bronze_toggl (source, raw_data, validation_status, lineage_id, partition_key)
    VALUES ('toggl', '{}', 'valid', 'x', %s)
"""
# No statement of a test waits for a lock for longer than this.
IMPATIENT = "-c statement_timeout=10s -c lock_timeout=10s"


@pytest.fixture
def connect(database: str) -> Callable[[], Connection]:
    """Open one more session on a database where ``toggl`` has a table with January 2024."""
    with psycopg.connect(database, autocommit=True) as conn:
        migrate(conn)
        conn.execute("SELECT bronze_ops.create_source('toggl')")
        conn.execute(MAKE, ("toggl", "2024-01-15"))
    return lambda: psycopg.connect(database, autocommit=True, options=IMPATIENT)


def bounds(connection: Connection) -> dict[str, str]:
    """Return the bounds of each partition of ``toggl``."""
    connection.execute("SET DateStyle = 'ISO'")
    rows = connection.execute(
        """
        SELECT relname, pg_get_expr(relpartbound, c.oid)
        FROM pg_class AS c JOIN pg_inherits AS i ON i.inhrelid = c.oid
        WHERE inhparent = 'public.bronze_toggl'::regclass
        """
    )
    return {name: bound.removeprefix("FOR VALUES FROM ") for name, bound in rows}


@pytest.mark.parametrize(
    ("day", "name", "bound"),
    [
        ("2024-01-01", "bronze_toggl_y2024m01", "('2024-01-01') TO ('2024-02-01')"),
        ("2024-01-31", "bronze_toggl_y2024m01", "('2024-01-01') TO ('2024-02-01')"),
        ("2024-02-29", "bronze_toggl_y2024m02", "('2024-02-01') TO ('2024-03-01')"),
        ("2023-12-31", "bronze_toggl_y2023m12", "('2023-12-01') TO ('2024-01-01')"),
        ("1970-01-01", "bronze_toggl_y1970m01", "('1970-01-01') TO ('1970-02-01')"),
        ("0001-01-01", "bronze_toggl_y0001m01", "('0001-01-01') TO ('0001-02-01')"),
        ("9999-12-31", "bronze_toggl_y9999m12", "('9999-12-01') TO ('10000-01-01')"),
    ],
)
@pytest.mark.parametrize(
    "session",
    [("UTC", "ISO"), ("Asia/Tokyo", "SQL, DMY"), ("America/Los_Angeles", "German")],
    ids=str,
)
def test_a_month(
    toggl: Connection, session: tuple[str, str], day: str, name: str, bound: str
) -> None:
    toggl.execute(
        "SELECT set_config('TimeZone', %s, false), set_config('DateStyle', %s, false)", session
    )
    for _ in range(2):
        row = toggl.execute(
            "SELECT bronze_ops.create_partition_if_not_exists('toggl', %s::date)", (day,)
        ).fetchone()
        assert row == (name,)
    assert bounds(toggl) == {name: bound}
    toggl.execute(INSERT, (day,))
    assert toggl.execute(f"SELECT count(*) FROM {name}".encode()).fetchone() == (1,)


def test_months_side_by_side(toggl: Connection) -> None:
    days = ["2023-12-31", "2024-01-01", "2024-01-31", "2024-02-01"]
    for day in days:
        toggl.execute(MAKE, ("toggl", day))
        toggl.execute(INSERT, (day,))
    rows = toggl.execute(
        "SELECT tableoid::regclass::text, count(*) FROM bronze_toggl GROUP BY 1 ORDER BY 1"
    ).fetchall()
    assert rows == [
        ("bronze_toggl_y2023m12", 1),
        ("bronze_toggl_y2024m01", 2),
        ("bronze_toggl_y2024m02", 1),
    ]


@pytest.mark.parametrize("day", ["0001-01-01 BC", "10000-01-01", "infinity", "-infinity"])
def test_years_without_four_digits(toggl: Connection, day: str) -> None:
    with pytest.raises(errors.DatetimeFieldOverflow, match="the year must have four digits"):
        toggl.execute(MAKE, ("toggl", day))


@pytest.mark.parametrize("source", ["garmin", "Toggl", "", "x'; DROP TABLE bronze_toggl; --"])
def test_an_unknown_source(toggl: Connection, source: str) -> None:
    with (
        pytest.raises(errors.UndefinedTable, match="there is no bronze table") as caught,
        toggl.transaction(),
    ):
        toggl.execute(MAKE, (source, "2024-01-01"))
    hint = caught.value.diag.message_hint or ""
    toggl.execute(hint.encode())  # the hint is the mend
    toggl.execute(MAKE, (source, "2024-01-01"))


def test_a_partition_is_like_its_table(toggl: Connection) -> None:
    toggl.execute(MAKE, ("toggl", "2024-01-01"))
    rows = toggl.execute(
        """
        SELECT relkind::text, relispartition,
               (SELECT count(*) FROM pg_index WHERE indrelid = c.oid),
               (SELECT array_agg(conname::text ORDER BY conname) FROM pg_constraint
                WHERE conrelid = c.oid AND contype = 'c')
        FROM pg_class AS c WHERE relname = 'bronze_toggl_y2024m01'
        """
    ).fetchone()
    assert rows
    assert rows[:3] == ("r", True, 8)
    assert "partition_key_is_the_day" in rows[3]
    toggl.execute(INSERT, ("2024-01-01",))
    row = toggl.execute("INSERT INTO bronze_toggl_y2024m01 SELECT * FROM bronze_toggl LIMIT 0")
    assert row.rowcount == 0


def test_eight_sessions_want_the_same_new_months(connect: Callable[[], Connection]) -> None:
    months = [f"2025-{month:02}-01" for month in range(1, 7)]
    start = threading.Barrier(8)
    problems: list[Exception] = []

    def work(turn: int) -> None:
        with connect() as conn:
            start.wait(10)
            try:
                for month in months[turn % 2 :] + months[: turn % 2]:
                    conn.execute(MAKE, ("toggl", month))
            except psycopg.Error as error:
                problems.append(error)

    sessions = [threading.Thread(target=work, args=(turn,)) for turn in range(8)]
    for session in sessions:
        session.start()
    for session in sessions:
        session.join()
    assert problems == []
    with connect() as conn:
        assert sorted(bounds(conn)) == [
            "bronze_toggl_y2024m01",
            *(f"bronze_toggl_y2025m{month:02}" for month in range(1, 7)),
        ]


def test_eight_sessions_want_the_same_new_source(connect: Callable[[], Connection]) -> None:
    start = threading.Barrier(8)
    names: list[Any] = []

    def work() -> None:
        with connect() as conn:
            start.wait(10)
            names.extend(conn.execute("SELECT bronze_ops.create_source('new')").fetchone() or ())

    sessions = [threading.Thread(target=work) for _ in range(8)]
    for session in sessions:
        session.start()
    for session in sessions:
        session.join()
    assert names == ["bronze_new"] * 8


def test_readers_and_writers_neither_block_nor_wait(connect: Callable[[], Connection]) -> None:
    with connect() as reader, connect() as writer, connect() as maker:
        with reader.transaction(), writer.transaction():
            reader.execute("SELECT count(*) FROM bronze_toggl")
            reader.execute("SELECT count(*) FROM bronze_toggl_latest")
            writer.execute(INSERT, ("2024-01-15",))
            # Any wait ends in an error after IMPATIENT's time.
            with maker.transaction():
                maker.execute(MAKE, ("toggl", "2024-02-01"))
                reader.execute("SELECT count(*) FROM bronze_toggl")
                writer.execute(INSERT, ("2024-01-16",))
                with connect() as other:
                    assert other.execute("SELECT count(*) FROM bronze_toggl").fetchone() == (0,)
                    other.execute(INSERT, ("2024-01-17",))
            writer.execute(INSERT, ("2024-01-18",))
        maker.execute(INSERT, ("2024-02-01",))
        assert maker.execute("SELECT count(*) FROM bronze_toggl").fetchone() == (5,)


def test_a_month_of_another_source_waits_for_nobody(connect: Callable[[], Connection]) -> None:
    with connect() as one, connect() as other:
        other.execute("SELECT bronze_ops.create_source('garmin')")
        with one.transaction():
            one.execute(MAKE, ("toggl", "2024-02-01"))
            other.execute(MAKE, ("garmin", "2024-02-01"))


def test_a_month_that_was_rolled_back_is_made_again(connect: Callable[[], Connection]) -> None:
    with connect() as conn:
        with conn.transaction(force_rollback=True):
            conn.execute(MAKE, ("toggl", "2024-02-01"))
        conn.execute(MAKE, ("toggl", "2024-02-01"))
        conn.execute(INSERT, ("2024-02-01",))
