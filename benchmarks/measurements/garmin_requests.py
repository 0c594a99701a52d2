"""Requests of tap-garmin: ten years of the range streams, and the day after."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from benchmarks.figures import Figure, at_most
from tap_garmin.tap import TapGarmin
from tests.sandbox.clock import Clock
from tests.sandbox.garmin import Garmin
from tests.sandbox.person import Person
from tests.tap_runs import Runner

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.bench import Bench

TITLE: Final = "Requests of tap-garmin"
SIZES: Final = ()
DAYS: Final = 3_653
ACTIVITIES: Final = 3_000
FLOOR: Final = 838
_NOW: Final = datetime(2026, 11, 22, 20, tzinfo=UTC)


def measure(bench: Bench) -> Iterator[Figure]:
    """Read everything, then what a day later is new."""
    bench.say("garmin_requests: ten years")
    os.environ["XDG_CACHE_HOME"] = str(bench.folder)  # where the tap keeps what it may reuse
    clock, years = Clock(_NOW), DAYS / 365.25
    account = Person(3, years, clock.now())
    garmin = Garmin(clock, account, seed=3, years=years, activities=ACTIVITIES)
    garmin.account.stop_syncing()
    garmin.start()
    try:
        settings = {"api_url": garmin.url, "api_key": garmin.key, "request_interval": 0}
        tap = Runner(TapGarmin, clock, settings)
        first = tap()
        asked = len(garmin.requests)
        clock.move(timedelta(days=1))
        garmin.account.sync()
        tap(state=first.state)
        later = len(garmin.requests) - asked
    finally:
        garmin.stop()
    note = f"{DAYS:,} days, {ACTIVITIES:,} activities; no reader can do with less than {FLOOR}"
    yield Figure("first read", asked, "requests", bar=at_most(850), note=note)
    yield Figure("the second day", later, "requests", bar=at_most(15))
