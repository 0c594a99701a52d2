"""What is to be run, and when: Meltano's schedules, then what looks after the bronze layer."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from target_bronze_postgres.errors import BronzeError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Plan", "Schedule", "find_program", "project_folder", "read_schedules", "search_path"]

PATHS: Final = ("/usr/local/bin", "/usr/bin", "/bin")
MOST_SECONDS: Final = 120
"""How long Meltano may take to list its schedules."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """One thing that is run at set times.

    Attributes:
        name: As Meltano has it; of what is run once a week, it begins with ``weekly-``.
        cron: Five fields of cron.
        command: The command line.
        timeout: Seconds after which it is stopped.
        env: Variables that Meltano's schedule sets.
    """

    name: str
    cron: str
    command: tuple[str, ...]
    timeout: int
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is run in a project's folder.

    Attributes:
        folder: The project.
        path: Folders in which programs are found.
        pipelines: Meltano's schedules; the checks follow each.
        weekly: What is run once a week.
        check: Command line of the checks.
        grace: Seconds after which a run that was told to stop is killed: the target commits what
            it has, and Meltano waits for it.
        embedded: Whether the database is the embedded server.
    """

    folder: Path
    path: str
    pipelines: Sequence[Schedule]
    weekly: Sequence[Schedule]
    check: tuple[str, ...]
    grace: int
    embedded: bool


def project_folder() -> Path:
    """Return Meltano's project: ``MELTANO_PROJECT_ROOT``, or the nearest folder with its file.

    Raises:
        BronzeError: There is none, or no crontab can name it.
    """
    root = os.environ.get("MELTANO_PROJECT_ROOT")
    here = Path(root).absolute() if root else Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "meltano.yml").is_file():
            if not str(folder).isprintable():
                raise BronzeError("The project's folder has a name that no crontab can hold")
            return folder
    raise BronzeError("There is no meltano.yml here: run this in the folder of a Meltano project")


def find_program(name: str) -> str:
    """Return the path of a program: beside this one's Python, else on PATH.

    Raises:
        BronzeError: It is not there.
    """
    beside = Path(sys.executable).parent / name
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which(name)
    if found is None:
        raise BronzeError(f"There is no program {name}: install it, or put its folder on PATH")
    return str(Path(found).absolute())


def search_path(*programs: str) -> str:
    """Return a PATH that finds these programs, and the system's."""
    folders = [str(Path(program).parent) for program in programs]
    return ":".join(dict.fromkeys([*folders, *PATHS]))


def read_schedules(
    folder: Path, environment: str | None, timeout: int
) -> tuple[list[Schedule], list[str]]:
    """Ask Meltano for its schedules.

    Args:
        folder: The project.
        environment: Meltano's environment; None for its default.
        timeout: Seconds after which each is stopped.

    Returns:
        The schedules, and the names of those that only people start.

    Raises:
        BronzeError: Meltano is not there, or refuses the project.
    """
    option = [f"--environment={environment}"] if environment else []
    command = [find_program("meltano"), *option]
    listed = _ask([*command, "schedule", "list", "--format=json"], folder)["schedules"]
    found = [(one, ("run", one["job"]["name"])) for one in listed["job"]]
    found += [(one, ("elt", *one["elt_args"])) for one in listed["elt"]]
    timed = [
        Schedule(
            one["name"], one["cron_interval"], (*command, *args), timeout, one.get("env") or {}
        )
        for one, args in found
        if one["cron_interval"]
    ]
    return timed, [one["name"] for one, _ in found if not one["cron_interval"]]


def _ask(command: Sequence[str], folder: Path) -> Any:
    try:
        done = subprocess.run(  # noqa: S603 - no shell
            command, cwd=folder, capture_output=True, text=True, timeout=MOST_SECONDS, check=False
        )
        return json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        raise BronzeError(f"Meltano does not answer: {shlex.join(command)}") from None
    except ValueError:
        last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise BronzeError(f"Meltano cannot list its schedules: {last}") from None
