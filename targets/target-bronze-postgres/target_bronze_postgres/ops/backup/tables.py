"""The tables of a backup: which there are, and their rows out of and into the database."""

from __future__ import annotations

from dataclasses import dataclass
from graphlib import TopologicalSorter
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import msgspec
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import psycopg

    Connection = psycopg.Connection[Any]

CHUNK: Final = 8 << 20
"""Bytes of rows after which a member of the archive ends."""
_MODULUS: Final = 1 << 128

_COLUMNS = """
    SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute
    WHERE attrelid = to_regclass(format('%%I.%%I', %s::text, %s::text))
      AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
"""
_OPERATIONS = """
    SELECT c.relname, coalesce(array_agg(f.relname) FILTER (WHERE f.relname IS NOT NULL), '{}')
    FROM pg_class AS c
    LEFT JOIN pg_constraint AS k ON k.conrelid = c.oid AND k.contype = 'f' AND k.confrelid <> c.oid
    LEFT JOIN pg_class AS f ON f.oid = k.confrelid
    WHERE c.relnamespace = to_regnamespace('bronze_ops') AND c.relkind = 'r'
      AND c.relname <> 'schema_version'
    GROUP BY c.relname ORDER BY c.relname
"""
_SOURCES = """
    SELECT source, schema_name, table_name, raw_index FROM bronze_ops.sources ORDER BY source
"""
# Of the rows, and of partitions that are empty.
_MONTHS = """
    SELECT to_char(partition_key, 'YYYY-MM') FROM {table}
    UNION
    SELECT array_to_string(regexp_match(c.relname, '_y([0-9]{{4}})m([0-9]{{2}})$'), '-')
    FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
    WHERE i.inhparent = {name}::regclass AND c.relname ~ '_y[0-9]{{4}}m[0-9]{{2}}$'
    ORDER BY 1
"""
_SEQUENCES = """
    SELECT n.nspname, c.relname FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_depend AS d ON d.objid = c.oid AND d.deptype = 'a'
    JOIN pg_class AS t ON t.oid = d.refobjid
    WHERE c.relkind = 'S' AND (
        n.nspname = 'bronze_ops' OR EXISTS (
            SELECT FROM bronze_ops.sources AS s
            WHERE s.schema_name = n.nspname AND s.table_name = t.relname))
    ORDER BY 1, 2
"""


class Source(msgspec.Struct, frozen=True):
    """A bronze table, and the months that have a partition, such as ``2024-01``."""

    source: str
    schema: str
    table: str
    raw_index: str
    months: tuple[str, ...] = ()


class Table(msgspec.Struct, frozen=True):
    """A table and its columns in the order in which they are copied."""

    schema: str
    name: str
    columns: tuple[str, ...]

    @property
    def folder(self) -> str:
        """Where its rows stand in the archive."""
        return f"data/{quote(self.schema, safe='')}.{quote(self.name, safe='')}/"

    @property
    def label(self) -> str:
        """Its name for a person."""
        return f"{self.schema}.{self.name}"

    @property
    def identifier(self) -> sql.Identifier:
        """Its name for SQL."""
        return sql.Identifier(self.schema, self.name)


class Totals(msgspec.Struct, frozen=True):
    """How many rows a table has, and the hash of them all, whatever their order."""

    rows: int
    hash: str


class Sequence(msgspec.Struct, frozen=True):
    """A sequence and where it stands."""

    schema: str
    name: str
    last_value: int
    is_called: bool


@dataclass
class Tally:
    """Sums up rows to ``Totals``."""

    rows: int = 0
    sum: int = 0

    def add(self, chunk: bytes) -> None:
        """Count whole rows in the text format of COPY."""
        lines = chunk.split(b"\n")
        lines.pop()
        self.rows += len(lines)
        digests = (blake2b(line, digest_size=16).digest() for line in lines)
        self.sum = (self.sum + sum(map(_number, digests))) % _MODULUS

    @property
    def totals(self) -> Totals:
        """What was counted."""
        return Totals(self.rows, f"{self.sum:032x}")


def _number(digest: bytes) -> int:
    return int.from_bytes(digest, "big")


def sources(conn: Connection) -> list[Source]:
    """Return the bronze tables."""
    found = []
    for name, schema, table, raw_index in conn.execute(_SOURCES).fetchall():
        identifier = sql.Identifier(schema, table)
        query = sql.SQL(_MONTHS).format(
            table=identifier, name=sql.Literal(identifier.as_string(conn))
        )
        months = tuple(month for (month,) in conn.execute(query))
        found.append(Source(name, schema, table, raw_index, months))
    return found


def tables(conn: Connection, places: Iterable[Source]) -> list[Table]:
    """Return all tables, those that others refer to before them."""
    needed = dict(conn.execute(_OPERATIONS).fetchall())
    names = [("bronze_ops", name) for name in TopologicalSorter(needed).static_order()]
    names += [(place.schema, place.table) for place in places]
    return [Table(*name, _columns(conn, name)) for name in names]


def _columns(conn: Connection, name: tuple[str, str]) -> tuple[str, ...]:
    row = conn.execute(_COLUMNS, name).fetchone()
    return tuple(row[0]) if row and row[0] else ()


def sequences(conn: Connection) -> list[Sequence]:
    """Return the sequences; they know no snapshot, so ask for them after the rows."""
    found = []
    for schema, name in conn.execute(_SEQUENCES).fetchall():
        query = sql.SQL("SELECT last_value, is_called FROM {}").format(sql.Identifier(schema, name))
        row = conn.execute(query).fetchone()
        if row:
            found.append(Sequence(schema, name, *row))
    return found


def count(conn: Connection, table: Table) -> int:
    """Return how many rows a table has, by the server's own count."""
    row = conn.execute(sql.SQL("SELECT count(*) FROM {}").format(table.identifier)).fetchone()
    return row[0] if row else 0


def copy_out(conn: Connection, table: Table) -> Iterator[bytes]:
    """Yield the rows of a table in the text format of COPY, some megabytes at once."""
    columns = sql.SQL(", ").join(map(sql.Identifier, table.columns))
    query = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(columns, table.identifier)
    rows: list[bytes] = []
    size = 0
    with conn.cursor() as cursor, cursor.copy(query) as copy:
        for row in copy:
            rows.append(bytes(row))
            size += len(row)
            if size >= CHUNK:
                yield b"".join(rows)
                rows, size = [], 0
    if rows:
        yield b"".join(rows)


def copy_in(conn: Connection, table: Table, chunks: Iterable[bytes]) -> None:
    """Write rows into a table."""
    columns = sql.SQL(", ").join(map(sql.Identifier, table.columns))
    query = sql.SQL("COPY {} ({}) FROM STDIN").format(table.identifier, columns)
    with conn.cursor() as cursor, cursor.copy(query) as copy:
        for chunk in chunks:
            copy.write(chunk)
