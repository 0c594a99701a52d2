"""Writes a backup into an empty database, in one transaction."""

from __future__ import annotations

from itertools import groupby
from typing import IO, TYPE_CHECKING, Any

from psycopg import sql

from target_bronze_postgres.db import migrations
from target_bronze_postgres.errors import BackupError
from target_bronze_postgres.ops.backup import archive, rights, tables
from target_bronze_postgres.ops.backup.dump import orphans_of, plain_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import psycopg

    from target_bronze_postgres.ops.backup.dump import Contents

    Connection = psycopg.Connection[Any]
    Say = Callable[[str], None]

_RELATION = "SELECT to_regclass(format('%%I.%%I', %s::text, %s::text)) IS NOT NULL"
_INDEXES = """
    SELECT n.nspname, c.relname FROM pg_index AS i
    JOIN pg_class AS c ON c.oid = i.indexrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE i.indrelid = to_regclass(format('%%I.%%I', %s::text, %s::text)) AND NOT i.indisprimary
"""
_SETVAL = "SELECT setval(to_regclass(format('%%I.%%I', %s::text, %s::text)), %s, %s)"
_MEMORY = "SET LOCAL maintenance_work_mem = '256MB'"


def restore(conn: Connection, contents: Contents, source: IO[bytes], say: Say) -> list[str]:
    """Write all of a backup, compare it with the backup's sums, and commit.

    A kill, a full disk or a difference leaves the database as it was.

    Args:
        conn: A connection in autocommit mode to an empty database, of a role that may make schemas.
        contents: What ``check`` found in the backup.
        source: The backup again, from its start.
        say: Told of each table.

    Returns:
        What the user has to know or do: roles that are missing here.

    Raises:
        BackupError: The database is not empty, or not equal to the backup afterwards.
    """
    with conn.transaction():
        plain_texts(conn)
        conn.execute(_MEMORY)
        _make_room(conn, contents)
        notes = list(rights.make_roles(conn, contents.manifest.rights))
        migrations.apply(conn, contents.manifest.schema)
        for place in contents.manifest.sources:
            _make_table(conn, place)
        conn.execute("DELETE FROM bronze_ops.sources")
        _fill(conn, contents, source, say)
        for place in contents.manifest.sources:
            say(f"{place.schema}.{place.table}: indexes")
            names = (place.schema, place.table, place.raw_index)
            conn.execute("SELECT bronze_ops.create_indexes(%s, %s, %s)", names)
        for one in contents.whole.sequences:
            conn.execute(_SETVAL, (one.schema, one.name, one.last_value, one.is_called))
        notes += _check_heads(conn, contents)
        migrations.apply(conn)
        notes += rights.grant(conn, contents.manifest.rights)
    for table in contents.manifest.tables:
        conn.execute(sql.SQL("ANALYZE {}").format(table.identifier))
    return notes


def _make_room(conn: Connection, contents: Contents) -> None:
    """Make sure that nothing is there that a restored row could meet.

    Raises:
        BackupError: There is.
    """
    manifest = contents.manifest
    migrations.lock(conn)
    newest = migrations.known_migrations()[-1].version
    if manifest.schema > newest:
        raise BackupError(
            f"the backup's tables are at version {manifest.schema}, this program knows {newest}: "
            "upgrade target-bronze-postgres"
        )
    if migrations.check_version(conn):
        for table in tables.tables(conn, ()):
            if tables.count(conn, table):
                raise _not_empty(conn, table.label)
        conn.execute("DROP SCHEMA bronze_ops CASCADE")
    for place in manifest.sources:
        row = conn.execute(_RELATION, (place.schema, place.table)).fetchone()
        if row and row[0]:
            raise _not_empty(conn, f"{place.schema}.{place.table}")


def _not_empty(conn: Connection, label: str) -> BackupError:
    return BackupError(
        f"database {conn.info.dbname} is not empty, it has rows in {label} or that table: restore "
        "into a new one (`createdb NEW`, then name it, as in PG_DB=NEW bronze restore ...); of the "
        "embedded server stop it and move its folder away"
    )


def _make_table(conn: Connection, place: tables.Source) -> None:
    """Make a bronze table without the indexes that are quicker to make afterwards."""
    schema = sql.Identifier(place.schema)
    if place.schema != "public":
        conn.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(schema))
    conn.execute(
        "SELECT bronze_ops.create_source(%s, %s, %s)",
        (place.source, place.schema, place.raw_index),
    )
    for index in conn.execute(_INDEXES, (place.schema, place.table)).fetchall():
        conn.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(*index)))


def _fill(conn: Connection, contents: Contents, source: IO[bytes], say: Say) -> None:
    """Copy the rows of all tables in the order of the archive, and compare each with its sum."""
    places = {(place.schema, place.table): place for place in contents.manifest.sources}
    by_folder = {table.folder: table for table in contents.manifest.tables}
    members = archive.members(source)
    for folder, parts in groupby(members, lambda member: f"{member[0].rpartition('/')[0]}/"):
        if (table := by_folder.get(folder)) is None:
            continue
        expected = contents.whole.tables[folder]
        say(f"{table.label}: {expected.rows:,} rows")
        if place := places.get((table.schema, table.name)):
            _make_partitions(conn, place)
        tables.copy_in(conn, table, _contents_of(parts))
    for table in contents.manifest.tables:
        tally = tables.Tally()
        for chunk in tables.copy_out(conn, table):
            tally.add(chunk)
        if tally.totals != contents.whole.tables[table.folder]:
            raise BackupError(
                f"{table.label} is not equal to the backup after it was restored: nothing was "
                "changed; take another backup, or tell of this"
            )


def _contents_of(parts: Iterator[tuple[str, bytes]]) -> Iterator[bytes]:
    return (content for _, content in parts)


def _make_partitions(conn: Connection, place: tables.Source) -> None:
    for month in place.months:
        conn.execute(
            "SELECT bronze_ops.create_partition_if_not_exists(%s, %s)",
            (place.source, f"{month}-01"),
        )


def _check_heads(conn: Connection, contents: Contents) -> Iterator[str]:
    """Yield a line for each source whose heads were not whole when the backup was made.

    Raises:
        BackupError: They are another number now.
    """
    for place in contents.manifest.sources:
        before = contents.whole.orphans[place.source]
        if (now := orphans_of(conn, place)) != before:
            raise BackupError(f"{now} heads of {place.source} have no row, {before} had none")
        if before:
            yield (
                f"{before} heads of {place.source} had no row when the backup was made: run "
                f"`bronze reconcile {place.source} --fix` for their days"
            )
