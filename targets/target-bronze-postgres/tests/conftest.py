"""Fixtures of all of the target's tests: a real server, a fresh database, the real command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from target_bronze_postgres.embedded import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Iterator

FOREIGN = ("PG", "TARGET_", "MELTANO_", "TAP_", "DATABASE_URL", "BRONZE_")

Query = Callable[..., list[Any]]
Load = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Parameters of a superuser on a server for this run: BRONZE_TEST_DSN's, or an embedded one."""
    if dsn := os.environ.get("BRONZE_TEST_DSN"):
        yield {name: str(value) for name, value in conninfo_to_dict(dsn).items()}
        return
    embedded = EmbeddedServer(tmp_path_factory.mktemp("server") / "postgres")
    yield embedded.start()
    embedded.stop()


@pytest.fixture
def database(server: dict[str, str]) -> Iterator[str]:
    """The DSN of a fresh, empty database."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(autocommit=True, **server) as conn:  # type: ignore[arg-type] # all text
        conn.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(
                sql.Identifier(name)
            )
        )
        yield make_conninfo(**{**server, "dbname": name})
        conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def query(database: str) -> Query:
    """Run SQL in the test's database and return its rows; a row of one column is its value."""

    def run(text: str, *parameters: Any) -> list[Any]:
        with psycopg.connect(database, autocommit=True) as conn:
            cursor = conn.execute(text.encode(), parameters or None)
            rows = cursor.fetchall() if cursor.description else []
        return [row[0] if len(row) == 1 else row for row in rows]

    return run


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment that names no database and no settings, with an empty HOME."""
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    coverage = {n: v for n, v in os.environ.items() if n.startswith("COVERAGE_")}
    return {**kept, **coverage, "HOME": str(home)}


@pytest.fixture
def config_file(database: str, tmp_path: Path) -> Callable[..., str]:
    """Write a config of the target that names the test's database, and return its path."""

    def write(**settings: Any) -> str:
        path = tmp_path / f"config-{uuid.uuid4().hex}.json"
        path.write_text(json.dumps({"dsn": database, "source": "x", **settings}))
        return str(path)

    return write


@pytest.fixture
def load(config_file: Callable[..., str], environ: dict[str, str], tmp_path: Path) -> Load:
    """Pipe messages into the target's command line; a config's settings are keyword arguments."""

    def run(
        *messages: Any, env: dict[str, str] | None = None, fails: bool = False, **settings: Any
    ) -> subprocess.CompletedProcess[bytes]:
        done = subprocess.run(
            [sys.executable, "-m", "target_bronze_postgres", "--config", config_file(**settings)],
            input=as_input(*messages),
            capture_output=True,
            env=environ | (env or {}),
            cwd=tmp_path,
            timeout=120,
            check=False,
        )
        assert (done.returncode != 0) == fails, done.stderr.decode()
        assert b"Traceback" not in done.stderr, done.stderr.decode()
        return done

    return run


def as_input(*messages: Any) -> bytes:
    """Return messages as lines; bytes go in as they are, with their own newline or none."""
    return b"".join(
        message if isinstance(message, bytes) else json.dumps(message).encode() + b"\n"
        for message in messages
    )


def schema(stream: str = "users", **members: Any) -> dict[str, Any]:
    """Return a SCHEMA message of a stream with an integer id as its key."""
    properties = {"id": {"type": "integer"}, "name": {}, "at": {"type": ["string", "null"]}}
    body = {"type": "object", "properties": properties, "required": ["id"]}
    message = {"type": "SCHEMA", "stream": stream, "schema": body, "key_properties": ["id"]}
    return message | members


def record(stream: str = "users", at: str | None = None, **members: Any) -> dict[str, Any]:
    """Return a RECORD message of these members, extracted at a time if one is given."""
    message: dict[str, Any] = {"type": "RECORD", "stream": stream, "record": members}
    return message if at is None else message | {"time_extracted": at}


def state(value: Any) -> dict[str, Any]:
    """Return a STATE message."""
    return {"type": "STATE", "value": value}
