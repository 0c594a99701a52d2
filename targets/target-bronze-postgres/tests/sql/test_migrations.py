"""Migrations bring a database to this program's version once, whoever else wants the same."""

from __future__ import annotations

import threading
import time
import uuid
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from target_bronze_postgres.db import migrations
from target_bronze_postgres.db.migrations import database_version, known_migrations, migrate
from target_bronze_postgres.errors import RightsError, SchemaVersionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Connection = psycopg.Connection[Any]

FUNCTIONS = {
    "create_indexes(text,text,text)",
    "create_latest_view(text,text,text)",
    "create_partition_if_not_exists(text,date)",
    "create_source(text,text,text)",
    "grant_all()",
    "grant_source(text,text)",
    "is_partition(text,text,text)",
    "partition_name(text,date)",
    "table_name(text)",
}
TABLES = {
    "schema_version", "sources", "streams", "heads", "runs", "days", "dead_letters",
    "reconciled_records", "reconciliations",
}  # fmt: skip


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    """A connection in autocommit mode to an empty database."""
    with psycopg.connect(database, autocommit=True) as conn:
        yield conn


@pytest.fixture
def stranger(database: str, connection: Connection) -> Iterator[str]:
    """The DSN of a role that may do nothing in the database but connect."""
    role, password = f"stranger_{uuid.uuid4().hex}", uuid.uuid4().hex
    name = sql.Identifier(role)
    connection.execute(
        sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(name, sql.Literal(password))
    )
    yield make_conninfo(database, user=role, password=password)
    connection.execute(sql.SQL("DROP OWNED BY {}").format(name))
    connection.execute(sql.SQL("DROP ROLE {}").format(name))


def made(connection: Connection) -> tuple[set[str], set[str]]:
    """Return the names of tables and functions in bronze_ops."""
    tables = connection.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'r'"
        " AND relnamespace = to_regnamespace('bronze_ops')"
    )
    functions = connection.execute(
        "SELECT replace(oid::regprocedure::text, 'bronze_ops.', '') FROM pg_proc"
        " WHERE pronamespace = to_regnamespace('bronze_ops')"
    )
    return {name for (name,) in tables}, {name for (name,) in functions}


def test_numbers_of_migrations_follow_one_another() -> None:
    known = known_migrations()
    assert [migration.version for migration in known] == list(range(1, len(known) + 1))


def test_an_empty_database(connection: Connection) -> None:
    assert database_version(connection) == 0
    known = known_migrations()
    assert migrate(connection) == [f"{m.version:03}_{m.name}" for m in known]
    assert database_version(connection) == known[-1].version
    assert made(connection) == (TABLES, FUNCTIONS)
    rows = connection.execute("SELECT version, name FROM bronze_ops.schema_version ORDER BY 1")
    assert rows.fetchall() == [(m.version, m.name) for m in known]
    assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def test_a_second_time_there_is_nothing_to_do(connection: Connection) -> None:
    migrate(connection)
    connection.execute("SELECT bronze_ops.create_source('toggl')")
    assert migrate(connection) == []
    assert connection.execute("SELECT count(*) FROM bronze_ops.sources").fetchone() == (1,)


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read", "serializable"])
def test_several_at_once(database: str, connection: Connection, isolation: str) -> None:
    connection.execute(
        sql.SQL("ALTER DATABASE {} SET default_transaction_isolation = {}").format(
            sql.Identifier(connection.info.dbname), sql.Literal(isolation)
        )
    )
    start = threading.Barrier(4)
    applied: list[list[str]] = []

    def work() -> None:
        with psycopg.connect(database, autocommit=True) as conn:
            start.wait(10)
            applied.append(migrate(conn))

    # The first of them waits for this lock with the others behind it.
    with connection.transaction():
        connection.execute(migrations._LOCK)
        loaders = [threading.Thread(target=work) for _ in range(4)]
        for loader in loaders:
            loader.start()
        wait_for_locks(database, 4)
    for loader in loaders:
        loader.join()
    assert sorted(applied) == [[], [], [], [f"{m.version:03}_{m.name}" for m in known_migrations()]]


def wait_for_locks(database: str, count: int) -> None:
    """Wait until so many sessions of the database wait for an advisory lock."""
    waiting = """
        SELECT count(*) FROM pg_locks JOIN pg_database AS d ON d.oid = database
        WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()
    """
    deadline = time.monotonic() + 20
    with psycopg.connect(database, autocommit=True) as conn:
        while conn.execute(waiting).fetchone() != (count,):
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_a_newer_database_is_refused(connection: Connection) -> None:
    migrate(connection)
    newest = known_migrations()[-1].version
    connection.execute("INSERT INTO bronze_ops.schema_version VALUES (%s, 'later')", (newest + 1,))
    with pytest.raises(SchemaVersionError) as caught:
        migrate(connection)
    assert str(caught.value) == (
        f"The bronze tables are at version {newest + 1}, this program knows {newest}: "
        "upgrade target-bronze-postgres."
    )


def test_a_migration_that_fails_leaves_nothing(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = migrations.Migration(2, "broken", "SELECT 1/0")
    known = [*known_migrations()[:1], broken]
    monkeypatch.setattr(migrations, "known_migrations", lambda: known)
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(connection)
    assert database_version(connection) == 0
    assert made(connection) == (set(), set())


def test_a_later_migration_is_applied_alone(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(connection)
    connection.execute("DROP FUNCTION bronze_ops.grant_all")
    later = migrations.Migration(
        known_migrations()[-1].version + 1, "later", "CREATE TABLE bronze_ops.later ()"
    )
    known = [*known_migrations(), later]
    monkeypatch.setattr(migrations, "known_migrations", lambda: known)
    assert migrate(connection) == [f"{later.version:03}_later"]
    assert made(connection) == (TABLES | {"later"}, FUNCTIONS)  # functions are made anew


def assert_one_line(act: Callable[[], Any]) -> str:
    """Run what lacks a right; return its line."""
    with pytest.raises(RightsError) as caught:
        act()
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_a_role_without_rights_in_an_empty_database(stranger: str) -> None:
    with psycopg.connect(stranger, autocommit=True) as conn:
        line = assert_one_line(lambda: migrate(conn))
        assert f"role {conn.info.user} may not make them" in line
        assert "`bronze db migrate`" in line
        assert database_version(conn) == 0


def test_a_role_without_rights_in_a_migrated_database(
    stranger: str, connection: Connection
) -> None:
    migrate(connection)
    with psycopg.connect(stranger, autocommit=True) as conn:
        line = assert_one_line(lambda: migrate(conn))
        assert f"Role {conn.info.user} may not use the bronze tables" in line


def test_a_role_that_may_not_make_roles(stranger: str, connection: Connection) -> None:
    migrate(connection)
    with psycopg.connect(stranger, autocommit=True) as conn:
        line = assert_one_line(lambda: migrations.create_roles(conn))
        assert f"Role {conn.info.user} may not create roles" in line


def test_an_owner_who_is_no_superuser(stranger: str, connection: Connection) -> None:
    with psycopg.connect(stranger, autocommit=True) as conn:
        connection.execute(
            sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(
                sql.Identifier(conn.info.dbname), sql.Identifier(conn.info.user)
            )
        )
        migrate(conn)
        conn.execute("CREATE SCHEMA mine")
        conn.execute("SELECT bronze_ops.create_source('toggl', 'mine')")
        conn.execute("SELECT bronze_ops.create_partition_if_not_exists('toggl', '2024-01-01')")
        assert conn.execute("SELECT count(*) FROM mine.bronze_toggl_latest").fetchone() == (0,)
