"""The runs after the first: few requests, every change, and nothing new where nothing changed."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    Start = Callable[..., Any]

HISTORY = "time_entries_history"
LISTS = (
    "me", "workspaces", "organizations", "projects", "clients", "tags", "tasks", "time_entries",
)  # fmt: skip


def deleted(result: Any) -> set[int]:
    """Return the ids of entries that came as deleted."""
    rows = result.records("time_entries")
    return {row["id"] for row in rows if row["server_deleted_at"] is not None}


def test_a_day_costs_eight_requests_of_the_user_and_none_of_an_organization(start: Start) -> None:
    pipeline = start(workspaces=3)
    pipeline.runs()
    for _ in range(6):
        pipeline.wait(days=1)
        run = pipeline.run()
        assert run.buckets == {"user": 8}
        assert run.failure is None


def test_edits_deletions_and_running_entries_arrive(start: Start) -> None:
    pipeline = start()
    account = pipeline.toggl.account
    pipeline.runs()
    old, other, *_ = account.own_entries()
    (running,) = [entry for entry in account.own_entries() if entry.stop is None]
    pipeline.wait(days=1)
    account.edit_entry(old.id, description="mended")
    account.delete_entry(other.id)
    account.stop_entry(running.id)
    begun = account.start_entry(description="just begun")
    run = pipeline.run()
    found = {row["id"]: row for row in run.records("time_entries")}
    assert found[old.id]["description"] == "mended"
    assert deleted(run) == {other.id}
    assert found[running.id]["stop"] is not None
    assert found[begun.id]["stop"] is None
    assert found[begun.id]["duration"] < 0
    schema = run.of("SCHEMA", "time_entries")[0]["bronze"]
    assert schema["deleted"] == "/server_deleted_at"


@pytest.mark.parametrize("form", ["minus_one", "minus_epoch", "zero"])
def test_a_running_entry_comes_as_it_is(start: Start, form: str) -> None:
    pipeline = start()
    pipeline.toggl.running_form = form
    (running,) = [entry for entry in pipeline.toggl.account.own_entries() if entry.stop is None]
    (row,) = [row for row in pipeline.run().records("time_entries") if row["id"] == running.id]
    assert row["stop"] is None
    assert row["duration"] == {"minus_one": -1, "minus_epoch": -running.start, "zero": 0}[form]


def test_planned_entries_are_read(start: Start) -> None:
    pipeline = start(future=2)
    now = pipeline.sandbox.clock.now()
    planned = {
        one.id for one in pipeline.toggl.account.own_entries() if one.start > now.timestamp()
    }
    assert len(planned) == 2
    run = pipeline.run()
    assert planned <= set(run.history)
    assert planned <= set(run.ids("time_entries"))


@pytest.mark.parametrize("inclusive", [True, False])
def test_changes_around_the_last_run_are_not_lost(start: Start, inclusive: bool) -> None:
    pipeline = start()
    pipeline.toggl.since_inclusive = inclusive
    pipeline.runs()
    last = datetime.fromtimestamp(pipeline.bookmark("time_entries")["changed_at"], UTC)
    entries = pipeline.toggl.account.own_entries()
    for entry, age in zip(entries, (0.0, 0.9, 3600.0), strict=False):
        pipeline.toggl.account.edit_entry(entry.id, touch=False)
        entry.at = int((last - timedelta(seconds=age)).timestamp() * 1_000_000)
    pipeline.sandbox.clock.move(timedelta(hours=6))
    changed = set(pipeline.run().ids("time_entries"))
    assert {entry.id for entry in entries[:3]} <= changed


def test_an_unchanged_account_makes_nothing_new(start: Start, bronze: Any) -> None:
    pipeline = start(workspaces=2, running=False, settings={"stream_groups": ["personal"]})
    for run in pipeline.runs():
        bronze.load(run)
    for hours in (6, 30, 24 * 8):
        pipeline.sandbox.clock.move(timedelta(hours=hours))
        run = pipeline.run()
        assert len(run.of("RECORD")) > 10
        assert bronze.load(run) == Counter()


def test_new_entries_make_no_versions_of_what_they_belong_to(start: Start, bronze: Any) -> None:
    pipeline = start(workspaces=2, plan="Premium", settings={"stream_groups": ["personal"]})
    account = pipeline.toggl.account
    tasks = [account.add_task("Task", number) for number in account.projects]
    for run in pipeline.runs():
        bronze.load(run)
    pipeline.wait(days=1)
    project = account.projects[tasks[0]["project_id"]]
    account.insert_entry(
        pipeline.sandbox.clock.now() - timedelta(hours=1),
        timedelta(minutes=30),
        workspace_id=project["workspace_id"],
        project_id=project["id"],
        task_id=tasks[0]["id"],
    )
    before = [row["actual_seconds"] for row in run.records("projects")]
    run = pipeline.run()
    assert [row["actual_seconds"] for row in run.records("projects")] != before
    written = bronze.load(run)
    assert written.keys() == {"time_entries"}
    assert written["time_entries"] > 1


def test_the_target_writes_nothing_at_the_second_run(start: Start, load: Any) -> None:
    pipeline = start(running=False)
    account = pipeline.toggl.account
    (first,) = pipeline.runs()
    found = load(first.lines)
    assert found[HISTORY] == len(account.own_entries())
    assert found["projects"] == len(account.projects)
    pipeline.sandbox.clock.move(timedelta(hours=6))
    assert load(pipeline.run().lines) == {}
    gone = account.own_entries()[-1]
    account.delete_entry(gone.id)
    account.delete_project(next(iter(account.projects)))
    pipeline.wait(days=1)
    changed = load(pipeline.run().lines)
    assert changed.keys() == {"time_entries", "projects"}
    assert changed["projects"] == 1


@pytest.mark.parametrize(
    ("first", "last"),
    [("2026-02-10", "2026-02-20"), ("2025-06-01", "2025-06-30"), ("2026-02-20", None)],
)
def test_the_dates_of_the_settings_are_days_of_the_person(
    start: Start, first: str, last: str | None
) -> None:
    pipeline = start(years=1, entries_per_day=4, zone="Pacific/Auckland", future=0)
    account = pipeline.toggl.account
    for hour in range(24):  # also around both midnights
        for day in (first, last or first):
            begun = datetime.fromisoformat(f"{day}T{hour:02}:30:00").replace(tzinfo=account.zone)
            account.insert_entry(begun, timedelta(minutes=5))
            account.insert_entry(begun - timedelta(days=1), timedelta(minutes=5))
            account.insert_entry(begun + timedelta(days=1), timedelta(minutes=5))
    run = pipeline.run(start_date=first, end_date=last)
    days = {
        one.id: str(datetime.fromtimestamp(one.start, account.zone).date())
        for one in account.own_entries()
        if one.stop
    }
    wanted = {number for number, day in days.items() if first <= day <= (last or "2026-03-04")}
    assert set(run.history) == wanted
    if first > "2026":
        running = pipeline.living() - days.keys()
        assert set(run.ids("time_entries")) - running == wanted
        assert ("changed_at" in pipeline.bookmark("time_entries")) is (last is None)


def test_the_look_back_can_be_longer(start: Start) -> None:
    pipeline = start(settings={"lookback_days": 5})
    pipeline.runs()
    pipeline.sandbox.clock.move(timedelta(days=1))
    (asked,) = pipeline.run().to("/me/time_entries")
    now = pipeline.sandbox.clock.now().timestamp()
    assert 5.99 < (now - int(asked.query["since"])) / 86_400 < 6.01


def test_a_deleted_tag_shows_when_recent_weeks_are_read_again(start: Start, bronze: Any) -> None:
    pipeline = start()
    account = pipeline.toggl.account
    for run in pipeline.runs():
        bronze.load(run)
    early = [one for one in account.own_entries() if one.tag_ids and one.start < 1_772_000_000]
    tag, newest = early[-1].tag_ids[0], early[-1]
    pipeline.sandbox.clock.move(timedelta(days=1))
    account.delete_tag(tag)
    day_after = pipeline.run()
    bronze.load(day_after)
    assert newest.id not in day_after.ids("time_entries")
    assert tag not in day_after.ids("tags")
    assert day_after.of("ACTIVATE_VERSION", "tags")
    pipeline.sandbox.clock.move(timedelta(days=6))
    week_after = pipeline.run()
    assert week_after.buckets["user"] == 8
    assert len(week_after.pages) > 0
    first, last = (week_after.pages[0].body[name] for name in ("start_date", "end_date"))
    assert (first, last) == ("2026-02-03", "2026-03-18")
    (row,) = [row for row in week_after.records(HISTORY) if row["_tap_id"] == newest.id]
    assert tag not in row["tag_ids"]
    assert bronze.load(week_after)[HISTORY] > 1
    pipeline.sandbox.clock.move(timedelta(hours=6))
    assert pipeline.run().pages == []


def test_reading_again_can_be_switched_off(start: Start) -> None:
    pipeline = start(settings={"reread_days": 0})
    pipeline.runs()
    pipeline.sandbox.clock.move(timedelta(days=30))
    assert pipeline.run().pages == []


def test_a_long_gap_is_read_again_and_told(start: Start) -> None:
    pipeline = start(entries_per_day=1, settings={"reread_days": 0})
    account = pipeline.toggl.account
    pipeline.runs()
    gone, mended, *_ = (entry.id for entry in account.own_entries())
    pipeline.wait(days=20)
    account.delete_entry(gone)
    account.edit_entry(mended, description="mended in the gap")
    pipeline.wait(days=130)
    run = pipeline.run()
    assert "The last run was on 2026-03-04" in run.log
    assert "deletions between then and 2026-05-04" in run.log
    (since,) = run.to("/me/time_entries")
    age = pipeline.sandbox.clock.now().timestamp() - int(since.query["since"])
    assert 88 * 86_400 < age < 89 * 86_400
    assert run.pages[0].body["start_date"] <= "2026-03-03"
    starts = {entry.id for entry in account.own_entries() if entry.start > 1_772_616_600}
    assert len(starts) > 100
    assert starts <= {*run.history, *run.ids("time_entries")}
    pipeline.wait(days=1)
    assert "The last run was" not in pipeline.run().log


def test_a_gap_without_history_says_what_to_select(start: Start) -> None:
    pipeline = start()
    pipeline.run("time_entries")
    pipeline.wait(days=150)
    assert "time_entries_history would read the entries" in pipeline.run("time_entries").log


def test_what_is_cut_off_is_asked_for_by_dates(start: Start) -> None:
    pipeline = start(years=0.4, entries_per_day=14)
    run = pipeline.run("time_entries")
    recent = pipeline.sandbox.clock.now().timestamp() - 88 * 86_400
    wanted = {one.id for one in pipeline.toggl.account.own_entries() if one.start > recent}
    assert len(wanted) > 1100
    assert wanted <= set(run.ids("time_entries"))
    assert len(run.ids("time_entries")) == len(set(run.ids("time_entries")))
    assert len(run.requests) <= 4
    assert "some edits of older entries" in run.log


def test_a_range_that_is_cut_is_halved(start: Start) -> None:
    pipeline = start(years=0.4, entries_per_day=3)
    account = pipeline.toggl.account
    day = pipeline.sandbox.clock.now() - timedelta(days=60)
    for number in range(1300):
        account.insert_entry(day + timedelta(seconds=number), timedelta(seconds=30), at=day)
    run = pipeline.run("time_entries")
    found = run.ids("time_entries")
    recent = pipeline.sandbox.clock.now().timestamp() - 88 * 86_400
    assert {one.id for one in account.own_entries() if one.start > recent} <= set(found)
    assert len(found) == len(set(found))
    assert len(run.requests) <= 8


def test_a_day_with_a_cut_costs_twelve_requests_at_most(start: Start) -> None:
    pipeline = start(years=2, entries_per_day=10)
    pipeline.run(*LISTS)
    account = pipeline.toggl.account
    pipeline.wait(days=1)
    account.edit_entries([one.id for one in account.own_entries()[:1500]], billable=True)
    run = pipeline.run(*LISTS)
    assert run.buckets["user"] <= 12
    newest = [one.id for one in account.own_entries() if one.stop][-20:]
    assert set(newest) <= set(run.ids("time_entries"))


def test_the_oldest_day_is_never_refused(start: Start) -> None:
    # Three months before the first of May are 89 days.
    pipeline = start(now=datetime(2026, 5, 1, 12, tzinfo=UTC))
    assert pipeline.run("time_entries").failure is None
    assert [asked.status for asked in pipeline.toggl.requests] == [200]


@pytest.mark.parametrize(
    ("day", "now"),
    [
        ("2026-03-29", datetime(2026, 4, 10, 9, tzinfo=UTC)),
        ("2025-10-26", datetime(2025, 11, 10, 9, tzinfo=UTC)),
    ],
)
@pytest.mark.parametrize("streams", [("time_entries",), ("time_entries", HISTORY)])
def test_days_on_which_the_clock_changes(
    start: Start, day: str, now: datetime, streams: tuple[str, ...]
) -> None:
    pipeline = start(entries_per_day=0, running=False, future=0, now=now)
    account = pipeline.toggl.account
    midnight = datetime.fromisoformat(day).replace(tzinfo=account.zone).astimezone(UTC)
    for half_hours in range(-8, 60):
        account.insert_entry(midnight + timedelta(minutes=30 * half_hours), timedelta(minutes=5))
    wanted = {
        one.id
        for one in account.own_entries()
        if str(datetime.fromtimestamp(one.start, account.zone).date()) == day
    }
    assert len(wanted) == {"2026-03-29": 46, "2025-10-26": 50}[day]
    run = pipeline.run(*streams, start_date=day, end_date=day)
    assert set(run.ids("time_entries")) == wanted
    assert set(run.history) == (wanted if HISTORY in streams else set())


def test_planned_entries_of_a_bounded_read(start: Start) -> None:
    pipeline = start(entries_per_day=0, running=False, future=2)
    planned = {one.id for one in pipeline.toggl.account.own_entries()}
    run = pipeline.run(start_date="2026-03-01", end_date="2026-03-31")
    assert set(run.ids("time_entries")) == set(run.history) == planned


def test_a_time_of_a_clock_that_was_wrong_is_not_believed(start: Start) -> None:
    pipeline = start()
    pipeline.runs()
    pipeline.sandbox.clock.move(timedelta(days=60))
    pipeline.run()
    pipeline.sandbox.clock.move(timedelta(days=-60))
    run = pipeline.run()
    (asked,) = run.to("/me/time_entries")
    assert int(asked.query["since"]) < pipeline.sandbox.clock.now().timestamp() - 86_000
    assert len(run.pages) > 0


def test_other_names_make_no_versions_of_entries(start: Start, bronze: Any) -> None:
    pipeline = start()
    account = pipeline.toggl.account
    for run in pipeline.runs():
        bronze.load(run)
    for held in (account.projects, account.clients):
        for record in held.values():
            account.rename(record, f"{record['name']} (new)", touch=False)
    pipeline.sandbox.clock.move(timedelta(days=8))
    run = pipeline.run()
    assert run.pages
    assert bronze.load(run).keys() == {"projects", "clients"}


def test_what_projects_derive_makes_no_versions(start: Start, bronze: Any) -> None:
    pipeline = start()
    for run in pipeline.runs():
        bronze.load(run)
    for project in pipeline.toggl.account.projects.values():
        project["first_time_entry"] = "2019-01-01T09:00:00Z"
        project["current_period"] = {"start_date": "2026-03-02", "end_date": "2026-03-08"}
    pipeline.sandbox.clock.move(timedelta(hours=6))
    assert bronze.load(pipeline.run()) == {}
