"""Writes batches in order, each in one transaction, on a thread of its own."""

from __future__ import annotations

import logging
import queue
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from target_bronze_postgres.db.sqlstate import DATA_REFUSED
from target_bronze_postgres.errors import DatabaseError
from target_bronze_postgres.load import activation, heads, ledger
from target_bronze_postgres.load.item import Letter
from target_bronze_postgres.load.rows import write_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    from target_bronze_postgres.load.ahead import LookAhead
    from target_bronze_postgres.load.batch import Batch
    from target_bronze_postgres.load.item import Item
    from target_bronze_postgres.load.run import Run
    from target_bronze_postgres.load.session import Session
    from target_bronze_postgres.load.states import StateWriter

    Connection = psycopg.Connection[Any]

logger = logging.getLogger(__name__)

_POLL = 0.2


class Writer(threading.Thread):
    """Takes batches while the reader goes on reading; one waits while one is written."""

    def __init__(
        self,
        run: Run,
        session: Session,
        ahead: LookAhead,
        states: StateWriter,
        wake: Callable[[], None],
    ) -> None:
        """Write on ``session``, and call ``wake`` when writing has failed for good."""
        super().__init__(name="bronze-writer", daemon=True)
        self._run = run
        self._session = session
        self._ahead = ahead
        self._states = states
        self._wake = wake
        self._queue: queue.Queue[Batch | None] = queue.Queue(maxsize=1)
        self._astray: int | None = None
        self.error: BaseException | None = None

    @property
    def last_state(self) -> bytes | None:
        """The newest state that was emitted."""
        return self._states.last

    def submit(self, batch: Batch | None) -> None:
        """Hand over a batch, or None as the last one; waits while two are under way.

        Raises:
            BronzeError: An earlier batch could not be written.
        """
        while self.error is None:
            try:
                self._queue.put(batch, timeout=_POLL)
            except queue.Full:
                continue
            return
        raise self.error

    @property
    def is_astray(self) -> bool:
        """Whether a plan of the present epoch did not hold, so that no later one will."""
        return self._astray == self._ahead.epoch

    def wait(self) -> None:
        """Wait until no batch is on its way, or until writing has failed."""
        with self._queue.all_tasks_done:
            while self._queue.unfinished_tasks and self.error is None:
                self._queue.all_tasks_done.wait(_POLL)

    def finish(self) -> None:
        """Wait until all that was handed over is committed and its states are emitted.

        Raises:
            BronzeError: A batch could not be written.
        """
        self.submit(None)
        self.join()
        if self.error is not None:
            raise self.error

    def run(self) -> None:
        """Write until the last batch. An error ends the thread, and with it the process."""
        try:
            while (batch := self._queue.get()) is not None:
                self._write(batch)
                self._queue.task_done()
        except BaseException as error:  # noqa: BLE001 - whatever it is, the main thread raises it
            self.error = error
            self._wake()

    def _write(self, batch: Batch) -> None:
        if batch.streams:
            try:
                self._commit(batch)
            except DATA_REFUSED as error:
                self._single_out(batch, error)
                batch.plan = None
                self._commit_or_fail(batch)
        self._states.emit(batch.states)

    def _commit_or_fail(self, batch: Batch) -> None:
        try:
            self._commit(batch)
        except DATA_REFUSED as error:
            raise _refused(error) from error

    def _commit(self, batch: Batch) -> None:
        tries = 0

        def work(conn: Connection) -> None:
            nonlocal tries
            tries += 1
            for lock in sorted(key.lock for key in batch.streams):
                conn.execute("SELECT pg_advisory_xact_lock(%s)", (lock,))
            # A COMMIT whose answer was lost may have happened, or happen before we get here.
            if tries == 1 or not ledger.is_committed(conn, self._run, batch):
                self._transact(conn, batch)

        self._session.transact(work)

    def _transact(self, conn: Connection, batch: Batch) -> None:
        plan = batch.plan
        if plan is None or batch.epoch == self._astray or not _holds(conn, batch):
            self._astray = batch.epoch
            plan = batch.plan = self._ahead.decide_now(conn, batch)
        batch.ended_at = datetime.now(UTC)
        write_rows(conn, batch, plan)
        heads.write(conn, self._run.loader_id, plan.written_heads)
        ledger.record_batch(conn, self._run, batch, plan)
        if batch.activation is not None:
            activation.activate(conn, self._run, batch.activation)

    def _single_out(self, batch: Batch, error: psycopg.Error) -> None:
        """Find the records that the server refuses, so that they do not cost their batch."""
        refused = 0
        for item in batch.plan.written if batch.plan is not None else ():
            if (reason := self._refusal(item)) is not None:
                item.letter = Letter("refused_by_server", reason, landed=False)
                refused += 1
        if not refused:
            raise _refused(error) from error
        logger.warning(
            "PostgreSQL cannot hold %d record(s): see `bronze_ops.dead_letters`", refused
        )

    def _refusal(self, item: Item) -> str | None:
        raw = bytes(item.raw).decode("utf-8", "replace")
        try:
            self._session.transact(lambda conn: conn.execute("SELECT %s::jsonb IS NULL", (raw,)))
        except DATA_REFUSED as error:
            return f"{error.sqlstate}: {error.diag.message_primary}"
        return None


def _refused(error: psycopg.Error) -> DatabaseError:
    # message_primary leaves out DETAIL, which can hold values of a row.
    words = error.diag.message_primary or type(error).__name__
    return DatabaseError(f"the database refuses a batch: {error.sqlstate}: {words}")


def _holds(conn: Connection, batch: Batch) -> bool:
    """Tell whether nobody else has written since the batch was planned."""
    return heads.generations(conn, batch.streams) == batch.base
