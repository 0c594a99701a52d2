"""Counts anew, from the rows, what the catalog and the calendar say of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

if TYPE_CHECKING:
    import psycopg

    from target_bronze_postgres.ops.heads.places import Place

    Connection = psycopg.Connection[Any]

_COUNT = """
    CREATE TEMPORARY TABLE counted ON COMMIT DROP AS
    SELECT metadata->>'account' AS account, metadata->>'stream' AS stream,
           source_timestamp::date AS day, count(*) AS rows,
           count(*) FILTER (WHERE version > 1) AS versions,
           count(*) FILTER (WHERE NOT metadata ? 'deleted') AS records,
           min(source_timestamp) AS first, max(source_timestamp) AS last,
           min(ingested_at) AS first_seen, max(ingested_at) AS last_seen
    FROM {} GROUP BY 1, 2, 3
"""
_CATALOG = """
    WITH sums AS (
        SELECT account, stream, sum(rows)::bigint AS rows, sum(versions)::bigint AS versions,
               min(first) AS first, max(last) AS last,
               min(first_seen) AT TIME ZONE 'UTC' AS first_seen,
               max(last_seen) AT TIME ZONE 'UTC' AS last_seen
        FROM counted GROUP BY 1, 2
        UNION ALL
        SELECT account, stream, 0, 0, NULL, NULL, first_seen, last_seen FROM bronze_ops.streams AS s
        WHERE source = %(source)s AND NOT EXISTS (
            SELECT FROM counted AS c WHERE (c.account, c.stream) = (s.account, s.stream))
    )
    INSERT INTO bronze_ops.streams AS s (source, account, stream, first_seen, last_seen, rows,
        versions, first_source_timestamp, last_source_timestamp)
    SELECT %(source)s, account, stream, first_seen, last_seen, rows, versions, first, last FROM sums
    ON CONFLICT (source, account, stream) DO UPDATE SET
        rows = excluded.rows, versions = excluded.versions,
        first_source_timestamp = excluded.first_source_timestamp,
        last_source_timestamp = excluded.last_source_timestamp
    WHERE (s.rows, s.versions, s.first_source_timestamp, s.last_source_timestamp) IS DISTINCT FROM
        (excluded.rows, excluded.versions, excluded.first_source_timestamp,
         excluded.last_source_timestamp)
"""
_DAYS = """
    WITH wanted AS (
        SELECT account, stream, day, records FROM counted WHERE day IS NOT NULL AND records > 0
    ), gone AS (
        DELETE FROM bronze_ops.days AS d WHERE source = %(source)s AND NOT EXISTS (
            SELECT FROM wanted AS w
            WHERE (w.account, w.stream, w.day) = (d.account, d.stream, d.day))
        RETURNING 1
    ), written AS (
        INSERT INTO bronze_ops.days AS d (source, account, stream, day, records)
        SELECT %(source)s, account, stream, day, records FROM wanted
        ON CONFLICT (source, account, stream, day) DO UPDATE SET records = excluded.records
        WHERE d.records <> excluded.records
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM written)
"""
# Loaders that looked heads up ahead see by it that they have to look again.
_GENERATION = "UPDATE bronze_ops.streams SET generation = generation + 1 WHERE source = %(source)s"


def recount(conn: Connection, place: Place) -> int:
    """Mend the counters of a source; return how many streams and days had wrong ones.

    The caller holds the locks of the source's streams.
    """
    source = {"source": place.source}
    conn.execute("DROP TABLE IF EXISTS pg_temp.counted")
    conn.execute(sql.SQL(_COUNT).format(place.identifier))
    wrong = conn.execute(_CATALOG, source).rowcount
    days = conn.execute(_DAYS, source).fetchone()
    conn.execute(_GENERATION, source)
    return wrong + (days[0] if days else 0)
