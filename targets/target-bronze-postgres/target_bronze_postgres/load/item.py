"""One RECORD line on its way into a row."""

from __future__ import annotations

import msgspec

from target_bronze_postgres.load.stream import Stream  # noqa: TC001 - msgspec reads annotations
from target_bronze_postgres.record.identity import Key  # noqa: TC001 - likewise
from target_bronze_postgres.record.provenance import (  # noqa: TC001 - likewise
    RecordProvenance,
)


class Letter(msgspec.Struct, gc=False):
    """A dead letter: why the line could not be stored as it came, and whether a repair landed."""

    reason: str
    error: str
    landed: bool


class Extraction(msgspec.Struct, frozen=True, gc=False):
    """When a record was extracted, as the tap said it and in UTC.

    ``microseconds`` are since 1970, ``timestamp`` is a TIMESTAMP literal.
    """

    text: str
    microseconds: int
    day: str
    timestamp: bytes


class Prepared(msgspec.Struct, gc=False):
    """A decoded record: its content hash and the columns that do not depend on its version.

    ``metadata`` lacks its closing brace: what is known only later is added there. ``partition_key``
    and ``source_timestamp`` are UTC text; ``partition_by`` says by what else the former is chosen.
    """

    content_hash: bytes
    deleted: bool
    partition_key: str
    source_timestamp: str | None
    partition_by: str | None
    metadata: bytes
    body: bytes
    status: str
    unknown: frozenset[str]


class Item(msgspec.Struct, gc=False):
    """A RECORD line, its identity, and what has been found out about it so far.

    A keyless record gets its lineage when it is prepared, from its content. ``extracted`` is in
    microseconds since 1970; ``version`` is the stream version of ACTIVATE_VERSION; ``fault`` says
    what is wrong with the message's ``bronze`` member.
    """

    line: bytes
    raw: bytes
    stream: Stream
    raw_hash: bytes
    extracted: int | None
    extraction: Extraction | None
    version: int | None
    provenance: RecordProvenance
    response: bytes
    repairs: tuple[str, ...]
    key: Key | None = None
    lineage_id: str = ""
    lineage_hash: bytes = b""
    prepared: Prepared | None = None
    letter: Letter | None = None
    fault: str | None = None
