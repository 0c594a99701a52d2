"""The detailed report: page sizes, row numbers, rows that move, the plan's reach, rounding."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tap_toggl.reports import PageSizes
from tests.sandbox.toggl import report_query, report_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    Start = Callable[..., Any]

HISTORY = "time_entries_history"


def stopped(pipeline: Any) -> set[int]:
    """Return the ids of all entries that reports show."""
    return {one.id for one in pipeline.toggl.account.own_entries() if one.stop is not None}


def test_a_report_is_asked_for_raw_and_by_date(start: Start) -> None:
    pipeline = start()
    preferences = {"reportRounding": True, "reportRoundingStepInMinutes": 15}
    pipeline.toggl.account.preferences.update(preferences)
    run = pipeline.run(HISTORY)
    for asked in run.pages:
        body = asked.body
        assert (body["rounding"], body["rounding_minutes"], body["grouped"]) == (0, 0, False)
        assert (body["order_by"], body["order_dir"]) == ("date", "ASC")
        assert body["user_ids"] == [pipeline.toggl.account.user_id]
        assert not {"first_id", "first_timestamp"} & body.keys()
    seconds = {one.id: one.seconds for one in pipeline.toggl.account.own_entries()}
    for row in run.records(HISTORY):
        assert row["time_entries"][0]["seconds"] == seconds[row["_tap_id"]]
        assert row["time_entries"][0]["id"] == row["_tap_id"]


@pytest.mark.parametrize("header", ["granted", "asked"])
@pytest.mark.parametrize(("largest", "pages"), [(50, 8), (200, 4), (1000, 1), (20_000, 1)])
def test_the_largest_page_that_is_granted_is_taken(
    start: Start, header: str, largest: int, pages: int
) -> None:
    pipeline = start(entries_per_day=5)
    pipeline.toggl.largest_page_size, pipeline.toggl.page_size_header = largest, header
    run = pipeline.run(HISTORY)
    assert set(run.history) == stopped(pipeline)
    full = [asked for asked in run.pages if asked.body["start_date"] > "2025-03-12"]
    assert len(full) <= pages


def test_a_page_size_that_is_refused_is_asked_for_once(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = start(entries_per_day=5)
    pipeline.toggl.largest_page_size = 200
    refuse_large_pages(monkeypatch, most=200)
    run = pipeline.run(HISTORY)
    assert [asked.status for asked in run.pages][:3] == [400, 400, 200]
    assert {asked.status for asked in run.pages[3:]} == {200}
    assert set(run.history) == stopped(pipeline)
    pipeline.sandbox.clock.move(timedelta(days=8))
    assert {asked.status for asked in pipeline.run(HISTORY).pages} == {200}


@pytest.mark.parametrize("header", ["granted", "asked"])
def test_a_page_size_that_falls_back_to_the_standard_is_left(
    start: Start, monkeypatch: pytest.MonkeyPatch, header: str
) -> None:
    pipeline = start(entries_per_day=8)
    pipeline.toggl.largest_page_size, pipeline.toggl.page_size_header = 200, header
    read = report_query.Query.read.__func__  # type: ignore[attr-defined]

    def falling_back(cls: Any, toggl: Any, body: dict[str, Any], wid: int) -> Any:
        size = body["page_size"] if body["page_size"] <= 200 else 50
        found = read(cls, toggl, body | {"page_size": size}, wid)
        return replace(found, asked_page_size=body["page_size"])

    monkeypatch.setattr(report_query.Query, "read", classmethod(falling_back))
    run = pipeline.run(HISTORY)
    assert [asked.body["page_size"] for asked in run.pages][:4] == [10_000, 1_000, 200, 200]
    assert set(run.history) == stopped(pipeline)


def refuse_large_pages(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """Let the server answer 400 to larger pages."""
    read = report_query.Query.read.__func__  # type: ignore[attr-defined]

    def refusing(cls: Any, toggl: Any, body: dict[str, Any], wid: int) -> Any:
        if body.get("page_size", 0) > most:
            raise report_query._invalid("page_size", f"1 to {most}")
        return read(cls, toggl, body, wid)

    monkeypatch.setattr(report_query.Query, "read", classmethod(refusing))


def test_page_sizes_are_found_from_what_comes() -> None:
    kept: dict[str, Any] = {}
    sizes = PageSizes(kept)
    assert sizes.size == 10_000
    sizes.got(10_000, 50)  # too large a size may fall back to the standard
    sizes.got(1_000, 50)
    sizes.got(200, 200)
    assert (sizes.size, sizes.granted) == (200, 200)
    assert PageSizes(dict(kept)).size == 200
    sizes = PageSizes({})
    sizes.got(10_000, 1_000)  # cut to the most that is granted
    assert (sizes.size, sizes.granted) == (10_000, 1_000)
    sizes.too_slow()
    assert sizes.size == 1_000
    refused = PageSizes({})
    for size in (10_000, 1_000, 200):
        refused.refused(size)
    assert refused.size == 50


def test_a_full_last_page_is_the_last_one(start: Start) -> None:
    pipeline = start(entries_per_day=0, running=False, future=0)
    for number in range(100):
        begun = datetime(2026, 2, 1, 8, tzinfo=UTC) + timedelta(minutes=number)
        pipeline.toggl.account.insert_entry(begun, timedelta(seconds=30))
    run = pipeline.run(HISTORY)
    assert len(run.history) == 100
    assert len([asked for asked in run.pages if asked.body["end_date"] > "2026"]) == 2


@pytest.mark.parametrize("change", ["delete", "insert"])
def test_rows_that_move_between_two_pages(
    start: Start, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    pipeline = start(entries_per_day=6)
    account, answer = pipeline.toggl.account, pipeline.toggl.answer
    left = [3]

    def answering(request: Any, asked: Any) -> Any:
        response = answer(request, asked)
        if "/search/" in request.path and left[0]:
            left[0] -= 1
            first = account.own_entries()[5]
            if change == "delete":
                account.delete_entry(first.id)
            else:
                account.insert_entry(datetime.fromtimestamp(first.start + 1, UTC), timedelta(9))
        return response

    monkeypatch.setattr(pipeline.toggl, "answer", answering)
    run = pipeline.run(HISTORY)
    early = {one.id for one in account.own_entries() if one.start > account.own_entries()[20].start}
    assert early & stopped(pipeline) <= set(run.history)
    assert len(run.history) == len(set(run.history))


def test_rows_that_move_all_the_time_do_not_hold_it_up(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = start(entries_per_day=0, running=False, future=0)
    account, answer = pipeline.toggl.account, pipeline.toggl.answer
    morning = datetime(2026, 1, 1, 8, tzinfo=UTC)
    for number in range(150):  # one day of several pages
        account.insert_entry(morning + timedelta(minutes=number), timedelta(seconds=9))

    def answering(request: Any, asked: Any) -> Any:
        account.insert_entry(morning - timedelta(minutes=len(account.entries)), timedelta(1))
        return answer(request, asked)

    monkeypatch.setattr(pipeline.toggl, "answer", answering)
    run = pipeline.run(HISTORY)
    assert len(run.pages) < 20
    assert not pipeline.is_coming_in


def test_a_report_that_names_no_further_page_is_an_error(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = start(entries_per_day=6)
    answer = pipeline.toggl.answer

    def answering(request: Any, asked: Any) -> Any:
        response = answer(request, asked)
        response.headers["X-Next-Row-Number"] = "51"
        del response.headers["X-Next-ID"]
        return response

    monkeypatch.setattr(pipeline.toggl, "answer", answering)
    run = pipeline.run(HISTORY)
    assert "names no next page that is further on" in (run.failure or "")
    assert len(run.pages) == 2


def test_a_report_in_no_order_is_not_gone_on_with(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = start(years=1, entries_per_day=6)
    orders = report_query.ORDERS | {"date": lambda entry: (entry.id * 7919 % 1009, entry.id)}
    monkeypatch.setattr(report_query, "ORDERS", orders)
    first = pipeline.run(HISTORY)
    assert "is not by date" in first.log
    (place,) = pipeline.bookmark(HISTORY)["workspaces"].values()
    assert "reached" not in place["windows"][0]


def test_an_empty_page_that_names_a_next_one_is_an_error(start: Start) -> None:
    pipeline = start()
    pipeline.toggl.largest_page_size = 0
    assert "is empty, but names a next page" in (pipeline.run(HISTORY).failure or "")


@pytest.mark.parametrize("refusal", ["402", "empty"])
@pytest.mark.parametrize("reach", [365, 90])
def test_reports_stop_at_the_reach_that_the_plan_tells(
    start: Start, reach: int, refusal: str
) -> None:
    pipeline = start(years=1.5, entries_per_day=1)
    pipeline.toggl.retention_refusal = refusal
    pipeline.toggl.account.limit_history(reach)
    run = pipeline.run()
    assert {asked.status for asked in run.pages} == {200}
    first = datetime(2026, 3, 4, tzinfo=UTC) - timedelta(days=reach)
    wanted = {
        one.id
        for one in pipeline.toggl.account.own_entries()
        if one.start >= first.timestamp() and one.stop
    }
    assert wanted <= set(run.history)
    assert not pipeline.is_coming_in
    assert "the first day that may be read" in run.log


def test_reports_stop_at_a_reach_that_nobody_told(start: Start) -> None:
    pipeline = start(years=1.5, entries_per_day=1)
    pipeline.toggl.account.limit_history(365, announced=False)
    run = pipeline.run()
    assert run.failure is None
    assert Counter(asked.status for asked in run.pages)[402] == 1
    assert not pipeline.is_coming_in
    first = datetime(2026, 3, 4, tzinfo=UTC) - timedelta(days=365)
    wanted = {
        one.id
        for one in pipeline.toggl.account.own_entries()
        if one.start >= first.timestamp() and one.stop
    }
    assert wanted <= set(run.history)
    pipeline.sandbox.clock.move(timedelta(days=1))
    assert pipeline.run().pages == []


def test_windows_are_never_longer_than_a_year(start: Start) -> None:
    pipeline = start(years=2.5, entries_per_day=0.3)
    pipeline.toggl.long_range = "empty"
    runs = pipeline.runs(HISTORY)
    assert {number for run in runs for number in run.history} == stopped(pipeline)


def test_a_change_of_the_time_zone_between_two_runs(start: Start) -> None:
    pipeline = start(years=1.2, entries_per_day=8, zone="Pacific/Auckland")
    account = pipeline.toggl.account
    runs = [pipeline.run()]
    zones = ["America/Los_Angeles", "Pacific/Auckland", "America/Los_Angeles", "Asia/Tokyo"]
    while pipeline.is_coming_in:
        account.change_zone(zones.pop())
        pipeline.sandbox.clock.move(timedelta(hours=1, seconds=5))
        runs.append(pipeline.run())
    assert len(runs) > 2
    assert {number for run in runs for number in run.history} == stopped(pipeline)


def test_running_entries_come_where_reports_show_them(start: Start) -> None:
    pipeline = start()
    pipeline.toggl.report_running = True
    run = pipeline.run(HISTORY)
    assert set(run.history) == pipeline.living()


def test_entries_of_colleagues_are_left_out(start: Start) -> None:
    pipeline = start(workspaces=2)
    run = pipeline.run(HISTORY)
    assert {row["user_id"] for row in run.records(HISTORY)} == {pipeline.toggl.account.user_id}
    assert set(run.history) == stopped(pipeline)


def test_a_row_with_several_entries_comes_once_for_each(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = start()
    row = report_rows.row

    def doubled(*args: Any) -> Any:
        found = row(*args)
        entry = found["time_entries"][0]
        return found | {"time_entries": [entry, entry | {"id": -entry["id"]}]}

    monkeypatch.setattr(report_rows, "row", doubled)
    found = set(pipeline.run(HISTORY).history)
    assert found == stopped(pipeline) | {-number for number in stopped(pipeline)}
