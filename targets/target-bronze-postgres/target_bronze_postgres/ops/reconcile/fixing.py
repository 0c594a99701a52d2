"""Mends what a comparison found: heads without rows, records to load, records to bury."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any

from target_bronze_postgres.load import activation, ledger
from target_bronze_postgres.load.engine import load
from target_bronze_postgres.load.run import Run
from target_bronze_postgres.ops.heads import orphans
from target_bronze_postgres.ops.heads.counters import recount
from target_bronze_postgres.ops.heads.places import lock_streams
from target_bronze_postgres.ops.reconcile import store

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    import psycopg

    from target_bronze_postgres.load.stream import StreamKey
    from target_bronze_postgres.ops.context import Context
    from target_bronze_postgres.ops.heads.places import Place
    from target_bronze_postgres.ops.reconcile.store import Compared
    from target_bronze_postgres.ops.reconcile.vanished import Vanished

    Connection = psycopg.Connection[Any]


def mend_heads(conn: Connection, places: Iterable[Place]) -> int:
    """Let records whose row is gone in again, and mend the counters; return how many there are."""
    mended = 0
    for place in places:
        if not orphans.count(conn, place.source, place.identifier):
            continue
        with conn.transaction():
            lock_streams(conn, place.source)
            mended += orphans.mend(conn, place.source, place.identifier)
            recount(conn, place)
    return mended


def load_differing(conn: Connection, context: Context, streams: Iterable[Compared]) -> None:
    """Load what is missing or changed, through the loader itself.

    Raises:
        BronzeError: The loader failed; what it had committed is kept, and the next try goes on.
    """
    with tempfile.TemporaryFile() as file:
        with conn.transaction():
            for compared in streams:
                for message in store.messages(conn, compared):
                    file.write(message if message.endswith(b"\n") else message + b"\n")
        file.seek(0)
        load(Run(context.settings), context.target, file.fileno())


def bury(  # noqa: PLR0913, PLR0917 - what it takes to name them
    conn: Connection,
    context: Context,
    place: Place,
    key: StreamKey,
    gone: list[Vanished],
    started_at: datetime,
) -> int:
    """Write tombstones for records that vanished; return how many."""
    run = Run(context.settings)
    extracted = int(started_at.timestamp() * 1_000_000)
    with conn.transaction():
        lock_streams(conn, place.source)
        _note(conn, run, key)
        table = (place.schema, place.table)
        hashes = [one.lineage_hash for one in gone]
        count = activation.sweep(conn, run, key, table, hashes, extracted)
        ledger.end_run(conn, run, "success", None, None)
        conn.execute(
            "UPDATE bronze_ops.streams SET generation = generation + 1 WHERE source = %s",
            (place.source,),
        )
    return count


def _note(conn: Connection, run: Run, key: StreamKey) -> None:
    """Make the row of the run that the tombstones name."""
    conn.execute(
        """
        INSERT INTO bronze_ops.runs (loader_id, source, account, stream, run_id, environment,
            started_at, target_version)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            run.loader_id,
            *(key.source, key.account, key.stream),
            *(run.run_id, run.settings.environment, run.started_at, run.target_version),
        ),
    )
