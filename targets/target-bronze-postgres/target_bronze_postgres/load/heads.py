"""Reads and writes ``bronze_ops.heads``, by many lineages at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from target_bronze_postgres.load import copytext
from target_bronze_postgres.load.stream import StreamKey
from target_bronze_postgres.load.versions import Head
from target_bronze_postgres.record.times import from_microseconds

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from uuid import UUID

    import psycopg

    Connection = psycopg.Connection[Any]

Heads = dict[bytes, Head]

_READ = """
    SELECT lineage_hash, version, content_hash, raw_hash, id, to_char(partition_key, 'YYYY-MM-DD'),
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
        lineage_hash, source, account, stream, version, content_hash, raw_hash, id, partition_key,
        extracted_at, seen_version, loader_id, deleted
    ) FROM STDIN
"""
# An interval is multiplied as a double, which has no room for the microseconds of a far year; whole
# seconds, and what is left of one, are exact.
_MICROSECONDS = (
    "TIMESTAMPTZ 'epoch' + extracted / 1000000 * INTERVAL '1 second'"
    " + extracted %% 1000000 * INTERVAL '1 microsecond'"
)
_UPDATE = f"""
    UPDATE bronze_ops.heads AS h
    SET version = n.version, content_hash = n.content_hash, raw_hash = n.raw_hash, id = n.id,
        partition_key = n.partition_key::date, extracted_at = {_MICROSECONDS},
        seen_version = n.seen_version, loader_id = %b, deleted = n.deleted
    FROM unnest(%b::bytea[], %b::int[], %b::bytea[], %b::bytea[], %b::bigint[], %b::text[],
                %b::bigint[], %b::bigint[], %b::boolean[])
        AS n (lineage_hash, version, content_hash, raw_hash, id, partition_key,
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


def read(conn: Connection, loader_id: UUID, hashes: Iterable[bytes]) -> Heads:
    """Return the heads of the lineages that have one."""
    wanted = list(hashes)
    if not wanted:
        return {}
    with conn.cursor(binary=True) as cursor:
        cursor.execute(_READ, (loader_id, wanted))
        return {row[0]: Head(*row[1:]) for row in cursor.fetchall()}


def generations(conn: Connection, streams: Collection[StreamKey]) -> dict[StreamKey, int]:
    """Return how many batches have been written into each stream, 0 for an unknown one."""
    parts = [[getattr(key, name) for key in streams] for name in ("source", "account", "stream")]
    rows = conn.execute(_GENERATIONS, parts).fetchall()
    return dict.fromkeys(streams, 0) | {StreamKey(*names): count for *names, count in rows}


@dataclass
class HeadsAhead:
    """Heads that were looked up before the transaction, and each stream's generation then."""

    heads: Heads
    generations: dict[StreamKey, int]


def write(conn: Connection, loader_id: UUID, before: Heads, after: dict[StreamKey, Heads]) -> None:
    """Write the heads that a batch leaves. The caller holds the advisory locks of the streams.

    Args:
        conn: The batch's transaction.
        loader_id: This process.
        before: The heads that were there.
        after: Those that the batch makes or changes, by stream.
    """
    new: list[str] = []
    changed: Heads = {}
    touched: Heads = {}
    loader = str(loader_id)
    for key, heads in after.items():
        names = _names(key)
        for lineage, head in heads.items():
            if (known := before.get(lineage)) is None:
                new.append(_copy_row(lineage, names, head, loader))
            elif known.id != head.id:
                changed[lineage] = head
            else:
                touched[lineage] = head
    if new:
        with conn.cursor() as cursor, cursor.copy(_COPY) as copy:
            copy.write("".join(new))
    if changed:
        conn.execute(_UPDATE, (loader_id, *_columns(changed, _CHANGED)))
    if touched:
        conn.execute(_TOUCH, _columns(touched, _TOUCHED))


_TOUCHED = ("version", "extracted", "seen_version")
_CHANGED = (
    "version",
    "content_hash",
    "raw_hash",
    "id",
    "partition_key",
    "extracted",
    "seen_version",
    "deleted",
)


def _columns(heads: Heads, names: tuple[str, ...]) -> list[list[Any]]:
    return [list(heads), *([getattr(head, name) for head in heads.values()] for name in names)]


def _copy_row(lineage_hash: bytes, names: str, head: Head, loader: str) -> str:
    raw_hash = r"\N" if head.raw_hash is None else rf"\\x{head.raw_hash.hex()}"
    seen_version = r"\N" if head.seen_version is None else head.seen_version
    return (
        rf"\\x{lineage_hash.hex()}"
        f"\t{names}\t{head.version}\t"
        rf"\\x{head.content_hash.hex()}"
        f"\t{raw_hash}\t{head.id}\t{head.partition_key}\t{_timestamp(head.extracted)}"
        f"\t{seen_version}\t{loader}\t{head.deleted}\n"
    )


@lru_cache(maxsize=256)
def _timestamp(extracted: int | None) -> str:
    return r"\N" if extracted is None else from_microseconds(extracted).isoformat()


@lru_cache(maxsize=256)
def _names(key: StreamKey) -> str:
    parts = (key.source, key.account, key.stream)
    return copytext.TAB.join(map(copytext.text, parts)).decode()
