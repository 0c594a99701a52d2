"""A run that is killed at any of its processes, and run again, leaves the rows of one clean run."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.pipeline.conftest import Project
    from tests.sandbox import Sandbox

PIPELINE = ("tap-garmin", "target-bronze-postgres")
NIGHTS = "/sleep-service/"
TABLE = "SELECT lineage_id, version, raw_data::text FROM bronze_garmin ORDER BY 1, 2"


def rows(dsn: str) -> list[Any]:
    with psycopg.connect(dsn) as conn:
        return conn.execute(TABLE).fetchall()


def until(condition: Callable[[], Any], seconds: float = 60) -> Any:
    """Wait until a condition holds, and return what it returned."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError("It did not happen in time.")


def processes(group: int) -> dict[int, str]:
    """Return the living processes of a group, id to command line."""
    done = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,pgid=,stat=,args="],
        capture_output=True,
        text=True,
        check=True,
    )
    parts = (line.split(None, 3) for line in done.stdout.splitlines())
    return {int(p): args for p, g, stat, args in parts if int(g) == group and stat[0] != "Z"}


def signalled(run: subprocess.Popen[str], victim: str, signum: int) -> None:
    """Send a signal to one of the processes of a run."""
    (pid,) = (p for p, args in processes(run.pid).items() if f"/bin/{victim} " in f"{args} ")
    os.kill(pid, signum)


@pytest.fixture
def held(sandbox: Sandbox, project: Project) -> subprocess.Popen[str]:
    """A run of Meltano whose tap waits for the answer to a request in the middle."""
    sandbox.garmin.faults.slow(30, path=NIGHTS)
    run = project.start("meltano", "run", *PIPELINE)
    until(lambda: any(asked.path.startswith(NIGHTS) for asked in sandbox.garmin.requests))
    return run


@pytest.mark.parametrize(
    ("victim", "signum"),
    [
        ("tap-garmin", signal.SIGKILL),
        ("tap-garmin", signal.SIGTERM),
        ("target-bronze-postgres", signal.SIGKILL),
        ("meltano", signal.SIGKILL),
    ],
)
def test_an_interrupted_run_is_no_success_and_loses_nothing(  # noqa: PLR0913, PLR0917 - fixtures
    sandbox: Sandbox,
    project: Project,
    database: str,
    other_database: str,
    held: subprocess.Popen[str],
    victim: str,
    signum: int,
) -> None:
    signalled(held, victim, signum)
    sandbox.garmin.faults.clear()
    if victim == "meltano":
        # Its plugins find their pipes closed and end by themselves.
        until(lambda: not processes(held.pid), seconds=90)
    output, _ = held.communicate(timeout=90)
    assert held.returncode != 0, output
    # Meltano holds a run that it cannot have seen end for running, for some minutes.
    again = project.run("meltano", "run", "--force", *PIPELINE)
    assert again.returncode == 0, again.stderr
    clean, loaded = project.pipe("tap-garmin", TARGET_BRONZE_POSTGRES_DSN=other_database)
    assert (clean.returncode, loaded.returncode) == (0, 0)
    assert rows(database) == rows(other_database) != []
