"""What Garmin bears, and what it answers when it does not: pages, windows, 429, 500, no data."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest

from tap_garmin import client, progress
from tap_garmin.streams import STREAMS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.garmin import Garmin
    from tests.tap_runs import Runner


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait next to nothing between two tries."""
    monkeypatch.setattr(client, "FIRST_WAIT", 0.01)


def test_no_request_of_any_stream_is_beyond_the_limits(garmin: Garmin, tap: Runner) -> None:
    history = tap(stream_groups=["health_snapshots", "weight_goals"])
    week = tap(*(vars(stream)["name"] for stream in STREAMS), start_date="2026-11-16")
    assert history.failure is week.failure is None
    assert garmin.over_limit == []
    assert {asked.status for asked in garmin.requests} <= {200, 204}


def test_a_page_too_large_is_made_smaller_and_the_request_not_repeated(
    garmin: Garmin, tap: Runner
) -> None:
    garmin.quirks.page_limit = 12
    run = tap("activities")
    assert run.failure is None
    found = {row["activityId"] for row in run.records("activities") if not row.get("parentId")}
    assert found == set(garmin.everything()["activities"])
    searches = [asked for asked in garmin.requests if "search" in asked.path]
    refused = [asked.query["limit"] for asked in searches if asked.status == 500]
    assert refused == ["40", "20"]


@pytest.mark.parametrize(("stream", "status"), [("daily_summaries", 500), ("sleep", 400)])
def test_a_window_too_long_is_made_shorter_and_the_request_not_repeated(
    garmin: Garmin, tap: Runner, stream: str, status: int
) -> None:
    path = {"daily_summaries": "dailysummaries", "sleep": "dailySleepSummariesByDate"}[stream]
    garmin.faults.status(status, body=b"{}", path=path, count=2, after=1)
    run = tap(stream, start_date="2026-08-23")
    assert run.failure is None
    days = {row["calendarDate"] for row in run.records(stream)}
    assert days == set(garmin.everything()[stream])
    asked = [one.query["startDate"] for one in garmin.requests if path in one.path]
    assert (
        len(set(asked)) == len(asked) - 2
    )  # the refused window was asked for thrice, ever shorter


def test_a_single_day_that_is_refused_ends_the_stream_alone(garmin: Garmin, tap: Runner) -> None:
    garmin.faults.status(400, body=b"{}", path="steps/daily", count=None)
    run = tap("steps", "stress", start_date="2026-11-01")
    assert run.failure is not None
    assert re.fullmatch(r"steps: 127\.0\.0\.1:\d+ answered 400 Bad Request to \S+", run.failure)
    assert run.records("stress")


@pytest.mark.parametrize("retry_after", ["seconds", "date", "none"])
def test_429_is_waited_out(
    garmin: Garmin, tap: Runner, monkeypatch: pytest.MonkeyPatch, retry_after: str
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("tap_garmin.client.time.sleep", waits.append)
    asked: dict[str, str | int | None] = {
        "seconds": 14,
        "date": format_datetime(garmin.clock.now() + timedelta(seconds=25), usegmt=True),
        "none": None,
    }
    garmin.faults.too_many(asked[retry_after], path="steps/daily", count=2)
    run = tap("steps", start_date="2026-11-01")
    assert run.failure is None
    assert run.records("steps")
    if retry_after == "none":
        assert all(wait <= 0.02 for wait in waits)
    elif retry_after == "seconds":
        assert waits == [14, 14]
    else:  # less what has passed since, on a machine that may be busy
        assert len(waits) == 2
        assert all(14 < wait <= 25 for wait in waits)


def test_a_wait_longer_than_allowed_ends_the_run_well(
    garmin: Garmin, tap: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    whole = len(tap("steps").records("steps"))
    garmin.faults.too_many(3600, path="steps/daily", count=None, after=2)
    first = tap("steps", "stress")
    assert first.failure is None
    assert "asks to wait 3600 s" in caplog.text
    assert not [asked for asked in garmin.requests if "stress" in asked.path]
    assert 0 < len(first.records("steps")) < whole
    garmin.faults.clear()
    rest = tap("steps", state=first.state)
    days = {row["calendarDate"] for row in first.records("steps") + rest.records("steps")}
    assert len(days) == whole


@pytest.mark.parametrize("fault", ["hang_up", "cut", "status", "garbage"])
def test_trouble_that_passes_is_tried_again_and_what_does_not_gets_a_line(
    garmin: Garmin, tap: Runner, fault: str
) -> None:
    getattr(garmin.faults, fault)(path="steps/daily", count=2)
    run = tap("steps", start_date="2026-11-01")
    if fault == "garbage":  # a login page will not turn into data
        assert run.failure is not None
        assert "is no JSON" in run.failure
        return
    assert run.failure is None
    assert len(run.records("steps")) > 10
    getattr(garmin.faults, fault)(path="steps/daily", count=None)
    run = tap("steps", start_date="2026-11-01")
    assert run.failure is not None
    assert run.failure.count("\n") == 0


def test_where_there_is_no_data_there_is_no_error(
    serve: Callable[..., Garmin], runner_of: Callable[[Garmin], Runner]
) -> None:
    garmin = serve(0.1, activities=0)
    garmin.quirks.null_lists = True
    garmin.account.hold_back(*(datetime(2026, 11, day, tzinfo=UTC).date() for day in range(1, 23)))
    for empty in ("bare", "null", "{}", "nothing"):
        setattr(garmin.quirks, "empty_day", empty)  # noqa: B010 - one of its literals
        run = runner_of(garmin)(
            "activities", "daily_summaries_flat", "fitness_age", "food_log", "hrv",
            "hrv_readings", "sleep", "spo2", "weight_goals", start_date="2026-11-01",
        )  # fmt: skip
        assert run.failure is None
        assert run.records("activities") == run.records("hrv") == run.records("hrv_readings") == []
        # An object that tells the day is a record; one of nulls alone is not.
        assert bool(run.records("spo2")) is (empty == "bare")


def test_an_odd_shape_gets_a_line(garmin: Garmin, tap: Runner) -> None:
    garmin.faults.garbage(b'{"unexpected": [1]}', path="steps/daily")
    garmin.faults.garbage(b"[1, 2]", path="stress/daily")
    garmin.faults.garbage(b'{"message": "odd"}', path="search/activities")
    garmin.faults.garbage(b"[{}]", path="weight", count=None)
    garmin.faults.garbage(b'"odd"', path="spo2", count=None)
    streams = ("activities", "spo2", "steps", "stress", "weight_entries", "weight_goals")
    run = tap(*streams, start_date="2026-11-01")
    assert run.failure is not None
    lines = run.failure.splitlines()
    assert [line.partition(":")[0] for line in lines] == list(streams)


def test_the_fuller_of_two_rows_of_a_day_is_taken(garmin: Garmin, tap: Runner) -> None:
    whole = {str(row) for row in tap("steps", "sleep").records("sleep")}
    garmin.quirks.duplicate_days = 1.0
    run = tap("steps", "sleep")
    assert {str(row) for row in run.records("sleep")} == whole
    assert len(run.records("sleep")) == len(whole)


def test_an_activity_that_is_deleted_while_the_list_is_read_hides_no_other(
    garmin: Garmin, tap: Runner
) -> None:
    answer, account = garmin.answer, garmin.account
    first = account.activities()[0].id
    pages = 0

    def deleting(request: object, asked: object) -> object:
        nonlocal pages
        response = answer(request, asked)  # type: ignore[arg-type] # as the server calls it
        pages += "search" in request.path  # type: ignore[attr-defined] # the same
        if pages == 1:
            account.delete_activity(first)
        return response

    garmin.answer = deleting  # type: ignore[method-assign,assignment] # acts between two pages
    run = tap("activities")
    found = {row["activityId"] for row in run.records("activities")}
    assert found == {first} | {one.id for one in account.activities(children=True)}


def test_activities_of_equal_start_all_come_once(garmin: Garmin, tap: Runner) -> None:
    garmin.quirks.equal_starts_shuffled = True
    run = tap("activities")
    found = [row["activityId"] for row in run.records("activities")]
    assert len(set(found)) == len(found)
    assert set(garmin.everything()["activities"]) <= set(found)


def test_progress_tells_what_is_done_and_left(
    garmin: Garmin,
    tap: Runner,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.0)
    caplog.set_level("INFO")
    tap("spo2", "activity_details", start_date="2026-11-01")
    lines = "\n".join(caplog.messages)
    assert re.search(r"spo2: 7 of 22 days read, 15 left; 7 requests; about \d+ s to go\.", lines)
    assert re.search(r"spo2: 22 days read, up to 2026-11-21; 22 requests\.", lines)
    assert re.search(r"activity_details: 2 of \d+ activities read, \d+ left; \d requests", lines)
    assert garmin.key not in lines
    assert json.dumps("averageSpO2") not in lines


@pytest.mark.parametrize(
    ("seconds", "text"), [(5, "5 s"), (59.4, "59 s"), (90, "2 min"), (7300, "2 h 2 min")]
)
def test_a_time_span_is_told_in_words(seconds: float, text: str) -> None:
    assert progress._span(seconds) == text
