"""Trouble that a user meets: one clear line that names the cause and the mend, and no success."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.pipeline.conftest import Done, Project
    from tests.sandbox import Sandbox

taps = pytest.mark.parametrize("service", ["toggl", "garmin"])


def lines(done: Done) -> list[str]:
    """Return what a user reads of trouble."""
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return [line for line in done.stderr.splitlines() if line.startswith("Error:")]


@taps
def test_a_wrong_key(project: Project, service: str) -> None:
    wrong = {f"{service.upper()}_API_KEY": "not-the-right-one"}
    (line,) = lines(project.run(f"tap-{service}", "--config", "ENV", **wrong))
    assert "https://" in line
    assert "not-the-right-one" not in line


@taps
def test_a_service_that_cannot_be_reached(project: Project, sandbox: Sandbox, service: str) -> None:
    getattr(sandbox, service).stop()
    (line,) = lines(project.run(f"tap-{service}", "--config", "ENV"))
    assert "Cannot reach http://127.0.0.1:" in line
    assert "'api_url'" in line


@taps
def test_a_database_that_cannot_be_reached(project: Project, service: str) -> None:
    nowhere = "host=127.0.0.1 port=1 dbname=x"
    settings = {"TARGET_BRONZE_POSTGRES_DSN": nowhere, "TARGET_BRONZE_POSTGRES_MAX_RETRIES": "0"}
    _, loaded = project.pipe(f"tap-{service}", **settings)
    assert loaded.returncode == 1
    assert "connection refused" in loaded.stderr.lower()
    assert "Traceback" not in loaded.stderr


def test_meltano_shows_the_line(project: Project) -> None:
    done = project.run(
        "meltano", "run", "tap-toggl", "target-bronze-postgres", TOGGL_API_KEY="not-the-right-one"
    )
    assert done.returncode == 1
    assert any("Toggl refuses" in line or "token" in line for line in done.stderr.splitlines())
    assert "not-the-right-one" not in done.stdout + done.stderr
