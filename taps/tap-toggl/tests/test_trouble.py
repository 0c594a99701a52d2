"""What a person can meet: each time one clear line, never a traceback, and nothing lost."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click
import pytest

from tap_toggl.state import problem

if TYPE_CHECKING:
    from collections.abc import Callable

    Start = Callable[..., Any]

HISTORY = "time_entries_history"
PLAN_STREAMS = {"rates", "saved_reports", "invoices", "expenses"}


def test_a_wrong_token_is_told_once_and_ends_the_run(start: Start) -> None:
    pipeline = start()
    run = pipeline.run(api_token="0" * 32)
    assert len(run.requests) == 1
    assert "refuses the API token (403)" in (run.failure or "")
    assert "profile" in (run.failure or "")
    assert "\n" not in (run.failure or "")
    assert "0" * 32 not in run.log + str(run.failure)


def test_no_access_to_oneself_is_a_wrong_token_too(start: Start) -> None:
    pipeline = start()
    pipeline.toggl.faults.status(403, body=b"", path="/me$")
    assert "refuses the API token" in (pipeline.run().failure or "")


def test_a_token_that_is_reset_between_two_requests(start: Start) -> None:
    pipeline = start()
    pipeline.toggl.faults.status(401, body=b"", after=1, count=None)
    run = pipeline.run()
    assert len(run.requests) == 2
    assert "refuses the API token (401)" in (run.failure or "")


def test_no_right_is_no_wrong_token(start: Start) -> None:
    pipeline = start()
    pipeline.toggl.faults.status(403, body=b'"No access"', path="/me/tags")
    run = pipeline.run("clients", "tags", "tasks")
    assert run.failure is None
    assert "tags is skipped: 127.0.0.1" in run.log
    assert run.of("ACTIVATE_VERSION", "tags") == []
    assert len(run.records("clients")) == 4


def test_the_token_of_another_person_is_noticed(start: Start) -> None:
    pipeline = start()
    pipeline.runs()
    pipeline.toggl.account.me["id"] += 1
    pipeline.sandbox.clock.move(timedelta(hours=6))
    run = pipeline.run()
    assert "belongs to another person" in (run.failure or "")
    assert len(run.requests) == 1
    assert run.of("RECORD") == []


def test_what_every_run_needs_is_not_skipped(start: Start) -> None:
    pipeline = start()
    pipeline.toggl.faults.status(403, body=b'"No access"', path="/me/time_entries")
    run = pipeline.run("clients", "time_entries", "tags")
    assert "time_entries: 127.0.0.1" in (run.failure or "")
    assert "answered 403 Forbidden to /api/v9/me/time_entries" in (run.failure or "")
    assert run.records("tags")


def test_an_endpoint_that_is_gone(start: Start) -> None:
    pipeline = start()
    pipeline.toggl.faults.status(410, path="/me/tags", count=None)
    run = pipeline.run("clients", "tags", "tasks")
    assert "tags: " in (run.failure or "")
    assert "Toggl has taken this endpoint away" in (run.failure or "")
    assert len(run.to("/me/tags")) == 1
    assert run.records("clients")


@pytest.mark.parametrize("status", [500, 502, 503])
def test_trouble_that_passes_is_borne(start: Start, status: int) -> None:
    pipeline = start()
    pipeline.toggl.faults.status(status, count=3, path="/me/clients")
    run = pipeline.run("clients")
    assert run.failure is None
    assert [asked.status for asked in run.requests] == [status] * 3 + [200]
    assert "It did so" not in run.log


def test_trouble_that_stays_ends_the_stream_alone(start: Start) -> None:
    pipeline = start()
    pipeline.toggl.faults.status(503, count=None, path="/me/clients")
    run = pipeline.run("clients", "tags")
    assert "answered 503 Service Unavailable to /api/v9/me/clients." in (run.failure or "")
    assert "It did so 5 times" in (run.failure or "")
    assert run.records("tags")
    assert run.of("ACTIVATE_VERSION", "clients") == []


def test_a_connection_that_is_cut_is_tried_again(start: Start) -> None:
    pipeline = start()
    pipeline.toggl.faults.cut(count=2, path="/me/time_entries")
    run = pipeline.run("time_entries")
    assert run.failure is None
    assert len(run.requests) == 3
    assert len(run.ids("time_entries")) == len(set(run.ids("time_entries"))) > 10


def test_a_page_of_a_proxy_is_no_answer(start: Start) -> None:
    pipeline = start()
    pipeline.toggl.faults.garbage(path="/me/clients")
    run = pipeline.run("clients", "tags")
    assert "is no JSON that can be read" in (run.failure or "")
    assert run.records("tags")


@pytest.mark.parametrize("body", [b'{"a":1}', b'"text"', b"[1]", b"[null]"])
def test_an_answer_of_another_shape(start: Start, body: bytes) -> None:
    pipeline = start()
    pipeline.toggl.faults.garbage(body, path="/me/clients")
    assert "is no list of records" in (pipeline.run("clients").failure or "")


@pytest.mark.parametrize("body", [b"[]", b"null", b'{"id":"x"}'])
def test_a_person_without_an_id(start: Start, body: bytes) -> None:
    pipeline = start()
    pipeline.toggl.faults.garbage(body, path="/me$")
    assert "does not name a person" in (pipeline.run("me").failure or "")


def test_a_redirect_is_not_followed(start: Start) -> None:
    pipeline = start()
    pipeline.toggl.faults.redirect("http://127.0.0.1:9/", path="/me/clients")
    run = pipeline.run("clients")
    assert "redirects /api/v9/me/clients" in (run.failure or "")
    assert len(run.requests) == 1


def test_empty_lists_may_be_null(start: Start) -> None:
    pipeline = start(projects=0, clients=0, tags=0)
    pipeline.toggl.account.projects.clear()
    run = pipeline.run()
    assert run.failure is None
    for stream in ("projects", "clients", "tags", "tasks"):
        assert run.records(stream) == []
        assert run.of("ACTIVATE_VERSION", stream) == []


def test_what_the_plan_lacks_is_skipped_in_one_line_each(start: Start) -> None:
    pipeline = start(settings={"stream_groups": ["paid_plan", "organization", "personal"]})
    pipeline.toggl.tasks_refusal = 402
    run = pipeline.run()
    assert run.failure is None
    assert {asked.status for asked in run.requests if asked.status != 200} >= {402, 403, 412}
    for stream in PLAN_STREAMS:
        lines = [line for line in run.log.splitlines() if line.startswith(f"{stream} of workspace")]
        assert len(lines) == 1
        assert "is skipped" in lines[0]
        assert run.records(stream) == []
        path = {"rates": "/rates/", "saved_reports": "/reports/shared"}.get(stream, f"/{stream}")
        assert len([asked for asked in run.requests if path in asked.path]) == 1


def test_features_that_are_off_are_skipped(start: Start) -> None:
    pipeline = start(settings={"stream_groups": ["favorites", "timeline"]})
    pipeline.toggl.account.features_off = {"favorites"}
    pipeline.toggl.account.preferences["record_timeline"] = False
    run = pipeline.run()
    assert run.failure is None
    assert "favorites is skipped" in run.log
    assert "timeline is skipped" in run.log


def test_suspended_and_deleted_workspaces_are_skipped(start: Start) -> None:
    pipeline = start(workspaces=3)
    account = pipeline.toggl.account
    first, second, third = account.workspaces.values()
    account.suspend(first)
    account.delete(second)
    run = pipeline.run()
    assert run.failure is None
    assert {asked.path.split("/")[5] for asked in run.pages} == {str(third["id"])}
    assert f"workspace {first['id']} is skipped: it is suspended" in run.log
    assert f"workspace {second['id']} is skipped: it is deleted" in run.log
    assert len(run.records("workspaces")) == 3
    assert not pipeline.is_coming_in


def test_a_suspended_organization_is_skipped(start: Start) -> None:
    pipeline = start(workspaces=2)
    account = pipeline.toggl.account
    account.suspend(next(iter(account.organizations.values())))
    run = pipeline.run()
    assert len({asked.path for asked in run.pages}) == 1
    assert run.failure is None
    # Without the stream of organizations Toggl says so, and one line tells.
    pipeline.state = {}
    run = pipeline.run("me", HISTORY)
    assert {asked.status for asked in run.pages} == {200, 403}
    assert f"{HISTORY} of workspace" in run.log


def test_history_that_was_suspended_does_not_hold_up_the_lists(start: Start) -> None:
    pipeline = start(years=1, entries_per_day=6)
    account = pipeline.toggl.account
    pipeline.run()
    assert pipeline.is_coming_in
    account.suspend(account.workspaces[account.workspace_id])
    for hours in (21, 6):
        pipeline.sandbox.clock.move(timedelta(hours=hours))
        assert len(pipeline.run().to("/me/clients")) == 1


def test_a_workspace_that_may_not_be_read_does_not_hold_up_the_lists(start: Start) -> None:
    pipeline = start()
    pipeline.toggl.faults.status(403, body=b'"No access"', path="/search/", count=None)
    assert len(pipeline.run().to("/me/clients")) == 1
    pipeline.sandbox.clock.move(timedelta(hours=6))
    assert len(pipeline.run().to("/me/clients")) == 1


def test_a_workspace_that_comes_later_gets_its_history(start: Start) -> None:
    pipeline = start(entries_per_day=1)
    account = pipeline.toggl.account
    pipeline.runs()
    pipeline.sandbox.clock.move(timedelta(days=1))
    added = account.add_workspace(next(iter(account.organizations)), "New")
    old = pipeline.sandbox.clock.now() - timedelta(days=50)
    entry = account.insert_entry(old, timedelta(hours=1), workspace_id=added["id"])
    assert entry.id in pipeline.run().history


def test_an_account_that_moved_to_toggl_focus_is_noticed(start: Start) -> None:
    pipeline = start(running=False, future=0)
    pipeline.runs()
    pipeline.toggl.moved_to_focus = pipeline.sandbox.clock.now()
    told = []
    for days in (1, 12, 1, 10):
        pipeline.wait(days=days)
        told.append(pipeline.run().log.count("moved to Toggl Focus"))
    assert told == [0, 0, 1, 1]


@pytest.mark.parametrize("days", [30, 200])
def test_an_account_that_moved_long_ago_is_noticed_at_once(start: Start, days: int) -> None:
    pipeline = start(years=1.5, entries_per_day=1, running=False, future=0)
    pipeline.toggl.moved_to_focus = pipeline.sandbox.clock.now() - timedelta(days=days)
    assert pipeline.run().log.count("moved to Toggl Focus") == 1


def test_a_quiet_account_raises_no_alarm(start: Start) -> None:
    pipeline = start(entries_per_day=0, running=False, future=0)
    for days in (20, 40, 60):
        pipeline.toggl.account.insert_entry(
            pipeline.sandbox.clock.now() - timedelta(days=days), timedelta(hours=1)
        )
    assert "Focus" not in pipeline.run().log


def test_history_that_is_not_complete_raises_no_alarm(start: Start) -> None:
    pipeline = start(years=1, entries_per_day=6, running=False, future=0)
    run = pipeline.run(HISTORY)
    assert pipeline.is_coming_in
    assert "Focus" not in run.log


def test_progress_is_told(start: Start) -> None:
    pipeline = start(years=1, entries_per_day=6)
    run = pipeline.run()
    (line,) = [line for line in run.log.splitlines() if "pages of history" in line]
    assert line.startswith(f"workspace {pipeline.workspaces[0]}: 1400 entries in 28 pages")
    assert "28 requests used, 0 left this hour" in line
    assert "; about " in line
    assert line.endswith(("more pages, 1 h", "less than an hour"))
    assert "8 requests of the quota of user, 20 left this hour but for the reserve." in run.log
    rest = pipeline.runs()
    assert "is complete from " in rest[-1].log


@pytest.mark.parametrize(
    ("state", "place"),
    [
        ({"bookmarks": None}, "bookmarks"),
        ({"bookmarks": {"time_entries": "2024-01-01T00:00:00Z"}}, "time_entries"),
        ({"bookmarks": {"time_entries": {"changed_at": "2024-01-01"}}}, "changed_at"),
        ({"bookmarks": {"_quota": {"user": {"remaining": 3}}}}, "_quota/user"),
        ({"bookmarks": {"_account": {"workspaces": [{"id": 1}]}}}, "_account/workspaces/0"),
        (
            {"bookmarks": {HISTORY: {"workspaces": {"1": {"windows": [{"first": "soon"}]}}}}},
            "windows/0",
        ),
    ],
)
def test_a_state_of_another_tap_is_told(start: Start, state: dict[str, Any], place: str) -> None:
    pipeline = start()
    pipeline.state = state
    with pytest.raises(click.ClickException, match=r"The STATE is none of this tap's") as caught:
        pipeline.run()
    assert place in caught.value.message
    assert "--full-refresh" in caught.value.message
    assert pipeline.toggl.requests == []


def test_the_state_of_an_sdk_tap_of_the_same_name_is_let_through(start: Start) -> None:
    pipeline = start()
    value = {"replication_key": "at", "replication_key_value": "2024-01-01T00:00:00Z"}
    pipeline.state = {"bookmarks": {"time_entries": value}}
    (asked,) = pipeline.run("time_entries").requests
    age = pipeline.sandbox.clock.now().timestamp() - int(asked.query["since"])
    assert age > 88 * 86_400


def test_every_state_of_its_own_is_good(start: Start) -> None:
    groups = ["personal", "organization", "paid_plan", "timeline"]
    pipeline = start(plan="Starter", years=0.5, settings={"stream_groups": groups})
    pipeline.toggl.account.preferences["record_timeline"] = True
    found = [message["value"] for run in pipeline.runs() for message in run.of("STATE")]
    assert len(found) > 20
    assert [line for state in found if (line := problem(state))] == []


@pytest.mark.parametrize(
    "start_of_entry", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "soon", 5]
)
def test_times_that_are_none_do_not_end_a_run(start: Start, start_of_entry: Any) -> None:
    pipeline = start(entries_per_day=0, future=0, zone="America/Los_Angeles")
    entry = {"id": 7, "start": start_of_entry, "at": "2026-03-01T00:00:00Z"}
    row = {"user_id": 1, "time_entries": [entry], "row_number": 1}
    pipeline.toggl.faults.garbage(json.dumps([entry]).encode(), path="/me/time_entries")
    pipeline.toggl.faults.garbage(json.dumps([row]).encode(), path="/search/")
    run = pipeline.run()
    assert run.failure is None
    assert run.ids("time_entries") == run.history == [7]


@pytest.mark.parametrize("days", ["365", 364.5, -1, 0, True, None])
def test_a_reach_that_is_no_number_of_days_is_none(start: Start, days: Any) -> None:
    pipeline = start()
    for workspace in pipeline.toggl.account.workspaces.values():
        workspace["max_data_retention_days"] = days
    run = pipeline.run()
    assert run.failure is None
    assert "retention" not in pipeline.bookmark("_account")["workspaces"][0]


def test_what_json_does_not_know_is_passed_on(start: Start) -> None:
    pipeline = start()
    pipeline.toggl.faults.garbage(b'[{"id":1,"rate":NaN,"fee":-Infinity}]', path="/me/clients")
    run = pipeline.run("clients")
    assert run.failure is None
    (line,) = [line for line in run.lines if '"RECORD"' in line]
    assert '"record":{"id":1,"rate":NaN,"fee":-Infinity}' in line


def test_a_record_that_is_nested_too_deeply_is_told(start: Start) -> None:
    pipeline = start()
    body = b'[{"id":1,"x":' + b"[" * 800 + b"]" * 800 + b"}]"
    pipeline.toggl.faults.garbage(body, path="/me/clients")
    run = pipeline.run("clients", "tags")
    assert run.failure == "clients: A record is nested too deeply to be written."
    assert run.records("tags")
    assert run.of("ACTIVATE_VERSION", "clients") == []


def test_an_account_without_anything(start: Start) -> None:
    pipeline = start(entries_per_day=0, running=False, future=0)
    account = pipeline.toggl.account
    for held in (account.workspaces, account.organizations, account.projects, account.clients):
        held.clear()
    account.tags.clear()
    run = pipeline.run()
    assert run.failure is None
    assert {message["stream"] for message in run.of("RECORD")} == {"me"}
    pipeline.sandbox.clock.move(timedelta(days=1))
    assert pipeline.run().failure is None


def test_history_alone_learns_of_new_workspaces_and_zones(start: Start) -> None:
    pipeline = start(entries_per_day=1)
    account = pipeline.toggl.account
    pipeline.runs(HISTORY)
    added = account.add_workspace(next(iter(account.organizations)), "New")
    old = pipeline.sandbox.clock.now() - timedelta(days=50)
    entry = account.insert_entry(old, timedelta(hours=1), workspace_id=added["id"])
    account.change_zone("Pacific/Auckland")
    pipeline.sandbox.clock.move(timedelta(hours=12))
    assert pipeline.run(HISTORY).requests == []
    pipeline.sandbox.clock.move(timedelta(hours=12, seconds=9))
    run = pipeline.run(HISTORY)
    assert run.history == [entry.id]
    assert run.buckets["user"] == 2
    assert pipeline.bookmark("_account")["time_zone"] == "Pacific/Auckland"


def test_history_goes_on_though_the_person_has_no_quota(start: Start) -> None:
    pipeline = start(years=1, entries_per_day=6)
    pipeline.run(HISTORY)
    assert pipeline.is_coming_in
    pipeline.sandbox.clock.move(timedelta(days=2))
    pipeline.toggl.spend("user", 30)
    run = pipeline.run(HISTORY)
    assert len(run.pages) > 5
    assert run.failure is None
