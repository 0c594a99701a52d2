"""What the database answers decides by its SQLSTATE: try again, or give up with a clear line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.messages import record, schema, state
from tests.waiting import eventually, waiting

if TYPE_CHECKING:
    from tests.conftest import Fork, Load, Query

LINES = (schema(), record(id=1), record(id=2), state({"n": 2}))

# A sequence does not roll back, so it counts the attempts.
FAIL = """
    CREATE SEQUENCE tries;
    CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF nextval('public.tries') <= {times} THEN
            RAISE EXCEPTION 'not now' USING ERRCODE = '{code}';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER fail BEFORE INSERT ON bronze_ops.runs FOR EACH ROW EXECUTE FUNCTION fail();
"""


def fail(load: Load, query: Query, code: str, times: int) -> None:
    """Let the next attempts to write a batch fail."""
    load(schema())
    query("TRUNCATE bronze_ops.runs;" + FAIL.format(code=code, times=times))


@pytest.mark.parametrize(
    "code",
    [
        "08006",  # connection failure
        "25006",  # read-only transaction
        "40001",  # serialization failure
        "40P01",  # deadlock
        "53100",  # disk full
        "53200",  # out of memory
        "53300",  # too many connections
        "55P03",  # lock not available
        "57P01",  # admin shutdown
        "57P02",  # crash shutdown
        "57P03",  # cannot connect now
    ],
)
def test_what_may_pass_is_tried_again(load: Load, query: Query, code: str) -> None:
    fail(load, query, code, times=1)
    done = load(*LINES)
    assert f"{code}: not now); try 2 follows" in done.stderr
    assert done.states == [{"n": 2}]
    assert query("SELECT count(*) FROM bronze_x") == [2]
    assert query("SELECT records_read, rows_new, status FROM bronze_ops.runs") == [
        (2, 2, "success")
    ]


@pytest.mark.parametrize(
    ("code", "tries"), [("53100", 3), ("40001", 3), ("57014", 1), ("XX000", 1), ("42P01", 1)]
)
def test_what_does_not_pass_is_one_clear_line(
    load: Load, query: Query, code: str, tries: int
) -> None:
    fail(load, query, code, times=1_000)
    done = load(*LINES, max_retries=2, fails=True)
    assert f"{code}: not now" in done.stderr.splitlines()[-1]
    assert done.stdout == ""
    assert query("SELECT count(*) FROM bronze_x") == [0]
    # That the run failed is noted too, if that works at once: who waited so long waits no longer.
    assert query("SELECT last_value FROM tries") == [tries + 1]


def test_the_waits_between_tries_add_up_to_more_than_a_restart(
    load: Load, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("backoff._sync.time.sleep", waits.append)
    fail(load, query, "57P03", times=1_000)
    load(*LINES, fails=True)
    assert len(waits) == 8
    longest = [min(30, 0.25 * 2**n) for n in range(8)]
    assert all(most / 2 <= wait <= most for wait, most in zip(waits, longest, strict=True))
    assert sum(waits) > 30


def set_database(query: Query, setting: str) -> None:
    query(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET "
        + setting
        + "', current_database()); END $$"
    )


def test_a_standby_is_waited_for_until_it_is_the_primary(
    load: Load, forked: Fork, query: Query, database: str
) -> None:
    load(schema())
    set_database(query, "default_transaction_read_only = on")
    target = forked(*LINES)
    eventually(lambda: "25006" in target.log and "try 2 follows" in target.log)
    writing = "-c default_transaction_read_only=off"
    with psycopg.connect(database, options=writing, autocommit=True) as owner:
        name = sql.Identifier(owner.info.dbname)
        owner.execute(sql.SQL("ALTER DATABASE {} RESET ALL").format(name))
    assert target.wait() == 0, target.log
    assert target.states == [{"n": 2}]
    assert query("SELECT count(*) FROM bronze_x") == [2]


def test_too_many_connections_are_waited_for(forked: Fork, query: Query, database: str) -> None:
    name = str(conninfo_to_dict(database)["dbname"])
    role = f"r_{name}"
    query(
        f"CREATE ROLE {role} LOGIN PASSWORD 'sekret' CONNECTION LIMIT 0;"
        f"GRANT CREATE ON DATABASE {name} TO {role}; GRANT CREATE ON SCHEMA public TO {role}"
    )
    try:
        dsn = make_conninfo(database, user=role, password="sekret")
        target = forked(*LINES, dsn=dsn)
        eventually(lambda: "no connection left" in target.log)
        query(f"ALTER ROLE {role} CONNECTION LIMIT -1")
        assert target.wait() == 0, target.log
        assert target.states == [{"n": 2}]
    finally:
        query(f"REASSIGN OWNED BY {role} TO CURRENT_USER; DROP OWNED BY {role}; DROP ROLE {role}")


def test_locks_and_slow_statements_are_waited_for(
    load: Load, forked: Fork, query: Query, database: str
) -> None:
    """Whatever the database's limits are: half a batch would be lost otherwise, for ever."""
    load(schema())
    for limit in ("lock_timeout", "statement_timeout"):
        set_database(query, f"{limit} = 200")
    with psycopg.connect(database, options="-c lock_timeout=0 -c statement_timeout=0") as holder:
        holder.execute("LOCK TABLE bronze_ops.heads IN SHARE ROW EXCLUSIVE MODE")
        target = forked(*LINES)
        eventually(lambda: waiting(query) == 1)
        holder.execute("SELECT pg_sleep(1)")
    assert target.wait() == 0, target.log
    assert "try 2" not in target.log
    assert target.states == [{"n": 2}]


@pytest.mark.extra  # waits for the ten seconds that a lock is waited for
def test_a_partition_that_cannot_be_made_at_once_is_made_later(
    load: Load, forked: Fork, database: str
) -> None:
    """Who waits for a lock holds up all who come after: so it is given up and tried again."""
    about = schema(bookmark_properties=["at"])
    load(about)
    with psycopg.connect(database) as holder:
        holder.execute("LOCK TABLE bronze_x IN ACCESS EXCLUSIVE MODE")
        target = forked(about, record(id=1, at="2024-01-01"), state({"n": 1}))
        eventually(lambda: "55P03" in target.log)
        assert target.states == []
    assert target.wait() == 0, target.log
    assert target.states == [{"n": 1}]
