"""Ten years of a person's data: what it costs, that it is whole, and what the next day costs."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tap_garmin.tap import TapGarmin
from tests.sandbox.clock import Clock
from tests.sandbox.garmin import Garmin
from tests.sandbox.person import Person
from tests.tap_runs import Run, Runner

if TYPE_CHECKING:
    from collections.abc import Iterator

DAYS = 3653
ACTIVITIES = 3000
KEYS = {"activities": "activityId", "weight_entries": "samplePk", "body_battery": "date"}
Known = dict[str, dict[str, Any]]


class History(NamedTuple):
    """An account, its first read, and what an ideal reader had then."""

    garmin: Garmin
    tap: Runner
    run: Run
    found: Known
    requests: int
    expected: Known


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    """Read ten years of nine streams, without a start date."""
    clock = Clock(datetime(2026, 11, 22, 20, tzinfo=UTC))
    years = DAYS / 365.25
    person = Person(3, years, clock.now())
    garmin = Garmin(clock, person, seed=3, years=years, activities=ACTIVITIES)
    garmin.account.stop_syncing()
    garmin.start()
    settings = {"api_url": garmin.url, "api_key": garmin.key, "request_interval": 0}
    tap = Runner(TapGarmin, clock, settings)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        run = tap()
        yield History(garmin, tap, run, read(run), len(garmin.requests), served(garmin))
    garmin.stop()


def served(garmin: Garmin) -> Known:
    """Return what an ideal reader would have now, by stream and by key as text."""
    return {
        stream: {str(name): row for name, row in rows.items()}
        for stream, rows in garmin.everything().items()
    }


def read(run: Run) -> Known:
    """Return the records of a run, by stream and by key as text; nothing may come twice."""
    found: Known = {}
    for message in map(json.loads, run.lines):
        if message["type"] == "RECORD" and "deleted_at" not in message["bronze"]:
            record = message["record"]
            key = str(record[KEYS.get(message["stream"], "calendarDate")])
            assert key not in found.setdefault(message["stream"], {}), message["stream"]
            found[message["stream"]][key] = record
    return found


def test_the_first_read_takes_no_more_than_850_requests(history: History) -> None:
    assert history.run.failure is None
    assert history.requests <= 850
    assert history.garmin.over_limit == []
    assert len(history.expected["activities"]) == ACTIVITIES


def test_everything_that_is_served_comes_once(history: History) -> None:
    found = dict(history.found)
    # The legs of a multisport activity come too; the list hides them from those who do not ask.
    found["activities"] = {
        key: row for key, row in found["activities"].items() if row.get("parentId") is None
    }
    assert found.keys() == history.expected.keys()
    for stream, rows in history.expected.items():
        assert found[stream].keys() == rows.keys(), stream
        assert all(found[stream][key] == row for key, row in rows.items()), stream


def test_the_second_day_takes_15_requests_and_brings_what_changed(history: History) -> None:
    garmin, account = history.garmin, history.garmin.account
    today = date(2026, 11, 22)
    unchanged = history.tap(state=history.run.state)
    first = history.found
    for stream, rows in read(unchanged).items():
        assert rows.items() <= first[stream].items(), stream
    garmin.clock.move(timedelta(days=1))
    account.sync()
    night, late = today - timedelta(days=2), today - timedelta(days=11)
    account.recompute_night(night)
    account.sync_late(late)
    edited = account.activities()[-3].id
    account.edit_activity(edited, name="Renamed")
    garmin.requests.clear()
    second = history.tap(state=unchanged.state)
    assert second.failure is None
    assert len(garmin.requests) <= 15
    assert garmin.over_limit == []
    changed = {
        stream: {key for key, row in rows.items() if row != first[stream].get(key)}
        for stream, rows in read(second).items()
    }
    assert str(night) in changed["sleep"] & changed["hrv"]
    assert str(late) in changed["steps"] & changed["daily_summaries"]
    assert str(edited) in changed["activities"]
    new = {str(today), str(today + timedelta(days=1))}
    assert changed["steps"] == {str(late)} | new
    assert not any(second.deleted(stream) for stream in changed)
