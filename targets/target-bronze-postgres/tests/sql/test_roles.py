"""The loader's role loads and makes nothing else; the reader's sees what may be seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import errors

from target_bronze_postgres.db.migrations import create_roles, known_migrations

if TYPE_CHECKING:
    Connection = psycopg.Connection[Any]

HIDDEN = {
    "bronze_ops.dead_letters": "message",
    "bronze_ops.reconciled_records": "message",
    "bronze_ops.reconciliations": "state",
    "bronze_ops.runs": "state",
    "bronze_ops.streams": "provenance",
    "bronze_toggl": "pipeline_parameters",
    "bronze_toggl_latest": "pipeline_parameters",
}
INSERT = """
    INSERT INTO bronze_toggl (source, raw_data, validation_status, lineage_id, partition_key)
    VALUES ('toggl', '{"id": 1}', 'valid', 'x', '2024-01-31')
"""


@pytest.fixture(params=["roles first", "source first"])
def roles(owner: Connection, request: pytest.FixtureRequest) -> Connection:
    """The owner's connection, where both roles and a source are; rolled back like the rest."""
    if request.param == "roles first":
        create_roles(owner)
    owner.execute("SELECT bronze_ops.create_source('toggl')")
    owner.execute("SELECT bronze_ops.create_partition_if_not_exists('toggl', '2024-01-01')")
    create_roles(owner)  # a second time changes nothing
    return owner


@pytest.fixture
def loader(roles: Connection) -> Connection:
    """The connection as the loader's role."""
    roles.execute("SET LOCAL ROLE bronze_loader")
    return roles


@pytest.fixture
def reader(roles: Connection) -> Connection:
    """The connection as the reader's role, where a row and its operations data stand."""
    roles.execute(INSERT)
    roles.execute(
        """
        INSERT INTO bronze_ops.streams (source, account, stream, provenance, rows)
            VALUES ('toggl', 'main', 'x', '{"parameters": {"path": "/home"}}', 1);
        INSERT INTO bronze_ops.runs (loader_id, source, account, stream, run_id, started_at,
                                     target_version, state, records_read)
            VALUES (gen_random_uuid(), 'toggl', 'main', 'x', 'r', now(), '1', '{}', 1);
        INSERT INTO bronze_ops.dead_letters (run_id, source, account, stream, reason, error,
                                             message, message_hash, landed)
            VALUES ('r', 'toggl', 'main', 'x', 'nul', 'e', 'bytes', 'h', false);
        INSERT INTO bronze_ops.days VALUES ('toggl', 'main', 'x', '2024-01-31', 1);
        INSERT INTO bronze_ops.reconciliations (source, account, stream, first_day, last_day,
                                                started_at, state)
            VALUES ('toggl', 'main', 'x', '2024-01-31', '2024-01-31', now(), '{}');
        INSERT INTO bronze_ops.reconciled_records (reconciliation_id, lineage_hash, found, message)
            VALUES (1, 'h', 'missing', 'bytes');
        INSERT INTO bronze_ops.heads
            SELECT 'h', 'toggl', 'main', 'x', 1, 'c', NULL, id, partition_key, NULL, NULL,
                   gen_random_uuid(), false
            FROM bronze_toggl;
        """
    )
    roles.execute("SET LOCAL ROLE bronze_reader")
    return roles


def is_refused(connection: Connection, statement: str) -> bool:
    """Tell whether the role lacks the right to a statement."""
    try:
        with connection.transaction():
            connection.execute(statement.encode())
    except errors.InsufficientPrivilege:
        return True
    return False


def columns(connection: Connection, table: str) -> list[str]:
    """Return the names of a table's columns."""
    rows = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0", (table,)
    )
    return [name for (name,) in rows]


def test_the_roles_cannot_log_in_and_have_no_powers(roles: Connection) -> None:
    rows = roles.execute(
        "SELECT rolname, rolcanlogin OR rolsuper OR rolcreatedb OR rolcreaterole FROM pg_roles"
        " WHERE rolname IN ('bronze_loader', 'bronze_reader') ORDER BY 1"
    ).fetchall()
    assert rows == [("bronze_loader", False), ("bronze_reader", False)]


def test_the_loader_loads(loader: Connection) -> None:
    assert loader.execute("SELECT bronze_ops.create_source('garmin')").fetchone() == (
        "bronze_garmin",
    )
    for source in ("toggl", "garmin"):
        loader.execute(
            "SELECT bronze_ops.create_partition_if_not_exists(%s, '2024-02-01')", (source,)
        )
    loader.execute(INSERT)
    loader.execute(INSERT.replace("toggl", "garmin").replace("2024-01-31", "2024-02-01").encode())
    assert loader.execute("SELECT count(*) FROM bronze_garmin").fetchone() == (1,)
    loader.execute("SELECT id, metadata FROM bronze_toggl WHERE lineage_id = 'x'")
    loader.execute("SELECT nextval('bronze_toggl_id_seq')")
    loader.execute(
        """
        INSERT INTO bronze_ops.days VALUES ('toggl', 'main', 'x', '2024-01-31', 1)
            ON CONFLICT (source, account, stream, day) DO UPDATE SET records = 2;
        DELETE FROM bronze_ops.days;
        DELETE FROM bronze_ops.reconciliations;
        DELETE FROM bronze_ops.reconciled_records;
        INSERT INTO bronze_ops.dead_letters (run_id, source, account, stream, reason, error,
                                             message, message_hash, landed)
            VALUES ('r', 'toggl', 'main', 'x', 'nul', 'e', 'm', 'h', false);
        UPDATE bronze_ops.dead_letters SET times = times + 1;
        SELECT version FROM bronze_ops.schema_version;
        """
    )


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine ()",
        "CREATE SCHEMA mine",
        "CREATE TABLE bronze_ops.mine ()",
        "ALTER TABLE bronze_toggl ADD COLUMN mine INTEGER",
        "DROP TABLE bronze_toggl",
        "TRUNCATE bronze_toggl",
        "UPDATE bronze_toggl SET raw_data = '{}'",
        "DELETE FROM bronze_toggl",
        "DELETE FROM bronze_ops.dead_letters",
        "DELETE FROM bronze_ops.heads",
        "INSERT INTO bronze_ops.schema_version VALUES (99, 'x')",
        "UPDATE bronze_ops.sources SET table_name = 'x'",
        "INSERT INTO bronze_ops.sources VALUES ('x', 'public', 'x', 'none')",
        "CREATE INDEX ON bronze_toggl (raw_id)",
        "SELECT bronze_ops.create_indexes('public', 'bronze_toggl', 'none')",
        "SELECT bronze_ops.create_latest_view('x', 'public', 'bronze_toggl')",
        "CREATE ROLE other",
    ],
)
def test_what_the_loader_may_not(loader: Connection, statement: str) -> None:
    assert is_refused(loader, statement)


def test_a_search_path_of_the_loader_changes_nothing(loader: Connection) -> None:
    # The functions run with their owner's rights: they may not find the caller's objects.
    loader.execute("CREATE TEMP TABLE pg_class (x INTEGER)")
    loader.execute("CREATE TEMP TABLE sources (source TEXT)")
    loader.execute("SET LOCAL search_path = pg_temp, public")
    loader.execute("SELECT bronze_ops.create_source('garmin')")
    loader.execute("SELECT bronze_ops.create_partition_if_not_exists('garmin', '2024-01-01')")
    rows = loader.execute("SELECT to_regclass('public.bronze_garmin_y2024m01') IS NOT NULL")
    assert rows.fetchone() == (True,)


@pytest.mark.parametrize(("table", "hidden"), HIDDEN.items())
def test_what_the_reader_does_not_see(reader: Connection, table: str, hidden: str) -> None:
    assert is_refused(reader, f"SELECT {hidden} FROM {table}")
    assert is_refused(reader, f"SELECT * FROM {table}")
    assert is_refused(reader, f"SELECT count({hidden}) FROM {table}")
    assert is_refused(reader, f"SELECT t::text FROM {table} AS t")
    assert is_refused(reader, f"SELECT count(*) FROM {table} WHERE {hidden} IS NULL")


@pytest.mark.parametrize(
    "table",
    [*HIDDEN] + [f"bronze_ops.{table}" for table in ("schema_version", "sources", "heads", "days")],
)
def test_what_the_reader_sees(reader: Connection, table: str) -> None:
    count = reader.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
    assert count == (len(known_migrations()) if table.endswith("schema_version") else 1,)
    hidden = {HIDDEN.get(table), "schema_message"}
    seen = [name for name in columns(reader, table) if name not in hidden]
    assert reader.execute(f"SELECT {', '.join(seen)} FROM {table}".encode()).fetchone()


@pytest.mark.parametrize(
    "statement",
    [
        INSERT,
        "UPDATE bronze_toggl SET raw_data = '{}'",
        "DELETE FROM bronze_toggl",
        "DELETE FROM bronze_ops.runs",
        "UPDATE bronze_ops.runs SET status = 'success'",
        "INSERT INTO bronze_ops.days VALUES ('toggl', 'main', 'x', '2024-02-01', 1)",
        "SELECT nextval('bronze_toggl_id_seq')",
        "SELECT bronze_ops.create_source('garmin')",
        "SELECT bronze_ops.create_partition_if_not_exists('toggl', '2024-02-01')",
        "SELECT bronze_ops.grant_all()",
        "SELECT raw_data FROM bronze_toggl_y2024m01",
        "CREATE TABLE mine ()",
    ],
    ids=lambda statement: " ".join(statement.split())[:60],
)
def test_what_the_reader_may_not(reader: Connection, statement: str) -> None:
    assert is_refused(reader, statement)


def test_the_reader_finds_tables_by_their_sources(reader: Connection) -> None:
    row = reader.execute(
        "SELECT bronze_ops.table_name('toggl'), bronze_ops.partition_name('toggl', '2024-01-31')"
    ).fetchone()
    assert row == ("bronze_toggl", "bronze_toggl_y2024m01")


def test_other_roles_see_nothing(roles: Connection) -> None:
    roles.execute("CREATE ROLE bronze_test_stranger")
    roles.execute("SET LOCAL ROLE bronze_test_stranger")
    for table in HIDDEN:
        assert is_refused(roles, f"SELECT count(*) FROM {table}")
    assert is_refused(roles, "SELECT bronze_ops.table_name('toggl')")
    assert is_refused(roles, "SELECT bronze_ops.create_source('garmin')")
