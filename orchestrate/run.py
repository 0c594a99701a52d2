"""Runs the pipelines whose credentials are there, one after another: ``python -m orchestrate.run``.

Each is a ``meltano run`` of its own, so that trouble with one service does not keep the other's
data out. Exit status 1 if one of them failed, 2 if no credentials were found.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from dotenv import dotenv_values

if TYPE_CHECKING:
    from collections.abc import Mapping

PROGRAMS: Final = Path(sys.executable).parent
CREDENTIALS: Final[Mapping[str, tuple[str, ...]]] = {
    "toggl": ("TOGGL_API_KEY", "TAP_TOGGL_API_TOKEN"),
    "garmin": ("GARMIN_API_KEY", "TAP_GARMIN_API_KEY"),
}
"""Jobs of meltano.yml, and the variables of which one holds the credentials."""
NO_CREDENTIALS: Final = """\
No credentials: neither TOGGL_API_KEY nor GARMIN_API_KEY is set.
  cp .env.example .env && chmod 600 .env      # if there is no .env yet
then put one of them, or both, into .env; the comments there say where each is made."""


def main() -> int:
    """Run what can be run in the folder that is the working directory, then tell what landed."""
    variables = environment()
    jobs = [job for job, names in CREDENTIALS.items() if any(variables.get(n) for n in names)]
    if not jobs:
        print(NO_CREDENTIALS, file=sys.stderr)
        return 2
    os.umask(0o077)  # Meltano writes the resolved settings, secrets too, to files while it runs
    failed = [job for job in jobs if not run(job)]
    told = subprocess.run([PROGRAMS / "bronze", "status", "--last-run"], check=False)
    for job in failed:
        print(f"The pipeline {job!r} failed: its log is above.", file=sys.stderr)
    return 1 if failed else told.returncode


def environment() -> dict[str, str | None]:
    """Return the variables as Meltano gives them to the plugins: the environment over ``.env``."""
    return {**dotenv_values(".env", encoding="utf-8-sig"), **os.environ}


def run(job: str) -> bool:
    """Run a job of meltano.yml; tell whether it succeeded.

    Meltano tells the plugins no run id. Given one in the environment, it takes that one for its own
    log, and the target writes the same to every row.
    """
    command = [str(PROGRAMS / "meltano"), "run", job]
    return not subprocess.run(
        command, env={**os.environ, "MELTANO_RUN_ID": str(uuid4())}, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
