"""Which days a stream says it was asked for: never one whose entries have not all been written."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_toggl.coverage import MOST, common, joined

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Start = Callable[..., Any]

HISTORY = "time_entries_history"
ENTRIES = "time_entries"
ONE = timedelta(days=1)
HOUR = timedelta(hours=1, seconds=5)
YESTERDAY = date(2026, 3, 3)

numbers = st.integers(min_value=0, max_value=40)
stretches = st.lists(st.tuples(numbers, numbers).map(sorted))


def named(pairs: list[list[int]]) -> list[list[str]]:
    """Return days by number as days of 2024."""
    return [[str(date(2024, 1, 1) + number * ONE) for number in pair] for pair in pairs]


def days(found: list[list[str]]) -> set[date]:
    """Return all days of stretches."""
    pairs = [(date.fromisoformat(first), date.fromisoformat(last)) for first, last in found]
    return {first + n * ONE for first, last in pairs for n in range((last - first).days + 1)}


@given(st.lists(stretches))
def test_stretches_are_sets_of_days(several: list[list[list[int]]]) -> None:
    made = [named(one) for one in several]
    whole = joined(*made)
    assert days(whole) == set().union(*map(days, made))
    assert all(a[1] < str(date.fromisoformat(b[0]) - ONE) for a, b in pairwise(whole))
    assert days(common(*made)) == (set.intersection(*map(days, made)) if made else set())


def test_a_stretch_that_ends_before_it_begins_is_none() -> None:
    assert joined([["2024-01-02", "2024-01-01"]]) == []
    assert joined([["2024-01-01", "2024-01-09"], ["2024-01-05", "2024-01-02"]]) == [
        ["2024-01-01", "2024-01-09"]
    ]


def test_a_state_stays_small() -> None:
    many = [[str(date(2000, 1, 1) + 2 * n * ONE)] * 2 for n in range(MOST + 5)]
    assert joined(many) == many[5:]


class Calendar:
    """What a target would know: the days that were asked for, and the entries that it has."""

    def __init__(self, pipeline: Any) -> None:
        """Know nothing yet."""
        self.account = pipeline.toggl.account
        self.asked: dict[str, set[date]] = {ENTRIES: set(), HISTORY: set()}
        self.has: dict[str, set[int]] = {ENTRIES: set(), HISTORY: set()}

    def take(self, *results: Any) -> None:
        """Read runs line by line; each day that is asked for must have its entries by then."""
        for message in (message for result in results for message in result.messages):
            if message["type"] == "RECORD" and message["stream"] in self.has:
                record = message["record"]
                self.has[message["stream"]].add(record.get("_tap_id") or record["id"])
            elif message["type"] == "STATE":
                self._look(message["value"])

    def _look(self, state: dict[str, Any]) -> None:
        for stream, known in self.asked.items():
            told = days(state["bookmarks"].get(stream, {}).get("asked", []))
            if told - known:
                known.update(told)
                assert self.wanted(known) <= self.has[stream]

    def wanted(self, of: set[date]) -> set[int]:
        """Return the ids of the person's entries that began on these days."""
        return {one.id for one in self.account.own_entries() if one.stop and self.day(one) in of}

    def day(self, entry: Any) -> date:
        """Return the person's day on which an entry began."""
        return datetime.fromtimestamp(entry.start, self.account.zone).date()

    def first(self, stream: str) -> date:
        """Return the first day that was asked for."""
        return min(self.asked[stream])

    def is_whole(self, stream: str, last: date = YESTERDAY) -> bool:
        """Tell whether it was asked for all days from the first one to another."""
        found = self.asked[stream]
        return max(found) == last and len(found) == (last - min(found)).days + 1


def test_the_first_run_and_the_next_day(start: Start) -> None:
    pipeline = start(years=0.5)
    calendar = Calendar(pipeline)
    calendar.take(pipeline.run())
    assert calendar.is_whole(ENTRIES)
    assert calendar.is_whole(HISTORY)
    # Three months of changes, of which the first day is not whole; a year of history.
    assert calendar.first(ENTRIES) == date(2025, 12, 6)
    assert calendar.first(HISTORY) <= date(2025, 3, 13)
    pipeline.wait(hours=15, minutes=30)
    calendar.take(pipeline.run())
    assert calendar.is_whole(ENTRIES, YESTERDAY + ONE)
    # History is read again once a week: yesterday is not known to be empty before.
    assert calendar.is_whole(HISTORY)
    pipeline.wait(days=7)
    run = pipeline.run()
    calendar.take(run)
    assert calendar.is_whole(ENTRIES, YESTERDAY + 8 * ONE)
    assert calendar.is_whole(HISTORY, YESTERDAY + 8 * ONE)
    (state,) = {json.dumps(run.of("STATE")[-1]["value"]["bookmarks"][HISTORY]["asked"])}
    assert json.loads(state)[0][0] >= "2026-02-01"  # a run tells what it asked for itself


def test_a_day_counts_when_all_workspaces_have_been_asked(start: Start) -> None:
    pipeline = start(years=3, entries_per_day=6, workspaces=3)
    first, *_ = pipeline.toggl.account.organizations
    pipeline.toggl.spend(f"organization/{first}", 28)
    calendar = Calendar(pipeline)
    run = pipeline.run()
    calendar.take(run)
    assert run.history  # of the other workspaces
    assert calendar.asked[HISTORY] == set()
    reached = []
    for result in pipeline.runs():
        calendar.take(result)
        if calendar.asked[HISTORY]:
            reached.append(calendar.first(HISTORY))
    assert reached == sorted(reached, reverse=True)
    assert len(set(reached)) > 2
    assert calendar.is_whole(HISTORY)
    assert calendar.wanted(calendar.asked[HISTORY]) == calendar.wanted(
        {calendar.day(one) for one in pipeline.toggl.account.own_entries()}
        - {YESTERDAY + ONE}
        - {YESTERDAY + n * ONE for n in range(2, 9)}
    )


@pytest.mark.parametrize("lines", range(40, 640, 50))
def test_wherever_a_run_is_cut_no_day_is_told_ahead(start: Start, lines: int) -> None:
    pipeline = start(years=1, entries_per_day=2, workspaces=2)
    calendar = Calendar(pipeline)
    calendar.take(pipeline.run(cut_after=lines))
    calendar.take(*pipeline.runs())
    assert calendar.is_whole(HISTORY)
    assert calendar.is_whole(ENTRIES)


def test_a_closed_workspace_and_one_that_refuses_do_not_count(start: Start) -> None:
    pipeline = start(workspaces=3)
    one, other, _ = pipeline.toggl.account.workspaces.values()
    pipeline.toggl.account.suspend(one)
    path = f"/workspace/{other['id']}/search"
    pipeline.toggl.faults.status(403, body=b'"No access"', path=path, count=None)
    run = pipeline.run(HISTORY)
    assert run.of("STATE")[-1]["value"]["bookmarks"][HISTORY]["asked"][-1][1] == str(YESTERDAY)


def test_an_earlier_start_date_brings_earlier_days(start: Start) -> None:
    pipeline = start(years=1)
    calendar = Calendar(pipeline)
    calendar.take(*pipeline.runs(start_date="2026-01-10"))
    assert calendar.first(HISTORY) == calendar.first(ENTRIES) == date(2026, 1, 10)
    calendar.take(*pipeline.runs(start_date="2025-06-01"))
    assert calendar.first(HISTORY) == date(2025, 6, 1)
    assert calendar.first(ENTRIES) == date(2026, 1, 10)  # changes are not told again
    assert calendar.is_whole(HISTORY)
    pipeline.state = {}  # as --full-refresh does
    calendar.take(*pipeline.runs(start_date="2025-06-01"))
    assert calendar.first(ENTRIES) == date(2025, 12, 6)


def test_an_end_date_ends_it(start: Start) -> None:
    pipeline = start(years=0.5, settings={"start_date": "2026-01-10", "end_date": "2026-02-10"})
    calendar = Calendar(pipeline)
    calendar.take(*pipeline.runs())
    for stream in (ENTRIES, HISTORY):
        assert calendar.first(stream) == date(2026, 1, 10)
        assert calendar.is_whole(stream, date(2026, 2, 10))


def test_a_gap_between_runs_stays_open(start: Start) -> None:
    pipeline = start(years=0.2)
    calendar = Calendar(pipeline)
    calendar.take(pipeline.run(ENTRIES))
    pipeline.wait(days=120)
    calendar.take(pipeline.run(ENTRIES))
    missing = YESTERDAY + ONE, YESTERDAY + 32 * ONE
    assert not calendar.asked[ENTRIES] & {missing[0] + n * ONE for n in range(32)}
    assert YESTERDAY + 34 * ONE in calendar.asked[ENTRIES]


def test_nothing_is_told_of_a_stream_that_failed(start: Start) -> None:
    pipeline = start()
    pipeline.toggl.spend("user", 30)
    run = pipeline.run(ENTRIES)
    assert all("asked" not in one["value"]["bookmarks"].get(ENTRIES, {}) for one in run.of("STATE"))


def test_a_file_tells_of_the_days_that_it_holds(start: Start, tmp_path: Path) -> None:
    for number, (first, last) in enumerate([("2019-03-01", "2019-03-09"), ("2021-01-01",) * 2]):
        rows = [
            "Start date,Start time,Duration",
            *(f"{day},09:00:00,01:00:00" for day in (last, first)),
        ]
        (tmp_path / f"{number}.csv").write_text("\n".join(rows))
    pipeline = start(settings={"auth_mode": "files", "paths": [str(tmp_path)]})
    pipeline.run()
    assert pipeline.bookmark("csv_time_entries")["asked"] == [
        ["2019-03-01", "2019-03-09"],
        ["2021-01-01", "2021-01-01"],
    ]


def test_a_timeline_tells_whole_days(start: Start) -> None:
    pipeline = start(years=0.2, settings={"stream_groups": ["timeline"]})
    pipeline.run("timeline", start_date="2026-01-10")
    assert pipeline.bookmark("timeline")["asked"] == [["2026-01-10", str(YESTERDAY)]]
    pipeline.wait(days=1)
    pipeline.run("timeline")
    assert pipeline.bookmark("timeline")["asked"] == [["2026-03-02", "2026-03-04"]]


def test_days_of_the_last_run_are_not_told_again(start: Start) -> None:
    pipeline = start()
    pipeline.run()
    run = pipeline.run("me")
    assert run.of("STATE")
    for message in run.of("STATE"):
        assert all("asked" not in one for one in message["value"]["bookmarks"].values())
