"""A batch: a contiguous stretch of the input, of any streams, that is committed as a whole."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from target_bronze_postgres.load.run import uuid7

if TYPE_CHECKING:
    from uuid import UUID

    from target_bronze_postgres.load.ahead import Answer
    from target_bronze_postgres.load.decisions import Plan
    from target_bronze_postgres.load.heads import Heads
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
    """Records, and the states, schemas and activations among them.

    ``found`` are the generations and heads that are being looked up. ``plan`` holds where the
    generations of the streams are those of ``base``, and all plans of the ``epoch`` before it have
    held.
    """

    id: UUID = field(default_factory=uuid7)
    items: list[Item] = field(default_factory=list)
    size: int = 0
    streams: dict[StreamKey, Stream] = field(default_factory=dict)
    states: list[bytes] = field(default_factory=list)
    activation: Activation | None = None
    started: float | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    found: Answer[tuple[dict[StreamKey, int], Heads]] | None = None
    plan: Plan | None = None
    base: dict[StreamKey, int] = field(default_factory=dict)
    epoch: int = 0
    asked: dict[StreamKey, str] = field(default_factory=dict)

    def add(self, item: Item) -> None:
        """Add a record of a stream that is part of the batch."""
        if self.started_at is None:
            self._start()
            self.started_at = datetime.now(UTC)
        self.items.append(item)
        self.size += len(item.line)

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
        """Make a stream part of the batch, and so of the run, even if no record of it comes."""
        self.streams[stream.key] = stream

    @property
    def is_looked_up(self) -> bool:
        """Whether the answer is there."""
        return self.found is None or self.found.is_there

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write or emit."""
        return not (self.items or self.states or self.streams or self.activation)

    def _start(self) -> None:
        if self.started is None:
            self.started = time.monotonic()
