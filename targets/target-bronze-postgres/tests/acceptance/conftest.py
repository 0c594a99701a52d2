"""Fixtures of the acceptance tests: fresh machines, databases beside one another, the commands."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.conftest import Done
from tests.messages import as_input
from tests.waiting import DEADLINE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Run = Callable[..., Done]
    Role = Callable[..., str]

SECRET = "sekret-of-the-test"
TARGET = str(Path(sys.executable).with_name("target-bronze-postgres"))
BRONZE = str(Path(sys.executable).with_name("bronze"))


@dataclass
class Machine:
    """An empty folder with an empty HOME, where nothing names a database.

    Attributes:
        user: The account that runs the commands; one's own if None.
    """

    folder: Path
    environ: dict[str, str]
    user: int | None = None
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def command(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a command with pipes to its stdin, stdout and stderr."""
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environ,
            cwd=self.folder,
            user=self.user,
            extra_groups=None if self.user is None else [],
        )
        self.started.append(process)
        return process

    def target(self) -> subprocess.Popen[bytes]:
        """Start the target with a source alone, in batches of two records."""
        config = self.folder / "c.json"
        if not config.exists():
            config.write_text('{"source": "x"}')
        return self.command(TARGET, "--config", "c.json")

    def bronze(self, *args: str) -> str:
        """Run ``bronze`` and return what it prints."""
        out, err = self.command(BRONZE, *args).communicate(timeout=DEADLINE)
        assert err == b"", err.decode()
        return out.decode().strip()

    def query(self, text: str) -> list[str]:
        """Return what psql prints for a query, as lines."""
        return self.bronze("db", "psql", "-At", "-c", text).splitlines()

    def kill_server(self) -> None:
        """Kill the postmaster; its children notice by themselves."""
        (pid_file,) = self.folder.rglob("postmaster.pid")
        os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)

    def server_log(self) -> str:
        """What the server has logged."""
        (log,) = self.folder.rglob("server.log")
        return log.read_text()

    def close(self) -> None:
        """End all that was started here, the server too."""
        for process in self.started:
            process.kill()
            process.communicate()
        self.bronze("db", "stop")


@pytest.fixture
def machines(environ: dict[str, str]) -> Iterator[Callable[..., Machine]]:
    """Make fresh machines in folders that every account may enter, unlike tmp_path."""
    with ExitStack() as stack:

        def make(mode: int = 0o755, user: int | None = None) -> Machine:
            folder = Path(tempfile.mkdtemp(prefix="bronze-test-"))
            stack.callback(shutil.rmtree, folder)
            folder.chmod(mode)
            work = folder / "work"
            for path in (work, work / "home"):
                path.mkdir()
                if user is not None:
                    os.chown(path, user, -1)
            kept = {n: v for n, v in environ.items() if not n.startswith("XDG_")}
            machine = Machine(work, {**kept, "HOME": str(work / "home")}, user)
            stack.callback(machine.close)
            return machine

        yield make


@pytest.fixture
def nobody() -> int:
    """The number of an ordinary account that can run this Python; for tests that root runs."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    entry = pwd.getpwnam("nobody")
    code = [sys.executable, "-c", "import target_bronze_postgres.target"]
    try:
        subprocess.run(code, user=entry.pw_uid, extra_groups=[], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip(f"nobody cannot run {sys.executable}")
    return entry.pw_uid


@pytest.fixture
def role(database: str) -> Iterator[Role]:
    """Make a role that may log in, with more rights by SQL, and return its DSN."""
    with psycopg.connect(database, autocommit=True) as conn, ExitStack() as stack:

        def make(options: str = "", *grants: str) -> str:
            name = f"r_{uuid.uuid4().hex}"
            text = f"CREATE ROLE {name} LOGIN PASSWORD '{SECRET}' {options}"
            for statement in (text, *(grant.format(role=name) for grant in grants)):
                conn.execute(statement.encode())
            for statement in (  # from the last to the first
                f"DROP ROLE {name}",
                f"DROP OWNED BY {name} CASCADE",
                f"REASSIGN OWNED BY {name} TO CURRENT_USER",
            ):
                stack.callback(conn.execute, statement.encode())
            return make_conninfo(database, user=name, password=SECRET)

        yield make


@pytest.fixture
def target(environ: dict[str, str], tmp_path: Path) -> Run:
    """Run the target with a config (settings or text), messages and environment variables."""

    def run(
        config: dict[str, Any] | str, *messages: Any, env: dict[str, str] | None = None
    ) -> Done:
        path = tmp_path / "target.json"
        path.write_text(config if isinstance(config, str) else json.dumps(config))
        return _run([TARGET, "--config", str(path)], as_input(*messages), environ | (env or {}))

    return run


@pytest.fixture
def bronze(environ: dict[str, str], tmp_path: Path) -> Run:
    """Run ``bronze`` with a config and more environment variables."""

    def run(config: dict[str, Any], *args: str, env: dict[str, str] | None = None) -> Done:
        path = tmp_path / "bronze.json"
        path.write_text(json.dumps(config))
        return _run([BRONZE, "--config", str(path), *args], b"", environ | (env or {}))

    return run


def _run(command: list[str], stdin: bytes, environ: dict[str, str]) -> Done:
    done = subprocess.run(
        command, input=stdin, capture_output=True, env=environ, timeout=DEADLINE, check=False
    )
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())
