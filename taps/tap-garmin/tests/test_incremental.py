"""What is read again, what is gone, where a run goes on: the STATE between runs."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tap_garmin.days import Period
from tap_garmin.known import Known

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.garmin import Garmin
    from tests.tap_runs import Run, Runner

KEYS = {"activities": "activityId", "weight_entries": "samplePk", "body_battery": "date"}
NINE = (
    "activities",
    "body_battery",
    "daily_summaries",
    "hrv",
    "hydration",
    "sleep",
    "steps",
    "stress",
    "weight_entries",
)
DAY = timedelta(days=1)
TODAY = date(2026, 11, 22)


def key(stream: str) -> str:
    """Return the member that identifies a record of the nine streams."""
    return KEYS.get(stream, "calendarDate")


def keyed(run: Run, stream: str) -> dict[str, Any]:
    """Return the records of a stream by their key, as text."""
    return {str(row[key(stream)]): row for row in run.records(stream)}


def served(garmin: Garmin) -> dict[str, dict[str, Any]]:
    """Return what an ideal reader would have now, by stream and by key as text."""
    return {
        stream: {str(name): row for name, row in rows.items()}
        for stream, rows in garmin.everything().items()
    }


def without_asked(state: dict[str, Any]) -> dict[str, Any]:
    """Return the bookmarks but for the days that were asked for, which are those of each run."""
    found: dict[str, Any] = state["bookmarks"]
    return {name: {k: v for k, v in one.items() if k != "asked"} for name, one in found.items()}


def asked_days(garmin: Garmin, path: str) -> list[tuple[str, str]]:
    """Return first and last day of each request whose path ends in two days."""
    parts = [asked.path.split("/") for asked in garmin.requests if path in asked.path]
    return [(part[-2], part[-1]) for part in parts]


def test_the_nine_streams_of_a_first_read_are_whole_and_nothing_comes_twice(
    garmin: Garmin, tap: Runner
) -> None:
    run = tap()
    assert run.failure is None
    assert {m["stream"] for m in run.messages if m["type"] == "SCHEMA"} == set(NINE)
    expected = served(garmin)
    for stream in NINE:
        found = keyed(run, stream)
        assert len(found) == len(run.records(stream)) > 0
        legs = {name for name, row in found.items() if row.get("parentId")}
        assert found.keys() - legs == expected[stream].keys(), stream
    assert garmin.over_limit == []


def test_the_second_day_brings_what_changed_and_nothing_else(garmin: Garmin, tap: Runner) -> None:
    first = tap()
    before = served(garmin)
    account = garmin.account
    garmin.clock.move(DAY)
    account.sync()
    account.recompute_night(TODAY - 3 * DAY)
    account.edit_night(TODAY - 5 * DAY)
    account.sync_late(TODAY - 8 * DAY)
    account.edit_activity(account.activities()[-4].id, name="Renamed")
    late = account.upload_late(TODAY - 9 * DAY)
    account.weigh_in(TODAY - 6 * DAY, 70000)
    garmin.requests.clear()
    second = tap(state=first.state)
    assert second.failure is None
    assert len(garmin.requests) <= 15
    now = served(garmin)
    for stream in NINE:
        old = keyed(first, stream)
        changed = {name for name, row in keyed(second, stream).items() if row != old.get(name)}
        due = {n for n, row in now[stream].items() if row != before[stream].get(n)}
        assert changed == due, stream
        assert changed, stream
        assert len(keyed(second, stream)) == len(second.records(stream))
    assert str(late) in keyed(second, "activities")


def test_a_rerun_on_an_unchanged_account_brings_the_same_records(
    garmin: Garmin, tap: Runner
) -> None:
    first = tap()
    garmin.requests.clear()
    again = tap(state=first.state)
    assert again.failure is None
    assert len(garmin.requests) <= 15
    for stream in NINE:
        assert keyed(again, stream).items() <= keyed(first, stream).items()
        assert again.deleted(stream) == []
    assert without_asked(again.state) == without_asked(first.state)


def test_what_vanished_from_a_window_that_is_read_again_is_told(
    garmin: Garmin, tap: Runner
) -> None:
    first = tap()
    account = garmin.account
    activity = account.activities()[-3].id
    account.delete_activity(activity)
    gone, edited = account.weigh_ins()[-1].sample_pk, account.weigh_ins()[-2].sample_pk
    account.delete_weigh_in(gone)
    new = account.replace_weigh_in(edited, 71234)
    account.lose_night(TODAY - 2 * DAY)
    garmin.requests.clear()
    second = tap(state=first.state)
    assert len(garmin.requests) <= 15
    assert second.deleted("activities") == [{"activityId": activity}]
    assert {row["samplePk"] for row in second.deleted("weight_entries")} == {gone, edited}
    assert new in {row["samplePk"] for row in second.records("weight_entries")}
    assert second.deleted("hrv") == [{"calendarDate": str(TODAY - 2 * DAY)}]
    (message,) = [m for m in second.of("activities") if "deleted_at" in m["bronze"]]
    assert message["bronze"]["deleted_at"] == message["time_extracted"]
    third = tap(state=second.state)
    assert not any(third.deleted(stream) for stream in NINE)


def test_an_answer_without_a_single_record_deletes_nothing(garmin: Garmin, tap: Runner) -> None:
    first = tap("activities", "weight_entries", "hrv")
    garmin.faults.garbage(b"[]", path="search/activities")
    garmin.faults.garbage(b'{"dailyWeightSummaries": []}', path="weight/range")
    garmin.faults.garbage(b"null", path="hrv/daily")
    second = tap("activities", "weight_entries", "hrv", state=first.state)
    for stream in ("activities", "weight_entries", "hrv"):
        assert second.records(stream) == []
        assert second.deleted(stream) == []
        assert second.bookmark(stream)["known"] == first.bookmark(stream)["known"]


def test_a_deletion_of_long_ago_is_found_by_a_sweep_alone(
    serve: Callable[..., Garmin], runner_of: Callable[[Garmin], Runner]
) -> None:
    garmin = serve(0.5)
    tap = runner_of(garmin)
    first = tap("activities", "weight_entries", sweep_deletions=True)
    account = garmin.account
    activity, weigh_in = account.activities()[1].id, account.weigh_ins()[1].sample_pk
    account.delete_activity(activity)
    account.delete_weigh_in(weigh_in)
    old = account.upload_late(account.first_day)
    plain = tap("activities", "weight_entries", state=first.state)
    assert plain.deleted("activities") == plain.deleted("weight_entries") == []
    swept = tap("activities", "weight_entries", state=first.state, sweep_deletions=True)
    assert swept.deleted("activities") == [{"activityId": activity}]
    assert swept.deleted("weight_entries") == [{"samplePk": weigh_in}]
    assert str(old) in keyed(swept, "activities")
    again = tap("activities", "weight_entries", state=swept.state, sweep_deletions=True)
    assert again.deleted("activities") == again.deleted("weight_entries") == []


@pytest.mark.parametrize(
    ("stream", "path", "days"),
    [
        ("stress", "stress/daily", 28),
        ("hydration", "hydration/daily", 31),
        ("hrv", "hrv/daily", 31),
    ],
)
def test_the_look_back_is_counted_from_today_and_costs_no_request_more(
    garmin: Garmin, tap: Runner, stream: str, path: str, days: int
) -> None:
    state = tap(stream).state
    for _ in range(2):
        garmin.clock.move(DAY)
        garmin.requests.clear()
        state = tap(stream, state=state).state
        tomorrow = garmin.account.today + DAY
        first, last = tomorrow - (days - 1) * DAY, tomorrow
        # The look-back of HRV is free up to a year, so that days before a pause are read too.
        earliest = min(first, garmin.account.today - (days + 1) * DAY) if stream == "hrv" else first
        assert asked_days(garmin, path) == [(str(earliest), str(last))]


def test_after_a_pause_the_days_before_it_are_read_again(garmin: Garmin, tap: Runner) -> None:
    state = tap("stress").state
    garmin.clock.move(60 * DAY)
    garmin.requests.clear()
    tap("stress", state=state)
    windows = asked_days(garmin, "stress/daily")
    assert windows[0][0] == str(TODAY - 14 * DAY)
    assert windows[-1][1] == str(TODAY + 61 * DAY)
    assert len(windows) == 3


def test_the_bookmark_never_passes_yesterday_in_the_zone_of_the_account(
    serve: Callable[..., Garmin], runner_of: Callable[[Garmin], Runner]
) -> None:
    for zone, yesterday in (
        ("Pacific/Kiritimati", "2026-11-22"),  # the 23rd there
        ("Pacific/Honolulu", "2026-11-21"),
        ("gmt", "2026-11-21"),
        ("Mars/Olympus", "2026-11-21"),
    ):
        garmin = serve()
        garmin.account.edit_settings(timeZone=zone)
        run = runner_of(garmin)("steps", "activities", "spo2", start_date="2026-11-01")
        for stream in ("steps", "activities", "spo2"):
            assert run.bookmark(stream)["last_day"] == yesterday


def test_the_days_of_a_traveller_ahead_are_read(garmin: Garmin, tap: Runner) -> None:
    # At 20:00 UTC it is tomorrow in Auckland already, while the account's zone is its home's.
    tomorrow = TODAY + DAY
    garmin.account.travel("Pacific/Auckland", TODAY - 5 * DAY, tomorrow)
    garmin.account.sync()
    run = tap("steps", "activities")
    assert str(tomorrow) in keyed(run, "steps")
    assert run.bookmark("steps")["last_day"] <= str(TODAY)


def test_start_and_end_date_bound_what_is_read(garmin: Garmin, tap: Runner) -> None:
    period: dict[str, Any] = {"start_date": "2026-10-01", "end_date": "2026-10-20"}
    run = tap("steps", "activities", "weight_entries", "spo2", **period)
    assert asked_days(garmin, "steps/daily") == [("2026-10-01", "2026-10-20")]
    assert asked_days(garmin, "weight/range") == [("2026-10-01", "2026-10-20")]
    days = [row["calendarDate"] for row in run.records("spo2")]
    assert days == sorted(days)
    assert (days[0], days[-1]) == ("2026-10-01", "2026-10-20")
    starts = {row["startTimeLocal"][:10] for row in run.records("activities")}
    assert min(starts) >= "2026-10-01"
    assert max(starts) <= "2026-10-20"
    assert run.bookmark("steps")["last_day"] == "2026-10-20"
    garmin.requests.clear()
    tap("steps", state=run.state, start_date="2026-10-01")
    assert asked_days(garmin, "steps/daily")[0][0] == "2026-10-07"
    assert asked_days(garmin, "steps/daily")[-1][1] == str(TODAY + DAY)


def test_the_first_day_is_found_by_few_requests(
    serve: Callable[..., Garmin], runner_of: Callable[[Garmin], Runner]
) -> None:
    garmin = serve(2.0, activities=0)  # a watch was worn, and no activity recorded
    run = runner_of(garmin)("steps")
    steps = keyed(run, "steps")
    assert min(steps) == str(garmin.account.first_day)
    probes = [asked for asked in garmin.requests if "dailysummaries" in asked.path]
    assert len(probes) < 40
    assert run.bookmark("steps")["first_day"] == str(garmin.account.first_day)
    garmin.requests.clear()
    runner_of(garmin)("stress", "steps", state=run.state)  # a stream more needs no new search
    assert not [asked for asked in garmin.requests if "dailysummaries" in asked.path]


def test_a_weigh_in_older_than_all_else_is_found(garmin: Garmin, tap: Runner) -> None:
    old = garmin.account.weigh_in(garmin.account.first_day - 800 * DAY, 80000)
    older = garmin.account.weigh_in(garmin.account.first_day - 2000 * DAY, 90000)
    run = tap("weight_entries")
    assert {str(old), str(older)} <= keyed(run, "weight_entries").keys()


def cuts(run: Run) -> list[int]:
    """Return where to cut a run: in front of and right behind some of its STATE messages."""
    states = [number for number, m in enumerate(run.messages) if m["type"] == "STATE"]
    chosen = states[:: max(1, len(states) // 4)]
    return sorted({place for state in chosen for place in (state, state + 1)})


def test_a_run_that_is_cut_anywhere_goes_on_where_it_was(
    serve: Callable[..., Garmin], runner_of: Callable[[Garmin], Runner]
) -> None:
    streams = ("activities", "activity_details", "hrv", "menstrual_cycles", "spo2", "steps")
    garmin = serve(0.08)
    tap = runner_of(garmin)
    whole = tap(*streams)
    assert whole.failure is None
    expected = {stream: [str(row) for row in whole.records(stream)] for stream in streams}
    for place in cuts(whole):
        part = whole.until(place)
        rest = tap(*streams, state=part.state)
        for stream in streams:
            read = [str(row) for row in part.records(stream) + rest.records(stream)]
            assert sorted(set(read)) == sorted(expected[stream]), (place, stream)
            assert rest.deleted(stream) == []


def test_a_state_follows_the_records_of_each_request(
    serve: Callable[..., Garmin], runner_of: Callable[[Garmin], Runner]
) -> None:
    garmin = serve(0.2)
    run = runner_of(garmin)("activities", "activity_details", "spo2", "menstrual_cycles", "steps")
    answers: set[str] = set()
    for message in run.messages:
        if message["type"] == "STATE":
            answers.clear()
        elif message["type"] == "RECORD":
            answers.add(message["bronze"]["api_request_id"])
            assert len(answers) == 1, message["stream"]


def test_a_cut_run_wrote_what_a_whole_one_writes_up_to_there(garmin: Garmin, tap: Runner) -> None:
    whole = tap("steps", "hydration")
    part = tap("steps", "hydration", cut_after=120)
    assert len(part.lines) == 120
    rest = tap("steps", "hydration", state=part.state)
    for stream in ("steps", "hydration"):
        assert keyed(part, stream) | keyed(rest, stream) == keyed(whole, stream)
    assert garmin.over_limit == []


def test_resuming_a_first_read_is_no_look_back(garmin: Garmin, tap: Runner) -> None:
    state = {"bookmarks": {"spo2": {"next_day": "2026-09-10", "first_day": "2026-08-23"}}}
    garmin.requests.clear()
    run = tap("spo2", state=state)
    days = [row["calendarDate"] for row in run.records("spo2")]
    assert days[0] == "2026-09-10"
    garmin.requests.clear()
    again = tap("spo2", state=run.state)
    assert [row["calendarDate"] for row in again.records("spo2")] == [
        "2026-11-20",
        "2026-11-21",
        "2026-11-22",
    ]


@pytest.mark.parametrize(
    ("state", "start"),
    [
        ({}, "2020-01-01"),
        ({"next_day": "2021-05-05"}, "2021-05-05"),
        ({"next_day": "2026-11-20"}, "2026-10-24"),  # the look-back is read whole in the last run
        ({"last_day": "2026-11-21"}, "2026-10-24"),
        ({"last_day": "2026-11-01"}, "2026-10-19"),  # a pause: what was young then is read again
        ({"last_day": "2026-08-01", "next_day": "2026-09-01"}, "2026-09-01"),
        ({"last_day": "2020-01-02"}, "2020-01-01"),  # never before the first day
        ({"last_day": "nonsense"}, "2020-01-01"),
    ],
)
def test_where_a_read_starts(state: dict[str, str], start: str) -> None:
    period = Period(date(2020, 1, 1), TODAY, TODAY, look_back=30, settle=14)
    assert str(period.start(state)) == start


def test_a_sweep_starts_at_the_first_day_once_all_was_read() -> None:
    period = Period(date(2020, 1, 1), TODAY, TODAY, look_back=30, settle=14, sweeps=True)
    assert str(period.start({"last_day": "2026-11-21"})) == "2020-01-01"
    assert str(period.start({"next_day": "2024-01-01"})) == "2024-01-01"


@pytest.mark.parametrize(
    ("last", "before", "end"),
    [
        (TODAY + DAY, None, "2026-11-21"),
        (date(2026, 1, 1), None, "2026-01-01"),
        (date(2026, 1, 1), "2026-10-01", "2026-10-01"),
    ],
)
def test_where_a_bookmark_stands_at_the_end(last: date, before: str | None, end: str) -> None:
    period = Period(date(2020, 1, 1), last, TODAY, look_back=30, settle=14)
    assert str(period.end({"last_day": before} if before else {})) == end


def test_only_what_was_in_the_window_can_vanish_from_it() -> None:
    known = Known({"1": "2026-11-01", "2": "2026-11-05", "3": "2026-10-01"})
    known.see(4, "2026-11-05 10:00:00")
    window = (date(2026, 10, 30), date(2026, 11, 10))
    assert known.vanished(*window) == ["1", "2"]
    assert known.kept(date(2026, 10, 30), but=["1"]) == {"2": "2026-11-05", "4": "2026-11-05"}
    assert known.kept(None) == {"1": "2026-11-01", "2": "2026-11-05", "3": "2026-10-01"} | {
        "4": "2026-11-05"
    }
