"""A Meltano project of a test's own, between the sandbox and a fresh database."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.sandbox import Options, Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT: Final = Path(__file__).resolve().parent.parent.parent
PROGRAMS: Final = Path(sys.executable).parent
FOREIGN: Final = (
    "PG", "TARGET_", "MELTANO_", "TAP_", "TOGGL_", "GARMIN_", "DATABASE_URL", "BRONZE_", "XDG_",
)  # fmt: skip

Done = subprocess.CompletedProcess[str]


class Project:
    """A folder with ``meltano.yml``, ``.env`` and an empty HOME, and the programs in it."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        """Copy the repository's ``meltano.yml``; ``env`` becomes the ``.env``."""
        self.folder = folder
        (folder / "home").mkdir(parents=True)
        shutil.copyfile(ROOT / "meltano.yml", folder / "meltano.yml")
        (folder / ".venv").symlink_to(PROGRAMS.parent, target_is_directory=True)
        self.write_env(**env)

    def write_env(self, **variables: str) -> None:
        """Write the ``.env`` anew."""
        lines = [f"{name}='{value}'\n" for name, value in variables.items()]
        (self.folder / ".env").write_text("".join(lines))

    def environ(self, **variables: str) -> dict[str, str]:
        """Return an environment that names no database, no credentials and no settings."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        return kept | {"HOME": str(self.folder / "home")} | variables

    def run(self, program: str, *args: str, text: str | None = None, **variables: str) -> Done:
        """Run one of the installed programs in the folder."""
        return subprocess.run(
            [str(PROGRAMS / program), *args],
            cwd=self.folder,
            env=self.environ(**variables),
            input=text,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def start(self, program: str, *args: str, **variables: str) -> subprocess.Popen[str]:
        """Start one of the installed programs, as the head of a process group of its own."""
        return subprocess.Popen(
            [str(PROGRAMS / program), *args],
            cwd=self.folder,
            env=self.environ(**variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def pipe(self, tap: str, *args: str, **variables: str) -> tuple[Done, Done]:
        """Give a tap's messages to the target, as a pipe does."""
        read = self.run(tap, "--config", "ENV", *args, **variables)
        return read, self.run("target-bronze-postgres", text=read.stdout, **variables)


@pytest.fixture
def options() -> Options:
    """What the Toggl account is like: small, and with pages of 1,000 rows."""
    return Options(entries_per_day=2)


@pytest.fixture
def sandbox(options: Options) -> Iterator[Sandbox]:
    """A person with a quarter of a year of data, as of now; the watch does not sync any more."""
    with Sandbox(seed=7, years=0.25, toggl=options) as running:
        running.garmin.account.stop_syncing()
        yield running


@pytest.fixture
def project(tmp_path: Path, sandbox: Sandbox, database: str) -> Project:
    """A project whose ``.env`` names the sandbox and the test's database."""
    return Project(
        tmp_path / "project", sandbox.environ() | {"TARGET_BRONZE_POSTGRES_DSN": database}
    )
