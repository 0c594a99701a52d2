"""Fixtures of the command's tests: a clean environment, the command, and a project of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from target_bronze_postgres.embedded import EmbeddedServer
from target_bronze_postgres.ops.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from click.testing import Result

COMMAND = (sys.executable, "-m", "target_bronze_postgres.ops.cli")
NAMES_A_DATABASE = re.compile(r"(PG|DATABASE_URL|TARGET_|MELTANO_)")


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable and no folder of the person who runs the tests names a database."""
    for name in filter(NAMES_A_DATABASE.match, list(os.environ)):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def bronze() -> Callable[..., Result]:
    """The command line, without the second that a new process takes."""

    def run(*args: str) -> Result:
        result = CliRunner().invoke(main, args)
        # Trouble is a line on stderr, never an exception.
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    return run


@pytest.fixture
def command() -> tuple[str, ...]:
    """How to start ``bronze`` as a process."""
    return COMMAND


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project whose embedded server runs."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "meltano.yml").touch()
    environment = {k: v for k, v in os.environ.items() if not NAMES_A_DATABASE.match(k)}
    started = subprocess.run(
        [*COMMAND, "db", "start"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert started.stdout.startswith("running: postgresql://bronze@127.0.0.1:")
    yield folder
    EmbeddedServer(folder / "data" / "postgres").stop()


@pytest.fixture
def with_psql(monkeypatch: pytest.MonkeyPatch) -> None:
    """A psql on PATH: the embedded server's."""
    folder = EmbeddedServer(Path("unused")).bin_dir
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def named(database: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The fresh database, named by the environment."""
    monkeypatch.setenv("TARGET_BRONZE_POSTGRES_DSN", database)
    return database
