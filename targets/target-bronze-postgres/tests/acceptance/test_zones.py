"""Servers and clients in other zones and date styles: all columns hold UTC all the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from psycopg.conninfo import conninfo_to_dict

from tests.messages import record, schema

if TYPE_CHECKING:
    from tests.acceptance.conftest import Run
    from tests.conftest import Query

TOKYO = {"TZ": "Asia/Tokyo", "PGTZ": "Asia/Tokyo"}
LINES = (
    schema(bookmark_properties=["at"]),
    # In Tokyo and on the last line in UTC too this is another day than it says.
    record(id=1, at="2024-03-01T00:30:00+09:00", extracted="2024-12-31T23:30:00.5Z"),
    record(id=2, at="2024-02-29T23:30:00Z", extracted="2024-12-31T23:30:00Z"),
    record(id=3, at="2024-03-01", extracted="2025-01-01T08:30:00+09:00"),
    record(id=4, at="2024-02-29T23:30:00-02:00", extracted="2024-12-31T23:30:00Z"),
)
TEXT = "'YYYY-MM-DD HH24:MI:SS.MS'"
FOUND = f"""
    SELECT raw_id, to_char(source_timestamp, {TEXT}), to_char(partition_key, 'YYYY-MM-DD'),
           to_char(lineage_timestamp, {TEXT}), tableoid::regclass::text
    FROM bronze_x ORDER BY raw_id
"""
EXPECTED = [
    ("1", "2024-02-29 15:30:00.000", "2024-02-29", "2024-12-31 23:30:00.500", "bronze_x_y2024m02"),
    ("2", "2024-02-29 23:30:00.000", "2024-02-29", "2024-12-31 23:30:00.000", "bronze_x_y2024m02"),
    ("3", "2024-03-01 00:00:00.000", "2024-03-01", "2024-12-31 23:30:00.000", "bronze_x_y2024m03"),
    ("4", "2024-03-01 01:30:00.000", "2024-03-01", "2024-12-31 23:30:00.000", "bronze_x_y2024m03"),
]
# Styles in which psycopg cannot read times, and intervals neither.
SETTINGS = {
    "timezone": "Asia/Tokyo",
    "datestyle": "German, DMY",
    "intervalstyle": "sql_standard",
}


def test_everything_is_in_utc(target: Run, bronze: Run, query: Query, database: str) -> None:
    name = conninfo_to_dict(database)["dbname"]
    for setting, value in SETTINGS.items():
        query(f"ALTER DATABASE {name} SET {setting} TO '{value}'")
    config = {"dsn": database, "source": "x"}
    for _ in range(2):
        done = target(config, *LINES, env=TOKYO)
        assert done.returncode == 0, done.stderr
        assert query(FOUND) == EXPECTED
    assert query("SELECT rows_new, rows_unchanged FROM bronze_ops.runs ORDER BY started_at") == [
        (4, 0),
        (0, 4),
    ]
    # Another content at an earlier time: heads are compared by times that were read back.
    late = record(id=1, at="2024-03-01", extracted="2024-12-31T23:30:00.4Z")
    assert target(config, LINES[0], late, env=TOKYO).returncode == 0
    assert query("SELECT version FROM bronze_x WHERE metadata ? 'late'") == [2]
    check_loading_times(query)
    check_status(bronze, config)


def check_loading_times(query: Query) -> None:
    """The columns of the batch are UTC too; they are compared as text, without a zone."""
    columns = ("ingested_at", "processing_start_time", "processing_end_time")
    for text in query(
        "SELECT unnest(ARRAY[" + ",".join(f"to_char({c}, {TEXT})" for c in columns) + "])"
        " FROM bronze_x"
    ):
        age = datetime.now(UTC) - datetime.fromisoformat(f"{text}+00:00")
        assert timedelta(seconds=-1) < age < timedelta(minutes=1)


def check_status(bronze: Run, config: dict[str, str]) -> None:
    """The report reads dates and times whatever their style."""
    done = bronze(config, "status", env=TOKYO)
    assert done.returncode == 0, done.stderr
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("users"))
    assert "2024-02-29  2024-03-01" in line
    assert f"{datetime.now(UTC):%Y-%m-%d}" in line
