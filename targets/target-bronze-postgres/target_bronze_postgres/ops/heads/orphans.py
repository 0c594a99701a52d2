"""Heads whose row is gone: somebody deleted rows by hand, or dropped a month.

Such a head keeps its record out: the same content comes again and counts as unchanged. A mended
head lets the very next record of its lineage in, whatever it says, under the number that the lost
version had; so a record that comes back is what it was, and no number is given twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[Any]

_ORPHANS = """
    FROM bronze_ops.heads AS h
    WHERE h.source = %(source)s AND NOT EXISTS (
        SELECT FROM {table} AS b WHERE b.id = h.id AND b.partition_key = h.partition_key)
"""
_COUNT = "SELECT to_char(h.partition_key, 'YYYY-MM') AS month, count(*)" + _ORPHANS
# No record has this hash, and none was extracted earlier: whatever comes is the next version.
_MEND = """
    UPDATE bronze_ops.heads AS o
    SET version = greatest(o.version - 1, 0), content_hash = decode(repeat('00', 16), 'hex'),
        raw_hash = NULL, extracted_at = TIMESTAMPTZ 'epoch', seen_version = NULL
    FROM (SELECT h.lineage_hash {orphans}
          AND h.content_hash <> decode(repeat('00', 16), 'hex')) AS n
    WHERE o.lineage_hash = n.lineage_hash
"""


def count(conn: Connection, source: str, table: sql.Identifier) -> dict[str, int]:
    """Return how many heads of a source have no row, by month, such as ``2024-01``."""
    query = sql.SQL(_COUNT + " GROUP BY 1 ORDER BY 1").format(table=table)
    return dict(conn.execute(query, {"source": source}).fetchall())


def mend(conn: Connection, source: str, table: sql.Identifier) -> int:
    """Let the records of these heads in again; return how many heads were not mended before.

    The caller holds the locks of ``locks.py``.
    """
    query = sql.SQL(_MEND).format(orphans=sql.SQL(_ORPHANS).format(table=table))
    return conn.execute(query, {"source": source}).rowcount
