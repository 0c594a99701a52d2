"""Compares the messages of a tap with bronze, by the loader's own rules."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from psycopg import sql

from target_bronze_postgres.errors import InputError, MissingSchemaError, TapError
from target_bronze_postgres.load import heads, stream
from target_bronze_postgres.load.prepare import Preparer
from target_bronze_postgres.load.reading import ItemReader
from target_bronze_postgres.ops.reconcile import store
from target_bronze_postgres.ops.reconcile.store import Found
from target_bronze_postgres.singer.messages import read_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import psycopg

    from target_bronze_postgres.load.heads import Heads
    from target_bronze_postgres.load.item import Item
    from target_bronze_postgres.load.run import Run
    from target_bronze_postgres.load.stream import Stream, StreamKey
    from target_bronze_postgres.ops.heads.places import Place
    from target_bronze_postgres.ops.reconcile.store import Comparison
    from target_bronze_postgres.singer.messages import Message

    Connection = psycopg.Connection[Any]

BATCH: Final = 5_000
BATCH_BYTES: Final = 16 << 20

# Of heads, the row's time, and whether there is a row.
_ROWS = """
    SELECT h.lineage_hash, to_char(b.source_timestamp, 'YYYY-MM-DD'), b.id IS NOT NULL
    FROM bronze_ops.heads AS h
    LEFT JOIN {} AS b ON b.id = h.id AND b.partition_key = h.partition_key
    WHERE h.lineage_hash = ANY (%b)
"""


class Comparer:
    """Takes a tap's lines, and keeps what becomes of them.

    Attributes:
        activated: Streams whose ACTIVATE_VERSION came: full tables that were read whole.
        versioned: Streams whose records carry a version: full tables.
        unnamed: Streams with a record that could not be read, which may be any of them.
        records: Records that were read.
        status: The tap's exit status, once it has ended.
    """

    def __init__(
        self,
        conn: Connection,
        run: Run,
        comparison: Comparison,
        places: Mapping[str, Place],
        progress: Callable[[int], None],
    ) -> None:
        """Compare with the tables of ``places``; tell ``progress`` how many records were read."""
        self._conn = conn
        self._run = run
        self._comparison = comparison
        self._places = places
        self._progress = progress
        preparer = Preparer(run)
        self._preparer, self._items = preparer, ItemReader(preparer)
        self._streams: dict[str, Stream] = {}
        self._waiting: list[Item] = []
        self._size = 0
        self.activated: set[StreamKey] = set()
        self.versioned: set[StreamKey] = set()
        self.unnamed: set[StreamKey] = set()
        self.records = 0
        self.status = 0

    def take(self, line: bytes) -> None:
        """Take one line.

        Raises:
            InputError: It is no Singer message.
        """
        if (read := read_line(line)) is None:
            return
        message, repairs = read
        if message.type == "RECORD":
            self._take_record(line, message, repairs)
        elif message.type == "SCHEMA":
            self._take_schema(line, message)
        elif message.type == "STATE":
            self._flush(bytes(message.value))
        elif message.type == "ACTIVATE_VERSION":
            self.activated.add(self._stream(message).key)
        elif message.type == "BATCH":
            raise TapError("the tap writes BATCH files, which cannot be compared: switch them off")

    def finish(self) -> None:
        """Compare what waits."""
        self._flush(None)

    def _take_schema(self, line: bytes, message: Message) -> None:
        if message.stream is None:
            raise InputError("a SCHEMA without a stream: fix the tap.")
        opened = stream.build(message, self._run)
        self._streams[opened.name] = opened
        store.open_stream(self._conn, self._comparison, opened.key, line)

    def _stream(self, message: Message) -> Stream:
        if (found := self._streams.get(message.stream or "")) is None:
            raise MissingSchemaError(
                f"a {message.type} of stream {message.stream!r} before its SCHEMA: fix the tap."
            )
        return found

    def _take_record(self, line: bytes, message: Message, repairs: tuple[str, ...]) -> None:
        found = self._stream(message)
        item = self._items.read(line, message, repairs, found)
        self.records += 1
        if item.version is not None:
            self.versioned.add(found.key)
        if self._comparison.streams[found.key].has_ended:
            return
        self._waiting.append(item)
        self._size += len(line)
        if len(self._waiting) >= BATCH or self._size >= BATCH_BYTES:
            self._flush(None)

    def _flush(self, state: bytes | None) -> None:
        """Compare what waits, and keep it together with the STATE that came after it."""
        found = list(self._compare(self._waiting))
        self._waiting, self._size = [], 0
        with self._conn.transaction():
            store.keep(self._conn, found)
            if state is not None:
                store.keep_state(self._conn, self._comparison, state)
        self._progress(self.records)

    def _compare(self, items: list[Item]) -> Iterable[Found]:
        by_source: dict[str, list[Item]] = defaultdict(list)
        for item in items:
            self._preparer.prepare(item)
            if item.lineage_hash:
                by_source[item.stream.key.source].append(item)
            else:
                self.unnamed.add(item.stream.key)
        for source, some in by_source.items():
            yield from self._compare_with(self._places.get(source), some)

    def _compare_with(self, place: Place | None, items: list[Item]) -> Iterable[Found]:
        hashes = {item.lineage_hash for item in items}
        known: Heads = {}
        rows: dict[bytes, tuple[str | None, bool]] = {}
        if place is not None:
            known = heads.read(self._conn, self._run.loader_id, hashes)
            query = sql.SQL(_ROWS).format(place.identifier)
            found = self._conn.execute(query, (list(hashes),)).fetchall()
            rows = {lineage: (day, is_there) for lineage, day, is_there in found}
        for item in items:
            yield self._judge(item, known, *rows.get(item.lineage_hash, (None, False)))

    def _judge(self, item: Item, known: Heads, day: str | None, is_there: bool) -> Found:
        compared = self._comparison.streams[item.stream.key]
        head, prepared, days = known.get(item.lineage_hash), item.prepared, self._comparison.days
        if prepared is None:  # it cannot land; as a dead letter it has
            return Found(compared, item.lineage_hash, "outside")
        # A full table comes whole, whatever the days.
        is_inside = item.version is not None or days.holds(prepared.source_timestamp)
        if is_there and head is not None:
            is_same = (prepared.content_hash, prepared.deleted) == (head.content_hash, head.deleted)
            word = "same" if is_same else "changed"
            # One that was moved from these days to others has changed, too.
            is_inside = is_inside or (not is_same and day is not None and days.holds(day))
        else:
            word = "missing"
        if not is_inside:
            return Found(compared, item.lineage_hash, "outside")
        if word == "same":
            return Found(compared, item.lineage_hash, word)
        return Found(compared, item.lineage_hash, word, item.lineage_id, item.line)
