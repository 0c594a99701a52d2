"""A stream as its SCHEMA message describes it: all that is the same for each of its records."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from target_bronze_postgres.db import limits
from target_bronze_postgres.errors import InputError, SettingsError
from target_bronze_postgres.load import columns
from target_bronze_postgres.record import identity, large, provenance, repair, times
from target_bronze_postgres.record.canonical import Unstorable, decode
from target_bronze_postgres.record.pointer import Pointer
from target_bronze_postgres.record.validation import Validator, known_fields

if TYPE_CHECKING:
    from target_bronze_postgres.load.run import Run
    from target_bronze_postgres.record.provenance import RecordProvenance, StreamProvenance
    from target_bronze_postgres.singer.messages import Message


@dataclass(frozen=True, order=True)
class StreamKey:
    """Names a stream in the database. NUL in a name is U+FFFD here, as TEXT needs it."""

    source: str
    account: str
    stream: str

    @property
    def lock(self) -> int:
        """The advisory lock that orders loaders of this stream, a signed 64-bit number."""
        text = f"{self.source}\0{self.account}\0{self.stream}"
        digest = blake2b(text.encode(), digest_size=8, person=b"bronze:stream").digest()
        return int.from_bytes(digest, signed=True)


@dataclass
class Seen:
    """What this run has seen of a stream, whatever its SCHEMA: an ACTIVATE_VERSION asks for it.

    ``versions`` are those of its records, ``since_schema`` those of its records after its latest
    SCHEMA, ``unnamed`` those of records whose key cannot be read, ``extracted`` the latest time, in
    microseconds since 1970.
    """

    versions: set[int] = field(default_factory=set)
    since_schema: set[int] = field(default_factory=set)
    unnamed: set[int | None] = field(default_factory=set)
    extracted: int | None = None
    rate_limit_info: dict[str, Any] | None = None

    def note(self, version: int | None, extracted: int | None, known: RecordProvenance) -> None:
        """Remember a record."""
        if version is not None:
            self.versions.add(version)
            self.since_schema.add(version)
        if extracted is not None and (self.extracted is None or extracted > self.extracted):
            self.extracted = extracted
        if known.api_rate_limit_info is not None:
            self.rate_limit_info = known.api_rate_limit_info


@dataclass(eq=False)
class Stream:
    """What holds for every record of a stream until its next SCHEMA."""

    name: str
    key: StreamKey
    provenance: StreamProvenance
    schema: Any
    key_reader: identity.KeyReader
    lineage_prefix: str
    encoded_prefix: bytes
    parent_prefix: str | None
    parent_key: list[Pointer]
    source_timestamp: Pointer | None
    timestamp_form: str
    deleted: Pointer | None
    volatile: list[Pointer]
    validator: Validator | None
    known_fields: frozenset[str] | None
    constants: bytes
    raw_salt: bytes
    table: tuple[str, str] = ("", "")
    sound: dict[tuple[tuple[int, int, int], bool], bytes] = field(default_factory=dict)
    seen: Seen = field(default_factory=Seen)

    @property
    def key_properties(self) -> tuple[str, ...]:
        """Names of the top-level members that make a record's key; none for a keyless stream."""
        return self.key_reader.key_properties

    def looks_into(self, member: str) -> bool:
        """Tell whether anything but the content hash depends on what is within a member."""
        pointers = (self.source_timestamp, self.deleted, *self.parent_key)
        return (
            any(pointer is not None and pointer.first == member for pointer in pointers)
            or member in self.key_properties
            or (self.validator is not None and not large.says_nothing_within(self.schema, member))
        )

    def is_closed_by(self, version: int) -> bool:
        """Tell whether an ACTIVATE_VERSION that comes now ends the list of all records.

        It does after a record of that version. A tap of the Singer SDK sends it at the start, and
        once more after each further SCHEMA, as it goes from one partition of a stream to the next:
        there only a record since the SCHEMA tells. Our taps, which say where records come from,
        send it at the end alone.
        """
        ours = self.provenance is not provenance.NO_STREAM
        return version in (self.seen.versions if ours else self.seen.since_schema)


def build(message: Message, run: Run) -> Stream:
    """Make a stream of a SCHEMA message.

    Raises:
        InputError: The message is malformed.
        SettingsError: Neither the message nor the settings name a source.
    """
    name = message.stream or ""
    schema = _schema(message)
    known = provenance.of_stream(bytes(message.bronze))
    keys = _names(message.key_properties, "key_properties")
    bookmarks = _names(message.bookmark_properties, "bookmark_properties")
    source = known.source or run.settings.source
    if not source:
        raise SettingsError(
            f"Stream {name!r} does not say which source it is from: set `source` "
            "(or TARGET_BRONZE_POSTGRES_SOURCE) to a name such as github."
        )
    account = known.account or run.settings.account
    _check_lengths(source=source, account=account, stream=name)
    timestamp, form = _timestamp(known, bookmarks)
    prefix = identity.lineage_prefix(source, account, name)
    return Stream(
        name=name,
        key=StreamKey(repair.text(source), repair.text(account), repair.text(name)),
        provenance=known,
        schema=schema,
        key_reader=identity.KeyReader(keys),
        lineage_prefix=prefix,
        encoded_prefix=prefix.encode(),
        parent_prefix=(
            identity.lineage_prefix(known.parent.source or source, account, known.parent.stream)
            if known.parent
            else None
        ),
        parent_key=_pointers(known.parent.key if known.parent else (), "parent"),
        source_timestamp=timestamp,
        timestamp_form=form,
        deleted=next(iter(_pointers((known.deleted,) if known.deleted else (), "deleted")), None),
        volatile=_pointers(known.volatile, "volatile"),
        validator=Validator(schema) if run.settings.validate_records else None,
        known_fields=known_fields(schema),
        constants=columns.of_stream(source, name, keys, bookmarks, known, run),
        # With another pointer the same bytes may say something else.
        raw_salt=blake2b((known.deleted or "").encode(), digest_size=8).digest(),
    )


def _check_lengths(**names: str) -> None:
    for what, name in names.items():
        if len(name.encode("utf-8", "replace")) > limits.NAME_BYTES:
            raise InputError(
                f"a SCHEMA whose {what} has a name of over {limits.NAME_BYTES} bytes: shorten it."
            )


def _schema(message: Message) -> Any:
    try:
        schema = decode(message.schema)
    except Unstorable as error:
        raise InputError(f"a SCHEMA of stream {message.stream!r} that is odd: {error}.") from error
    if not isinstance(schema, dict | bool):
        raise InputError(f"a SCHEMA of stream {message.stream!r} without a schema.")
    return schema


def _names(value: Any, member: str) -> list[str]:
    names = [value] if isinstance(value, str) else value or []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError(f"a SCHEMA whose {member} is no list of names.")
    # Records come with NUL repaired, so the names of their members do too.
    return list(dict.fromkeys(map(repair.text, names)))


def _pointers(texts: tuple[str, ...], member: str) -> list[Pointer]:
    try:
        return [Pointer(repair.text(text)) for text in texts]
    except ValueError as error:
        raise InputError(f"a SCHEMA whose bronze.{member} is wrong: {error}.") from error


def _timestamp(known: StreamProvenance, bookmarks: list[str]) -> tuple[Pointer | None, str]:
    if (named := known.source_timestamp) is None:
        name = bookmarks[0].replace("~", "~0").replace("/", "~1") if bookmarks else None
        return (None if name is None else Pointer("/" + name)), "rfc3339"
    if named.form not in times.FORMS:
        raise InputError(
            f"a SCHEMA whose bronze.source_timestamp has the form {named.form!r}; "
            f"known are {', '.join(times.FORMS)}."
        )
    return _pointers((named.pointer,), "source_timestamp")[0], named.form
