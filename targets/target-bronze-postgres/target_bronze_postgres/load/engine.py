"""The message loop: reads lines, makes batches of them, hands them to the writer."""

from __future__ import annotations

import logging
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

from msgspec import Raw

from target_bronze_postgres.db.migrations import migrate
from target_bronze_postgres.errors import (
    BronzeError,
    InputError,
    MissingSchemaError,
    SettingsError,
)
from target_bronze_postgres.load import ledger, stream
from target_bronze_postgres.load.ahead import LookAhead
from target_bronze_postgres.load.batch import Activation, Batch
from target_bronze_postgres.load.coverage import Coverage
from target_bronze_postgres.load.prepare import Preparer
from target_bronze_postgres.load.reading import ItemReader, is_version
from target_bronze_postgres.load.session import Session
from target_bronze_postgres.load.signals import StopSignals
from target_bronze_postgres.load.states import StateWriter
from target_bronze_postgres.load.tables import Tables
from target_bronze_postgres.load.writer import Writer
from target_bronze_postgres.record import repair
from target_bronze_postgres.record.canonical import Unstorable
from target_bronze_postgres.singer.batchfiles import read_manifest
from target_bronze_postgres.singer.lines import LineReader, Wakeup
from target_bronze_postgres.singer.messages import Message, read_line

if TYPE_CHECKING:
    from typing import Any

    import psycopg

    from target_bronze_postgres.load.decisions import Tally
    from target_bronze_postgres.load.item import Origin
    from target_bronze_postgres.load.mapping import StreamMaps
    from target_bronze_postgres.load.run import Run
    from target_bronze_postgres.load.stream import Seen, Stream, StreamKey
    from target_bronze_postgres.settings.database import DatabaseTarget

logger = logging.getLogger(__name__)

_SWITCH_INTERVAL = 0.0005
"""Seconds that a thread may go on while another one waits for the interpreter."""

_LONGEST_WAIT = 3_600.0
"""Seconds; poll() takes a few weeks at most."""


def load(
    run: Run, target: DatabaseTarget, fd: int, mapping: StreamMaps | None = None
) -> Counter[str]:
    """Read messages from a file descriptor until its end, and commit them.

    Args:
        run: This run of the loader.
        target: The database.
        fd: Where the messages come from.
        mapping: Streams that it maps go through it.

    Returns:
        How many messages of each type came.

    Raises:
        BronzeError: The input, the settings or the database are wrong. What came before is
            committed, as far as the database goes.
        SystemExit: A signal ended the run, with 128 and its number.
    """
    settings = run.settings
    with (
        Wakeup() as wakeup,
        Session(target, "target-bronze-postgres", settings.max_retries) as session,
        Session(target, "target-bronze-postgres look-ahead", settings.max_retries) as second,
        StopSignals(wakeup.wake) as signals,
    ):
        session.run(_prepare_database)
        preparer = Preparer(run)
        tables = Tables(settings.default_target_schema, settings.raw_index)
        ahead = LookAhead(run, second, tables, preparer, wakeup.wake)
        writer = Writer(run, session, ahead, StateWriter(), wakeup.wake)
        engine = Engine(run, ItemReader(preparer), ahead, writer, signals, mapping)
        # The writer waits for short answers, and for the interpreter each time: not for 5 ms, while
        # the server has nothing to do.
        sys.setswitchinterval(_SWITCH_INTERVAL)
        writer.start()
        try:
            engine.run(LineReader(fd, wakeup.fd))
        except BronzeError as error:
            engine.end(session, "failed", str(error))
            raise
        except Exception as error:
            # Its message could hold a record's contents.
            engine.end(session, "failed", type(error).__name__)
            raise
        if (number := signals.received) is not None:
            engine.end(session, "interrupted", f"signal {number}")
            logger.warning("Stopped by signal %d; what was read before is committed", number)
            raise SystemExit(128 + number)
        engine.end(session, "success", None)
    return engine.counter


class Engine:
    """Goes through the messages: makes batches of them and hands them to the writer."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts of a loader
        self,
        run: Run,
        items: ItemReader,
        ahead: LookAhead,
        writer: Writer,
        signals: StopSignals,
        mapping: StreamMaps | None,
    ) -> None:
        """Put the parts together; ``load`` makes them."""
        self._run = run
        self._items = items
        self._ahead = ahead
        self._writer = writer
        self._signals = signals
        self._mapping = mapping
        self._streams: dict[str, Stream] = {}
        self._seen: dict[StreamKey, Seen] = {}
        self._batch = Batch()
        self._looked_up: Batch | None = None
        # Whether a batch could not be handed over: no later one may be, nor its states.
        self._has_gap = False
        self._batch_rows = run.settings.batch_size_rows
        self._batch_bytes = run.settings.batch_size_bytes
        # What the latest record of the batch came with.
        self._origin: Origin | None = None
        self._coverage = Coverage()
        self._lines = 0
        self.counter: Counter[str] = Counter()

    def run(self, reader: LineReader) -> None:
        """Read to the end of the input, or to a signal, and wait until all is committed.

        Raises:
            BronzeError: What came before a bad line is committed all the same; after the writer
                failed nothing is.
        """
        try:
            self._read(reader)
        finally:
            try:
                if self._writer.error is None and not self._has_gap:
                    self._flush()
                    self._hand_on()
                elif self._looked_up is not None and self._looked_up.found is not None:
                    self._looked_up.found.give_up()
            finally:
                self._writer.finish()

    def end(self, session: Session, status: str, error: str | None) -> None:
        """Close the run's rows in ``bronze_ops.runs``, and log what became of the records.

        Raises:
            BronzeError: The database is away; a run that failed has its own error to tell.
        """

        def work(conn: psycopg.Connection[Any]) -> list[tuple[str, Tally]]:
            if status != "success":
                ledger.note_run(conn, self._run, self._streams.values())
            ledger.end_run(conn, self._run, status, error, self._writer.last_state)
            return ledger.totals(conn, self._run)

        try:
            totals = session.transact(work, again=status == "success")
        except BronzeError:
            if status == "success":
                raise
            return
        for name, tally in totals:
            logger.info(
                "%s: %d records read: %d new, %d changed, %d unchanged, %d dead letters; "
                "%d invalid, %d warnings, %d tombstones",
                name,
                *(tally.records_read, tally.rows_new, tally.rows_changed, tally.rows_unchanged),
                *(tally.dead_letters, tally.invalid, tally.warnings, tally.tombstones),
            )

    def _read(self, reader: LineReader) -> None:
        while not reader.at_end and self._signals.received is None:
            for line in reader.read(self._seconds_left()):
                self._lines += 1
                try:
                    self._handle_line(line)
                except InputError as error:
                    raise type(error)(f"Line {self._lines} of the input is {error}") from error
            if self._writer.error is not None:
                raise self._writer.error
            if self._seconds_left() == 0:
                self._flush()
            if self._looked_up is not None and self._looked_up.is_looked_up:
                self._hand_on()

    def _seconds_left(self) -> float | None:
        if self._batch.started is None:
            return None
        ends = self._batch.started + self._run.settings.batch_max_seconds
        return min(max(0.0, ends - time.monotonic()), _LONGEST_WAIT)

    def _flush(self) -> None:
        batch, self._batch, self._origin = self._batch, Batch(), None
        if batch.is_empty:
            return
        if batch.states:
            self._note_asked(batch)
        self._hand_on()
        if batch.streams:
            self._ahead.look_up(batch)
        self._looked_up = batch

    def _hand_on(self) -> None:
        """Plan the batch whose heads are being looked up, and hand it to the writer."""
        batch, self._looked_up = self._looked_up, None
        if batch is None:
            return
        self._has_gap = True
        if batch.streams and (self._writer.is_astray or not self._ahead.plan(batch)):
            # Not upon what batches on their way will leave, but upon what they have left.
            self._writer.wait()
            self._ahead.begin_epoch()
            self._ahead.look_up(batch)
            self._ahead.plan(batch)
        self._writer.submit(batch)
        self._has_gap = False

    def _note_asked(self, batch: Batch) -> None:
        """Have the days that were asked for committed with the records that came before."""
        for name, days in self._coverage.news(batch.states[-1]).items():
            for found in self._landing(name):
                batch.add_asked(found, days)

    def _landing(self, name: str) -> list[Stream]:
        """Return the streams that a tap's stream lands as, as far as their SCHEMA came."""
        mapped = self._mapping is not None and self._mapping.maps(name)
        names = self._mapping.names(name) if self._mapping and mapped else [name]
        return [self._streams[one] for one in names if one in self._streams]

    def _handle_line(self, line: bytes) -> None:
        if (read := read_line(line)) is None:
            return
        message, repairs = read
        self.counter[message.type] += 1
        if message.type == "RECORD":
            self._handle_record(line, message, repairs)
        elif message.type == "STATE":
            self._batch.add_state(bytes(message.value))
        elif message.type == "SCHEMA":
            self._handle_schema(message)
        elif message.type == "ACTIVATE_VERSION":
            self._handle_activate_version(message)
        elif message.type == "BATCH":
            self._handle_batch(message)
        else:
            raise InputError(f"a message of the unknown type {message.type!r}: fix the tap.")

    def _mapped(self, message: Message) -> list[Stream]:
        """Return the streams that a message's stream lands as; none where it is left out."""
        if self._mapping is None or not self._mapping.maps(message.stream):
            return [self._stream(message)]
        return [self._streams[name] for name in self._mapping.names(message.stream)]

    def _stream(self, message: Message) -> Stream:
        found = self._streams.get(message.stream or "")
        if found is None:
            raise MissingSchemaError(
                f"a {message.type} of stream {message.stream!r} before its SCHEMA: fix the tap."
            )
        return found

    def _handle_record(self, line: bytes, message: Message, repairs: tuple[str, ...]) -> None:
        mapping = self._mapping
        if mapping is None or not mapping.maps(message.stream):
            self._add(line, message, repairs, self._stream(message))
            return
        try:
            records = list(mapping.records(message))
        except Unstorable:  # it becomes a dead letter of the streams that it is mapped to
            for found in self._mapped(message):
                self._add(line, message, repairs, found)
            return
        for mapped in records:
            # An expression can make NUL of what has none.
            raw, new = repair.repair(bytes(mapped.record))
            mapped.record = Raw(raw)
            self._add(line, mapped, tuple(sorted({*repairs, *new})), self._stream(mapped))

    def _add(self, line: bytes, message: Message, repairs: tuple[str, ...], stream: Stream) -> None:
        item = self._items.read(line, message, repairs, stream)
        if item.origin is not self._origin:
            self._enter(item.origin)
        batch = self._batch
        batch.add(item)
        if len(batch.items) >= self._batch_rows or batch.size >= self._batch_bytes:
            self._flush()

    def _enter(self, origin: Origin) -> None:
        """Note what is the same for all records of a response, and once more in each batch."""
        self._origin = origin
        stream = origin.stream
        stream.seen.note(origin.version, origin.extracted, origin.provenance)
        self._batch.add_stream(stream)

    def _handle_schema(self, message: Message) -> None:
        if message.stream is None:
            raise InputError("a SCHEMA without a stream: fix the tap.")
        mapped = [message] if self._mapping is None else self._mapping.schemas(message)
        for schema in mapped:
            opened = stream.build(schema, self._run)
            opened.seen = self._seen.setdefault(opened.key, opened.seen)
            opened.seen.since_schema.clear()
            self._origin = None
            self._ahead.open_stream(opened)
            self._streams[opened.name] = opened
            self._batch.add_stream(opened)

    def _handle_activate_version(self, message: Message) -> None:
        streams, version = self._mapped(message), message.version
        if not is_version(version):
            raise InputError("an ACTIVATE_VERSION whose version is no whole number: fix the tap.")
        for found in streams:
            # At the start of a stream, or without a record of that version, it is only noted.
            if found.is_closed_by(version):
                self._batch.add_stream(found)
                self._batch.activation = Activation(found, version, found.seen.extracted)
                self._flush()

    def _handle_batch(self, message: Message) -> None:
        self._mapped(message)
        for line in read_manifest(bytes(message.encoding), message.manifest):
            raw, repairs = repair.repair(line)
            record = Message(type="RECORD", stream=message.stream, record=Raw(raw))
            record.time_extracted, record.bronze = message.time_extracted, message.bronze
            self._handle_record(line, record, repairs)


def _prepare_database(conn: psycopg.Connection[Any]) -> None:
    encoding = conn.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise SettingsError(
            f"Database {conn.info.dbname} has the encoding {encoding}: bronze needs one in UTF8, "
            "since JSON holds every character. Make it with `createdb --encoding=UTF8`."
        )
    migrate(conn)
