"""Fixtures of the SQL tests: a database with the tables and functions of ``sql/``."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from target_bronze_postgres.db.migrations import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def migrated(server: dict[str, str]) -> Iterator[psycopg.Connection[Any]]:
    """The owner's connection, in autocommit mode, to a migrated database without sources."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(autocommit=True, **server) as conn:  # type: ignore[arg-type] # all text
        conn.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(
                sql.Identifier(name)
            )
        )
        with psycopg.connect(autocommit=True, **{**server, "dbname": name}) as owner:  # type: ignore[arg-type] # all text
            migrate(owner)
            yield owner
        conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def owner(migrated: psycopg.Connection[Any]) -> Iterator[psycopg.Connection[Any]]:
    """The owner's connection, in a transaction that is rolled back: a database takes longer."""
    with migrated.transaction(force_rollback=True):
        yield migrated


@pytest.fixture
def toggl(owner: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    """The owner's connection, where the source ``toggl`` has its table."""
    owner.execute("SELECT bronze_ops.create_source('toggl')")
    return owner
