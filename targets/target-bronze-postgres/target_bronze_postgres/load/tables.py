"""Bronze tables and their partitions: made ahead of the batches, on a connection of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[Any]

_LOCK_TIMEOUT = "SET LOCAL lock_timeout = '10s'"
_PARTITIONS = """
    SELECT c.relname FROM pg_inherits AS i
    JOIN pg_class AS c ON c.oid = i.inhrelid
    WHERE i.inhparent = to_regclass(format('%%I.%%I', %s::text, %s::text))
"""


class Tables:
    """Knows which tables and partitions are there, and makes those that are not.

    Making is idempotent and safe beside other loaders. Each method that makes something is called
    in a short transaction of its own, so that no batch waits for a lock that another batch holds.
    """

    def __init__(self, schema: str, raw_index: str) -> None:
        """Keep tables in ``schema``; new ones get this index on raw_data, if not told otherwise."""
        self._schema = schema
        self._raw_index = raw_index
        self._tables: dict[str, tuple[str, str]] = {}
        self._partitions: set[str] = set()

    def table(self, source: str) -> tuple[str, str] | None:
        """Return schema and name of a source's table, None as long as it is not known."""
        return self._tables.get(source)

    def make_table(
        self, conn: Connection, source: str, raw_index: str | None = None
    ) -> tuple[str, str]:
        """Make a source's table unless it is there, and return its schema and name.

        ``raw_index`` is what the tap asks for; it goes before the setting.
        """
        row = conn.execute(
            "SELECT bronze_ops.create_source(%s, %s, %s)",
            (source, self._schema, raw_index or self._raw_index),
        ).fetchone()
        made = (self._schema, row[0] if row else "")
        self._partitions.update(partition for (partition,) in conn.execute(_PARTITIONS, made))
        return made

    def note(self, source: str, table: tuple[str, str]) -> None:
        """Remember a source's table, once it is committed."""
        self._tables[source] = table

    def missing(self, months: set[tuple[str, str]]) -> set[tuple[str, str]]:
        """Return those of (source, ``2024-01``) that have no partition, as far as is known."""
        return {month for month in months if self._partition(*month) not in self._partitions}

    def make_partition(self, conn: Connection, source: str, month: str) -> None:
        """Make the partition of a month, ``2024-01``, unless it is there."""
        conn.execute(_LOCK_TIMEOUT)
        conn.execute(
            "SELECT bronze_ops.create_partition_if_not_exists(%s, %s)", (source, f"{month}-01")
        )
        self._partitions.add(self._partition(source, month))

    def _partition(self, source: str, month: str) -> str:
        return f"{self._tables[source][1]}_y{month[:4]}m{month[5:]}"


def identifier(table: tuple[str, str]) -> sql.Identifier:
    """Quote schema and name of a table."""
    return sql.Identifier(*table)
