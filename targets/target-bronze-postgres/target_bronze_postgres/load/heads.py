"""Reads and writes ``bronze_ops.heads``, by many lineages at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from struct import Struct
from typing import TYPE_CHECKING, Any

from psycopg import adapters
from psycopg.adapt import Dumper
from psycopg.pq import Format

from target_bronze_postgres.load import copybinary
from target_bronze_postgres.load.stream import StreamKey
from target_bronze_postgres.load.versions import Head
from target_bronze_postgres.record import times

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from uuid import UUID

    import psycopg

    Connection = psycopg.Connection[Any]

Heads = dict[bytes, Head]

_READ = """
    SELECT lineage_hash, version, content_hash, raw_hash, id, partition_key - DATE '2000-01-01',
           (extract(epoch FROM extracted_at) * 1000000)::bigint, seen_version, loader_id = %b,
           deleted
    FROM bronze_ops.heads WHERE lineage_hash = ANY (%b)
"""
_GENERATIONS = """
    SELECT source, account, stream, generation FROM bronze_ops.streams
    WHERE (source, account, stream) IN (SELECT * FROM unnest(%b::text[], %b::text[], %b::text[]))
"""
_COPY = """
    COPY bronze_ops.heads (
        lineage_hash, version, content_hash, id, partition_key, raw_hash,
        extracted_at, seen_version, deleted, source, account, stream, loader_id
    ) FROM STDIN (FORMAT binary)
"""
_COLUMNS = 13
_HASH_BYTES = 16
_HASH_LENGTH = copybinary.pack_length(_HASH_BYTES)
# Count of columns, lineage_hash, version, content_hash, id, partition_key.
_pack_start = Struct(">hi16siii16siqii").pack
_pack_array_start = Struct(">iiIii").pack
# An interval is multiplied as a double, which has no room for the microseconds of a far year; whole
# seconds, and what is left of one, are exact.
_MICROSECONDS = (
    "TIMESTAMPTZ 'epoch' + extracted / 1000000 * INTERVAL '1 second'"
    " + extracted %% 1000000 * INTERVAL '1 microsecond'"
)
_UPDATE = f"""
    UPDATE bronze_ops.heads AS h
    SET version = n.version, content_hash = n.content_hash, raw_hash = n.raw_hash, id = n.id,
        partition_key = DATE '2000-01-01' + n.day, extracted_at = {_MICROSECONDS},
        seen_version = n.seen_version, loader_id = %b, deleted = n.deleted
    FROM unnest(%b::bytea[], %b::int[], %b::bytea[], %b::bytea[], %b::bigint[], %b::int[],
                %b::bigint[], %b::bigint[], %b::boolean[])
        AS n (lineage_hash, version, content_hash, raw_hash, id, day,
              extracted, seen_version, deleted)
    WHERE h.lineage_hash = n.lineage_hash
"""
_TOUCH = f"""
    UPDATE bronze_ops.heads AS h
    SET version = n.version, extracted_at = {_MICROSECONDS}, seen_version = n.seen_version
    FROM unnest(%b::bytea[], %b::int[], %b::bigint[], %b::bigint[])
        AS n (lineage_hash, version, extracted, seen_version)
    WHERE h.lineage_hash = n.lineage_hash
"""


class _HashArray(list[bytes]):
    """Hashes, to be sent as a BYTEA[]: psycopg's own way takes each by itself."""


class _HashArrayDumper(Dumper):
    oid = adapters.types["bytea"].array_oid
    format = Format.BINARY

    def dump(self, obj: _HashArray) -> bytes:
        start = _pack_array_start(1, 0, adapters.types["bytea"].oid, len(obj), 1)
        return start + _HASH_LENGTH + _HASH_LENGTH.join(obj)


def read(conn: Connection, loader_id: UUID, hashes: Iterable[bytes]) -> Heads:
    """Return the heads of the lineages that have one."""
    wanted = list(hashes)
    if not wanted:
        return {}
    with conn.cursor(binary=True) as cursor:
        cursor.adapters.register_dumper(_HashArray, _HashArrayDumper)
        cursor.execute(_READ, (loader_id, _HashArray(wanted)))
        return {row[0]: Head(*row[1:]) for row in cursor.fetchall()}


def generations(conn: Connection, streams: Collection[StreamKey]) -> dict[StreamKey, int]:
    """Return how many batches have been written into each stream, 0 for an unknown one."""
    parts = [[getattr(key, name) for key in streams] for name in ("source", "account", "stream")]
    rows = conn.execute(_GENERATIONS, parts).fetchall()
    return dict.fromkeys(streams, 0) | {StreamKey(*names): count for *names, count in rows}


@dataclass
class Written:
    """The heads that a batch leaves, by what has to be done: rows to copy, and heads to update."""

    new: list[bytes] = field(default_factory=list)
    changed: Heads = field(default_factory=dict)
    touched: Heads = field(default_factory=dict)


def encode(loader_id: UUID, before: Heads, after: dict[StreamKey, Heads]) -> Written:
    """Sort and encode the heads that a batch leaves.

    Args:
        loader_id: This process.
        before: The heads that were there.
        after: Those that the batch makes or changes, by stream.
    """
    written = Written()
    for key, heads in after.items():
        names = _names(key, loader_id)
        for lineage, head in heads.items():
            if (known := before.get(lineage)) is None:
                written.new.append(_copy_row(lineage, names, head))
            elif known.id != head.id:
                written.changed[lineage] = head
            else:
                written.touched[lineage] = head
    # By their first column: what comes one after another lies together in the index.
    written.new.sort()
    return written


def write(conn: Connection, loader_id: UUID, written: Written) -> None:
    """Write the heads that a batch leaves. The caller holds the advisory locks of the streams."""
    if written.new:
        _copy(conn, written.new)
    if written.changed:
        conn.execute(_UPDATE, (loader_id, *_columns(written.changed, _CHANGED)))
    if written.touched:
        conn.execute(_TOUCH, _columns(written.touched, _TOUCHED))


def _copy(conn: Connection, rows: list[bytes]) -> None:
    with conn.cursor() as cursor, cursor.copy(_COPY) as copy:
        copy.write(copybinary.HEADER)
        copybinary.write_rows(copy, rows, b"")
        copy.write(copybinary.TRAILER)


_TOUCHED = ("version", "extracted", "seen_version")
_CHANGED = (
    "version",
    "content_hash",
    "raw_hash",
    "id",
    "day",
    "extracted",
    "seen_version",
    "deleted",
)


def _columns(heads: Heads, names: tuple[str, ...]) -> list[list[Any]]:
    return [list(heads), *([getattr(head, name) for head in heads.values()] for name in names)]


def _copy_row(lineage_hash: bytes, names: bytes, head: Head) -> bytes:
    start = _pack_start(
        *(_COLUMNS, _HASH_BYTES, lineage_hash, 4, head.version, _HASH_BYTES, head.content_hash),
        *(8, head.id, 4, head.day),
    )
    raw_hash = copybinary.NULL if head.raw_hash is None else _HASH_LENGTH + head.raw_hash
    return start + raw_hash + _seen(head.extracted, head.seen_version, head.deleted) + names


@lru_cache(maxsize=256)
def _seen(extracted: int | None, seen_version: int | None, deleted: bool) -> bytes:
    since_2000 = None if extracted is None else extracted - times.FROM_1970_TO_2000
    return (
        copybinary.bigint(since_2000)
        + copybinary.bigint(seen_version)
        + copybinary.pack_length(1)
        + bytes([deleted])
    )


@lru_cache(maxsize=256)
def _names(key: StreamKey, loader_id: UUID) -> bytes:
    parts = (key.source, key.account, key.stream)
    loader = copybinary.pack_length(16) + loader_id.bytes
    return b"".join((*map(copybinary.text, parts), loader))
