"""A batch: a contiguous stretch of the input, of any streams, that is committed as a whole."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from target_bronze_postgres.load.run import uuid7

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from target_bronze_postgres.load.heads import HeadsAhead
    from target_bronze_postgres.load.item import Item
    from target_bronze_postgres.load.stream import Stream, StreamKey

_MAX_STATES = 100
_MAX_STATE_BYTES = 1 << 20


@dataclass
class Activation:
    """An ACTIVATE_VERSION that ends a batch: what was last seen with another version is deleted.

    ``extracted`` is the latest time of the stream's records before it, in microseconds since 1970.
    """

    stream: Stream
    version: int
    extracted: int | None


@dataclass
class Batch:
    """Records, and the states, schemas and activations among them."""

    id: UUID = field(default_factory=uuid7)
    items: list[Item] = field(default_factory=list)
    size: int = 0
    streams: dict[StreamKey, Stream] = field(default_factory=dict)
    states: list[bytes] = field(default_factory=list)
    activation: Activation | None = None
    started: float | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    ahead: HeadsAhead | None = None
    asked: dict[StreamKey, str] = field(default_factory=dict)

    def add(self, item: Item, now: datetime) -> None:
        """Add a record, read at ``now``."""
        self._start()
        if self.started_at is None:
            self.started_at = now
        self.items.append(item)
        self.size += len(item.line)
        self.streams[item.stream.key] = item.stream

    def add_state(self, state: bytes) -> None:
        """Add the value of a STATE; when too many wait, only the newest is kept."""
        self._start()
        if not self.states or self.states[-1] != state:
            self.states.append(state)
        if len(self.states) > _MAX_STATES or sum(map(len, self.states)) > _MAX_STATE_BYTES:
            del self.states[:-1]

    def add_asked(self, stream: Stream, days: str) -> None:
        """Add days that a stream's source was asked for, as a literal of DATEMULTIRANGE."""
        self.add_stream(stream)
        self.asked[stream.key] = days

    def add_stream(self, stream: Stream) -> None:
        """Note that a stream is part of the run, even if no record of it comes."""
        self.streams[stream.key] = stream

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write or emit."""
        return not (self.items or self.states or self.streams or self.activation)

    def _start(self) -> None:
        if self.started is None:
            self.started = time.monotonic()
