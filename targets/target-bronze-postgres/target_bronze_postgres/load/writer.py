"""Writes batches in order, each in one transaction, on a thread of its own."""

from __future__ import annotations

import logging
import queue
import threading
from collections import defaultdict, deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from target_bronze_postgres.db.sqlstate import DATA_REFUSED
from target_bronze_postgres.errors import DatabaseError
from target_bronze_postgres.load import activation, heads, ledger
from target_bronze_postgres.load.decisions import Decider
from target_bronze_postgres.load.item import Letter
from target_bronze_postgres.load.rows import write_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    from target_bronze_postgres.load.ahead import LookAhead
    from target_bronze_postgres.load.batch import Batch
    from target_bronze_postgres.load.heads import Heads
    from target_bronze_postgres.load.item import Item
    from target_bronze_postgres.load.run import Run
    from target_bronze_postgres.load.session import Session
    from target_bronze_postgres.load.states import StateWriter
    from target_bronze_postgres.load.stream import Stream, StreamKey

    Connection = psycopg.Connection[Any]

logger = logging.getLogger(__name__)

_POLL = 0.2
_KEPT_COMMITS = 4


class Commit(NamedTuple):
    """What a batch of ours left: each stream's generation, and the heads that it changed."""

    generations: dict[StreamKey, int]
    heads: dict[StreamKey, Heads]


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
        self._commits: deque[Commit] = deque(maxlen=_KEPT_COMMITS)
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
        except BaseException as error:  # noqa: BLE001 - whatever it is, the main thread raises it
            self.error = error
            self._wake()

    def _write(self, batch: Batch) -> None:
        if batch.streams:
            try:
                self._commit(batch)
            except DATA_REFUSED as error:
                self._single_out(batch, error)
                self._commit_or_fail(batch)
        self._states.emit(batch.states)

    def _commit_or_fail(self, batch: Batch) -> None:
        try:
            self._commit(batch)
        except DATA_REFUSED as error:
            raise _refused(error) from error

    def _commit(self, batch: Batch) -> None:
        tries = 0

        def work(conn: Connection) -> Commit | None:
            nonlocal tries
            tries += 1
            for lock in sorted(key.lock for key in batch.streams):
                conn.execute("SELECT pg_advisory_xact_lock(%s)", (lock,))
            # A COMMIT whose answer was lost may have happened, or happen before we get here.
            if tries > 1 and ledger.is_committed(conn, self._run, batch):
                return None
            return self._transact(conn, batch)

        commit = self._session.transact(work)
        # What an activation buried is not among a commit's heads.
        if commit is None or batch.activation is not None:
            self._commits.clear()
        else:
            self._commits.append(commit)

    def _transact(self, conn: Connection, batch: Batch) -> Commit:
        known = self._known_heads(conn, batch)
        decisions = Decider(known, self._ahead.preparer.prepare).run(conn, batch.items)
        self._ahead.make_partitions((r.item.stream, r.partition_key) for r in decisions.rows)
        batch.ended_at = datetime.now(UTC)
        write_rows(conn, batch, decisions.rows)
        changed = _by_stream(batch.items, decisions.heads)
        heads.write(conn, self._run.loader_id, known, changed)
        generations = ledger.record_batch(conn, self._run, batch, decisions)
        if batch.activation is not None:
            activation.activate(conn, self._run, batch.activation)
        return Commit(generations, changed)

    def _known_heads(self, conn: Connection, batch: Batch) -> Heads:
        """Return the heads as they are now: those looked up ahead, where only we wrote since."""
        wanted = {item.lineage_hash for item in batch.items if item.lineage_hash}
        if (ahead := batch.ahead) is not None:
            now = heads.generations(conn, batch.streams)
            known = dict(ahead.heads)
            if all(self._overlay(known, wanted, key, ahead, now[key]) for key in now):
                return known
        return heads.read(conn, self._run.loader_id, wanted)

    def _overlay(
        self, known: Heads, wanted: set[bytes], key: StreamKey, ahead: heads.HeadsAhead, now: int
    ) -> bool:
        since = ahead.generations[key]
        own = [commit for commit in self._commits if since < commit.generations.get(key, -1) <= now]
        for commit in own:
            changes = commit.heads.get(key, {})
            known.update((lineage, changes[lineage]) for lineage in wanted & changes.keys())
        return len(own) == now - since

    def _single_out(self, batch: Batch, error: psycopg.Error) -> None:
        """Find the records that the server refuses, so that they do not cost their batch."""
        refused = 0
        for item in batch.items:
            if item.prepared is not None and (reason := self._refusal(item)) is not None:
                item.prepared = None
                item.letter = Letter("refused_by_server", reason, landed=False)
                refused += 1
        if not refused:
            raise _refused(error) from error
        logger.warning(
            "PostgreSQL cannot hold %d record(s): see `bronze_ops.dead_letters`", refused
        )

    def _refusal(self, item: Item) -> str | None:
        raw = item.raw.decode("utf-8", "replace")
        try:
            self._session.transact(lambda conn: conn.execute("SELECT %s::jsonb IS NULL", (raw,)))
        except DATA_REFUSED as error:
            return f"{error.sqlstate}: {error.diag.message_primary}"
        return None


def _refused(error: psycopg.Error) -> DatabaseError:
    # message_primary leaves out DETAIL, which can hold values of a row.
    words = error.diag.message_primary or type(error).__name__
    return DatabaseError(f"the database refuses a batch: {error.sqlstate}: {words}")


def _by_stream(items: list[Item], changed: Heads) -> dict[StreamKey, Heads]:
    keys = {item.lineage_hash: item.stream for item in items}
    grouped: dict[Stream, Heads] = defaultdict(dict)
    for lineage, head in changed.items():
        grouped[keys[lineage]][lineage] = head
    by_key: dict[StreamKey, Heads] = defaultdict(dict)
    for stream, heads_of_stream in grouped.items():
        by_key[stream.key].update(heads_of_stream)
    return by_key
