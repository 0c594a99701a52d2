"""Compares the bronze layers of two databases, table by table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from target_bronze_postgres.db.migrations import database_version
from target_bronze_postgres.errors import ServerError
from target_bronze_postgres.ops.backup import tables
from target_bronze_postgres.ops.backup.dump import plain_texts

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[Any]


def compare(one: Connection, other: Connection) -> None:
    """Make sure that two databases hold the same bronze layer, or none.

    Raises:
        ServerError: A table differs.
    """
    before, after = _totals(one), _totals(other)
    for label in before | after:
        if before.get(label) != after.get(label):
            raise ServerError(f"{label} differs in the new cluster: nothing was changed")


def _totals(conn: Connection) -> dict[str, tables.Totals]:
    if not database_version(conn):
        return {}
    with conn.transaction():
        plain_texts(conn)
        return {
            table.label: _total(conn, table) for table in tables.tables(conn, tables.sources(conn))
        }


def _total(conn: Connection, table: tables.Table) -> tables.Totals:
    tally = tables.Tally()
    for chunk in tables.copy_out(conn, table):
        tally.add(chunk)
    return tally.totals
