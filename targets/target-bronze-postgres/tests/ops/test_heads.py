"""``bronze rebuild-heads``: the same heads and views from the rows alone."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.contents import check
from tests.messages import record, schema
from tests.waiting import eventually, waiting

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

    from tests.conftest import Load, Query

    Bronze = Callable[..., Result]

LATEST = "SELECT l::text FROM bronze_x_latest AS l ORDER BY 1"
# What rows tell; the hash of the bytes and the loader stand in heads alone.
HEADS = """
    SELECT encode(lineage_hash, 'hex'), source, account, stream, version,
           encode(content_hash, 'hex'), id, partition_key::text, extracted_at::text,
           CASE WHEN NOT deleted THEN seen_version END, deleted
    FROM bronze_ops.heads ORDER BY 1
"""
COUNTERS = """
    SELECT source, account, stream, rows, versions, first_source_timestamp::text,
           last_source_timestamp::text FROM bronze_ops.streams ORDER BY 1, 2, 3
"""
DAYS = "SELECT source, account, stream, day::text, records FROM bronze_ops.days ORDER BY 1, 2, 3, 4"
RIGHT = "every head and every counter was right: nothing was changed\n"


@pytest.fixture
def loaded(load: Load, named: str) -> str:
    """Versions, late ones, tombstones of both kinds, what lives again, keyless records."""
    source = {"source": "x", "source_timestamp": {"pointer": "/at", "form": "rfc3339"},
              "deleted": "/gone"}  # fmt: skip
    load(
        schema(bronze=source),
        *(record(id=n, at=f"2024-0{n % 9 + 1}-28T00:00:00Z", extracted=f"2025-01-01T00:00:{n:02}Z")
          for n in range(30)),
        record(id=1, name="newer", at="2024-11-01T00:00:00Z", extracted="2025-02-01T00:00:00Z"),
        record(id=1, name="late", extracted="2024-01-01T00:00:00Z"),
        record(id=2, gone="2025-01-02", extracted="2025-01-03T00:00:00Z"),
        record(id=3, gone="2025-01-02", extracted="2025-01-03T00:00:00Z"),
        record(id=3, name="again", extracted="2025-01-04T00:00:00Z"),
        record(id=None, name="keyless"),
    )  # fmt: skip
    listed = [
        {**record("list", id=n, extracted="2025-01-01T00:00:00Z"), "version": 1} for n in (1, 2)
    ]
    activate: dict[str, Any] = {"type": "ACTIVATE_VERSION", "stream": "list", "version": 1}
    load(schema("list", bronze={"source": "x"}), *listed, activate)
    again = {**record("list", id=1, name="new", extracted="2025-01-02T00:00:00Z"), "version": 2}
    load(schema("list", bronze={"source": "x"}), again, {**activate, "version": 2})
    return named


@pytest.mark.usefixtures("loaded")
def test_what_is_right_stays_as_it_is(bronze: Bronze, query: Query) -> None:
    before = query("SELECT h::text, xmin::text FROM bronze_ops.heads AS h ORDER BY 1")
    done = bronze("rebuild-heads")
    assert done.exit_code == 0, done.output
    assert done.stdout == f"x: 33 records, {RIGHT}"
    assert query("SELECT h::text, xmin::text FROM bronze_ops.heads AS h ORDER BY 1") == before


@pytest.mark.parametrize(
    "damage",
    [
        "TRUNCATE bronze_ops.heads",
        "DELETE FROM bronze_ops.heads WHERE lineage_hash < '\\x80'",
        "UPDATE bronze_ops.heads SET id = -id",
        """UPDATE bronze_ops.heads SET id = -id WHERE id IN (6, 7);
           UPDATE bronze_ops.heads SET id = 13 + id WHERE id IN (-6, -7)""",
        "UPDATE bronze_ops.heads SET version = 9, deleted = NOT deleted, content_hash = '\\x00'",
        "UPDATE bronze_ops.heads SET extracted_at = NULL, stream = 'other', account = 'other'",
        """INSERT INTO bronze_ops.heads SELECT sha256(lineage_hash), source, account, stream, 1,
           content_hash, raw_hash, -id, partition_key, now(), NULL, loader_id, false
           FROM bronze_ops.heads""",
        "UPDATE bronze_ops.streams SET rows = 0, versions = 7, first_source_timestamp = NULL",
        "DELETE FROM bronze_ops.days",
        "UPDATE bronze_ops.days SET records = 9",
        "INSERT INTO bronze_ops.days VALUES ('x', 'main', 'users', '1999-01-01', 1)",
        "DELETE FROM bronze_ops.streams WHERE stream = 'list'",
    ],
)
def test_damage_is_mended(loaded: str, bronze: Bronze, query: Query, damage: str) -> None:
    before = [query(text) for text in (LATEST, HEADS, COUNTERS, DAYS)]
    query(damage)
    done = bronze("rebuild-heads", "x")
    assert done.exit_code == 0, done.output
    assert [query(text) for text in (LATEST, HEADS, COUNTERS, DAYS)] == before
    assert bronze("rebuild-heads").stdout == f"x: 33 records, {RIGHT}"
    check(loaded)


@pytest.mark.usefixtures("loaded")
def test_it_tells_what_was_wrong(bronze: Bronze, query: Query) -> None:
    query("DELETE FROM bronze_ops.heads WHERE deleted")
    query("UPDATE bronze_ops.heads SET version = 5 WHERE stream = 'list' AND NOT deleted")
    query("DELETE FROM bronze_x WHERE lineage_id = 'x/main/users/9'")
    assert bronze("rebuild-heads", "x").stdout == (
        "x: 32 records; heads mended: 2 missing, 1 wrong, 1 without rows; counters mended: 2\n"
    )


@pytest.mark.usefixtures("loaded")
def test_what_heads_alone_know_stays(load: Load, bronze: Bronze, query: Query) -> None:
    unchanged = {**record("list", id=1, name="new", extracted="2026-01-01T00:00:00Z"), "version": 3}
    load(schema("list", bronze={"source": "x"}), unchanged)
    query("UPDATE bronze_ops.heads SET version = 5 WHERE stream = 'users'")
    bronze("rebuild-heads")
    assert query(
        "SELECT seen_version, extracted_at = '2026-01-01Z', raw_hash IS NOT NULL"
        " FROM bronze_ops.heads WHERE stream = 'list' AND NOT deleted"
    ) == [(3, True, True)]


@pytest.mark.usefixtures("loaded")
def test_loading_again_adds_nothing(load: Load, bronze: Bronze, query: Query) -> None:
    query("TRUNCATE bronze_ops.heads")
    bronze("rebuild-heads")
    rows = query("SELECT count(*) FROM bronze_x")
    load(
        schema(bronze={"source": "x", "source_timestamp": {"pointer": "/at", "form": "rfc3339"}}),
        *(record(id=n, at=f"2024-0{n % 9 + 1}-28T00:00:00Z", extracted=f"2025-01-01T00:00:{n:02}Z")
          for n in range(30)),
    )  # fmt: skip
    assert query("SELECT count(*) FROM bronze_x") == rows


@pytest.mark.usefixtures("loaded")
def test_a_loader_that_looked_ahead_looks_again(bronze: Bronze, query: Query) -> None:
    before = query("SELECT generation FROM bronze_ops.streams ORDER BY stream")
    bronze("rebuild-heads")
    after = query("SELECT generation FROM bronze_ops.streams ORDER BY stream")
    assert after == [number + 1 for number in before]


def test_a_kill_in_the_middle(
    loaded: str, bronze: Bronze, command: tuple[str, ...], query: Query
) -> None:
    before = [query(text) for text in (LATEST, HEADS, COUNTERS, DAYS)]
    query("UPDATE bronze_ops.heads SET version = 5 WHERE stream = 'users'")
    damaged = [query(text) for text in (LATEST, HEADS, COUNTERS, DAYS)]
    with psycopg.connect(loaded) as conn:
        # It has read all rows by the time that it meets a head which it may not write.
        conn.execute("SELECT FROM bronze_ops.heads WHERE stream = 'users' FOR UPDATE")
        process = subprocess.Popen([*command, "rebuild-heads"])
        eventually(lambda: waiting(query))
        with pytest.raises(psycopg.errors.LockNotAvailable):  # nobody writes rows meanwhile
            query("SET lock_timeout = 100; DELETE FROM bronze_x")
        process.kill()
        process.wait()
    eventually(lambda: not waiting(query))
    assert [query(text) for text in (LATEST, HEADS, COUNTERS, DAYS)] == damaged
    assert bronze("rebuild-heads").exit_code == 0
    assert [query(text) for text in (LATEST, HEADS, COUNTERS, DAYS)] == before


@pytest.mark.usefixtures("named")
def test_names_that_are_not_there(load: Load, bronze: Bronze) -> None:
    done = bronze("rebuild-heads")
    assert done.exit_code == 0
    assert done.stdout.endswith(": nothing loaded yet\n")
    load(schema(), record(id=1))
    wrong = bronze("rebuild-heads", "toggl")
    assert wrong.exit_code == 1
    assert wrong.stderr == "Error: nothing was loaded from a source 'toggl'; known are: x\n"
