"""The first sync: all history, in as few runs as the quota allows, from wherever it was cut."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.toggl_requests import Account

if TYPE_CHECKING:
    from collections.abc import Callable

    Start = Callable[..., Any]

HISTORY = "time_entries_history"
HOUR = timedelta(hours=1, seconds=5)
LISTS = 8
"""Requests of the streams that are on by default, beside the pages of reports."""


@pytest.mark.parametrize("foreign_share", [0, 1])
def test_five_years_on_the_free_plan(load: Any, foreign_share: float) -> None:
    """Without another program, and with one that asks as often as the tap does."""
    with Account(foreign_share=foreign_share) as account:
        needed, stopped = account.pages_needed().total(), account.stopped()
        cost = account.first_sync()
        living = {one.id for one in account.toggl.account.own_entries()}
        assert len(cost.runs) == account.runs_needed()
    assert cost.refused == 0
    assert cost.others == LISTS
    # Each run but the first begins a day before the last one ended, each window ends in the next.
    assert cost.pages.total() <= needed + len(cost.runs) / 2
    assert cost.doubled() == 0
    assert cost.ids(HISTORY, "_tap_id") == stopped
    assert living - stopped <= cost.ids("time_entries", "id")
    rows = load(cost.lines)
    assert rows[HISTORY] == len(stopped)
    assert rows["time_entries"] == len(cost.ids("time_entries", "id"))


def stopped(pipeline: Any) -> set[int]:
    """Return the ids of all entries but the running one, which reports do not show."""
    return {one.id for one in pipeline.toggl.account.own_entries() if one.stop is not None}


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_a_foreign_program_that_spends_its_share(start: Start, share: float) -> None:
    pipeline = start(years=1, entries_per_day=6)
    pipeline.toggl.foreign_share = share
    runs = pipeline.runs()
    assert [asked.refused for run in runs for asked in run.requests if asked.refused] == []
    assert len(runs) > 2
    assert pipeline.living() == {
        n for run in runs for n in (*run.history, *run.ids("time_entries"))
    }


def test_a_foreign_program_that_spent_half_before_each_run(start: Start) -> None:
    pipeline = start(years=1, entries_per_day=6)
    bucket = f"organization/{next(iter(pipeline.toggl.account.organizations))}"
    for _ in range(20):
        pipeline.toggl.spend(bucket, 15)
        pipeline.toggl.spend("user", 15)
        run = pipeline.run()
        assert [asked.refused for asked in run.requests if asked.refused] == []
        if not pipeline.is_coming_in:
            break
        pipeline.sandbox.clock.move(HOUR)
    assert not pipeline.is_coming_in


def test_the_next_run_asks_nothing_that_would_be_refused(start: Start) -> None:
    pipeline = start(years=1, entries_per_day=6)
    first = pipeline.run()
    assert first.buckets[pipeline.toggl.requests[-1].bucket] == 28
    assert "is spent" in first.log
    assert "best after 2026-03-04 10:30" in first.log
    pipeline.sandbox.clock.move(timedelta(minutes=30))
    second = pipeline.run()
    assert second.requests == []
    assert second.failure is None
    pipeline.sandbox.clock.move(timedelta(minutes=30, seconds=5))
    assert len(pipeline.run().pages) > 0


def test_lists_wait_for_twenty_hours_while_history_comes_in(start: Start) -> None:
    pipeline = start(years=1, entries_per_day=6)
    assert len(pipeline.run().requests) == LISTS + 28
    pipeline.sandbox.clock.move(timedelta(hours=19))
    waiting = pipeline.run()
    assert len(waiting.requests) == len(waiting.pages) > 0
    assert waiting.of("ACTIVATE_VERSION") == []
    pipeline = start(years=1, entries_per_day=6)
    pipeline.run()
    pipeline.sandbox.clock.move(timedelta(hours=21))
    again = pipeline.run()
    assert len(again.requests) - len(again.pages) == LISTS


def test_lists_are_read_at_each_run_once_history_is_complete(start: Start) -> None:
    pipeline = start()
    pipeline.runs()
    pipeline.sandbox.clock.move(timedelta(hours=6))
    assert len(pipeline.run().requests) == LISTS


@pytest.mark.parametrize("page", range(1, 23))
def test_a_cut_at_any_page_costs_the_pages_of_two_days(start: Start, page: int) -> None:
    pipeline = start(years=0.5, entries_per_day=6)
    pipeline.toggl.faults.hang_up(count=None, after=page, path="/search/")
    cut = pipeline.run(HISTORY)
    assert "Cannot reach" in (cut.failure or "")
    pipeline.toggl.faults.clear()
    pipeline.sandbox.clock.move(HOUR)
    rest = pipeline.runs(HISTORY)
    found = {number for run in (cut, *rest) for number in run.history}
    assert found == stopped(pipeline)
    twice = set(cut.history) & set(rest[0].history)
    days = {
        datetime.fromisoformat(record["time_entries"][0]["start"]).date()
        for record in rest[0].records(HISTORY)
        if record["_tap_id"] in twice
    }
    assert 1 <= len(days) <= 2
    resumed = date.fromisoformat(rest[0].pages[0].body["start_date"])
    assert resumed == max(days) - timedelta(days=1)
    assert "first_row_number" not in rest[0].pages[0].body


def test_a_kill_in_the_middle_of_a_page_loses_nothing(start: Start) -> None:
    pipeline = start(years=0.5, entries_per_day=6)
    whole = len(pipeline.run(HISTORY).lines)
    for lines in (10, whole // 3, whole // 2, whole - 5):
        pipeline.state = {}
        pipeline.sandbox.clock.move(timedelta(hours=2))
        cut = pipeline.run(HISTORY, cut_after=lines)
        states = [n for n, message in enumerate(cut.messages) if message["type"] == "STATE"]
        assert len(states) >= len(cut.pages) - 1
        known = cut.messages[: max(states, default=0)]
        written = {one["record"]["_tap_id"] for one in known if one["type"] == "RECORD"}
        pipeline.sandbox.clock.move(timedelta(hours=2))
        rest = pipeline.runs(HISTORY)
        assert stopped(pipeline) == written | {number for run in rest for number in run.history}


def test_entries_that_change_between_two_runs(start: Start) -> None:
    pipeline = start(years=1, entries_per_day=8)
    runs = [pipeline.run()]
    while pipeline.is_coming_in:
        pipeline.sandbox.clock.move(HOUR)
        disturb(pipeline)
        runs.append(pipeline.run())
    assert len(runs) > 2
    pipeline.sandbox.clock.move(HOUR)
    runs.append(pipeline.run())
    known: dict[int, bool] = {}
    for run in runs:
        known |= dict.fromkeys(run.history, True)
        for record in run.records("time_entries"):
            known[record["id"]] = record["server_deleted_at"] is None
    assert pipeline.living() == {number for number, lives in known.items() if lives}


def disturb(pipeline: Any) -> None:
    """Delete and add entries before the place where history goes on, and move some over it."""
    account = pipeline.toggl.account
    (place,) = pipeline.bookmark(HISTORY)["workspaces"].values()
    reached = midnight(date.fromisoformat(place["windows"][0]["reached"]))
    before = [one for one in account.own_entries() if one.start < reached - 3 * 86_400]
    after = [one for one in account.own_entries() if one.start > reached + 3 * 86_400]
    for entry in before[:30]:
        account.delete_entry(entry.id)
    for number in range(40):
        start = datetime.fromtimestamp(before[-1].start - number * 3600, UTC)
        account.insert_entry(start, timedelta(minutes=9))
    account.move_entry(before[40].id, datetime.fromtimestamp(after[0].start + 60, UTC))
    account.move_entry(after[-1].id, datetime.fromtimestamp(before[50].start + 60, UTC))


def midnight(day: date) -> int:
    """Return the beginning of a day in seconds since 1970."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
