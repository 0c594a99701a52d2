"""Goes through a batch in order and decides what becomes of each record and of each head.

What comes out is a plan: all that the batch writes, encoded. It holds for the heads that it was
made against, so it can be made before the batch's transaction and is checked there.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msgspec.structs import replace

from target_bronze_postgres.load.heads import Written
from target_bronze_postgres.load.heads import encode as encode_heads
from target_bronze_postgres.load.rows import encode
from target_bronze_postgres.load.versions import (
    Content,
    Head,
    Outcome,
    Place,
    decide,
    may_need_history,
)
from target_bronze_postgres.record.times import day_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from uuid import UUID

    from target_bronze_postgres.load.heads import Heads
    from target_bronze_postgres.load.item import Item, Origin, Prepared
    from target_bronze_postgres.load.rows import Ids, Table
    from target_bronze_postgres.load.stream import StreamKey

_NONE: frozenset[Content] = frozenset()

History = dict[bytes, set[Content]]
"""Contents that lineages had before, by the hash of the lineage."""


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


@dataclass
class Changes:
    """What a batch does to a stream.

    ``first`` and ``last`` are source timestamps in microseconds since 2000, ``days`` counts rows by
    the day of theirs, in days since 2000, without tombstones.
    """

    tally: Tally = field(default_factory=Tally)
    heads: Heads = field(default_factory=dict)
    days: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    first: int | None = None
    last: int | None = None
    rows: int = 0
    versions: int = 0
    unknown: set[str] = field(default_factory=set)

    def count(
        self, prepared: Prepared, outcome: Outcome, version: int, timestamp: int | None
    ) -> None:
        """Count a row that is written."""
        self.rows += 1
        if outcome is Outcome.NEW:
            self.tally.rows_new += 1
        else:
            self.tally.rows_changed += 1
            # A head that lost its row, and was mended, lets version 1 in once more.
            self.versions += version > 1
        if prepared.status != "valid":
            self.tally.invalid += prepared.status == "invalid"
            self.tally.warnings += prepared.status == "warning"
        if prepared.unknown:
            self.unknown |= prepared.unknown
        if timestamp is not None:
            if self.first is None or timestamp < self.first:
                self.first = timestamp
            if self.last is None or timestamp > self.last:
                self.last = timestamp
            if not prepared.deleted:
                self.days[timestamp // _MICROSECONDS_A_DAY] += 1
        self.tally.tombstones += prepared.deleted


_MICROSECONDS_A_DAY = 86_400_000_000


@dataclass
class Plan:
    """All that a batch writes: rows by table and month (``2024-01``), and the changes by stream.

    ``written`` are the items of the rows.
    """

    rows: dict[Table, dict[str, list[bytes]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    streams: dict[StreamKey, Changes] = field(default_factory=lambda: defaultdict(Changes))
    letters: list[Item] = field(default_factory=list)
    written: list[Item] = field(default_factory=list)
    written_heads: Written = field(default_factory=Written)

    @property
    def heads(self) -> dict[StreamKey, Heads]:
        """The heads that the batch makes or changes."""
        return {key: changes.heads for key, changes in self.streams.items()}


def unlike_their_heads(known: Heads, items: list[Item]) -> list[Item]:
    """Return the items that are not, byte for byte, what their head came as."""
    head_of = known.get
    return [
        item
        for item in items
        if (head := head_of(item.lineage_hash)) is None
        or head.raw_hash != item.raw_hash
        # A deletion that only the message tells of is not in the bytes.
        or item.origin.provenance.deleted_at is not None
    ]


def wanted_history(
    known: Heads, items: list[Item], unlike: list[Item]
) -> dict[Table, dict[str, bytes]]:
    """Return the lineages whose history :class:`Decider` may need, by table: id and hash of each.

    Those are the ones that stand twice in the batch, and whose head may be newer than a record.
    """
    asking = [*unlike, *_repeated(items)] if known else []
    wanted: dict[Table, dict[str, bytes]] = defaultdict(dict)
    for number, item in enumerate(asking):
        head = known.get(item.lineage_hash)
        if head is not None and (
            number >= len(unlike) or may_need_history(head, item.origin.extracted)
        ):
            wanted[item.origin.stream.table][item.lineage_id.decode()] = item.lineage_hash
    return wanted


def _repeated(items: list[Item]) -> list[Item]:
    """Return the items whose lineage stands before them in the batch."""
    if len({item.lineage_hash for item in items}) == len(items):
        return []
    seen: set[bytes] = set()
    return [
        item
        for item in items
        if item.lineage_hash in seen or seen.add(item.lineage_hash)  # type: ignore[func-returns-value] # None
    ]


class Decider:
    """Decides the records of one batch against heads and history."""

    def __init__(  # noqa: PLR0913, PLR0917 - all that a decision may ask for
        self,
        loader_id: UUID,
        known: Heads,
        history: History,
        prepare: Callable[[Item], Prepared | None],
        ids: Ids,
        place: Callable[[Table, Head], Place],
    ) -> None:
        """Take all that a decision may ask for.

        Args:
            loader_id: This process.
            known: The heads of the batch's lineages; they are not changed.
            history: What :func:`wanted_history` asks for.
            prepare: Prepares a record; None where it is a dead letter.
            ids: Gives the ids of new rows.
            place: Finds the place of a head's row.
        """
        self._loader_id = loader_id
        self._known = known
        self._history = history
        self._prepare = prepare
        self._ids = ids
        self._find_place = place
        self.plan = Plan()

    def run(self, items: Iterable[Item]) -> Plan:
        """Decide every item in order."""
        origin = None
        for item in items:
            if item.origin is not origin:
                origin = item.origin
                self._enter(origin)
            self._decide(item, origin)
            item.prepared = None  # its bytes are in the plan
        self.plan.written_heads = encode_heads(self._loader_id, self._known, self.plan.heads)
        return self.plan

    def _enter(self, origin: Origin) -> None:
        stream = origin.stream
        self._changes = self.plan.streams[stream.key]
        self._heads = self._changes.heads
        self._rows = self.plan.rows[stream.table]
        self._next_id = self._ids.of(stream.table)

    def _decide(self, item: Item, origin: Origin) -> None:
        tally = self._changes.tally
        tally.records_read += 1
        head = self._head(item)
        # As unlike_their_heads() says, of the head as it is by now.
        if (
            head is not None
            and head.raw_hash == item.raw_hash
            and origin.provenance.deleted_at is None
        ):
            tally.rows_unchanged += 1
            self._touch(item, head)
            return
        prepared = self._prepare(item)
        if prepared is None:
            tally.dead_letters += 1
            self.plan.letters.append(item)
            self._touch(item, head)
            if not item.lineage_hash:
                origin.stream.seen.unnamed.add(origin.version)
            return
        self._place(item, prepared, head if head is not None else self._head(item))

    def _place(self, item: Item, prepared: Prepared, head: Head | None) -> None:
        if head is None:
            outcome = Outcome.NEW
        else:
            content = (prepared.content_hash, prepared.deleted)
            history = self._history.get(item.lineage_hash, _NONE)
            outcome = decide(head, content, item.origin.extracted, history)
            if outcome is Outcome.UNCHANGED:
                self._changes.tally.rows_unchanged += 1
                self._touch(item, head)
                return
            lineage_history = self._history.setdefault(item.lineage_hash, set())
            lineage_history.update((content, (head.content_hash, head.deleted)))
        if item.letter is not None:
            self.plan.letters.append(item)
        self._write(item, prepared, outcome, head)

    def _write(self, item: Item, prepared: Prepared, outcome: Outcome, head: Head | None) -> None:
        version = 1 if head is None else head.version + 1
        late = outcome is Outcome.LATE
        timestamp, day, by = prepared.timestamp, prepared.day, prepared.partition_by
        if head is not None and prepared.deleted and timestamp is None and not late:
            # A tombstone that came without its time has the place of the version before it.
            day = head.day
            timestamp, by = head.place or self._find_place(item.origin.stream.table, head)
        row_id = next(self._next_id)
        row = encode(item, prepared, row_id, version, timestamp, day, by, late=late)
        self._rows[day_text(day)[:7]].append(row)
        self.plan.written.append(item)
        self._changes.count(prepared, outcome, version, timestamp)
        if late and head is not None:
            self._own(item, head).version = version
            self._touch(item, head)
        else:
            place = (timestamp, by)
            self._heads[item.lineage_hash] = _head_of(
                item, prepared, version, row_id, day, place, head
            )

    def _head(self, item: Item) -> Head | None:
        lineage = item.lineage_hash
        return self._heads.get(lineage) or self._known.get(lineage)

    def _own(self, item: Item, head: Head) -> Head:
        """Return the head as this batch leaves it, which may be changed."""
        own = self._heads.get(item.lineage_hash)
        if own is None:
            own = self._heads[item.lineage_hash] = replace(head)
        return own

    def _touch(self, item: Item, head: Head | None) -> None:
        """Remember that an unchanged record was seen: when, and with which stream version."""
        if head is None:
            return
        extracted, version = item.origin.extracted, item.origin.version
        if extracted is not None and (head.extracted is None or extracted > head.extracted):
            head = self._own(item, head)
            head.extracted = extracted
        if version is not None and version != head.seen_version:
            self._own(item, head).seen_version = version


def _head_of(  # noqa: PLR0913, PLR0917 - the members of a head
    item: Item,
    prepared: Prepared,
    version: int,
    row_id: int,
    day: int,
    place: Place,
    before: Head | None,
) -> Head:
    origin = item.origin
    extracted = origin.extracted
    if before is not None and before.extracted is not None:
        extracted = max(before.extracted, before.extracted if extracted is None else extracted)
    return Head(
        version,
        prepared.content_hash,
        # A deletion that only the message tells of is not in the bytes.
        item.raw_hash if origin.provenance.deleted_at is None else None,
        row_id,
        day,
        extracted,
        origin.version,
        True,
        prepared.deleted,
        place,
    )
