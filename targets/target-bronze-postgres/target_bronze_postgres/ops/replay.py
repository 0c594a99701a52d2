"""Loads dead letters again, by the loader itself, after the schema or the target was mended."""

from __future__ import annotations

import json
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from target_bronze_postgres.errors import InputError, SettingsError
from target_bronze_postgres.load.engine import load
from target_bronze_postgres.load.run import Run, uuid7
from target_bronze_postgres.ops import letters
from target_bronze_postgres.pipe import stream_maps
from target_bronze_postgres.singer.messages import read_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from target_bronze_postgres.ops.letters import Letter
    from target_bronze_postgres.settings import DatabaseTarget, Settings

    Connection = psycopg.Connection[Any]
    Schemas = dict[str, dict[str, Any]]

__all__ = ["Replayed", "read_schemas", "replay"]

_CATALOG = """
    SELECT s.schema::text, s.key_properties, s.provenance::text, o.schema_name, o.table_name
    FROM bronze_ops.streams AS s JOIN bronze_ops.sources AS o USING (source)
    WHERE (s.source, s.account, s.stream) = (%s, %s, %s)
"""
# The catalog does not hold it; each row does.
_REPLICATION_KEY = """
    SELECT b.lineage_metadata->>'replication_key'
    FROM (SELECT id, partition_key FROM bronze_ops.heads
          WHERE (source, account, stream) = (%s, %s, %s) LIMIT 1) AS h
    JOIN {} AS b ON b.id = h.id AND b.partition_key = h.partition_key
"""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of letters: the ids of those that landed, and those that are still dead."""

    run_id: str
    landed: list[int]
    dead: list[Letter]


def read_schemas(path: str) -> Schemas:
    """Read a file of SCHEMA messages, as a tap writes them, by the names of their streams.

    Raises:
        InputError: It cannot be read, or has a line that is no message.
    """
    found: Schemas = {}
    try:
        lines = Path(path).read_bytes().splitlines()
        messages = [json.loads(line) for line in lines if line.strip()]
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{path} does not hold JSON messages, a line each") from error
    for message in messages:
        if isinstance(message, dict) and message.get("type") == "SCHEMA":
            found[str(message.get("stream"))] = message
    if not found:
        raise InputError(f"{path} holds no SCHEMA message: `tap-x --test=schema` writes some")
    return found


def replay(
    connect: Callable[[], Connection],
    target: DatabaseTarget,
    settings: Settings,
    found: Sequence[Letter],
    schemas: Schemas | None = None,
) -> Replayed:
    """Give letters to the loader once more, stream by stream, and mark what lands.

    A kill in between loses nothing and writes nothing twice: what has landed is unchanged when it
    comes again.

    Args:
        connect: Opens a connection to the database.
        target: The database, for the loader.
        settings: The target's settings.
        found: The letters.
        schemas: SCHEMA messages by stream; None for those of the catalog.

    Raises:
        BronzeError: A SCHEMA is missing or malformed, or the database refuses.
    """
    if settings.stream_maps and schemas is None:
        raise SettingsError(
            "stream_maps is set, and the catalog holds mapped schemas only: name the tap's own "
            "with --schema FILE (`tap-x --test=schema` writes them)"
        )
    run_id, landed = str(uuid7()), []
    with connect() as conn:
        for key, group in groupby(found, lambda one: (one.source, one.account, one.stream)):
            several = list(group)
            own = replace(settings, source=key[0], account=key[1])
            with _input(conn, key, several, schemas) as file:
                load(Run(own, run_id=run_id), target, file.fileno(), stream_maps(own))
            landed += letters.mark_landed(conn, several)
        left = [letter.id for letter in found if letter.id not in {*landed}]
        dead = letters.read(conn, letters.Wanted(ids=left)) if left else []
    return Replayed(run_id, sorted(landed), dead)


@contextmanager
def _input(
    conn: Connection, key: tuple[str, str, str], several: Sequence[Letter], schemas: Schemas | None
) -> Iterator[IO[bytes]]:
    """Give a file of messages for one stream: its SCHEMA, and its letters' lines as they came."""
    with tempfile.TemporaryFile() as file, tempfile.NamedTemporaryFile(suffix=".jsonl") as batch:
        names: set[str] = set()
        for line in letters.messages(conn, [letter.id for letter in several]):
            name = _stream_of(line)
            if name is None:
                batch.write(line + b"\n")  # a line of a BATCH file, which is a record alone
            elif name not in names:
                file.write(_schema_line(conn, key, name, schemas))
            names.add(name or key[2])
            if name is not None:
                file.write(line + b"\n")
        if batch.tell():
            batch.flush()
            file.write(_schema_line(conn, key, key[2], schemas))
            file.write(_line(_batch(key[2], batch.name)))
        file.flush()
        file.seek(0)
        yield file


def _stream_of(line: bytes) -> str | None:
    """Return the stream of a RECORD line; None for a line that is no message."""
    found = read_line(line)
    message = found[0] if found else None
    return message.stream if message is not None and message.type == "RECORD" else None


def _batch(stream: str, path: str) -> dict[str, Any]:
    encoding = {"format": "jsonl", "compression": "none"}
    manifest = [Path(path).as_uri()]
    return {"type": "BATCH", "stream": stream, "encoding": encoding, "manifest": manifest}


def _schema_line(
    conn: Connection, key: tuple[str, str, str], name: str, schemas: Schemas | None
) -> bytes:
    """Return the SCHEMA message for lines of a stream, with the letters' own source and account.

    Raises:
        InputError: There is none.
    """
    if schemas is None:
        return _of_catalog(conn, key, name)
    if name not in schemas:
        raise InputError(f"--schema names a file without a SCHEMA of stream {name!r}")
    message = dict(schemas[name])
    if isinstance(message.get("bronze"), dict):
        message["bronze"] = message["bronze"] | {"source": key[0], "account": key[1]}
    return _line(message)


def _of_catalog(conn: Connection, key: tuple[str, str, str], name: str) -> bytes:
    row = conn.execute(_CATALOG, key).fetchone()
    if row is None or name != key[2]:
        raise InputError(
            f"The catalog has no SCHEMA of stream {name!r}: name the tap's own with --schema FILE"
        )
    schema, keys, provenance, *table = row
    known = {n: v for n, v in json.loads(provenance or "{}").items() if v not in (None, [])}
    message: dict[str, Any] = {"type": "SCHEMA", "stream": name, "key_properties": keys}
    if known:
        message["bronze"] = known | {"source": key[0], "account": key[1]}
    query = sql.SQL(_REPLICATION_KEY).format(sql.Identifier(*table))
    replication_key = conn.execute(query, key).fetchone()
    if replication_key is not None and replication_key[0] is not None:
        message["bookmark_properties"] = [replication_key[0]]
    # The schema as the database prints it: no number of it passes a double.
    return _line(message)[:-2] + b', "schema": ' + (schema or "true").encode() + b"}\n"


def _line(message: dict[str, Any]) -> bytes:
    return json.dumps(message).encode() + b"\n"
