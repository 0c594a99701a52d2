"""``bronze maintain``: partitions ahead, statistics, cleaning, sizes, on a real server."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from target_bronze_postgres.db.migrations import create_roles
from tests.messages import record, schema

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

    from tests.conftest import Load, Query

    Bronze = Callable[..., Result]

pytestmark = pytest.mark.usefixtures("named")

AT = {"source": "x", "source_timestamp": {"pointer": "/at", "form": "rfc3339"}}
PARTITIONS = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'bronze_x'::regclass"
PENDING = """
    SELECT sum(n_pending_tuples) FROM pg_index
    JOIN LATERAL gin_metapage_info(get_raw_page(indexrelid::regclass::text, 0)) ON true
    WHERE indrelid = 'bronze_x_y2024m05'::regclass
      AND pg_get_indexdef(indexrelid) LIKE '%USING gin%'
"""


def months_from_now(number: int) -> str:
    today = datetime.now(UTC)
    year, month = divmod(today.year * 12 + today.month - 1 + number, 12)
    return f"bronze_x_y{year}m{month + 1:02}"


def test_without_tables_there_is_nothing_to_do(bronze: Bronze) -> None:
    assert bronze("maintain").stdout.endswith(": nothing loaded yet\n")
    assert json.loads(bronze("maintain", "--format", "json").stdout)["tables"] == []


def test_partitions_statistics_and_pending_entries(
    bronze: Bronze, load: Load, query: Query
) -> None:
    at = "2024-05-06T07:08:09Z"
    load(schema(bronze=AT), *(record(id=n, at=at, name={"a": n}) for n in range(500)))
    load(schema(bronze=AT), *(record(id=n, at=at, name={"a": n + 1}) for n in range(500)))
    query("CREATE EXTENSION pageinspect")
    assert query(PENDING)[0] > 0
    assert query("SELECT count(*) FROM pg_stats WHERE tablename = 'bronze_x'") == [0]
    (before,) = query(PARTITIONS)
    document = json.loads(bronze("maintain", "--ahead", "2", "--format", "json").stdout)
    assert query(PENDING) == [0]
    assert query("SELECT count(*) > 0 FROM pg_stats WHERE tablename = 'bronze_x'") == [True]
    names = query(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhrelid IN ("
        "SELECT oid FROM pg_class WHERE relkind = 'r')"
    )
    assert {months_from_now(number) for number in range(3)} <= {*names}
    assert months_from_now(3) not in names
    table, ops = document["tables"]
    assert (table["table"], ops["table"]) == ("bronze_x", "bronze_ops")
    assert table["gin_pages"] > 0
    assert table["rows"] == 1_000
    assert [table["partitions"]] == query(PARTITIONS)
    assert table["partitions_made"] == table["partitions"] - before > 0
    sizes = "SELECT sum({}(relid)) FROM pg_partition_tree('bronze_x') WHERE isleaf"
    assert [table["table_bytes"]] == query(sizes.format("pg_table_size"))
    assert [table["index_bytes"]] == query(sizes.format("pg_indexes_size"))
    assert document["database_bytes"] > table["table_bytes"] + ops["table_bytes"]
    cleaned = "SELECT count(*) FROM pg_stat_user_tables WHERE relname = %s AND last_vacuum > %s"
    start = datetime(2020, 1, 1, tzinfo=UTC)
    assert query(cleaned, "heads", start) == query(cleaned, "bronze_x_y2024m05", start) == [1]


def test_the_second_time_makes_nothing_and_a_person_reads_a_table(
    bronze: Bronze, load: Load
) -> None:
    load(schema(), record(id=1))
    bronze("maintain")
    lines = bronze("maintain").stdout.splitlines()
    assert lines[2].split()[:4] == ["table", "partitions", "new", "rows"]
    assert lines[3].split()[:4] == ["bronze_x", "4", "0", "1"]
    assert lines[-1].startswith("The database takes ")


def test_it_goes_on_beside_an_open_transaction_that_writes(
    bronze: Bronze, load: Load, database: str
) -> None:
    load(schema(), record(id=1))
    with psycopg.connect(database) as conn:
        conn.execute("INSERT INTO bronze_ops.days VALUES ('x', 'main', 'users', '2024-01-01', 1)")
        conn.execute("SELECT count(*) FROM bronze_x")
        assert bronze("maintain").exit_code == 0


def test_who_does_not_own_the_tables_is_told(
    bronze: Bronze, load: Load, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(schema(), record(id=1))
    with psycopg.connect(database, autocommit=True) as conn:
        create_roles(conn)
    for role in ("bronze_loader", "bronze_reader"):
        dsn = make_conninfo(database, options=f"-c role={role}")
        monkeypatch.setenv("TARGET_BRONZE_POSTGRES_DSN", dsn)
        refused = bronze("maintain")
        assert (refused.exit_code, refused.stdout) == (1, "")
        assert "does not own bronze_x: run `bronze maintain` as the owner" in refused.stderr


@pytest.mark.parametrize("ahead", ["-1", "121", "x"])
def test_months_ahead_have_limits(bronze: Bronze, ahead: str) -> None:
    assert bronze("maintain", "--ahead", ahead).exit_code == 2
