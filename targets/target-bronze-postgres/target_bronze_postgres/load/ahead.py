"""What can be done before a batch's transaction: looking heads up, preparing rows, partitions.

It runs on the reader's thread and on a connection of its own, while the writer writes the batch
before. The writer checks under its locks whether what was found here still holds.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from target_bronze_postgres.load import heads
from target_bronze_postgres.load.decisions import is_same_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psycopg

    from target_bronze_postgres.load.batch import Batch
    from target_bronze_postgres.load.prepare import Preparer
    from target_bronze_postgres.load.run import Run
    from target_bronze_postgres.load.session import Session
    from target_bronze_postgres.load.stream import Stream
    from target_bronze_postgres.load.tables import Tables

    Connection = psycopg.Connection[Any]


class LookAhead:
    """Prepares batches for the writer."""

    def __init__(self, run: Run, session: Session, tables: Tables, preparer: Preparer) -> None:
        """Look up and make tables on ``session``."""
        self._run = run
        self._session = session
        self._tables = tables
        self.preparer = preparer

    def open_stream(self, stream: Stream) -> None:
        """Make the table of a stream's source, if it is the first one."""
        source, raw_index = stream.key.source, stream.provenance.raw_index
        stream.table = self._session.transact(
            lambda conn: self._tables.table(conn, source, raw_index)
        )

    def prepare(self, batch: Batch) -> None:
        """Prepare the records that are not, byte for byte, what their head came as."""
        self.preparer.refresh_day()
        for item in batch.items:
            if not item.lineage_hash:  # no key: the content is the identity
                self.preparer.prepare(item)
        batch.ahead = self._session.transact(lambda conn: self._look_up(conn, batch))
        known = batch.ahead.heads
        for item in batch.items:
            head = known.get(item.lineage_hash)
            if head is None or not is_same_bytes(item, head):
                self.preparer.prepare(item)
        self.make_partitions(
            (item.stream, item.prepared.partition_key) for item in batch.items if item.prepared
        )

    def make_partitions(self, days: Iterable[tuple[Stream, str]]) -> None:
        """Make the partitions that hold these days of these streams."""
        months = {(stream.key.source, day[:7]) for stream, day in days}
        for source, month in sorted(self._tables.missing(months)):
            make = partial(self._tables.make_partition, source=source, month=month)
            self._session.transact(make)

    def _look_up(self, conn: Connection, batch: Batch) -> heads.HeadsAhead:
        # The counts first: what is committed in between is seen twice, not missed.
        counts = heads.generations(conn, batch.streams)
        hashes = {item.lineage_hash for item in batch.items if item.lineage_hash}
        return heads.HeadsAhead(heads.read(conn, self._run.loader_id, hashes), counts)
