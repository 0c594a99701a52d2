"""What every stream of a tap has: raw records, provenance, and a STATE that it keeps itself.

Every tap of this repository holds a copy of this file; a test holds that the copies are the same.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from importlib import resources
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import Stream
from singer_sdk.helpers.conform import TypeConformanceLevel

from . import __name__ as package
from .coverage import joined
from .errors import AnswerError, Pause, TapError
from .messages import BronzeRecordMessage, BronzeSchemaMessage
from .redaction import without

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping
    from datetime import date, datetime

    from singer_sdk.helpers.types import Context, Record
    from singer_sdk.singerlib import Catalog

    from .plugin import BronzeTap

__all__ = ["BronzeStream"]


class BronzeStream(Stream):
    """A stream of raw records.

    The SDK's own loop adds the partition's context to each record, conforms values to the schema
    and derives the STATE from a replication key. Raw records take none of the first two, and the
    sources here need more than a key to go on from; so the loop is overridden, the rest is the
    SDK's: catalog, selection, stream maps, metrics.

    A subclass names ``name``, ``primary_keys``, ``replication_key`` (None: a full table), what
    ``provenance`` needs, and yields records from ``read``.
    """

    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE

    api_version: ClassVar[str | None] = None
    api_endpoint: ClassVar[str | None] = None
    """Path of the API that the stream is read from."""
    source_timestamp: ClassVar[Mapping[str, str] | None] = None
    """Where a record tells its time: ``{"pointer": "/start", "form": "rfc3339"}``; forms are
    rfc3339, utc, epoch_ms, epoch_s and date."""
    deleted: ClassVar[str | None] = None
    """Pointer to a member that is set when the source has deleted the record."""
    volatile: ClassVar[tuple[str, ...]] = ()
    """Pointers to members that change without the record's changing."""
    parent: ClassVar[Mapping[str, Any] | None] = None
    """The record that this one belongs to: ``{"stream": "…", "key": ["/…"]}``."""
    secrets: ClassVar[frozenset[str]] = frozenset()
    """Names of members that are never emitted, at any depth."""
    full_table: ClassVar[bool] = False
    """Whether a read to the end holds every living record, so that what is missing is gone."""

    def __init__(self, tap: BronzeTap) -> None:
        """Take the schema from the file of the stream's name."""
        self.tap = tap
        self.is_asked_for = False
        self.origin: dict[str, Any] = {}
        self.received_at: datetime | None = None
        self.is_whole = True
        super().__init__(tap, schema=self._schema_file(self.name))
        self._stream_version = None

    @staticmethod
    def _schema_file(name: str) -> dict[str, Any]:
        """Return the JSON Schema that is kept in the package's ``schemas`` folder."""
        text = resources.files(package).joinpath("schemas", f"{name}.json").read_text("utf-8")
        schema: dict[str, Any] = json.loads(text)
        return schema

    def apply_catalog(self, catalog: Catalog) -> None:
        """Take the user's catalog, unless it leaves the stream out and a setting asks for it.

        Meltano writes a catalog of every stream, and marks what ``select`` does not name as left
        out; so a setting that brings streams would do nothing there.
        """
        entry = catalog.get_stream(self.name)
        is_left_out = entry is not None and not entry.metadata.resolve_selection()[()]
        if not (is_left_out and self.is_asked_for):
            super().apply_catalog(catalog)

    @abstractmethod
    def read(self) -> Iterable[Record]:
        """Yield the stream's records.

        Before the records of an answer or a file, it puts what is known of that into ``origin`` and
        ``received_at``. Where a part of a full table cannot be read, it sets ``is_whole`` to False.

        Raises:
            TapError: What ends the stream with an error.
            Pause: What ends it well, to go on in the next run.
        """

    def get_records(self, context: Context | None) -> Iterable[Record]:  # noqa: ARG002
        """Yield what ``read`` yields, there are no partitions; a pause is no failure."""
        try:
            yield from self.read()
        except Pause as pause:
            self.is_whole = False
            self.tap.pause(self.name, pause)

    def bookmark(self, **values: int | str | dict[str, Any] | list[Any] | None) -> None:
        """Keep values in the STATE of this stream; None takes a value out.

        A STATE holds integers, strings, lists and objects: targets of the SDK fail on a fraction.
        """
        for name, value in values.items():
            if value is None:
                self.stream_state.pop(name, None)
            else:
                self.stream_state[name] = value
        self.state_manager.is_flushed = False

    def note_asked(self, first: date, last: date) -> None:
        """Keep in the STATE that these days were asked for in this run, both included.

        It is called when all records of these days were yielded, and only for days that are over:
        then one without a record is an empty day.
        """
        asked = joined(self.stream_state.get("asked", []), [(str(first), str(last))])
        self.bookmark(asked=asked or None)

    def emit_state(self) -> None:
        """Write a STATE: every record that was yielded so far has been written before it."""
        self._write_state_message()

    def _sync_records(
        self,
        context: Context | None = None,
        *,
        write_messages: bool = True,
    ) -> Generator[dict[str, Any], Any, Any]:
        """Write the records as they come, then the STATE; note trouble instead of raising it."""
        if self.tap.is_over:
            return
        self._stream_version = self.tap.version if self.full_table else None
        self.is_whole, count, ended = True, 0, False
        try:
            with self.get_record_counter() as counter, self.get_sync_timer():
                for record in self.get_records(context):
                    self._check_max_record_limit(count)
                    if write_messages:
                        self._write_record_message(record)
                    counter.increment()
                    count += 1
                    yield record
                ended = True
        except TapError as error:
            self.tap.fail(self.name, error)
        except RecursionError:
            self.tap.fail(self.name, AnswerError("A record is nested too deeply to be written."))
        if write_messages:
            if self.full_table and ended and self.is_whole and count:
                self._write_activate_version_message(self.tap.version)
            self._write_state_message()

    def _generate_schema_messages(self) -> Generator[BronzeSchemaMessage, None, None]:
        """Yield the SDK's SCHEMA messages with the stream's provenance."""
        for message in super()._generate_schema_messages():
            yield BronzeSchemaMessage(
                message.stream,
                message.schema,
                message.key_properties,
                message.bookmark_properties,
                bronze=self.provenance(),
            )

    def _generate_record_messages(
        self, record: Record
    ) -> Generator[BronzeRecordMessage, None, None]:
        """Yield the SDK's RECORD messages with the record's origin, secrets taken out."""
        origin = self.origin | self.origin_of(record)
        clean = without(self.secrets, record) if self.secrets else record
        for message in super()._generate_record_messages(clean):
            yield BronzeRecordMessage(
                message.stream,
                message.record,
                message.version,
                self.received_at or message.time_extracted,
                bronze=origin,
            )

    def origin_of(self, record: Record) -> dict[str, Any]:  # noqa: ARG002
        """Return what is known of the origin of one record, beside that of its answer."""
        return {}

    def provenance(self) -> dict[str, Any]:
        """Return what holds for the whole stream, as the ``bronze`` member of its SCHEMA."""
        members = {
            "tap": f"{self.tap.name} {self.tap.plugin_version}",
            "source": self.source,
            "account": self.config["account"],
            "parameters": self.tap.parameters(),
            "source_timestamp": self.source_timestamp,
            "deleted": self.deleted,
            "volatile": list(self.volatile) or None,
            "parent": self.parent,
            "api_version": self.api_version,
            "api_endpoint": self.api_endpoint,
        }
        return {name: value for name, value in members.items() if value is not None}

    @property
    def source(self) -> str:
        """Name of the source; rows go to the bronze table of this name."""
        return self.tap.source
