"""Streams that are off by default, and workspace mode."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tap_toggl.settings import OPTIONAL
from tap_toggl.streams import GROUPS, NAMES
from tap_toggl.tap import TapToggl
from tests.sandbox.toggl import workspaces

if TYPE_CHECKING:
    from collections.abc import Callable

    Start = Callable[..., Any]

DEFAULT = {
    "me", "workspaces", "organizations", "projects", "clients", "tags", "tasks", "time_entries",
    "time_entries_history",
}  # fmt: skip


def selected(**settings: Any) -> set[str]:
    """Return the streams that are on with some settings."""
    tap = TapToggl(config={"api_token": "x"} | settings)
    return {name for name, stream in tap.streams.items() if stream.selected}


def test_what_is_costly_or_private_is_off() -> None:
    assert selected() == DEFAULT
    off = {name for names in GROUPS.values() for name in names}
    assert set(NAMES) == DEFAULT | off | {"csv_time_entries"}


def test_groups_and_names_switch_streams_on() -> None:
    assert selected(stream_groups=["organization"]) - DEFAULT == {
        "workspace_users", "users", "project_users", "groups",
    }  # fmt: skip
    assert selected(stream_groups=["timeline", "rates"]) - DEFAULT == {"timeline", "rates"}
    assert selected(paths=["x.csv"]) - DEFAULT == {"csv_time_entries"}
    assert selected(auth_mode="files", paths=["x.csv"]) == {"csv_time_entries"}


def test_a_catalog_switches_a_stream_on_by_name(start: Start) -> None:
    pipeline = start()
    run = pipeline.run("goals", "favorites")
    assert run.ids("goals", "goal_id")
    assert run.ids("favorites", "favorite_id")
    assert {message["stream"] for message in run.of("SCHEMA")} == {"goals", "favorites"}


def test_organizations_are_read_by_those_who_may(start: Start) -> None:
    pipeline = start(workspaces=2, settings={"stream_groups": ["organization"]})
    run = pipeline.run()
    own, shared = pipeline.workspaces
    assert run.failure is None
    assert f"project_users of workspace {shared} is skipped" in run.log
    assert {row["_tap_workspace_id"] for row in run.records("users")} == {own, shared}
    members = pipeline.toggl.account.workspace_users
    assert set(run.ids("workspace_users")) == set(members)
    # A list that is not whole must not make a target take the rest for deleted.
    assert run.of("ACTIVATE_VERSION", "project_users") == []
    assert run.of("ACTIVATE_VERSION", "users") != []


def test_rates_go_on_where_the_quota_ended(start: Start) -> None:
    pipeline = start(plan="Starter", projects=40)
    account = pipeline.toggl.account
    pipeline.run()
    bucket = f"organization/{next(iter(account.organizations))}"
    pipeline.toggl.quota.limits[bucket] = 30
    asked: list[str] = []
    for _ in range(8):
        run = pipeline.run("rates")
        assert run.failure is None
        assert [one.refused for one in run.requests if one.refused] == []
        asked += [
            f"{one.path} {one.query['type']}" for one in run.requests if "/rates/" in one.path
        ]
        if "is spent" not in run.log:
            break
        pipeline.sandbox.clock.move(timedelta(hours=1, seconds=5))
    levels = {path.split("/")[6] for path in asked}
    assert levels == {"workspace", "project", "workspace_user", "project_user"}
    assert len(set(asked)) == 2 * (1 + 40 + 1 + 40)
    assert len(asked) < len(set(asked)) + 8  # the run may end between a thing's two kinds of rates
    pipeline.sandbox.clock.move(timedelta(hours=2))
    assert pipeline.run("rates").requests == []


def test_rates_of_everything_arrive(start: Start) -> None:
    pipeline = start(plan="Starter")
    run = pipeline.run("rates")
    assert set(run.ids("rates")) == set(pipeline.toggl.account.rates)


def test_the_timeline_is_read_by_months_and_goes_on(start: Start) -> None:
    pipeline = start(years=0.25)
    pipeline.toggl.account.preferences["record_timeline"] = True
    first = pipeline.run("timeline", start_date="2026-01-01")
    assert len(first.to("/timeline")) == 3
    assert len(first.ids("timeline")) > 1000
    pipeline.sandbox.clock.move(timedelta(days=1))
    second = pipeline.run("timeline")
    assert len(second.requests) == 1
    assert 0 < len(set(second.ids("timeline")) - set(first.ids("timeline"))) < 100
    pipeline.state = {}
    year = pipeline.run("timeline")
    assert len(year.requests) == 13


def test_workspace_mode_reads_what_everybody_has(start: Start) -> None:
    pipeline = start(workspaces=2, projects=210, settings={"mode": "workspace"})
    toggl, account = pipeline.toggl, pipeline.toggl.account
    for organization in account.organizations:
        toggl.quota.limits[f"organization/{organization}"] = 1000
    run = pipeline.run()
    assert run.failure is None
    assert set(run.ids("clients")) == set(account.clients)
    assert set(run.ids("tags")) == set(account.tags)
    visible = {one["id"] for one in account.projects.values() if account.visible(one)}
    assert set(run.ids("projects")) == visible
    assert any(not row["active"] for row in run.records("projects"))
    assert [
        one.query["page"] for one in run.to(f"/workspaces/{pipeline.workspaces[0]}/projects")
    ] == [
        "1",
        "2",
    ]
    people = {one.id for one in account.entries if one.deleted_at is None and one.stop}
    assert set(run.history) == people
    assert len({row["user_id"] for row in run.records("time_entries_history")}) == 3


def test_workspace_mode_reads_recent_weeks_again_every_day(start: Start) -> None:
    pipeline = start(settings={"mode": "workspace"})
    pipeline.runs()
    pipeline.wait(days=1)
    assert pipeline.run().pages
    pipeline.wait(hours=6)
    assert pipeline.run().pages == []


def test_tasks_come_in_an_envelope(start: Start) -> None:
    pipeline = start(plan="Starter", settings={"mode": "workspace"})
    account = pipeline.toggl.account
    for number in range(230):
        account.add_task(f"Task {number}", next(iter(account.projects)))
    account.finish_task(next(iter(account.tasks)))
    run = pipeline.run("tasks")
    assert set(run.ids("tasks")) == set(account.tasks)
    assert len(run.to(f"/workspaces/{pipeline.workspaces[0]}/tasks")) == 2
    assert run.of("ACTIVATE_VERSION", "tasks")


def test_a_list_that_knows_no_pages_is_read_once(start: Start, monkeypatch: Any) -> None:
    pipeline = start(plan="Premium")
    monkeypatch.setattr(workspaces, "paged", lambda _request, found, *_sizes, **_more: found)
    run = pipeline.run("invoices", "saved_reports")
    assert len(run.ids("invoices", "user_invoice_id")) == 1
    assert len(run.ids("saved_reports")) == 1


def test_many_pages_of_a_list_without_sizes(start: Start) -> None:
    pipeline = start(plan="Premium")
    account = pipeline.toggl.account
    (number,) = account.invoices
    for more in range(1, 120):
        account.invoices[number + more] = account.invoices[number] | {
            "user_invoice_id": number + more
        }
    run = pipeline.run("invoices")
    assert len(run.ids("invoices", "user_invoice_id")) == 120


def test_archived_and_many_projects_come_in_personal_mode(start: Start) -> None:
    pipeline = start(projects=205)
    run = pipeline.run("projects")
    assert len(run.ids("projects")) == 205
    assert len(run.requests) == 1
    assert any(not row["active"] for row in run.records("projects"))
    assert any(row["is_private"] for row in run.records("projects"))


def test_tasks_that_are_done_come_in_personal_mode(start: Start) -> None:
    pipeline = start(plan="Starter")
    account = pipeline.toggl.account
    done = account.add_task("Done", next(iter(account.projects)))
    account.finish_task(done["id"])
    assert done["id"] in pipeline.run("tasks").ids("tasks")


@pytest.mark.parametrize("stream", NAMES)
def test_each_stream_can_be_selected_by_its_name(stream: str) -> None:
    catalog = TapToggl(config={"api_token": "x"}).catalog_dict
    for entry in catalog["streams"]:
        (root,) = (part for part in entry["metadata"] if not part["breadcrumb"])
        root["metadata"]["selected"] = entry["tap_stream_id"] == stream
    tap = TapToggl(config={"api_token": "x"}, catalog=catalog)
    assert {name for name, one in tap.streams.items() if one.selected} == {stream}


@pytest.mark.parametrize("word", OPTIONAL)
def test_each_group_and_stream_can_be_switched_on(word: str) -> None:
    settings = {"api_token": "x", "stream_groups": [word]}
    wanted = DEFAULT | set(GROUPS.get(word, [word]))
    assert selected(stream_groups=[word]) == wanted
    # Meltano writes a catalog that leaves out whatever its "select" does not name.
    catalog = TapToggl(config={"api_token": "x"}).catalog_dict
    for entry in catalog["streams"]:
        (root,) = (part for part in entry["metadata"] if not part["breadcrumb"])
        root["metadata"]["selected"] = entry["tap_stream_id"] in DEFAULT
    tap = TapToggl(config=settings, catalog=catalog)
    assert {name for name, one in tap.streams.items() if one.selected} == wanted
