"""The sandbox's Garmin for one person, and the tap against it."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tap_garmin.tap import TapGarmin
from tests.sandbox.clock import Clock
from tests.sandbox.garmin import Garmin
from tests.sandbox.person import Person
from tests.tap_runs import Runner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

EVENING = datetime(2026, 11, 22, 20, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Take away what the machine could bring: settings, an `.env` near by, tokens kept."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in os.environ:
        if name.startswith(("TAP_", "TOGGL_", "GARMIN_")):
            monkeypatch.delenv(name)


@pytest.fixture
def serve() -> Iterator[Callable[..., Garmin]]:
    """Start an account of so many years; a watch that syncs only when it is told to."""
    running: list[Garmin] = []

    def start(years: float = 0.25, *, now: datetime = EVENING, **options: Any) -> Garmin:
        clock = Clock(now)
        person = Person(1, years, clock.now(), options.pop("zone", None))
        garmin = Garmin(clock, person, seed=1, years=years, **options)
        garmin.account.stop_syncing()
        running.append(garmin)
        garmin.start()
        return garmin

    yield start
    for garmin in running:
        garmin.stop()


@pytest.fixture
def garmin(serve: Callable[..., Garmin]) -> Garmin:
    """A quarter of a year of a person's data."""
    return serve()


@pytest.fixture
def tap(garmin: Garmin) -> Runner:
    """The tap, pointed to the account."""
    return runner(garmin)


@pytest.fixture
def runner_of() -> Callable[[Garmin], Runner]:
    """Make a runner for another account."""
    return runner


def runner(garmin: Garmin) -> Runner:
    """Return the tap, pointed to an account, in haste."""
    settings = {
        "api_url": garmin.url,
        "api_key": lambda: garmin.key,
        "request_interval": 0,
        "quota_max_wait": 30,
    }
    return Runner(TapGarmin, garmin.clock, settings)
