"""Goes through a batch in order and decides what becomes of each record and of each head."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
from psycopg import sql

from target_bronze_postgres.load.tables import identifier
from target_bronze_postgres.load.versions import (
    Content,
    Head,
    Outcome,
    decide,
    may_need_history,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    from target_bronze_postgres.load.heads import Heads
    from target_bronze_postgres.load.item import Item, Prepared
    from target_bronze_postgres.load.stream import Stream

    Connection = psycopg.Connection[Any]

_NONE: frozenset[Content] = frozenset()
_HISTORY = """
    SELECT lineage_id, metadata->>'content_hash', coalesce((metadata->>'deleted')::boolean, false)
    FROM {} WHERE lineage_id = ANY (%b)
"""
_PLACE = """
    SELECT to_char(source_timestamp, 'YYYY-MM-DD HH24:MI:SS.US'), metadata->>'partition_by'
    FROM {} WHERE id = %s AND partition_key = %s
"""


class Row(msgspec.Struct, gc=False):
    """A row to be written. A head of id 0 is that of this row, whose id is not known yet."""

    item: Item
    prepared: Prepared
    late: bool
    version: int
    head: Head | None
    source_timestamp: str | None
    partition_key: str
    partition_by: str | None


@dataclass
class Tally:
    """What became of the records of a stream in a batch; the counters of ``bronze_ops.runs``."""

    records_read: int = 0
    rows_new: int = 0
    rows_changed: int = 0
    rows_unchanged: int = 0
    tombstones: int = 0
    dead_letters: int = 0
    invalid: int = 0
    warnings: int = 0

    def count(self, prepared: Prepared, outcome: Outcome) -> None:
        """Count a row that is written."""
        if outcome is Outcome.NEW:
            self.rows_new += 1
        else:
            self.rows_changed += 1
        self.tombstones += prepared.deleted
        self.invalid += prepared.status == "invalid"
        self.warnings += prepared.status == "warning"


@dataclass
class Decisions:
    """The rows that a batch writes, in order, and what it does to heads and counters."""

    rows: list[Row] = field(default_factory=list)
    heads: Heads = field(default_factory=dict)
    tallies: dict[Stream, Tally] = field(default_factory=lambda: defaultdict(Tally))
    letters: list[Item] = field(default_factory=list)
    unknown: dict[Stream, set[str]] = field(default_factory=lambda: defaultdict(set))


class Decider:
    """Decides the records of one batch against the heads as they are."""

    def __init__(self, known: Heads, prepare: Callable[[Item], Prepared | None]) -> None:
        """Decide against ``known``, the heads of the batch's lineages; they are not changed."""
        self._known = known
        self._prepare = prepare
        self._history: dict[bytes, set[Content]] = {}
        self._head_rows: dict[bytes, Row] = {}
        self._undated: list[tuple[Row, Row | None, Head]] = []
        self.decisions = Decisions()

    def run(self, conn: Connection, items: list[Item]) -> Decisions:
        """Decide every item in order, after reading the history of lineages that may need it."""
        self._read_history(conn, items)
        for item in items:
            self._decide(item)
        self._date_tombstones(conn)
        return self.decisions

    def _read_history(self, conn: Connection, items: list[Item]) -> None:
        wanted: dict[tuple[str, str], dict[str, bytes]] = defaultdict(dict)
        seen: set[bytes] = set()
        for item in items:
            head = self._known.get(item.lineage_hash)
            if head is None:
                continue
            again = item.lineage_hash in seen
            seen.add(item.lineage_hash)
            if again or (not is_same_bytes(item, head) and may_need_history(head, item.extracted)):
                wanted[item.stream.table][item.lineage_id] = item.lineage_hash
        for table, lineages in wanted.items():
            query = sql.SQL(_HISTORY).format(identifier(table))
            for lineage_id, content_hash, deleted in conn.execute(query, (list(lineages),)):
                content = bytes.fromhex(content_hash.partition(":")[2]), deleted
                self._history.setdefault(lineages[lineage_id], set()).add(content)

    def _decide(self, item: Item) -> None:
        tally = self.decisions.tallies[item.stream]
        tally.records_read += 1
        head = self._head(item)
        if head is not None and is_same_bytes(item, head):
            tally.rows_unchanged += 1
            self._touch(item, head)
            return
        prepared = self._prepare(item)
        if prepared is None:
            tally.dead_letters += 1
            self.decisions.letters.append(item)
            self._touch(item, head)
            if not item.lineage_hash:
                item.stream.seen.unnamed.add(item.version)
            return
        self._place(item, prepared, self._head(item), tally)

    def _place(self, item: Item, prepared: Prepared, head: Head | None, tally: Tally) -> None:
        content = (prepared.content_hash, prepared.deleted)
        outcome = decide(head, content, item.extracted, self._history.get(item.lineage_hash, _NONE))
        if outcome is Outcome.UNCHANGED:
            tally.rows_unchanged += 1
            self._touch(item, head)
            return
        if head is not None:
            history = self._history.setdefault(item.lineage_hash, set())
            history.update((content, (head.content_hash, head.deleted)))
        tally.count(prepared, outcome)
        if item.letter is not None:
            self.decisions.letters.append(item)
        if prepared.unknown:
            self.decisions.unknown[item.stream] |= prepared.unknown
        self._write(item, prepared, outcome, head)

    def _write(self, item: Item, prepared: Prepared, outcome: Outcome, head: Head | None) -> None:
        version = 1 if head is None else head.version + 1
        late = outcome is Outcome.LATE
        timestamp, day = prepared.source_timestamp, prepared.partition_key
        row = Row(item, prepared, late, version, None, timestamp, day, prepared.partition_by)
        self.decisions.rows.append(row)
        if late and head is not None:
            self._own(item, head).version = version
            self._touch(item, head)
            return
        if head is not None and prepared.deleted and prepared.source_timestamp is None:
            row.partition_key = head.partition_key
            self._undated.append((row, self._head_rows.get(item.lineage_hash), head))
        row.head = self.decisions.heads[item.lineage_hash] = _head_of(row, head)
        self._head_rows[item.lineage_hash] = row

    def _date_tombstones(self, conn: Connection) -> None:
        """Give tombstones that came without their time the place of the version before them."""
        for row, before, head in self._undated:
            if before is not None:
                place = before.source_timestamp, before.partition_by
            else:
                query = sql.SQL(_PLACE).format(identifier(row.item.stream.table))
                found = conn.execute(query, (head.id, head.partition_key)).fetchone()
                place = found or (None, None)
            row.source_timestamp, row.partition_by = place

    def _head(self, item: Item) -> Head | None:
        lineage = item.lineage_hash
        return self.decisions.heads.get(lineage) or self._known.get(lineage)

    def _own(self, item: Item, head: Head) -> Head:
        """Return the head as this batch leaves it, which may be changed."""
        own = self.decisions.heads.get(item.lineage_hash)
        if own is None:
            own = self.decisions.heads[item.lineage_hash] = msgspec.structs.replace(head)
        return own

    def _touch(self, item: Item, head: Head | None) -> None:
        """Remember that an unchanged record was seen: when, and with which stream version."""
        if head is None:
            return
        if item.extracted is not None and (
            head.extracted is None or item.extracted > head.extracted
        ):
            head = self._own(item, head)
            head.extracted = item.extracted
        if item.version is not None and item.version != head.seen_version:
            self._own(item, head).seen_version = item.version


def is_same_bytes(item: Item, head: Head) -> bool:
    """Tell whether a record is, byte for byte, what its head came as."""
    return item.raw_hash == head.raw_hash and item.provenance.deleted_at is None


def _head_of(row: Row, before: Head | None) -> Head:
    item, prepared = row.item, row.prepared
    extracted = item.extracted
    if before is not None and before.extracted is not None:
        extracted = max(before.extracted, before.extracted if extracted is None else extracted)
    return Head(
        version=row.version,
        content_hash=prepared.content_hash,
        # A deletion that only the message tells of is not in the bytes.
        raw_hash=item.raw_hash if item.provenance.deleted_at is None else None,
        id=0,
        partition_key=row.partition_key,
        extracted=extracted,
        seen_version=item.version,
        mine=True,
        deleted=prepared.deleted,
    )
