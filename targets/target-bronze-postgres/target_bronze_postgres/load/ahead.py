"""What can be done before a batch's transaction: nearly all of it but the writing.

It runs beside the writer and on a connection of its own. Heads are looked up while the next batch
is being read. Then, on the reader's thread, what the batches on their way will have made of them is
laid over them; against these the batch is decided and encoded. The writer checks under its locks
that nobody else has written since; if someone has, it decides anew.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict, deque
from datetime import UTC
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from psycopg import sql

from target_bronze_postgres.load import heads
from target_bronze_postgres.load.decisions import (
    Decider,
    History,
    unlike_their_heads,
    wanted_history,
)
from target_bronze_postgres.load.rows import Ids, new_ids
from target_bronze_postgres.load.tables import identifier
from target_bronze_postgres.record.times import since_2000

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import psycopg

    from target_bronze_postgres.load.batch import Batch
    from target_bronze_postgres.load.decisions import Plan
    from target_bronze_postgres.load.heads import Heads
    from target_bronze_postgres.load.item import Item
    from target_bronze_postgres.load.prepare import Preparer
    from target_bronze_postgres.load.rows import Table
    from target_bronze_postgres.load.run import Run
    from target_bronze_postgres.load.session import Session
    from target_bronze_postgres.load.stream import Stream, StreamKey
    from target_bronze_postgres.load.tables import Tables
    from target_bronze_postgres.load.versions import Head, Place

    Connection = psycopg.Connection[Any]

T = TypeVar("T")

_KEPT_BATCHES = 4
"""More than can be on their way: one waits, one is written, one is being planned."""

_HISTORY = """
    SELECT lineage_id, metadata->>'content_hash', coalesce((metadata->>'deleted')::boolean, false)
    FROM {} WHERE lineage_id = ANY (%b)
"""
_PLACE = """
    SELECT source_timestamp, metadata->>'partition_by'
    FROM {} WHERE id = %s AND partition_key = DATE '2000-01-01' + %s
"""


class Planned(NamedTuple):
    """What a batch on its way will leave: generations, and heads, None where they are not known."""

    generations: dict[StreamKey, int]
    heads: dict[StreamKey, Heads] | None


class Answer(threading.Thread, Generic[T]):
    """Asks for something on a thread of its own, which does not keep the process from ending."""

    def __init__(self, ask: Callable[[], T], wake: Callable[[], None]) -> None:
        """Call ``ask`` at once, and ``wake`` when it is done."""
        super().__init__(name="bronze-look-up", daemon=True)
        self._ask = ask
        self._wake = wake
        self._answer: list[T] = []
        self._error: BaseException | None = None
        self._lock = threading.Lock()
        self._is_wanted = True
        self.is_there = False
        self.start()

    def run(self) -> None:
        """Ask."""
        try:
            self._answer.append(self._ask())
        except BaseException as error:  # noqa: BLE001 - whatever it is, get() raises it
            self._error = error
        self.is_there = True
        with self._lock:
            if self._is_wanted:
                self._wake()

    def give_up(self) -> None:
        """Wake nobody any more."""
        with self._lock:
            self._is_wanted = False

    def get(self) -> T:
        """Wait for the answer; an error of the question is raised here."""
        self.join()
        if self._error is not None:
            raise self._error
        return self._answer[0]


class LookAhead:
    """Plans batches for the writer.

    ``epoch`` grows when plans begin anew, built upon nothing but what is committed: where one plan
    of an epoch did not hold, those after it do not either.
    """

    def __init__(
        self,
        run: Run,
        session: Session,
        tables: Tables,
        preparer: Preparer,
        wake: Callable[[], None],
    ) -> None:
        """Look up and make tables on ``session``; call ``wake`` when heads have been looked up."""
        self._run = run
        self._session = session
        self._tables = tables
        self._preparer = preparer
        self._wake = wake
        self._planned: deque[Planned] = deque(maxlen=_KEPT_BATCHES)
        self._ids = Ids(self._new_ids)
        self.epoch = 0

    def open_stream(self, stream: Stream) -> None:
        """Make the table of a stream's source, if it is the first one."""
        source, raw_index = stream.key.source, stream.provenance.raw_index
        table = self._tables.table(source)
        if table is None:
            make = partial(self._tables.make_table, source=source, raw_index=raw_index)
            table = self._session.transact(make)
            self._tables.note(source, table)
        stream.table = table

    def begin_epoch(self) -> None:
        """Plan anew; call it when no batch is on its way."""
        self._planned.clear()
        self.epoch += 1

    def look_up(self, batch: Batch) -> None:
        """Begin to look up the heads of a batch; reading goes on meanwhile."""
        self._preparer.refresh_day()
        for item in batch.items:
            if not item.lineage_hash:  # no key: the content is the identity
                self._preparer.prepare(item)
        session = self._session
        batch.found = Answer(
            lambda: session.transact(lambda conn: self._look_up(conn, batch)), self._wake
        )

    def plan(self, batch: Batch) -> bool:
        """Plan a batch that is looked up, and make the partitions that it needs.

        Returns:
            Whether it could be planned. It always can when no batch is on its way.
        """
        seen, known = batch.found.get() if batch.found is not None else ({}, {})
        base = {key: max(count, self._expected(key)) for key, count in seen.items()}
        plan = self._plan(batch, seen, base, known)
        batch.found = None
        if plan is None:
            return False
        batch.plan, batch.base, batch.epoch = plan, base, self.epoch
        after = {key: count + 1 for key, count in base.items()}
        # What an activation buries is not among the heads of the plan.
        self._planned.append(Planned(after, None if batch.activation else plan.heads))
        self.make_partitions(plan, batch.streams.values())
        return True

    def _plan(
        self, batch: Batch, seen: dict[StreamKey, int], base: dict[StreamKey, int], known: Heads
    ) -> Plan | None:
        if (overlay := self._overlay(batch, seen, base)) is None:
            return None
        known.update(overlay)
        unlike = unlike_their_heads(known, batch.items)
        wanted = wanted_history(known, batch.items, unlike)
        for lineages in wanted.values():
            if not overlay.keys().isdisjoint(lineages.values()):
                return None  # part of their history is still on its way
        history = self._session.transact(lambda conn: read_history(conn, wanted)) if wanted else {}
        self._reserve(self._ids, unlike)
        loader_id, prepare = self._run.loader_id, self._preparer.prepare
        decider = Decider(loader_id, known, history, prepare, self._ids, self._place)
        return decider.run(batch.items)

    def _expected(self, key: StreamKey) -> int:
        return max((planned.generations.get(key, 0) for planned in self._planned), default=0)

    def _overlay(
        self, batch: Batch, seen: dict[StreamKey, int], base: dict[StreamKey, int]
    ) -> Heads | None:
        """Return the heads that batches on their way will have written, None where not known."""
        overlay: Heads = {}
        wanted = {item.lineage_hash for item in batch.items}
        for key, count in seen.items():
            coming = [p.heads for p in self._planned if p.generations.get(key, 0) > count]
            if len(coming) != base[key] - count:
                return None
            for heads_of_streams in coming:
                if heads_of_streams is None:
                    return None
                changed = heads_of_streams.get(key, {})
                overlay.update((lineage, changed[lineage]) for lineage in wanted & changed.keys())
        return overlay

    def _look_up(self, conn: Connection, batch: Batch) -> tuple[dict[StreamKey, int], Heads]:
        # The counts first: what is committed in between is seen twice, not missed.
        counts = heads.generations(conn, batch.streams)
        return counts, heads.read(conn, self._run.loader_id, _lineages(batch))

    def _new_ids(self, table: Table, count: int) -> list[int]:
        return self._session.transact(lambda conn: new_ids(conn, table, count))

    @staticmethod
    def _reserve(ids: Ids, items: list[Item]) -> None:
        counts = Counter([item.origin.stream.table for item in items])
        for table, count in counts.items():
            ids.reserve(table, count)

    def _place(self, table: Table, head: Head) -> Place:
        return self._session.transact(lambda conn: read_place(conn, table, head))

    def make_partitions(self, plan: Plan, streams: Iterable[Stream]) -> None:
        """Make the partitions that the rows of a plan need."""
        months = {
            (stream.key.source, month)
            for stream in streams
            for month in plan.rows.get(stream.table, ())
        }
        for source, month in sorted(self._tables.missing(months)):
            make = partial(self._tables.make_partition, source=source, month=month)
            self._session.transact(make)

    def decide_now(self, conn: Connection, batch: Batch) -> Plan:
        """Plan a batch within its own transaction, which has the locks: no one else writes."""
        known = heads.read(conn, self._run.loader_id, _lineages(batch))
        unlike = unlike_their_heads(known, batch.items)
        history = read_history(conn, wanted_history(known, batch.items, unlike))
        ids = Ids(partial(new_ids, conn))
        self._reserve(ids, unlike)
        loader_id, prepare = self._run.loader_id, self._preparer.prepare
        decider = Decider(loader_id, known, history, prepare, ids, partial(read_place, conn))
        plan = decider.run(batch.items)
        self.make_partitions(plan, batch.streams.values())
        return plan


def _lineages(batch: Batch) -> set[bytes]:
    return {item.lineage_hash for item in batch.items if item.lineage_hash}


def read_history(conn: Connection, wanted: dict[Table, dict[str, bytes]]) -> History:
    """Return the contents that lineages have had."""
    history: History = defaultdict(set)
    for table, lineages in wanted.items():
        query = sql.SQL(_HISTORY).format(identifier(table))
        for lineage_id, content_hash, deleted in conn.execute(query, (list(lineages),)):
            content = bytes.fromhex(content_hash.partition(":")[2]), deleted
            history[lineages[lineage_id]].add(content)
    return history


def read_place(conn: Connection, table: Table, head: Head) -> Place:
    """Return the source timestamp of a head's row, and what its partition is chosen by."""
    query = sql.SQL(_PLACE).format(identifier(table))
    if (found := conn.execute(query, (head.id, head.day)).fetchone()) is None:
        return None, None
    timestamp, by = found
    return None if timestamp is None else since_2000(timestamp.replace(tzinfo=UTC)), by
