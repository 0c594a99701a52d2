"""What stands in bronze for some days, and what of it the source did not send."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg import sql

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

    from target_bronze_postgres.ops.heads.places import Place
    from target_bronze_postgres.ops.reconcile.days import Days
    from target_bronze_postgres.ops.reconcile.store import Compared

    Connection = psycopg.Connection[Any]

# Living records of the days, undated ones too; all of a full table.
_LIVING = """
    FROM bronze_ops.heads AS h
    JOIN {table} AS b ON b.id = h.id AND b.partition_key = h.partition_key
    WHERE h.source = %(source)s AND h.account = %(account)s AND h.stream = %(stream)s
      AND NOT h.deleted
      AND (%(all)s OR b.source_timestamp IS NULL
           OR b.source_timestamp >= %(first)s AND b.source_timestamp < %(last)s::date + 1)
"""
_COUNT = "SELECT count(*)" + _LIVING
_VANISHED = (
    "SELECT h.lineage_hash, b.lineage_id"
    + _LIVING
    + """
      AND (h.extracted_at <= %(started_at)s) IS NOT FALSE
      AND NOT EXISTS (
          SELECT FROM bronze_ops.reconciled_records AS r
          WHERE r.reconciliation_id = %(id)s AND r.lineage_hash = h.lineage_hash)
    ORDER BY b.partition_key, b.id
"""
)


class Vanished(NamedTuple):
    """A record that the source did not send."""

    lineage_hash: bytes
    lineage_id: str


def count_living(conn: Connection, place: Place, compared: Compared, days: Days | None) -> int:
    """Return how many living records of these days, or in all, stand in bronze."""
    query = sql.SQL(_COUNT).format(table=place.identifier)
    row = conn.execute(query, _names(compared, days)).fetchone()
    return row[0] if row else 0


def find(
    conn: Connection, place: Place, compared: Compared, days: Days | None, started_at: datetime
) -> list[Vanished]:
    """Return the living records of these days, or of all, that did not come."""
    query = sql.SQL(_VANISHED).format(table=place.identifier)
    parameters = _names(compared, days) | {"id": compared.id, "started_at": started_at}
    with conn.cursor(binary=True) as cursor:
        return [Vanished(*row) for row in cursor.execute(query, parameters)]


def _names(compared: Compared, days: Days | None) -> dict[str, Any]:
    key = compared.key
    return {
        "source": key.source,
        "account": key.account,
        "stream": key.stream,
        "all": days is None,
        "first": days.first if days else None,
        "last": days.last if days else None,
    }
