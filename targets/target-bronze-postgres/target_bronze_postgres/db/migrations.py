"""Applies ``sql/`` to a database: numbered migrations once each, then functions."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from target_bronze_postgres.db import sqlstate
from target_bronze_postgres.errors import RightsError, SchemaVersionError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    Connection = psycopg.Connection[Any]

logger = logging.getLogger(__name__)

_SQL = resources.files("target_bronze_postgres") / "sql"
# Not to_regclass(): it answers from a cache that waiting for an advisory lock leaves as it was.
_EXISTS = """
    SELECT EXISTS (
        SELECT FROM pg_tables WHERE schemaname = 'bronze_ops' AND tablename = 'schema_version')
"""
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('bronze:migrate', 0))"


@dataclass(frozen=True, order=True)
class Migration:
    """A file ``NNN_name.sql``: its number and its name without the number and the ending."""

    version: int
    name: str
    script: str


def _scripts(folder: str) -> list[Traversable]:
    return sorted((_SQL / folder).iterdir(), key=lambda file: file.name)


def known_migrations() -> list[Migration]:
    """Return every migration of this program, oldest first."""
    migrations = []
    for file in _scripts("migrations"):
        number, _, name = file.name.removesuffix(".sql").partition("_")
        migrations.append(Migration(int(number), name, file.read_text("utf-8")))
    return migrations


def database_version(conn: Connection) -> int:
    """Return the number of the newest migration in the database, 0 where there is none."""
    row = conn.execute(_EXISTS).fetchone()
    if row is None or not row[0]:
        return 0
    row = conn.execute("SELECT coalesce(max(version), 0) FROM bronze_ops.schema_version").fetchone()
    return row[0] if row else 0


def check_version(conn: Connection) -> int:
    """Return the database's version, at most this program's.

    Raises:
        SchemaVersionError: The database was migrated by a newer program.
    """
    version, newest = database_version(conn), known_migrations()[-1].version
    if version > newest:
        raise SchemaVersionError(
            f"The bronze tables are at version {version}, this program knows {newest}: "
            "upgrade target-bronze-postgres."
        )
    return version


def migrate(conn: Connection) -> list[str]:
    """Bring the database to this program's version and return what was applied, by file name.

    Loaders that start together wait for one another. Nothing is applied where all is there.

    Args:
        conn: A connection in autocommit mode, of a role that may create schemas.

    Raises:
        SchemaVersionError: The database was migrated by a newer program.
        RightsError: The role may not create or alter the tables.
    """
    try:
        if check_version(conn) == known_migrations()[-1].version:
            return []
        with conn.transaction():
            # A stricter isolation would not see what the loader before us in the queue has made.
            conn.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
            lock(conn)
            return apply(conn)
    except psycopg.Error as error:
        if error.sqlstate in sqlstate.RIGHTS:
            raise RightsError(_lacking(conn)) from error
        raise


def _lacking(conn: Connection) -> str:
    role = conn.info.user
    row = conn.execute(_EXISTS).fetchone()
    if row is not None and row[0]:
        return (
            f"Role {role} may not use the bronze tables, or not bring them up to date: run "
            f"`bronze db migrate --roles` as their owner, then GRANT bronze_loader TO {role}."
        )
    return (
        f"The bronze tables are missing, and role {role} may not make them: run "
        "`bronze db migrate` as the owner of the database."
    )


def create_roles(conn: Connection) -> None:
    """Make the roles ``bronze_loader`` and ``bronze_reader`` and give them their rights.

    Raises:
        RightsError: The role may not create roles.
    """
    try:
        with conn.transaction():
            _run(conn, (_SQL / "roles.sql").read_text("utf-8"))
    except psycopg.Error as error:
        if error.sqlstate in sqlstate.RIGHTS:
            raise RightsError(
                f"Role {conn.info.user} may not create roles: run `bronze db migrate --roles` "
                "as a superuser or as a role with CREATEROLE."
            ) from error
        raise


def lock(conn: Connection) -> None:
    """Keep other programs from migrating until the transaction ends."""
    conn.execute(_LOCK)


def apply(conn: Connection, newest: int | None = None) -> list[str]:
    """Apply what is missing, and return it by file name; the caller holds the lock.

    Args:
        conn: A connection in a transaction.
        newest: The last migration to apply; all if None.
    """
    version = check_version(conn)
    missing = [known for known in known_migrations() if known.version > version]
    if newest is not None:
        missing = [known for known in missing if known.version <= newest]
    for migration in missing:
        _run(conn, migration.script)
        conn.execute(
            "INSERT INTO bronze_ops.schema_version (version, name) VALUES (%s, %s)",
            (migration.version, migration.name),
        )
    if missing:
        for function in _scripts("functions"):
            _run(conn, function.read_text("utf-8"))
    applied = [f"{migration.version:03}_{migration.name}" for migration in missing]
    if applied:
        logger.info("Bronze tables brought to version %d", missing[-1].version)
    return applied


def _run(conn: Connection, script: str) -> None:
    # Our own files hold several statements each, so they go out whole and without parameters.
    conn.execute(sql.SQL(script))
