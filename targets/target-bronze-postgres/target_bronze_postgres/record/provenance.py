"""The ``bronze`` member that our taps put on SCHEMA and RECORD messages.

Foreign taps have none: everything here is optional. What is malformed on a SCHEMA is an
:class:`~target_bronze_postgres.errors.InputError` that names the member; on a RECORD the rest is
taken, since no record may be lost for what is said about it.
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
    """The stream of the parent record, and the members that hold its key.

    ``source`` is the parent's, if it is another one than the record's.
    """

    stream: str
    key: tuple[str, ...]
    source: str | None = None


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


def of_record(raw: bytes) -> tuple[RecordProvenance, str | None]:
    """Decode the ``bronze`` member of a RECORD.

    Returns:
        What is known, and what is wrong with the rest: its member and the type that was expected,
        never a value.
    """
    if raw == _NULL:
        return NO_RECORD, None
    try:
        return _decode(raw, RecordProvenance, "RECORD"), None
    except InputError as error:
        return _salvage(raw), str(error).removeprefix("a RECORD whose ")


def _salvage(raw: bytes) -> RecordProvenance:
    """Take the members that are sound, each by itself."""
    known = NO_RECORD
    for name, value in _members(raw).items():
        try:
            alone = _decode(msgspec.json.encode({name: value}), RecordProvenance, "RECORD")
        except InputError:
            continue
        if name in RecordProvenance.__struct_fields__:
            known = msgspec.structs.replace(known, **{name: getattr(alone, name)})
    return known


def _members(raw: bytes) -> dict[str, msgspec.Raw]:
    if is_too_deep(raw):
        return {}
    try:
        return msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}


def _decode(raw: bytes, kind: type[T], message: str) -> T:
    if is_too_deep(raw):
        raise InputError(f"a {message} whose bronze member is malformed: it nests too deep")
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        # msgspec's message names the member and the type that was expected, never a value.
        raise InputError(f"a {message} whose bronze member is malformed: {error}") from error
