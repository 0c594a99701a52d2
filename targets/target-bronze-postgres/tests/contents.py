"""What a load leaves behind, to be compared with what another load left."""

from __future__ import annotations

from typing import Any

import psycopg

# What is another in every run: ids, run ids and the times of loading.
ROWS = """
    SELECT (to_jsonb(b) - '{id,ingested_at,pipeline_run_id,processing_start_time,
        processing_end_time,processing_duration}'::text[])::text
    FROM bronze_x AS b ORDER BY lineage_id, version
"""
HEADS = """
    SELECT (to_jsonb(h) - '{id,loader_id}'::text[])::text
    FROM bronze_ops.heads AS h ORDER BY lineage_hash
"""
CATALOG = "SELECT stream, rows, versions, unknown_fields FROM bronze_ops.streams ORDER BY 1"
DAYS = "SELECT stream, day::text, records FROM bronze_ops.days ORDER BY 1, 2"
LETTERS = "SELECT stream, reason, message, landed FROM bronze_ops.dead_letters ORDER BY 1, 3"

# Each finds what may never be.
_FAULTS = {
    "records_read is not the sum of what became of them": """
        SELECT stream FROM bronze_ops.runs
        WHERE records_read <> rows_new + rows_changed + rows_unchanged + dead_letters""",
    "a version is there twice, or one is missing": """
        SELECT lineage_id FROM bronze_x GROUP BY 1
        HAVING count(*) <> max(version) OR count(DISTINCT version) <> count(*)""",
    "the catalog counts other rows": """
        SELECT s.stream, s.rows, s.versions, count(b.id) FROM bronze_ops.streams AS s
        LEFT JOIN bronze_x AS b ON (b.metadata->>'stream', b.metadata->>'account')
                                 = (s.stream, s.account)
        GROUP BY s.source, s.account, s.stream
        HAVING s.rows <> count(b.id) OR s.versions <> count(b.id) FILTER (WHERE b.version > 1)""",
    "the runs count other rows": """
        SELECT written, rows FROM
            (SELECT coalesce(sum(rows_new + rows_changed), 0) AS written FROM bronze_ops.runs) AS r,
            (SELECT count(*) AS rows FROM bronze_x
             WHERE metadata->>'deleted_by' IS DISTINCT FROM 'activate_version') AS b
        WHERE written <> rows""",
    "the runs count other odd rows or tombstones": """
        SELECT * FROM
            (SELECT coalesce(sum(invalid), 0) AS i, coalesce(sum(warnings), 0) AS w,
                    coalesce(sum(tombstones), 0) AS t FROM bronze_ops.runs) AS r,
            (SELECT count(*) FILTER (WHERE validation_status = 'invalid') AS invalid,
                    count(*) FILTER (WHERE validation_status = 'warning') AS warnings,
                    count(*) FILTER (WHERE metadata ? 'deleted') AS tombstones FROM bronze_x) AS b
        WHERE (i, w, t) <> (b.invalid, b.warnings, b.tombstones)""",
    "a head is no row, or not what its row is": """
        SELECT h.stream FROM bronze_ops.heads AS h
        LEFT JOIN bronze_x AS b ON (b.id, b.partition_key) = (h.id, h.partition_key)
        WHERE b.id IS NULL OR b.version > h.version
           OR coalesce((b.metadata->>'deleted')::boolean, false) <> h.deleted
           OR b.metadata->>'content_hash' <> 'c1:' || encode(h.content_hash, 'hex')""",
    "a lineage has no head, or one with another version": """
        SELECT lineage_id FROM bronze_x AS b
        LEFT JOIN (SELECT x.lineage_id, h.version FROM bronze_ops.heads AS h
                   JOIN bronze_x AS x USING (id, partition_key)) AS h USING (lineage_id)
        GROUP BY lineage_id, h.version HAVING max(b.version) IS DISTINCT FROM h.version""",
    "the days count other rows": """
        SELECT * FROM (
            SELECT metadata->>'account' AS account, metadata->>'stream' AS stream,
                   source_timestamp::date AS day, count(*) AS records
            FROM bronze_x WHERE source_timestamp IS NOT NULL AND NOT metadata ? 'deleted'
            GROUP BY 1, 2, 3) AS b
        FULL JOIN (SELECT account, stream, day, records FROM bronze_ops.days) AS d
        USING (account, stream, day, records) WHERE b IS NULL OR d IS NULL""",
    "a row lies in another month than its day": """
        SELECT id FROM bronze_x
        WHERE tableoid::regclass::text <> 'bronze_x_y' || to_char(partition_key, 'YYYY"m"MM')""",
}


def contents(dsn: str) -> list[list[Any]]:
    """Return all that a load leaves behind, but for ids and times of loading."""
    with psycopg.connect(dsn, options="-c timezone=UTC -c datestyle=ISO") as conn:
        queries = (ROWS, HEADS, CATALOG, DAYS, LETTERS)
        return [conn.execute(query.encode()).fetchall() for query in queries]


def check(dsn: str) -> None:
    """Assert what holds of bronze_x and its operations tables after any loads."""
    with psycopg.connect(dsn) as conn:
        for fault, query in _FAULTS.items():
            assert (fault, conn.execute(query.encode()).fetchall()) == (fault, [])
