"""What the database refuses: a record, a batch, a right. One record never costs its batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from target_bronze_postgres.db import limits
from tests.messages import record, schema, state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Load, Query

REFUSE = """
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'not here' USING ERRCODE = '{code}', DETAIL = NEW.raw_data::text;
    END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON bronze_x FOR EACH ROW EXECUTE FUNCTION refuse();
"""


def test_records_that_only_the_server_refuses_become_letters(
    load: Load, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "NUMERIC_INTEGER_DIGITS", 1_000_000)
    digits = b"9" * 131_073
    bad = b'{"type": "RECORD", "stream": "users", "record": {"id": 2, "name": ' + digits + b"}}"
    done = load(schema(), record(id=1), bad + b"\n", record(id=3), state({"n": 3}))
    assert done.states == [{"n": 3}]
    assert "PostgreSQL cannot hold 1 record" in done.stderr
    assert "99999" not in done.stderr
    assert query("SELECT raw_id FROM bronze_x ORDER BY 1") == ["1", "3"]
    assert query("SELECT reason, message, landed FROM bronze_ops.dead_letters") == [
        ("refused_by_server", bad, False)
    ]
    assert query("SELECT records_read, rows_new, dead_letters FROM bronze_ops.runs") == [(3, 2, 1)]


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("22000", "the database refuses a batch: 22000: not here"),
        ("23514", "23514: not here"),
        ("54000", "the database refuses a batch: 54000: not here"),
    ],
)
def test_a_batch_that_is_refused_whole_is_one_line_without_its_rows(
    load: Load, query: Query, code: str, line: str
) -> None:
    load(schema(), record(id=1))
    query(REFUSE.format(code=code))
    done = load(schema(), record(id=2, name="private"), state({"n": 2}), fails=True)
    last = done.stderr.splitlines()[-1]
    assert line in last
    assert "private" not in done.stderr
    assert done.stdout == ""
    assert query("SELECT raw_id FROM bronze_x") == ["1"]
    query("DROP FUNCTION refuse CASCADE")
    assert load(schema(), record(id=2), state({"n": 2})).states == [{"n": 2}]


def test_a_record_deeper_than_the_stack_of_the_server(
    load: Load, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "JSON_DEPTH", 900)
    load(schema())
    query(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET max_stack_depth = 100',"
        " current_database()); END $$"
    )
    deep = b'{"a":' * 800 + b"1" + b"}" * 800
    bad = b'{"type": "RECORD", "stream": "users", "record": {"id": 2, "name": ' + deep + b"}}"
    done = load(schema(), record(id=1), bad + b"\n", record(id=3), state({"n": 3}))
    assert done.states == [{"n": 3}]
    assert query("SELECT raw_id FROM bronze_x ORDER BY 1") == ["1", "3"]
    [(reason, error)] = query("SELECT reason, error FROM bronze_ops.dead_letters")
    assert (reason, error.partition(":")[0]) == ("refused_by_server", "54001")


RUNS = "SELECT stream, status, records_read, error FROM bronze_ops.runs ORDER BY stream"


def test_a_run_that_fails_before_its_first_commit_is_a_failed_run(load: Load, query: Query) -> None:
    load(schema())
    query("TRUNCATE bronze_ops.runs")
    query(REFUSE.format(code="22000"))
    load(schema(), schema("other"), record(id=1), fails=True)
    error = "the database refuses a batch: 22000: not here"
    assert query(RUNS) == [("other", "failed", 0, error), ("users", "failed", 0, error)]
    assert query("SELECT count(*) FROM bronze_ops.runs WHERE ended_at IS NULL") == [0]


@pytest.mark.parametrize("settings", [{}, {"source": ""}])
def test_a_run_that_fails_at_its_first_line_is_a_failed_run(
    load: Load, query: Query, settings: dict[str, str]
) -> None:
    load(b"Usage: tap [OPTIONS]\n", fails=True, **settings)
    [(stream, status, records, error)] = query(RUNS)
    assert (stream, status, records) == ("", "failed", 0)
    assert error.startswith("Line 1 of the input is no JSON object")


@pytest.fixture
def insider(load: Load, query: Query, database: str) -> Iterator[str]:
    """The DSN of a role that may do all with the tables, but may not call the functions."""
    load(schema(), record(id=1))
    name = f"r_{conninfo_to_dict(database)['dbname']}"
    query(f"CREATE ROLE {name} LOGIN PASSWORD 'sekret'")
    query(f"GRANT USAGE ON SCHEMA bronze_ops, public TO {name}")
    query(f"GRANT ALL ON ALL TABLES IN SCHEMA bronze_ops, public TO {name}")
    yield make_conninfo(database, user=name, password="sekret")
    query(f"DROP OWNED BY {name}")
    query(f"DROP ROLE {name}")


def test_a_right_that_is_missing_is_named_with_its_mend(
    load: Load, query: Query, insider: str
) -> None:
    done = load(schema(), record(id=2, name="private"), dsn=insider, fails=True)
    last = done.stderr.splitlines()[-1]
    assert "42501: permission denied for function" in last
    assert "then GRANT bronze_loader TO the role" in last
    assert "sekret" not in done.stderr
    assert query("SELECT raw_id FROM bronze_x") == ["1"]
