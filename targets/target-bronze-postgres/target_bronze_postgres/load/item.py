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
    """When a record was extracted, as the tap said it and in UTC, in microseconds since 1970.

    ``day`` is counted from 2000, as PostgreSQL does.
    """

    text: str
    microseconds: int
    day: int


class Origin(msgspec.Struct, frozen=True, gc=False, eq=False):
    """What a record has in common with the others of its response.

    ``extracted`` is in microseconds since 1970; ``version`` is the stream version of
    ACTIVATE_VERSION; ``fault`` says what is wrong with the message's ``bronze`` member.
    ``metadata`` is the start of that column, ``columns`` are those that differ from one response to
    the next at most.
    """

    stream: Stream
    provenance: RecordProvenance
    fault: str | None
    extraction: Extraction | None
    extracted: int | None
    version: int | None
    metadata: bytes
    columns: bytes


class Prepared(msgspec.Struct, gc=False):
    """A decoded record: its content hash and the columns that do not depend on its version.

    ``metadata`` lacks its closing brace: what is known only later is added there. ``day``, the
    partition key, and ``timestamp``, the source timestamp in microseconds, count from 2000 in UTC;
    ``partition_by`` says by what else the former is chosen. ``body`` is what comes after raw_data.
    """

    content_hash: bytes
    deleted: bool
    day: int
    timestamp: int | None
    partition_by: str | None
    metadata: bytes
    body: bytes
    status: str
    unknown: frozenset[str]


class Item(msgspec.Struct, gc=False):
    """A RECORD line, its identity, and what has been found out about it so far.

    A keyless record gets its lineage when it is prepared, from its content. ``raw_id`` is the key
    as a column's text.
    """

    line: bytes
    raw: Raw | bytes
    origin: Origin
    raw_hash: bytes
    repairs: tuple[str, ...]
    raw_id: bytes | None = None
    lineage_id: bytes = b""
    lineage_hash: bytes = b""
    prepared: Prepared | None = None
    letter: Letter | None = None
