"""One RECORD line on its way into a row."""

from __future__ import annotations

import msgspec
from msgspec import Raw

from target_bronze_postgres.load.stream import Stream  # noqa: TC001 - msgspec reads annotations
from target_bronze_postgres.record.provenance import (  # noqa: TC001 - likewise
    RecordProvenance,
)


class Letter(msgspec.Struct, gc=False):
    """A dead letter: why the line could not be stored as it came, and whether a repair landed."""

    reason: str
    error: str
    landed: bool


class Extraction(msgspec.Struct, frozen=True, gc=False):
    """When a record was extracted: as the tap said it, its UTC day, and its TIMESTAMP literal."""

    text: str
    day: str
    timestamp: str


class Prepared(msgspec.Struct, gc=False):
    """A decoded record: its content hash and the columns that do not depend on its version.

    ``metadata`` lacks its closing brace: what is known only later is added there. ``partition_key``
    and ``source_timestamp`` are UTC text.
    """

    content_hash: bytes
    deleted: bool
    partition_key: str
    source_timestamp: str | None
    metadata: bytes
    body: bytes
    status: str
    unknown: frozenset[str]


class Item(msgspec.Struct, gc=False):
    """A RECORD line, its identity, and what has been found out about it so far.

    A keyless record gets its lineage when it is prepared, from its content. ``extracted`` is in
    microseconds since 1970, UTC; ``version`` is the stream version of ACTIVATE_VERSION.
    """

    line: bytes
    raw: bytes | Raw
    stream: Stream
    raw_hash: bytes
    parts: list[bytes] | None = None
    lineage_id: str = ""
    lineage_hash: bytes = b""
    extracted: int | None = None
    extraction: Extraction | None = None
    version: int | None = None
    provenance: RecordProvenance | None = None
    response: bytes = b""
    repairs: tuple[str, ...] = ()
    prepared: Prepared | None = None
    letter: Letter | None = None
