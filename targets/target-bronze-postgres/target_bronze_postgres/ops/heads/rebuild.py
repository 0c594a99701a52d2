"""Makes the heads of a source anew from its bronze table, and mends those that differ.

What a row tells is made anew: version, content hash, place, tombstone; the time of extraction and
the stream version as far as rows tell them. A head that agrees with its row stays untouched, with
what only heads know: the hash of the bytes it came as, and when it was last seen unchanged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID

from psycopg import sql

from target_bronze_postgres.ops.heads.counters import recount
from target_bronze_postgres.ops.heads.places import lock_rows, lock_streams
from target_bronze_postgres.record.identity import lineage_hash

if TYPE_CHECKING:
    import psycopg

    from target_bronze_postgres.ops.heads.places import Place

    Connection = psycopg.Connection[Any]

NOBODY: Final = UUID(int=0)
"""The loader of a head that no loader wrote."""
_FETCHED: Final = 10_000

_MEMORY = "SET LOCAL work_mem = '256MB'"
# The head is the newest version that is not late; only where all others are gone, a late one.
_NEWEST = """
    SELECT lineage_id, account, stream, highest, content_hash, id, partition_key::text,
           extracted::text, seen_version, deleted
    FROM (
        SELECT lineage_id, metadata->>'account' AS account, metadata->>'stream' AS stream, id,
               decode(split_part(metadata->>'content_hash', ':', 2), 'hex') AS content_hash,
               partition_key, (metadata->>'stream_version')::bigint AS seen_version,
               coalesce((metadata->>'deleted')::boolean, false) AS deleted,
               row_number() OVER lineage AS place, max(version) OVER lineage AS highest,
               max(lineage_timestamp) OVER lineage AS extracted
        FROM {}
        WINDOW lineage AS (
            PARTITION BY lineage_id ORDER BY metadata ? 'late', version DESC
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
    ) AS rows WHERE place = 1
"""
_ANEW = """
    CREATE TEMPORARY TABLE anew (
        lineage_hash BYTEA, account TEXT, stream TEXT, version INTEGER, content_hash BYTEA,
        id BIGINT, partition_key DATE, extracted_at TIMESTAMP, seen_version BIGINT, deleted BOOLEAN
    ) ON COMMIT DROP
"""
_DIFFERS = """
    ((h.source, h.account, h.stream, h.version, h.content_hash, h.id, h.partition_key, h.deleted)
     IS DISTINCT FROM (%(source)s, n.account, n.stream, n.version, n.content_hash, n.id,
                       n.partition_key, n.deleted)
     OR n.extracted_at AT TIME ZONE 'UTC' > coalesce(h.extracted_at, '-infinity'))
"""
# Not by UPDATE: heads that have changed their rows with one another would meet in the unique index.
_WRONG = f"""
    DELETE FROM bronze_ops.heads AS h USING anew AS n
    WHERE n.lineage_hash = h.lineage_hash AND {_DIFFERS}
"""
_SUPERFLUOUS = """
    DELETE FROM bronze_ops.heads AS h WHERE source = %(source)s AND NOT EXISTS (
        SELECT FROM anew AS n WHERE n.lineage_hash = h.lineage_hash)
"""
_MISSING = """
    INSERT INTO bronze_ops.heads (lineage_hash, source, account, stream, version, content_hash, id,
        partition_key, extracted_at, seen_version, loader_id, deleted)
    SELECT lineage_hash, %(source)s, account, stream, version, content_hash, id, partition_key,
           extracted_at AT TIME ZONE 'UTC', seen_version, %(nobody)s, deleted
    FROM anew AS n WHERE NOT EXISTS (
        SELECT FROM bronze_ops.heads AS h WHERE h.lineage_hash = n.lineage_hash)
"""


class Mended(NamedTuple):
    """How many lineages a source has, and what was wrong before.

    ``missing`` heads were not there, ``wrong`` ones differed from their rows, ``superfluous`` ones
    had no rows; ``counters`` of the catalog and the calendar were wrong.
    """

    lineages: int
    missing: int
    wrong: int
    superfluous: int
    counters: int

    @property
    def is_right(self) -> bool:
        """Whether nothing was wrong."""
        return not any(self[1:])


def rebuild(conn: Connection, place: Place) -> Mended:
    """Make the heads and counters of a source anew, in one transaction.

    Loaders of the source wait meanwhile; readers see the heads as they were until the end.

    Args:
        conn: A connection in autocommit mode, of the owner of the tables.
        place: The source.
    """
    parameters = {"source": place.source, "nobody": NOBODY}
    with conn.transaction():
        lock_streams(conn, place.source)
        lock_rows(conn, place)
        conn.execute(_MEMORY)
        lineages = _collect(conn, place)
        wrong = conn.execute(_WRONG, parameters).rowcount
        superfluous = conn.execute(_SUPERFLUOUS, parameters).rowcount
        missing = conn.execute(_MISSING, parameters).rowcount - wrong
        counters = recount(conn, place)
    return Mended(lineages, missing, wrong, superfluous, counters)


def _collect(conn: Connection, place: Place) -> int:
    """Write what the heads have to be into a table of this session; return their number."""
    conn.execute(_ANEW)
    count = 0
    with conn.cursor("bronze_newest") as cursor:
        cursor.execute(sql.SQL(_NEWEST).format(place.identifier))
        while rows := cursor.fetchmany(_FETCHED):
            with conn.cursor() as writer, writer.copy("COPY anew FROM STDIN") as copy:
                for lineage_id, *rest in rows:
                    copy.write_row((lineage_hash(lineage_id), *rest))
            count += len(rows)
    conn.execute("CREATE INDEX ON anew (lineage_hash)")
    conn.execute("ANALYZE anew")
    return count
