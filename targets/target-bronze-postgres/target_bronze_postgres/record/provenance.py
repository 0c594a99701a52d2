"""The ``bronze`` member that our taps put on SCHEMA and RECORD messages.

Foreign taps have none: everything here is optional, and what is malformed is an
:class:`~target_bronze_postgres.errors.InputError` that names the member.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

import msgspec

from target_bronze_postgres.errors import InputError
from target_bronze_postgres.record.canonical import is_too_deep

# What INTEGER and BIGINT columns hold.
_Integer = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]
_BigInt = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class SourceTimestamp(msgspec.Struct, frozen=True):
    """Where a record's source timestamp stands, and in which form (``record.times.FORMS``)."""

    pointer: str
    form: str = "rfc3339"


class Parent(msgspec.Struct, frozen=True):
    """The stream of the parent record, and the members that hold its key."""

    stream: str
    key: tuple[str, ...]


class StreamProvenance(msgspec.Struct, frozen=True):
    """What holds for a whole stream. Pointers are JSON pointers into the record (RFC 6901)."""

    tap: str | None = None
    source: str | None = None
    account: str | None = None
    parameters: dict[str, Any] | None = None
    source_timestamp: SourceTimestamp | None = None
    deleted: str | None = None
    volatile: tuple[str, ...] = ()
    parent: Parent | None = None
    api_version: str | None = None
    api_endpoint: str | None = None
    raw_index: Literal["jsonb_ops", "jsonb_path_ops", "none"] | None = None


class RecordProvenance(msgspec.Struct, frozen=True):
    """What is known of the response or the file that a record was read from."""

    api_endpoint: str | None = None
    api_request_id: str | None = None
    api_response_code: _Integer | None = None
    api_rate_limit_info: dict[str, Any] | None = None
    file_path: str | None = None
    file_hash: str | None = None
    file_size: _BigInt | None = None
    compression_type: str | None = None
    encoding: str | None = None
    deleted_at: str | None = None


T = TypeVar("T", StreamProvenance, RecordProvenance)

_NULL = b"null"
NO_STREAM = StreamProvenance()
NO_RECORD = RecordProvenance()


def of_stream(raw: bytes) -> StreamProvenance:
    """Decode the ``bronze`` member of a SCHEMA.

    Raises:
        InputError: It is malformed.
    """
    return NO_STREAM if raw == _NULL else _decode(raw, StreamProvenance, "SCHEMA")


def of_record(raw: bytes) -> RecordProvenance:
    """Decode the ``bronze`` member of a RECORD.

    Raises:
        InputError: It is malformed.
    """
    return NO_RECORD if raw == _NULL else _decode(raw, RecordProvenance, "RECORD")


def _decode(raw: bytes, kind: type[T], message: str) -> T:
    if is_too_deep(raw):
        raise InputError(f"a {message} whose bronze member is malformed: it nests too deep")
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        # msgspec's message names the member and the type that was expected, never a value.
        raise InputError(f"a {message} whose bronze member is malformed: {error}") from error
