"""The bronze tables, and the locks that keep loaders out of them for a transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg import sql

from target_bronze_postgres.errors import SettingsError
from target_bronze_postgres.load.stream import StreamKey

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[Any]

_PLACES = "SELECT source, schema_name, table_name FROM bronze_ops.sources ORDER BY source"
_STREAMS = "SELECT source, account, stream FROM bronze_ops.streams WHERE source = %s"
_PATIENCE = """
    SELECT set_config('statement_timeout', '0', true), set_config('lock_timeout', '0', true),
           set_config('idle_in_transaction_session_timeout', '0', true)
"""


class Place(NamedTuple):
    """A source and its bronze table."""

    source: str
    schema: str
    table: str

    @property
    def identifier(self) -> sql.Identifier:
        """The table, for SQL."""
        return sql.Identifier(self.schema, self.table)


def places(conn: Connection, source: str | None = None) -> list[Place]:
    """Return all bronze tables, or that of a source.

    Raises:
        SettingsError: There is no such source.
    """
    found = [Place(*row) for row in conn.execute(_PLACES)]
    if source is None:
        return found
    if not (named := [place for place in found if place.source == source]):
        known = ", ".join(place.source for place in found) or "none"
        raise SettingsError(f"nothing was loaded from a source {source!r}; known are: {known}")
    return named


def lock_streams(conn: Connection, source: str) -> None:
    """Keep loaders out of all streams of a source until the transaction ends.

    A loader takes the same locks before it reads the heads, in the same order.
    """
    conn.execute(_PATIENCE)
    for lock in sorted(StreamKey(*row).lock for row in conn.execute(_STREAMS, (source,))):
        conn.execute("SELECT pg_advisory_xact_lock(%s)", (lock,))


def lock_rows(conn: Connection, place: Place) -> None:
    """Keep everybody from writing rows, also of streams unknown to the catalog; reading goes on."""
    conn.execute(sql.SQL("LOCK TABLE {} IN SHARE MODE").format(place.identifier))
