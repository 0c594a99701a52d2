"""Hourly quotas: both meanings of 402, waits and pauses, 429, and what the STATE keeps."""

from __future__ import annotations

import time
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from tap_toggl import api, clock
from tap_toggl.client import Answer, Request, retry_after
from tap_toggl.quota import USER, Quota
from tests.sandbox.toggl import service

if TYPE_CHECKING:
    from collections.abc import Callable

    Start = Callable[..., Any]

HISTORY = "time_entries_history"


def test_a_path_is_counted_against_its_quota() -> None:
    quota = Quota({}, 2)
    quota.owners = {7: 70}
    assert quota.bucket("/api/v9/me/time_entries") == USER
    assert quota.bucket("/api/v9/workspaces/7/projects") == "organization 70"
    assert quota.bucket("/reports/api/v3/workspace/7/search/time_entries") == "organization 70"
    assert quota.bucket("/api/v9/organizations/71/groups") == "organization 71"
    assert quota.bucket("/api/v9/workspaces/8/projects") == USER


def test_what_is_left_is_kept_until_the_hour_is_over() -> None:
    kept: dict[str, Any] = {}
    Quota(kept, 2).note(USER, 3, 100, 1000)
    later = Quota(kept, 2)
    assert (later.wait(USER, 1050), later.left(USER, 1050)) == (0, 1)
    later.note(USER, 2, 40, 1060)
    assert (later.wait(USER, 1061), later.left(USER, 1061)) == (40, 0)
    assert later.left(USER, 1101) is None
    assert later.wait(USER, 1101) == 0
    assert kept == {}


def test_the_reserve_is_left_for_other_programs(start: Start) -> None:
    pipeline = start(years=1, entries_per_day=6, settings={"quota_reserve": 10})
    run = pipeline.run()
    assert len(run.pages) == 20
    assert run.failure is None


@pytest.mark.parametrize("form", ["json", "text", "object"])
def test_a_spent_quota_ends_the_run_well(start: Start, form: str) -> None:
    pipeline = start(years=1, entries_per_day=6)
    pipeline.toggl.quota_body = form
    pipeline.toggl.spend("user", 30)
    run = pipeline.run()
    assert run.failure is None
    assert [asked.status for asked in run.requests] == [402]
    assert "me: the hourly quota (user) is spent" in run.log
    assert '"status":"failed"' not in run.log
    assert pipeline.run().requests == []


def test_answers_without_headers_are_borne(start: Start) -> None:
    pipeline = start(years=1, entries_per_day=6)
    pipeline.toggl.quota_headers = False
    run = pipeline.run()
    assert run.failure is None
    assert [asked.status for asked in run.pages] == [200] * 30 + [402]
    assert pipeline.run().requests == []
    runs = pipeline.runs()
    assert {number for one in (run, *runs) for number in one.history} >= {
        one.id for one in pipeline.toggl.account.own_entries() if one.stop
    }


def test_a_402_in_the_middle_of_pages_loses_nothing(start: Start) -> None:
    pipeline = start(years=1, entries_per_day=6)
    pipeline.toggl.quota_headers = False
    pipeline.toggl.spend(f"organization/{next(iter(pipeline.toggl.account.organizations))}", 27)
    first = pipeline.run(HISTORY)
    assert [asked.status for asked in first.pages] == [200] * 3 + [402]
    found = {number for one in (first, *pipeline.runs(HISTORY)) for number in one.history}
    assert found == {one.id for one in pipeline.toggl.account.own_entries() if one.stop}


def test_one_organization_goes_on_when_another_has_no_quota(start: Start) -> None:
    pipeline = start(workspaces=2)
    first, second = pipeline.toggl.account.organizations
    pipeline.toggl.spend(f"organization/{first}", 28)
    pipeline.toggl.spend(f"organization/{second}", 10)
    run = pipeline.run()
    places = pipeline.bookmark(HISTORY)["workspaces"]
    one, other = pipeline.workspaces
    assert "ended" not in places[str(one)]
    assert "ended" in places[str(other)]
    assert run.failure is None
    assert f"organization {first}" in run.log
    assert f"organization {second}) is spent" not in run.log


def test_a_short_wait_is_waited(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = start()
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    pipeline.toggl.spend("user", 28)
    pipeline.sandbox.clock.move(timedelta(minutes=58))
    run = pipeline.run("me", "workspaces", quota_max_wait=150)
    assert len(run.requests) >= 1
    assert any(110 < wait <= 122 for wait in waits)


@pytest.mark.parametrize(
    ("body", "remaining", "is_quota"),
    [
        ('"You have hit your hourly limit for API calls."', "3", 1),
        ('{"error":"quota_exceeded"}', None, 1),
        ('"Payment required"', "0", 1),
        ("", "-3", 1),
        ("", "5", 0),
        ("", None, 0),
        ('"Workspace needs to have this feature enabled"', "0", 0),
        ('"Billable rates are available for Starter and higher plans."', "0", 0),
        ('"Custom project colors available only for premium plans"', "12", 0),
    ],
)
def test_the_two_meanings_of_402(body: str, remaining: str | None, is_quota: int) -> None:
    headers = {} if remaining is None else {"X-Toggl-Quota-Remaining": remaining}
    request = Request("GET", "/api/v9/me")
    answer = Answer(request, 402, headers, body.encode(), clock.now())
    assert api.is_quota(answer) is bool(is_quota)


def test_a_429_that_tells_how_long_is_waited_for(start: Start) -> None:
    pipeline = start()
    pipeline.toggl.faults.too_many(0, path="/me/clients")
    run = pipeline.run("clients")
    assert [asked.status for asked in run.requests] == [429, 200]
    assert len(run.records("clients")) == 4


def test_a_429_that_asks_for_too_much_ends_the_run_well(start: Start) -> None:
    pipeline = start()
    pipeline.toggl.faults.too_many(3600, path="/me/clients")
    run = pipeline.run("clients", "tags")
    assert [asked.status for asked in run.to("/me/clients")] == [429]
    assert run.failure is None
    assert "asks to wait 3600 s" in run.log


def test_a_429_that_does_not_tell_is_waited_for_by_the_minute(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = start()
    pipeline.toggl.faults.too_many(path="/me/clients")
    run = pipeline.run("clients", "tags")
    assert [asked.status for asked in run.requests] == [429]
    assert run.failure is None
    assert "Toggl asks to slow down" in run.log
    monkeypatch.setattr(api, "SLOW_DOWN", 1)
    pipeline.toggl.faults.too_many(path="/me/clients", count=2)
    run = pipeline.run("clients", quota_max_wait=10)
    assert [asked.status for asked in run.requests] == [429, 429, 200]
    spans = [after.time - before.time for before, after in pairwise(run.requests)]
    assert [round(span.total_seconds()) for span in spans] == [1, 2]


def test_requests_keep_their_distance(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = start()
    pipeline.toggl.leaky_bucket = True
    # A busy machine may bring the first one late, and so the next one early.
    monkeypatch.setattr(service, "LEAK", 0.2)
    run = pipeline.run("clients", "tags", request_interval=1)
    assert [asked.status for asked in run.requests] == [200, 200]


def test_requests_whose_answers_are_lost_count_too(start: Start) -> None:
    pipeline = start()
    pipeline.toggl.spend("user", 25)
    pipeline.toggl.faults.hang_up(count=None, path="/me/workspaces")
    run = pipeline.run("me", "workspaces")
    assert run.failure is None
    assert "is spent" in run.log
    assert len(run.requests) == 3
    (user, _) = pipeline.toggl.quotas()
    assert user["remaining"] == 2


def test_a_reset_of_a_clock_that_was_wrong_holds_nothing_up(start: Start) -> None:
    pipeline = start()
    pipeline.toggl.spend("user", 27)
    pipeline.run("me")
    assert pipeline.run("me").requests == []
    pipeline.bookmark("_quota")["user"]["resets_at"] += 60 * 86_400
    assert [asked.status for asked in pipeline.run("me").requests] == [200]


def test_a_reset_beyond_a_day_is_not_waited_for() -> None:
    kept: dict[str, Any] = {}
    quota = Quota(kept, 2)
    quota.note(USER, 0, 10**9, 1000)
    assert quota.wait(USER, 1001) == 86_400 - 1


def test_each_quota_is_in_the_state_with_its_time_of_reset(start: Start) -> None:
    pipeline = start(years=1, entries_per_day=6, workspaces=2)
    pipeline.run()
    now = int(pipeline.sandbox.clock.now().timestamp())
    kept = pipeline.bookmark("_quota")
    assert kept.keys() == {
        "user",
        *(f"organization {n}" for n in pipeline.toggl.account.organizations),
    }
    for told in kept.values():
        assert 3500 < told["resets_at"] - now < 3602
    assert kept["user"]["remaining"] == 22


def test_a_date_in_retry_after_may_lack_a_zone() -> None:
    then = clock.now() + timedelta(seconds=90)
    for text in (f"{then:%a, %d %b %Y %H:%M:%S} -0000", f"{then:%a, %d %b %Y %H:%M:%S} GMT"):
        answer = Answer(Request("GET", "/"), 429, {"Retry-After": text}, b"", clock.now())
        assert 80 < (retry_after(answer) or 0) < 91
