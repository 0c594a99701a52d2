"""The bronze table of a source: its columns, checks, indexes, view and compression."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import errors

if TYPE_CHECKING:
    Connection = psycopg.Connection[Any]

COLUMNS = {
    "id": "bigint not null",
    "source": "text not null",
    "raw_data": "jsonb not null",
    "ingested_at": "timestamp without time zone not null",
    "source_timestamp": "timestamp without time zone",
    "raw_id": "text",
    "validation_status": "text not null",
    "error_message": "text",
    "metadata": "jsonb not null",
    "version": "integer not null",
    "environment": "text",
    "pipeline_run_id": "text",
    "pipeline_version": "text",
    "pipeline_parameters": "jsonb",
    "lineage_id": "text not null",
    "parent_lineage_ids": "text[]",
    "lineage_type": "text",
    "lineage_source": "text",
    "lineage_timestamp": "timestamp without time zone",
    "lineage_metadata": "jsonb",
    "quality_metrics": "jsonb",
    "quality_score": "numeric(5,4)",
    "quality_checks": "jsonb",
    "file_path": "text",
    "file_hash": "text",
    "file_size": "bigint",
    "compression_type": "text",
    "encoding": "text",
    "api_version": "text",
    "api_endpoint": "text",
    "api_request_id": "text",
    "api_response_code": "integer",
    "api_rate_limit_info": "jsonb",
    "processing_start_time": "timestamp without time zone",
    "processing_end_time": "timestamp without time zone",
    "processing_duration": "interval",
    "processing_steps": "jsonb",
    "processing_errors": "jsonb",
    "partition_key": "date not null",
}
INDEXES = {
    "bronze_toggl_pkey": "UNIQUE INDEX btree (id, partition_key)",
    "idx_bronze_toggl_environment": "INDEX btree (environment)",
    "idx_bronze_toggl_lineage_id": "INDEX btree (lineage_id)",
    "idx_bronze_toggl_pipeline_run_id": "INDEX btree (pipeline_run_id)",
    "idx_bronze_toggl_quality_score": "INDEX btree (quality_score)",
    "idx_bronze_toggl_raw_data": "INDEX gin (raw_data)",
    "idx_bronze_toggl_source_timestamp": "INDEX btree (source_timestamp)",
    "idx_bronze_toggl_validation_status": "INDEX btree (validation_status)",
}
ROW: dict[str, Any] = {
    "source": "toggl",
    "raw_data": "{}",
    "validation_status": "valid",
    "lineage_id": "toggl/main/users/1",
    "partition_key": "2024-01-31",
}


@pytest.fixture
def january(toggl: Connection) -> Connection:
    """The owner's connection, where ``toggl`` has a partition of January 2024."""
    toggl.execute("SELECT bronze_ops.create_partition_if_not_exists('toggl', '2024-01-01')")
    return toggl


def insert(connection: Connection, **columns: Any) -> int:
    """Insert a row with some columns changed, and return its id."""
    row = ROW | columns
    cursor = connection.execute(
        f"INSERT INTO bronze_toggl ({', '.join(row)})"
        f" VALUES ({', '.join(['%s'] * len(row))}) RETURNING id".encode(),
        list(row.values()),
    )
    found = cursor.fetchone()
    assert found
    return int(found[0])


def indexes(connection: Connection, table: str) -> dict[str, str]:
    """Return kind and columns of each index of a table."""
    rows = connection.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s", (table,)
    )
    found = {}
    for name, definition in rows:
        kind, _, rest = definition.removeprefix("CREATE ").partition(f" {name} ON ")
        found[name] = f"{kind} {rest.partition(' USING ')[2]}"
    return found


def test_columns(toggl: Connection) -> None:
    rows = toggl.execute(
        """
        SELECT attname, format_type(atttypid, atttypmod)
                        || CASE WHEN attnotnull THEN ' not null' ELSE '' END
        FROM pg_attribute WHERE attrelid = 'bronze_toggl'::regclass AND attnum > 0 ORDER BY attnum
        """
    ).fetchall()
    assert dict(rows) == COLUMNS
    assert [name for name, _ in rows] == list(COLUMNS)


def test_the_partition_key_and_the_primary_key(toggl: Connection) -> None:
    rows = toggl.execute(
        """
        SELECT pg_get_partkeydef('bronze_toggl'::regclass), pg_get_constraintdef(oid)
        FROM pg_constraint WHERE conrelid = 'bronze_toggl'::regclass AND contype = 'p'
        """
    ).fetchall()
    assert rows == [("RANGE (partition_key)", "PRIMARY KEY (id, partition_key)")]


def test_lineage_ids_are_ordered_by_their_bytes(toggl: Connection) -> None:
    rows = toggl.execute(
        """
        SELECT collname FROM pg_attribute AS a JOIN pg_collation AS c ON c.oid = a.attcollation
        WHERE attrelid = 'bronze_toggl'::regclass AND attname = 'lineage_id'
        """
    ).fetchall()
    assert rows == [("C",)]


def test_defaults(january: Connection) -> None:
    january.execute("SET TimeZone = 'Asia/Tokyo'")
    first, second = insert(january), insert(january)
    assert second == first + 1
    row = january.execute(
        """
        SELECT metadata, version, ingested_at = now() AT TIME ZONE 'UTC'
        FROM bronze_toggl WHERE id = %s
        """,
        (first,),
    ).fetchone()
    assert row == ({}, 1, True)


def test_a_second_table_has_ids_of_its_own(january: Connection) -> None:
    january.execute("SELECT bronze_ops.create_source('garmin')")
    rows = january.execute(
        "SELECT pg_get_serial_sequence('bronze_toggl', 'id'),"
        " pg_get_serial_sequence('bronze_garmin', 'id')"
    ).fetchone()
    assert rows == ("public.bronze_toggl_id_seq", "public.bronze_garmin_id_seq")


@pytest.mark.parametrize(
    "columns",
    [
        {"validation_status": "Valid"},
        {"validation_status": ""},
        {"quality_score": "NaN"},
        {"quality_score": "1.0001"},
        {"quality_score": "-0.0001"},
        {"version": 0},
        {"version": -1},
        {"source_timestamp": "2024-01-30 23:59:59.999999"},
        {"source_timestamp": "2024-02-01 00:00:00"},
        {"source_timestamp": "1900-01-01", "metadata": '{"partition_by_": 1}'},
        {"source_timestamp": "1900-01-01", "metadata": '{"x": {"partition_by": 1}}'},
    ],
    ids=str,
)
def test_what_the_checks_refuse(january: Connection, columns: dict[str, Any]) -> None:
    with pytest.raises(errors.CheckViolation):
        insert(january, **columns)


@pytest.mark.parametrize(
    "column",
    [*ROW, "metadata", "version", "ingested_at"],
)
def test_what_may_not_be_null(january: Connection, column: str) -> None:
    with pytest.raises((errors.NotNullViolation, errors.CheckViolation)):
        insert(january, **{column: None})


@pytest.mark.parametrize(
    "columns",
    [
        {"validation_status": "warning"},
        {"validation_status": "invalid"},
        {"quality_score": None},
        {"quality_score": "0"},
        {"quality_score": "1"},
        {"quality_score": "0.6667"},
        {"source_timestamp": "2024-01-31 00:00:00"},
        {"source_timestamp": "2024-01-31 23:59:59.999999"},
        {"source_timestamp": "1900-01-01", "metadata": '{"partition_by": "extracted_at"}'},
        {"version": 2},
        {"raw_data": "[]"},
        {"raw_data": "null"},
        {"raw_id": "x" * 100_000},
        {"error_message": "x" * 100_000},
        {"parent_lineage_ids": ["a", "b"]},
        {"processing_duration": timedelta(seconds=1.5)},
    ],
    ids=lambda columns: str(columns)[:60],
)
def test_what_the_checks_take(january: Connection, columns: dict[str, Any]) -> None:
    assert insert(january, **columns) > 0


def test_no_partition_takes_what_belongs_to_none(january: Connection) -> None:
    with pytest.raises(errors.CheckViolation, match="no partition"):
        insert(january, partition_key="2024-02-01")


def test_indexes(toggl: Connection) -> None:
    assert indexes(toggl, "bronze_toggl") == INDEXES


@pytest.mark.parametrize(
    ("raw_index", "definition"),
    [
        ("jsonb_ops", "INDEX gin (raw_data)"),
        ("jsonb_path_ops", "INDEX gin (raw_data jsonb_path_ops)"),
        ("none", None),
    ],
)
def test_raw_index(owner: Connection, raw_index: str, definition: str | None) -> None:
    owner.execute("SELECT bronze_ops.create_source('toggl', 'public', %s)", (raw_index,))
    expected = {name: index for name, index in INDEXES.items() if "raw_data" not in name}
    if definition is not None:
        expected["idx_bronze_toggl_raw_data"] = definition
    assert indexes(owner, "bronze_toggl") == expected
    owner.execute("SELECT bronze_ops.create_partition_if_not_exists('toggl', '2024-01-01')")
    # A partition's indexes bear names of the server's choice.
    assert sorted(indexes(owner, "bronze_toggl_y2024m01").values()) == sorted(expected.values())
    rows = owner.execute("SELECT source, table_name, raw_index FROM bronze_ops.sources").fetchall()
    assert rows == [("toggl", "bronze_toggl", raw_index)]


def test_an_unknown_raw_index_makes_nothing(owner: Connection) -> None:
    with pytest.raises(psycopg.Error), owner.transaction():
        owner.execute("SELECT bronze_ops.create_source('toggl', 'public', 'gist')")
    rows = owner.execute("SELECT to_regclass('bronze_toggl'), count(*) FROM bronze_ops.sources")
    assert rows.fetchall() == [(None, 0)]


def test_making_a_source_again_changes_nothing(toggl: Connection) -> None:
    for raw_index in ("jsonb_ops", "none"):
        row = toggl.execute(
            "SELECT bronze_ops.create_source('toggl', 'public', %s)", (raw_index,)
        ).fetchone()
        assert row == ("bronze_toggl",)
    assert indexes(toggl, "bronze_toggl") == INDEXES


def test_a_source_lives_in_one_schema(toggl: Connection) -> None:
    toggl.execute('CREATE SCHEMA "Other ""one"""')
    with (
        pytest.raises(errors.InvalidSchemaName, match="lives in schema public") as caught,
        toggl.transaction(),
    ):
        toggl.execute("""SELECT bronze_ops.create_source('toggl', 'Other "one"')""")
    assert caught.value.diag.message_hint == "Set default_target_schema to public."
    toggl.execute("""SELECT bronze_ops.create_source('garmin', 'Other "one"')""")
    toggl.execute("SELECT bronze_ops.create_partition_if_not_exists('garmin', '2024-01-01')")
    rows = toggl.execute('SELECT count(*) FROM "Other ""one""".bronze_garmin_latest').fetchall()
    assert rows == [(0,)]


def test_the_view_shows_newest_versions_without_tombstones(january: Connection) -> None:
    january.execute("SELECT bronze_ops.create_partition_if_not_exists('toggl', '2024-02-01')")
    old = insert(january, lineage_id="a")
    moved = insert(january, lineage_id="a", version=2, partition_key="2024-02-01")
    kept, gone = insert(january, lineage_id="b"), insert(january, lineage_id="c")
    january.execute("SELECT bronze_ops.create_source('garmin')")
    with january.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO bronze_ops.heads VALUES"
            " (%s, %s, 'main', 'x', 1, '', NULL, %s, %s, NULL, NULL, gen_random_uuid(), %s)",
            [
                (b"a", "toggl", moved, "2024-02-01", False),
                (b"b", "toggl", kept, "2024-01-31", False),
                (b"c", "toggl", gone, "2024-01-31", True),
                (b"d", "garmin", old, "2024-01-31", False),
            ],
        )
    rows = january.execute("SELECT id, version FROM bronze_toggl_latest ORDER BY id").fetchall()
    assert rows == [(moved, 2), (kept, 1)]
    assert january.execute("SELECT count(*) FROM bronze_garmin_latest").fetchone() == (0,)
    names = january.execute(
        "SELECT attname FROM pg_attribute"
        " WHERE attrelid = 'bronze_toggl_latest'::regclass AND attnum > 0 ORDER BY attnum"
    )
    assert [name for (name,) in names] == list(COLUMNS)


@pytest.mark.parametrize(
    ("where", "partitions"),
    [
        ("partition_key = '2024-02-15'", {"m02"}),
        ("partition_key >= '2024-02-01' AND partition_key < '2024-04-01'", {"m02", "m03"}),
        ("partition_key < '2024-02-01'", {"m01"}),
        ("true", {"m01", "m02", "m03", "m04"}),
    ],
)
def test_filters_reach_the_partitions(toggl: Connection, where: str, partitions: set[str]) -> None:
    for month in range(1, 5):
        toggl.execute(
            "SELECT bronze_ops.create_partition_if_not_exists('toggl', make_date(2024, %s, 1))",
            (month,),
        )
    plan = toggl.execute(
        f"EXPLAIN (FORMAT JSON) SELECT raw_data FROM bronze_toggl_latest WHERE {where}".encode()
    ).fetchone()
    assert plan
    text = json.dumps(plan[0])
    assert {m for m in ("m01", "m02", "m03", "m04") if f"y2024{m}" in text} == partitions


def test_a_day_reaches_the_heads_too(january: Connection) -> None:
    plan = january.execute(
        "EXPLAIN SELECT raw_data FROM bronze_toggl_latest WHERE partition_key = '2024-01-31'"
    ).fetchall()
    text = "\n".join(line for (line,) in plan)
    # Once for the partition and once for heads, which the join on partition_key makes equal.
    assert text.count("(partition_key = '2024-01-31'::date)") == 2


def test_lz4_where_the_server_has_it(january: Connection) -> None:
    row = january.execute(
        "SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression'"
    ).fetchone()
    assert row
    methods = january.execute(
        "SELECT attcompression::text FROM pg_attribute WHERE attname = 'raw_data'"
        " AND attrelid IN ('bronze_toggl'::regclass, 'bronze_toggl_y2024m01'::regclass)"
    ).fetchall()
    assert methods == [("l" if row[0] else "",)] * 2
    ident = insert(january, raw_data=json.dumps({"x": "ab" * 10_000}))
    used = january.execute(
        "SELECT pg_column_compression(raw_data) FROM bronze_toggl WHERE id = %s", (ident,)
    ).fetchone()
    assert used == ("lz4" if row[0] else "pglz",)


def test_every_table_says_what_it_holds(toggl: Connection) -> None:
    rows = toggl.execute(
        """
        SELECT relname FROM pg_class
        WHERE relnamespace = 'bronze_ops'::regnamespace AND relkind = 'r'
          AND obj_description(oid, 'pg_class') IS NULL
        """
    ).fetchall()
    assert rows == []
