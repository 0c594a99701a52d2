"""Fixtures of the embedded server's tests: real clusters in tmp_path, each stopped at the end."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from target_bronze_postgres.embedded import EmbeddedServer, binaries
from target_bronze_postgres.embedded.account import UNPRIVILEGED, choose

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NAME = 'it\'s "q" $HOME `x` ü'  # every test shows that a path may look like this
# more than PostgreSQL allows for, which no other system's kernel would
LONG = ["long" * 50] * 6 if sys.platform == "linux" else []
IS_ROOT = os.geteuid() == 0


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """A server that has run before; a cluster for each test would take minutes."""
    server = EmbeddedServer(tmp_path_factory.mktemp("shared").joinpath(*LONG, NAME))
    server.start()
    assert server.stop()
    yield server
    shutil.rmtree(server.home)


@pytest.fixture
def stop_after() -> Iterator[Callable[[EmbeddedServer], EmbeddedServer]]:
    """Stop the servers given to it when the test ends, and remove their 46 MB each."""
    servers: list[EmbeddedServer] = []

    def remember(server: EmbeddedServer) -> EmbeddedServer:
        servers.append(server)
        return server

    yield remember
    for server in servers:
        server.stop()
        shutil.rmtree(server.home, ignore_errors=True)


@pytest.fixture
def empty(tmp_path: Path, stop_after: Callable[[EmbeddedServer], EmbeddedServer]) -> EmbeddedServer:
    """A server that has no home yet."""
    return stop_after(EmbeddedServer(tmp_path / NAME))


@pytest.fixture
def stopped(shared: EmbeddedServer) -> Iterator[EmbeddedServer]:
    """A server that has run before; what a test may change in its files is put back."""
    changed = [shared.home / "data" / name for name in ("PG_VERSION", "postgresql.conf")]
    before = [path.read_text() for path in changed]
    yield shared
    shared.stop()
    for path, text in zip(changed, before, strict=True):
        path.write_text(text)


@pytest.fixture
def running(stopped: EmbeddedServer) -> EmbeddedServer:
    """A server that runs."""
    stopped.start()
    return stopped


@pytest.fixture
def wait_for() -> Callable[[Callable[[], bool]], None]:
    """Wait until something holds, at most 20 s."""

    def wait(holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20
        while not holds():
            assert time.monotonic() < deadline, "waited 20 s in vain"
            time.sleep(0.02)

    return wait


@pytest.fixture
def python() -> Callable[..., subprocess.Popen[str]]:
    """Start a Python program in a session of its own, with arguments."""

    def start(code: str, *arguments: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    return start


@pytest.fixture
def ordinary() -> Callable[[Callable[[], str]], str]:
    """Run a function as an ordinary user and return what it returns.

    Root forks and becomes that user, who may not be able to read the Python that runs here.
    """

    def run(function: Callable[[], str]) -> str:
        source, sink = os.pipe()
        if (child := os.fork()) == 0:
            _answer(function, sink)
        os.close(sink)
        with os.fdopen(source) as answer:
            text = answer.read()
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0, text
        return text

    return run


def _answer(function: Callable[[], str], sink: int) -> NoReturn:
    """Become an ordinary user, write the answer and end, whatever happens."""
    status = 1
    try:
        if IS_ROOT:
            user = pwd.getpwnam(UNPRIVILEGED)
            os.setgroups([])
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)
        os.write(sink, function().encode())
        status = 0
    except BaseException:  # noqa: BLE001 - goes to the parent, which fails on it
        os.write(sink, traceback.format_exc().encode())
    finally:
        os._exit(status)


@pytest.fixture
def readable_bin() -> Path:
    """The server's programs where an ordinary user can read them, if need be a copy."""
    return binaries.usable(None, choose(Path("/nonexistent")))


@pytest.fixture
def readable_folder() -> Iterator[Path]:
    """A folder that every account may enter, which tmp_path is not."""
    folder = Path(tempfile.mkdtemp(prefix="bronze-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)
