"""Fixtures of all of the target's tests: the real command line, in a process and in this one."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from click.testing import CliRunner
from psycopg import sql
from psycopg.conninfo import make_conninfo

from target_bronze_postgres.target import TargetBronzePostgres
from tests.forked import Forked
from tests.messages import as_input
from tests.proxy import Proxy

if TYPE_CHECKING:
    from pathlib import Path

FOREIGN = ("PG", "TARGET_", "MELTANO_", "TAP_", "DATABASE_URL", "BRONZE_")

Query = Callable[..., list[Any]]
Load = Callable[..., "Done"]
Pipe = Callable[..., "subprocess.Popen[bytes]"]
Fork = Callable[..., Forked]
ConfigFile = Callable[..., str]


@pytest.fixture
def another(server: dict[str, str]) -> Iterator[Callable[..., str]]:
    """Make further databases and return their DSNs."""
    with ExitStack() as stack:

        def make(encoding: str = "UTF8") -> str:
            name = sql.Identifier(f"test_{uuid.uuid4().hex}")
            create = "CREATE DATABASE {} TEMPLATE template0 ENCODING {} LOCALE 'C'"
            run_as_superuser(server, sql.SQL(create).format(name, sql.Literal(encoding)))
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name)
            stack.callback(run_as_superuser, server, drop)
            return make_conninfo(**{**server, "dbname": name.as_string().strip('"')})

        yield make


def run_as_superuser(server: dict[str, str], *statements: sql.Composed) -> None:
    """Run statements on the server's own database."""
    with psycopg.connect(autocommit=True, **server) as conn:  # type: ignore[arg-type] # all text
        for statement in statements:
            conn.execute(statement)


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


@dataclass
class Done:
    """What a command left behind."""

    returncode: int
    stdout: str
    stderr: str

    @property
    def states(self) -> list[Any]:
        """The states that the target emitted."""
        return [json.loads(line) for line in self.stdout.splitlines()]


@pytest.fixture
def load(
    config_file: Callable[..., str],
    environ: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> Load:
    """Give messages to the target's command line, in this process: the SDK is slow to import.

    A config's settings are keyword arguments. A failure is one line, and never a traceback.
    """
    monkeypatch.chdir(tmp_path)

    def run(
        *messages: Any,
        env: dict[str, str] | None = None,
        fails: bool | None = False,
        **settings: Any,
    ) -> Done:
        caplog.clear()
        unset = dict.fromkeys(os.environ.keys() - environ.keys())
        with own_logging(), caplog.at_level(logging.INFO):
            done = CliRunner().invoke(
                TargetBronzePostgres.get_singer_command(),
                ["--config", config_file(**settings)],
                input=as_input(*messages),
                env={**unset, **environ, **(env or {})},
            )
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert fails is None or (done.exit_code != 0) == fails, caplog.text
        return Done(done.exit_code, done.stdout, "\n".join(caplog.messages))

    return run


@pytest.fixture
def pipe(
    config_file: Callable[..., str], environ: dict[str, str], tmp_path: Path
) -> Iterator[Pipe]:
    """Start the target as a process of its own, with pipes to its stdin, stdout and stderr."""
    with ExitStack() as stack:

        def start(**settings: Any) -> subprocess.Popen[bytes]:
            command = [sys.executable, "-m", "target_bronze_postgres"]
            process = subprocess.Popen(
                [*command, "--config", config_file(**settings)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environ,
                cwd=tmp_path,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield start


@pytest.fixture
def forked(config_file: ConfigFile, environ: dict[str, str], tmp_path: Path) -> Iterator[Fork]:
    """Start the target as a process of its own with its whole input, in milliseconds."""
    with ExitStack() as stack:

        def start(*messages: Any, **settings: Any) -> Forked:
            folder = tmp_path / f"forked-{uuid.uuid4().hex}"
            started = Forked.start(folder, config_file(**settings), environ, as_input(*messages))
            stack.callback(started.kill)
            return started

        yield start


@pytest.fixture
def proxy(database: str) -> Iterator[Proxy]:
    """A proxy before the test's server."""
    with Proxy(database) as started:
        yield started


@contextmanager
def own_logging() -> Iterator[None]:
    """Undo what a command does to logging and to sys.excepthook."""
    hook, handlers = sys.excepthook, list(logging.root.handlers)
    try:
        yield
    finally:
        sys.excepthook = hook
        logging.root.handlers[:] = handlers
        logging.captureWarnings(capture=False)
