"""Which days a stream says it was asked for: never one whose records have not all been written."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.garmin import Garmin
    from tests.tap_runs import Run, Runner

ONE = timedelta(days=1)
TODAY = date(2026, 11, 22)
YESTERDAY = str(TODAY - ONE)
DATED = {
    "activities": ("activityId", "startTimeLocal"),
    "body_battery": ("date", "date"),
    "daily_summaries": ("calendarDate", "calendarDate"),
    "hrv": ("calendarDate", "calendarDate"),
    "hydration": ("calendarDate", "calendarDate"),
    "sleep": ("calendarDate", "calendarDate"),
    "steps": ("calendarDate", "calendarDate"),
    "stress": ("calendarDate", "calendarDate"),
    "weight_entries": ("samplePk", "calendarDate"),
}
"""Key, and member that tells the day, of the streams that are on by default."""


def days(found: list[list[str]]) -> set[date]:
    """Return all days of stretches."""
    pairs = [(date.fromisoformat(first), date.fromisoformat(last)) for first, last in found]
    return {first + n * ONE for first, last in pairs for n in range((last - first).days + 1)}


class Calendar:
    """What a target would know: the days that were asked for, and the records that it has."""

    def __init__(self, garmin: Garmin) -> None:
        """Know nothing yet."""
        self.everything = garmin.everything()
        self.asked: dict[str, set[date]] = {stream: set() for stream in DATED}
        self.has: dict[str, set[str]] = {stream: set() for stream in DATED}

    def take(self, run: Run) -> None:
        """Read a run line by line; each day that is asked for must have its records by then."""
        for message in run.messages:
            if message["type"] == "RECORD":
                key, _ = DATED[message["stream"]]
                self.has[message["stream"]].add(str(message["record"][key]))
            elif message["type"] == "STATE":
                self._look(message["value"])

    def _look(self, state: dict[str, Any]) -> None:
        for stream, known in self.asked.items():
            told = days(state["bookmarks"].get(stream, {}).get("asked", []))
            if told - known:
                known.update(told)
                assert self.wanted(stream, known) <= self.has[stream]

    def wanted(self, stream: str, of: set[date]) -> set[str]:
        """Return the keys of the records of these days."""
        key, day = DATED[stream]
        rows = self.everything[stream].values()
        return {str(row[key]) for row in rows if date.fromisoformat(row[day][:10]) in of}


def test_the_first_run_tells_of_all_days_that_are_over(garmin: Garmin, tap: Runner) -> None:
    calendar = Calendar(garmin)
    run = tap()
    calendar.take(run)
    for stream in DATED:
        (stretch,) = run.bookmark(stream)["asked"]
        assert stretch[1] == YESTERDAY
        assert calendar.wanted(stream, calendar.asked[stream])
    assert (
        run.bookmark("activities")["asked"][0][0]
        == run.records("activities")[0]["startTimeLocal"][:10]
    )


@pytest.mark.parametrize("lines", range(30, 700, 61))
def test_wherever_a_run_is_cut_no_day_is_told_ahead(
    garmin: Garmin, tap: Runner, lines: int
) -> None:
    calendar = Calendar(garmin)
    cut = tap(cut_after=lines)
    calendar.take(cut)
    calendar.take(tap(state=cut.state))
    for stream in DATED:
        assert max(calendar.asked[stream]) == TODAY - ONE
        assert len(calendar.asked[stream]) == (TODAY - min(calendar.asked[stream])).days


def test_a_run_tells_what_it_asked_for_itself(garmin: Garmin, tap: Runner) -> None:
    first = tap()
    again = tap(state=first.state)
    assert again.bookmark("steps")["asked"] == [[str(TODAY - 26 * ONE), YESTERDAY]]
    assert first.bookmark("steps")["asked"][0][0] < str(TODAY - 26 * ONE)
    alone = tap("steps", state=first.state)
    assert "asked" not in alone.bookmark("hydration")
    assert garmin.requests


def test_dates_of_the_settings_bound_it(tap: Runner) -> None:
    run = tap(start_date="2026-10-01", end_date="2026-10-20")
    for stream in DATED:
        assert run.bookmark(stream)["asked"] == [["2026-10-01", "2026-10-20"]]


def test_a_stream_that_the_key_does_not_open_was_not_asked_for(garmin: Garmin, tap: Runner) -> None:
    garmin.access.closed = {"hrv-service"}
    assert "asked" not in tap("hrv").bookmark("hrv")


@pytest.mark.parametrize(
    ("group", "stream"),
    [
        ("day_samples", "heart_rate"),
        ("menstrual_cycle", "menstrual_cycles"),
        ("activity_details", "activity_details"),
        ("activity_files", "activity_files"),
    ],
)
def test_streams_of_days_and_of_activities_tell_theirs(
    tap: Runner, group: str, stream: str
) -> None:
    run = tap(stream, stream_groups=[group], start_date="2026-11-01", fit_detail="summary")
    assert run.failure is None
    assert run.bookmark(stream)["asked"] == [["2026-11-01", YESTERDAY]]
    states = [m["value"]["bookmarks"].get(stream, {}) for m in run.messages if m["type"] == "STATE"]
    reached = [one["asked"][0][1] for one in states if "asked" in one]
    assert reached == sorted(reached)
    assert len(set(reached)) > 1


def test_an_account_without_activities(
    serve: Callable[..., Garmin], runner_of: Callable[[Garmin], Runner]
) -> None:
    garmin = serve()
    for activity in garmin.account.activities():
        garmin.account.delete_activity(activity.id)
    run = runner_of(garmin)("activities")
    assert run.records("activities") == []
    assert run.bookmark("activities")["asked"] == [[str(TODAY - 29 * ONE), YESTERDAY]]
