"""Writes a backup from one snapshot of the database, and reads it back."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any, Final

import msgspec
from psycopg import IsolationLevel

from target_bronze_postgres.db.migrations import check_version
from target_bronze_postgres.errors import BackupError
from target_bronze_postgres.load.run import VERSION
from target_bronze_postgres.ops.backup import archive, tables
from target_bronze_postgres.ops.backup.rights import Rights, rights
from target_bronze_postgres.ops.backup.tables import Sequence, Source, Table, Totals
from target_bronze_postgres.ops.heads import orphans

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import psycopg

    Connection = psycopg.Connection[Any]
    Say = Callable[[str], None]

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
TOTALS: Final = "totals.json"
# Values have one text each, whatever the server, the database or the role prefers.
_SETTINGS: Final = """
    SELECT set_config(name, value, true)
    FROM (VALUES ('DateStyle', 'ISO'), ('IntervalStyle', 'postgres'), ('TimeZone', 'UTC'),
                 ('bytea_output', 'hex'), ('extra_float_digits', '1'), ('statement_timeout', '0'),
                 ('lock_timeout', '0'), ('idle_in_transaction_session_timeout', '0'),
                 ('transaction_timeout', '0')) AS wanted (name, value)
    WHERE EXISTS (SELECT FROM pg_settings AS s WHERE s.name = wanted.name)
"""


class Manifest(msgspec.Struct, frozen=True):
    """What is in a backup; ``server`` is the major version, ``schema`` the newest migration."""

    format: int
    program: str
    created_at: datetime
    server: int
    schema: int
    sources: tuple[Source, ...]
    tables: tuple[Table, ...]
    rights: Rights


class Whole(msgspec.Struct, frozen=True):
    """The sums of a backup: of each table by its folder, sequences, and heads without a row."""

    tables: dict[str, Totals]
    sequences: tuple[Sequence, ...]
    orphans: dict[str, int]

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(table.rows for table in self.tables.values())


class Contents(msgspec.Struct, frozen=True):
    """What a backup that was read holds."""

    manifest: Manifest
    whole: Whole


def plain_texts(conn: Connection) -> None:
    """Have values written in one way, and let the transaction take its time."""
    conn.execute(_SETTINGS)


@contextmanager
def _snapshot(conn: Connection) -> Iterator[None]:
    conn.isolation_level, conn.read_only = IsolationLevel.REPEATABLE_READ, True
    try:
        with conn.transaction():
            plain_texts(conn)
            yield
    finally:
        conn.isolation_level, conn.read_only = None, None


def dump(conn: Connection, sink: IO[bytes], say: Say) -> Contents:
    """Write a backup; loaders go on meanwhile, and what they commit is not in it.

    Args:
        conn: A connection in autocommit mode, of a role that may read all tables.
        sink: Where to; it stays open.
        say: Told of each table before it is read.

    Raises:
        BackupError: There is nothing to back up, or the server gave other rows than it counts.
    """
    with _snapshot(conn), archive.ArchiveWriter(sink) as writer:
        manifest = _manifest(conn)
        writer.add(MANIFEST, msgspec.json.encode(manifest))
        totals = {}
        for table in manifest.tables:
            counted = tables.count(conn, table)
            say(f"{table.label}: {counted:,} rows")
            totals[table.folder] = _write(conn, writer, table)
            if totals[table.folder].rows != counted:
                raise BackupError(
                    f"{table.label} has {counted} rows, and {totals[table.folder].rows} came: "
                    "run `bronze backup` again"
                )
        whole = Whole(totals, tuple(tables.sequences(conn)), _orphans(conn, manifest))
        writer.add(TOTALS, msgspec.json.encode(whole))
    return Contents(manifest, whole)


def _manifest(conn: Connection) -> Manifest:
    if not (schema := check_version(conn)):
        raise BackupError("there are no bronze tables yet: nothing to back up")
    places = tuple(tables.sources(conn))
    return Manifest(
        format=FORMAT,
        program=f"target-bronze-postgres {VERSION}",
        created_at=datetime.now(UTC),
        server=conn.info.server_version // 10_000,
        schema=schema,
        sources=places,
        tables=tuple(tables.tables(conn, places)),
        rights=rights(conn),
    )


def _write(conn: Connection, writer: archive.ArchiveWriter, table: Table) -> Totals:
    tally = tables.Tally()
    for number, chunk in enumerate(tables.copy_out(conn, table), 1):
        tally.add(chunk)
        writer.add(f"{table.folder}{number:06}", chunk)
    return tally.totals


def _orphans(conn: Connection, manifest: Manifest) -> dict[str, int]:
    places = {place.source: place for place in manifest.sources}
    return {name: orphans_of(conn, place) for name, place in places.items()}


def orphans_of(conn: Connection, place: Source) -> int:
    """Return how many heads of a source have no row."""
    table = Table(place.schema, place.table, ()).identifier
    return sum(orphans.count(conn, place.source, table).values())


def check(source: IO[bytes], label: str) -> Contents:
    """Read a backup to its end: every byte, every row of it.

    Raises:
        BackupError: It is damaged, no backup, or of a newer program.
    """
    tallies: dict[str, tables.Tally] = {}
    manifest: Manifest | None = None
    whole: Whole | None = None
    with archive.damage(label):
        for name, content in archive.members(source):
            if name == MANIFEST:
                manifest = _read_manifest(content, label)
                tallies = {table.folder: tables.Tally() for table in manifest.tables}
            elif name == TOTALS:
                whole = msgspec.json.decode(content, type=Whole)
            else:
                tallies[f"{name.rpartition('/')[0]}/"].add(content)
        if manifest is None or whole is None:
            raise ValueError("its manifest or its totals are missing")
        if whole.tables != {folder: tally.totals for folder, tally in tallies.items()}:
            raise ValueError("its rows are not those that were counted")
    return Contents(manifest, whole)


def _read_manifest(content: bytes, label: str) -> Manifest:
    kind = msgspec.json.decode(content).get("format")
    if kind != FORMAT:
        raise BackupError(
            f"{label} has format {kind}, this program knows {FORMAT}: upgrade "
            "target-bronze-postgres"
        )
    return msgspec.json.decode(content, type=Manifest)
