"""Which days are asked for, and what is kept of them: without a server."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_toggl.history import History, Limits, Window

TODAY = date(2026, 3, 4)
NOW = (TODAY - date(1970, 1, 1)).days * 86_400
DAY = 86_400
ONE = timedelta(days=1)


def walk(
    kept: dict[str, Any], entries: list[date], now: int = NOW, **limits: Any
) -> list[tuple[date, date]]:
    """Read all windows as the stream does, by pages of two entries; return what was asked for."""
    today = date(1970, 1, 1) + timedelta(days=now // DAY)
    history = History(kept, Limits(**{"today": today} | limits))
    history.plan(now)
    asked = []
    while window := history.next():
        asked.append((window.first, window.last))
        found = sorted(day for day in entries if window.first <= day <= window.last)
        for place in range(0, len(found), 2):
            history.reach([str(day) for day in found[place : place + 2]])
        history.finish()
        assert len(asked) < 100
    return asked


def covered(asked: list[tuple[date, date]]) -> set[date]:
    """Return all days that were asked for."""
    return {first + n * ONE for first, last in asked for n in range((last - first).days + 1)}


def test_windows_go_back_from_a_week_ahead_and_share_a_day() -> None:
    entries = [TODAY - n * ONE for n in range(0, 900, 3)]
    asked = walk({}, entries, born=TODAY - 900 * ONE)
    assert asked[0] == (date(2025, 3, 13), date(2026, 3, 11))
    assert [last for _, last in asked[1:]] == [first for first, _ in asked[:-1]]
    assert all((last - first).days == 363 for first, last in asked)
    assert set(entries) <= covered(asked)


@pytest.mark.parametrize(("age", "windows"), [(10, 1), (400, 2), (1826, 6)])
def test_it_ends_some_days_before_the_account_was_made(age: int, windows: int) -> None:
    entries = [TODAY - n * ONE for n in range(0, age, 2)]
    kept: dict[str, Any] = {}
    assert len(walk(kept, entries, born=TODAY - age * ONE)) == windows
    assert kept["ended"] == "history"
    assert walk(kept, entries, born=TODAY - age * ONE) == []


def test_entries_that_are_older_than_the_account_are_followed() -> None:
    entries = [TODAY - n * ONE for n in range(0, 1500, 20)]
    asked = walk({}, entries, born=TODAY - 300 * ONE)
    assert set(entries) <= covered(asked)


def test_without_a_date_of_birth_an_empty_window_ends_it() -> None:
    entries = [TODAY - n * ONE for n in range(500)]
    assert len(walk({}, entries)) == 3


def test_the_years_that_reports_know_end_it() -> None:
    entries = [date(2006, 1, 1) + n * ONE for n in range(7500)]
    asked = walk({}, entries)
    assert asked[-1][0] == date(2006, 1, 1)
    assert walk({}, [], now=(date(2029, 12, 30) - date(1970, 1, 1)).days * DAY)[0][1] == date(
        2030, 1, 1
    )


def test_the_dates_of_the_settings_bound_it() -> None:
    entries = [TODAY - n * ONE for n in range(2000)]
    kept: dict[str, Any] = {}
    asked = walk(kept, entries, start=date(2024, 5, 1), end=date(2025, 6, 30), born=TODAY)
    assert asked[0][1] == date(2025, 6, 30)
    assert asked[-1][0] == date(2024, 5, 1)
    # Later all that is new is read, and what an earlier start asks for.
    asked = walk(kept, entries, start=date(2023, 5, 1))
    assert covered(asked) >= set(entries) & covered([(date(2025, 6, 30), TODAY)])
    assert covered(asked) >= covered([(date(2023, 5, 1), date(2024, 5, 1))])
    assert walk({}, entries, start=TODAY + 30 * ONE) == []


def test_the_plans_reach_bounds_it_to_the_day() -> None:
    kept: dict[str, Any] = {}
    asked = walk(kept, [TODAY], retention=365)
    assert min(first for first, _ in asked) == TODAY - 365 * ONE
    # What is unfinished a week later begins later, as the plan's reach has moved.
    kept = {}
    history = History(kept, Limits(TODAY, retention=300))
    history.plan(NOW)
    later = History(kept, Limits(TODAY + 7 * ONE, retention=300))
    window = later.next()
    assert window is not None
    assert window.first == TODAY + 7 * ONE - 300 * ONE


def test_a_better_plan_lets_it_go_on() -> None:
    entries = [TODAY - n * ONE for n in range(1000)]
    kept: dict[str, Any] = {}
    walk(kept, entries, retention=365, born=TODAY - 1000 * ONE)
    assert kept["ended"] == "floor"
    asked = walk(kept, entries, born=TODAY - 1000 * ONE)
    assert covered(asked) >= {TODAY - n * ONE for n in range(365, 1000)}


@pytest.mark.parametrize(("retention", "reach"), [(None, 365), (None, 90), (400, 398), (365, 364)])
def test_a_reach_that_nobody_told_is_found(retention: int | None, reach: int) -> None:
    kept: dict[str, Any] = {}
    history = History(kept, Limits(TODAY, retention=retention, born=date(2015, 1, 1)))
    history.plan(NOW)
    firsts = []
    while window := history.next():
        if (TODAY - window.first).days > reach:
            if not history.refuse(window):
                break
        else:
            firsts.append(window.first)
            history.finish()
    assert min(firsts) == TODAY - reach * ONE
    assert "ended" in kept


def refused(history: History, reach: int) -> tuple[list[date], int]:
    """Read all windows of a plan of some reach; return first days, and how many were refused."""
    firsts, refusals = [], 0
    while window := history.next():
        if (history.limits.today - window.first).days <= reach:
            firsts.append(window.first)
            history.finish()
            continue
        refusals += 1
        if not history.refuse(window):
            break
    return firsts, refusals


def test_a_better_plan_that_nobody_told_is_noticed_within_a_week() -> None:
    kept: dict[str, Any] = {}
    limits: dict[str, Any] = {"born": date(2022, 1, 1)}
    history = History(kept, Limits(TODAY, **limits))
    history.plan(NOW)
    assert refused(history, 365) == ([TODAY - 356 * ONE, TODAY - 365 * ONE], 1)
    week = History(kept, Limits(TODAY + 7 * ONE, **limits))
    week.plan(NOW + 7 * DAY)
    assert refused(week, 365) == ([TODAY - 29 * ONE], 1)
    assert not week.is_coming_in
    later = History(kept, Limits(TODAY + 14 * ONE, **limits))
    later.plan(NOW + 14 * DAY)
    firsts, refusals = refused(later, 10_000)
    assert (refusals, min(firsts) < date(2022, 1, 1)) == (0, True)
    assert firsts[1] == TODAY - (365 + 363) * ONE


def test_a_reach_that_moves_leaves_no_gap_for_a_better_plan() -> None:
    kept: dict[str, Any] = {}
    history = History(kept, Limits(TODAY, retention=300, born=date(2022, 1, 1)))
    history.plan(NOW)
    moved = History(kept, Limits(TODAY + 90 * ONE, retention=300, born=date(2022, 1, 1)))
    assert moved.next() == Window(TODAY - 210 * ONE, TODAY + 7 * ONE)
    moved.finish()
    assert kept["ended"] == "floor"
    better = History(kept, Limits(TODAY + 90 * ONE, born=date(2022, 1, 1)))
    better.plan(NOW + DAY)
    window = better.next()
    assert window is not None
    assert window.last == TODAY - 210 * ONE


def test_a_window_that_is_out_of_reach_by_now_is_dropped() -> None:
    kept: dict[str, Any] = {}
    history = History(kept, Limits(TODAY, retention=30))
    history.plan(NOW)
    assert History(kept, Limits(TODAY + 60 * ONE, retention=30)).next() is None
    assert kept["oldest"] == str(TODAY + 7 * ONE)


def test_a_plan_without_reports_ends_it() -> None:
    history = History({}, Limits(TODAY))
    history.plan(NOW)
    tries = 0
    while window := history.next():
        tries += 1
        if not history.refuse(window):
            break
    assert tries <= 7
    assert not history.is_coming_in


def test_it_goes_on_a_day_before_the_last_entry() -> None:
    kept: dict[str, Any] = {}
    history = History(kept, Limits(TODAY))
    history.plan(NOW)
    history.next()
    history.reach(["2025-05-01", "2025-05-02"])
    history.reach([])
    again = History(json.loads(json.dumps(kept)), Limits(TODAY)).next()
    assert again is not None
    assert (again.first, again.last) == (date(2025, 5, 1), date(2026, 3, 11))


def test_recent_weeks_are_read_again_every_week() -> None:
    kept: dict[str, Any] = {}
    walk(kept, [TODAY], born=TODAY)
    assert walk(kept, [TODAY], now=NOW + 6 * DAY, born=TODAY) == []
    asked = walk(kept, [TODAY], now=NOW + 7 * DAY, born=TODAY)
    assert asked == [(TODAY - 29 * ONE, TODAY + 14 * ONE)]
    assert walk(kept, [TODAY], now=NOW + 8 * DAY, born=TODAY) == []


def test_after_a_long_time_all_since_then_is_read() -> None:
    kept: dict[str, Any] = {}
    walk(kept, [TODAY], born=TODAY)
    later = walk(kept, [], now=NOW + 500 * DAY, born=TODAY, reread_days=0)
    assert covered(later) >= {TODAY + n * ONE for n in range(-1, 507)}
    assert all((last - first).days < 364 for first, last in later)


@settings(max_examples=60, deadline=None)
@given(
    ages=st.sets(st.integers(0, 1500), min_size=1, max_size=40),
    stops=st.lists(st.integers(0, 12), max_size=8),
    shift=st.integers(-1, 1),
)
def test_every_entry_is_read_however_often_it_stops(
    ages: set[int], stops: list[int], shift: int
) -> None:
    """Stop after some pages, keep the STATE as text, go on another day in another time zone."""
    entries = sorted(TODAY - age * ONE for age in ages)
    kept: dict[str, Any] = {}
    seen: set[date] = set()
    moved = 0 * ONE
    for stop in [*stops, 10_000]:
        history = History(kept, Limits(TODAY, born=min(entries)))
        history.plan(NOW)
        left = stop
        while (window := history.next()) and left >= 0:
            found = [day for day in entries if window.first <= day + moved <= window.last]
            for place in range(0, len(found), 3):
                left -= 1
                if left < 0:
                    break
                seen.update(found[place : place + 3])
                history.reach([str(day + moved) for day in found[place : place + 3]])
            else:
                history.finish()
        kept = json.loads(json.dumps(kept))
        moved = shift * ONE
    assert seen == set(entries)
