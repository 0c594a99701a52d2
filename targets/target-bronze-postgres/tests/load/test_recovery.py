"""The database goes away in the middle: the target goes on by itself, and writes nothing twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from target_bronze_postgres.load import session
from tests.messages import as_input, record, schema, state
from tests.proxy import Act, Proxy

if TYPE_CHECKING:
    from tests.conftest import Load, Pipe, Query

ROWS = 4
LINES = (schema(), *(record(id=n, at="2024-01-01") for n in range(ROWS)), state({"n": 1}))


def check_loaded_once(query: Query) -> None:
    """Every record of LINES is there once, and counted once."""
    assert query("SELECT count(*), max(version) FROM bronze_x") == [(ROWS, 1)]
    assert query("SELECT records_read, rows_new, rows_unchanged FROM bronze_ops.runs") == [
        (ROWS, ROWS, 0)
    ]
    assert query("SELECT rows, versions FROM bronze_ops.streams") == [(ROWS, 0)]


# Where the look-ahead and the writer are in the middle of something.
PLACES = {
    "migration": (b"CREATE TABLE bronze_ops.heads",),
    "table": (b"create_source($1",),
    "COMMIT of the table": (b"create_source($1", b"COMMIT"),
    "look-ahead": (b"bronze_ops.heads WHERE lineage_hash",),
    "partition": (b"create_partition_if_not_exists($1",),
    "locks": (b"pg_advisory_xact_lock($1)",),
    "ids": (b"nextval($1",),
    "COPY": (b'COPY "public"."bronze_x"',),
    "rows": (b"FROM STDIN", b'"id": 1'),
    "heads": (b"COPY bronze_ops.heads",),
    "catalog": (b"INSERT INTO bronze_ops.streams",),
    "run": (b"INSERT INTO bronze_ops.runs",),
    "COMMIT": (b"FROM STDIN", b"COMMIT"),
    "end": (b"UPDATE bronze_ops.runs",),
    "COMMIT of the end": (b"UPDATE bronze_ops.runs", b"COMMIT"),
}
CUT_BEFORE = ("COMMIT of the table", "partition", "rows", "COMMIT", "end")


@pytest.mark.parametrize(
    ("place", "act"),
    [
        *((place, Act.CUT_ANSWER) for place in PLACES),
        *((place, Act.CUT) for place in CUT_BEFORE),
    ],
)
def test_a_connection_cut_anywhere_loses_and_doubles_nothing(
    load: Load, query: Query, proxy: Proxy, place: str, act: Act
) -> None:
    proxy.arm(*PLACES[place], act=act)
    done = load(*LINES, dsn=proxy.dsn, batch_size_rows=2)
    assert proxy.reached.is_set()
    assert "try 2 follows" in done.stderr
    assert done.states == [{"n": 1}]
    check_loaded_once(query)


@pytest.mark.parametrize("act", [Act.CUT, Act.CUT_ANSWER], ids=lambda a: a.name)
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_any_commit_may_be_the_one_that_is_cut(
    load: Load, query: Query, proxy: Proxy, nth: int, act: Act
) -> None:
    proxy.arm(b"COMMIT", act=act, nth=nth)
    assert load(*LINES, dsn=proxy.dsn, batch_size_rows=2).states == [{"n": 1}]
    assert proxy.reached.is_set()
    check_loaded_once(query)


SLOW = """
    CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM pg_sleep(2); RETURN NULL; END $$;
    CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON bronze_ops.runs
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slow();
"""


def test_a_commit_that_still_runs_when_its_connection_is_cut_is_waited_for(
    load: Load, query: Query, proxy: Proxy
) -> None:
    """Asked too early, ``runs.last_batch`` would say that the batch was not committed."""
    load(schema())
    query("TRUNCATE bronze_ops.runs, bronze_ops.streams;" + SLOW)
    proxy.arm(b"FROM STDIN", b"COMMIT", act=Act.CUT_RUNNING)
    done = load(*LINES, dsn=proxy.dsn)
    assert proxy.reached.is_set()
    assert done.states == [{"n": 1}]
    check_loaded_once(query)


def test_a_server_that_does_not_notice_the_cut_lets_go_of_the_locks_after_a_while(
    load: Load, query: Query, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or whoever comes back would wait for the locks that it still holds itself."""
    monkeypatch.setattr(session, "IDLE", "500ms")
    load(schema())
    query("TRUNCATE bronze_ops.runs, bronze_ops.streams")
    proxy.arm(b"pg_advisory_xact_lock($1)", act=Act.CUT_RUNNING)
    done = load(*LINES, dsn=proxy.dsn)
    assert proxy.reached.is_set()
    assert done.states == [{"n": 1}]
    check_loaded_once(query)


def test_terminated_backends_are_replaced(pipe: Pipe, query: Query) -> None:
    process = pipe(batch_max_seconds=0.2)
    assert process.stdin is not None
    assert process.stdout is not None
    for number in range(5):
        process.stdin.write(as_input(schema(), record(id=number), state({"n": number})))
        process.stdin.flush()
        assert process.stdout.readline() == b'{"n": %d}\n' % number
        query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert query("SELECT count(*), max(version) FROM bronze_x") == [(5, 1)]


def test_a_server_that_stays_away_is_one_clear_line(load: Load, proxy: Proxy) -> None:
    proxy.close()
    done = load(schema(), record(id=1), dsn=proxy.dsn, max_retries=1, fails=True)
    assert "connection refused" in done.stderr.splitlines()[-1]
    assert done.stdout == ""
