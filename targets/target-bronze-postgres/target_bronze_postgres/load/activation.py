"""Writes tombstones for what a source no longer has.

ACTIVATE_VERSION tells it of a full-table stream, a comparison with the source (``bronze
reconcile``) of any other.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, LiteralString

from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from target_bronze_postgres.load import copytext
from target_bronze_postgres.load.tables import identifier
from target_bronze_postgres.record.times import from_microseconds, timestamp_text

if TYPE_CHECKING:
    import psycopg

    from target_bronze_postgres.load.batch import Activation
    from target_bronze_postgres.load.run import Run
    from target_bronze_postgres.load.stream import StreamKey

    Connection = psycopg.Connection[Any]

logger = logging.getLogger(__name__)

# What a tombstone has of its own; all other columns are those of the version before it.
_OWN = {
    "id": "g.new_id",
    "version": "g.version",
    "metadata": "(b.metadata - 'late') || %(deletion)s",
    "lineage_timestamp": "coalesce(%(extracted)s, b.lineage_timestamp)",
    "environment": "%(environment)s",
    "pipeline_run_id": "%(run_id)s",
    "pipeline_version": "%(pipeline_version)s",
    "ingested_at": "now() AT TIME ZONE 'UTC'",
    "processing_start_time": "now() AT TIME ZONE 'UTC'",
    "processing_end_time": "clock_timestamp() AT TIME ZONE 'UTC'",
    "processing_duration": "clock_timestamp() - now()",
    "processing_steps": "jsonb_build_array(%(deleted_by)s::text)",
    "processing_errors": "NULL",
}
_BURY = """
    WITH gone AS (
        SELECT lineage_hash, id, partition_key, version + 1 AS version,
               nextval({sequence}) AS new_id
        FROM bronze_ops.heads
        WHERE source = %(source)s AND account = %(account)s AND stream = %(stream)s
          AND NOT deleted AND {condition}
          -- what was seen since is not gone: an older input is loaded again
          AND (extracted_at <= %(extracted)s::timestamp AT TIME ZONE 'UTC') IS NOT FALSE
    ), buried AS (
        INSERT INTO {table} ({columns})
        SELECT {values} FROM {table} AS b
        JOIN gone AS g ON b.id = g.id AND b.partition_key = g.partition_key
        RETURNING id, validation_status
    ), headed AS (
        UPDATE bronze_ops.heads AS h
        SET version = g.version, id = g.new_id, raw_hash = NULL, deleted = true,
            loader_id = %(loader_id)s,
            extracted_at = greatest(h.extracted_at, %(extracted)s::timestamp AT TIME ZONE 'UTC')
        FROM gone AS g JOIN buried ON buried.id = g.new_id
        WHERE h.lineage_hash = g.lineage_hash
    )
    SELECT count(*) AS count, count(*) FILTER (WHERE validation_status = 'invalid') AS invalid,
           count(*) FILTER (WHERE validation_status = 'warning') AS warnings
    FROM buried
"""
_OTHER_VERSION = "seen_version IS DISTINCT FROM %(version)s"
_NAMED = "lineage_hash = ANY (%(lineages)s)"
_COUNT = """
    WITH stream AS (
        UPDATE bronze_ops.streams SET rows = rows + %(count)s, versions = versions + %(count)s
        WHERE source = %(source)s AND account = %(account)s AND stream = %(stream)s
    )
    UPDATE bronze_ops.runs
    SET tombstones = tombstones + %(count)s, invalid = invalid + %(invalid)s,
        warnings = warnings + %(warnings)s
    WHERE loader_id = %(loader_id)s
      AND source = %(source)s AND account = %(account)s AND stream = %(stream)s
"""


def activate(conn: Connection, run: Run, activation: Activation) -> int:
    """Bury the living lineages that were not last seen with this stream version; return how many.

    Whoever calls it has made sure that a RECORD of that version came before in this run: a tap
    that was cut off, or that sends the message at the start of a stream, deletes nothing.
    """
    stream = activation.stream
    if activation.version in stream.seen.unnamed:
        logger.warning(
            "Stream %s: a record whose key cannot be read may be any of those that are missing, so "
            "none is marked as deleted",
            stream.name,
        )
        return 0
    facts = {"stream_version": activation.version}
    parameters = {
        **_parameters(run, stream.key, "activate_version", stream.provenance.tap, facts),
        "version": activation.version,
        "extracted": _timestamp(activation.extracted),
    }
    return _bury(conn, stream.table, _OTHER_VERSION, parameters)


def sweep(  # noqa: PLR0913, PLR0917 - the parts of a tombstone
    conn: Connection,
    run: Run,
    key: StreamKey,
    table: tuple[str, str],
    lineages: list[bytes],
    extracted: int,
) -> int:
    """Bury these lineages of a stream, unless they were seen since; return how many.

    Args:
        conn: The transaction, which holds the stream's advisory lock.
        run: The run that writes the tombstones; it has a row in ``bronze_ops.runs``.
        key: The stream.
        table: Schema and name of its bronze table.
        lineages: Hashes of the lineages that a comparison did not meet.
        extracted: When that comparison began, in microseconds since 1970.
    """
    parameters = {
        **_parameters(run, key, "sweep", None, {}),
        "lineages": lineages,
        "extracted": _timestamp(extracted),
    }
    return _bury(conn, table, _NAMED, parameters)


def _parameters(
    run: Run, key: StreamKey, deleted_by: str, tap: str | None, facts: dict[str, Any]
) -> dict[str, Any]:
    return {
        "source": key.source,
        "account": key.account,
        "stream": key.stream,
        "loader_id": run.loader_id,
        "deletion": Jsonb({"deleted": True, "deleted_by": deleted_by, **facts}),
        "deleted_by": deleted_by,
        "environment": run.settings.environment,
        "run_id": run.run_id,
        "pipeline_version": run.pipeline_version(tap),
    }


def _timestamp(extracted: int | None) -> str | None:
    return None if extracted is None else timestamp_text(from_microseconds(extracted))


def _bury(
    conn: Connection, table: tuple[str, str], condition: LiteralString, parameters: dict[str, Any]
) -> int:
    statement = _statement(table, condition)
    with conn.cursor(row_factory=dict_row) as cursor:
        written = cursor.execute(statement, parameters).fetchone() or {"count": 0}
    if written["count"]:
        conn.execute(_COUNT, {**parameters, **written})
    return int(written["count"])


def _statement(table: tuple[str, str], condition: LiteralString) -> sql.Composed:
    columns = copytext.COLUMNS
    values = [sql.SQL(_OWN[c]) if c in _OWN else sql.Identifier("b", c) for c in columns]
    sequence = sql.Identifier(table[0], table[1] + "_id_seq").as_string()
    return sql.SQL(_BURY).format(
        table=identifier(table),
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
        values=sql.SQL(", ").join(values),
        sequence=sql.Literal(sequence),
        condition=sql.SQL(condition),
    )
