"""The sandbox's Toggl behaves as the real one was seen to behave: limits, forms, traps."""

from __future__ import annotations

import csv
import time
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
import requests

from tests.sandbox import Options, Sandbox
from tests.sandbox.toggl.endpoints import Refused
from tests.sandbox.toggl.export import write_export

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)
ZONE = "America/New_York"
HOUR = timedelta(hours=1)
FEW = Options(entries_per_day=2, colleague_entries_per_day=1)
RAW = {"rounding": 0, "rounding_minutes": 0}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(years=1, now=NOW, zone=ZONE, toggl=FEW, with_garmin=False) as started:
        yield started


@pytest.fixture
def paid() -> Sandbox:
    options = Options(entries_per_day=4, plan="Premium")
    return Sandbox(years=0.2, now=NOW, zone=ZONE, toggl=options, with_garmin=False)


def get(sandbox: Sandbox, path: str, **parameters: Any) -> requests.Response:
    toggl = sandbox.toggl
    url, auth = f"{toggl.url}/api/v9{path}", (toggl.token, "api_token")
    return requests.get(url, params=parameters, auth=auth, timeout=30)


def post(sandbox: Sandbox, what: str, wid: int | None = None, **body: Any) -> requests.Response:
    toggl = sandbox.toggl
    where = wid or toggl.account.workspace_id
    url, auth = f"{toggl.url}/reports/api/v3/workspace/{where}/{what}", (toggl.token, "api_token")
    return requests.post(url, json=body, auth=auth, timeout=30)


def look(sandbox: Sandbox, path: str, **parameters: Any) -> Any:
    return sandbox.toggl.look(f"/api/v9{path}", **parameters)


def report(sandbox: Sandbox, wid: int | None = None, **body: Any) -> list[dict[str, Any]]:
    where = wid or sandbox.toggl.account.workspace_id
    path = f"/reports/api/v3/workspace/{where}/search/time_entries"
    found: list[dict[str, Any]] = sandbox.toggl.look(path, RAW | body)
    return found


def shared(sandbox: Sandbox) -> int:
    """Return the workspace that is shared with colleagues."""
    return list(sandbox.toggl.account.workspaces)[-1]


def seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def refusal(sandbox: Sandbox, path: str, **parameters: Any) -> tuple[int, str]:
    with pytest.raises(Refused) as caught:
        look(sandbox, path, **parameters)
    return caught.value.status, caught.value.body


# -- who may ask, and how often


def test_a_missing_and_a_wrong_token_are_refused_apart(sandbox: Sandbox) -> None:
    url = f"{sandbox.toggl.url}/api/v9/me"
    missing = requests.get(url, timeout=30)
    wrong = requests.get(url, auth=("0" * 32, "api_token"), timeout=30)
    assert (missing.status_code, missing.content) == (401, b"")
    assert missing.headers["X-Authorization-Missing"] == "true"
    assert (wrong.status_code, wrong.json()) == (403, "Incorrect username and/or password")
    assert [asked.refused for asked in sandbox.toggl.requests] == ["no token", "wrong token"]


def test_each_bucket_has_its_hour(sandbox: Sandbox) -> None:
    first = get(sandbox, "/me/tags")
    sandbox.clock.move(timedelta(minutes=50))
    codes = [get(sandbox, "/me/tags").status_code for _ in range(30)]
    assert codes == [200] * 29 + [402]
    refused = get(sandbox, "/me")
    assert "hourly limit" in refused.json()
    assert refused.headers["X-Toggl-Quota-Remaining"] == "-2"
    assert first.headers["X-Toggl-Quota-Remaining"] == "29"
    assert 590 < int(refused.headers["X-Toggl-Quota-Resets-In"]) <= 600
    # Other buckets are whole, and this one is when its hour is over: all at once.
    assert get(sandbox, f"/workspaces/{shared(sandbox)}/tags").status_code == 200
    sandbox.clock.move(timedelta(minutes=10))
    assert get(sandbox, "/me").headers["X-Toggl-Quota-Remaining"] == "29"
    firm = sandbox.toggl.account.workspaces[shared(sandbox)]["organization_id"]
    answered = {"user": 31, f"organization/{firm}": 1}
    assert sandbox.toggl.requests_by_bucket() == answered
    assert sandbox.toggl.requests_by_bucket(refused=True) == {"user": 2}


def test_other_programs_spend_the_same_quota(sandbox: Sandbox) -> None:
    sandbox.toggl.spend("user", 10)
    sandbox.toggl.foreign_share = 1
    assert get(sandbox, "/me").headers["X-Toggl-Quota-Remaining"] == "19"
    (user, *organizations) = get(sandbox, "/me/quota").json()
    assert (user["organization_id"], user["remaining"], user["total"]) == (None, 17, 30)
    assert [one["remaining"] for one in organizations] == [30, 30]


def test_the_quota_speaks_in_several_forms(sandbox: Sandbox) -> None:
    sandbox.toggl.spend("user", 30)
    sandbox.toggl.quota_body = "text"
    assert get(sandbox, "/me").text.startswith("You have hit")
    sandbox.toggl.quota_body = "object"
    sandbox.toggl.quota_headers = False
    last = get(sandbox, "/me")
    assert last.json()["error"].startswith("You have hit")
    assert "X-Toggl-Quota-Remaining" not in last.headers


def test_a_leaky_bucket_wants_a_second_between_requests(sandbox: Sandbox) -> None:
    sandbox.toggl.leaky_bucket, sandbox.toggl.retry_after = True, 3
    assert get(sandbox, "/me").status_code == 200
    refused = get(sandbox, "/me")
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "3")
    sandbox.clock.move(timedelta(seconds=1))
    assert get(sandbox, "/me").headers["X-Toggl-Quota-Remaining"] == "28"


# -- /me/time_entries


def test_a_range_begins_with_its_first_day_and_ends_before_its_last(sandbox: Sandbox) -> None:
    account = sandbox.toggl.account
    evening = datetime(2026, 3, 10, 23, 30, tzinfo=ZoneInfo(ZONE))
    inserted = account.insert_entry(evening, HOUR).id
    days = {"start_date": "2026-03-10", "end_date": "2026-03-11"}
    found = get(sandbox, "/me/time_entries", **days).json()
    assert inserted in [one["id"] for one in found]
    local = [datetime.fromisoformat(one["start"]).astimezone(ZoneInfo(ZONE)) for one in found]
    assert {one.date() for one in local} == {date(2026, 3, 10)}
    assert local == sorted(local, reverse=True)
    same = {"start_date": "2026-03-10", "end_date": "2026-03-10"}
    assert get(sandbox, "/me/time_entries", **same).json() == []


def test_an_entry_has_the_forms_that_were_recorded(sandbox: Sandbox) -> None:
    account = sandbox.toggl.account
    account.insert_entry(NOW - HOUR, HOUR, description=None, at=NOW)
    tag = account.add_tag("first")["id"]
    project = account.add_project("A project")["id"]
    account.insert_entry(NOW - 2 * HOUR, HOUR, project_id=project, tag_ids=[tag])
    (running,) = (one for one in account.own_entries() if one.stop is None)
    account.stop_entry(running.id)
    account.start_entry()
    window = {"start_date": "2026-03-11T09:59:59Z", "end_date": "2026-03-11T13:00:00Z"}
    found = look(sandbox, "/me/time_entries", **window)
    newest, plain, tagged = (next(n for n in found if n["start"][11:16] == h) for h in (
        "12:00", "11:00", "10:00"))  # fmt: skip
    assert (newest["stop"], newest["duration"]) == (None, -1)
    assert plain["start"] == "2026-03-11T11:00:00+00:00"
    assert (plain["at"], plain["description"]) == ("2026-03-11T12:00:00Z", None)
    assert not {"pid", "tid", "permissions"} & plain.keys()
    assert plain["uid"] == plain["user_id"] == account.user_id
    assert plain["id"] > 2**31
    assert (tagged["pid"], tagged["permissions"]) == (project, None)
    assert (tagged["tags"], tagged["tag_ids"]) == (["first"], [tag])
    everything = look(sandbox, "/me/time_entries", since=seconds(NOW - timedelta(days=60)))
    assert {str(one["tags"]) for one in everything} >= {"None", "[]"}
    assert len({len(one["at"]) for one in everything}) > 2


@pytest.mark.parametrize(("form", "value"), [("minus_epoch", -1773229980), ("zero", 0)])
def test_a_running_entry_has_several_forms(sandbox: Sandbox, form: Any, value: int) -> None:
    sandbox.toggl.running_form = form
    running = look(sandbox, "/me/time_entries/current")
    assert (running["stop"], running["duration"]) == (None, value)
    sandbox.toggl.account.stop_entry(running["id"])
    assert look(sandbox, "/me/time_entries/current") is None


def test_since_finds_changes_of_any_start_and_deletions(sandbox: Sandbox) -> None:
    account = sandbox.toggl.account
    old, older, oldest = (entry.id for entry in account.own_entries()[:3])
    sandbox.clock.move(HOUR)
    account.delete_entry(old)
    account.edit_entry(older, description="edited")
    account.edit_entry(oldest, description="edited in secret", touch=False)
    changed = look(sandbox, "/me/time_entries", since=seconds(NOW + HOUR / 2))
    assert {one["id"]: bool(one["server_deleted_at"]) for one in changed} == {
        old: True,
        older: False,
    }
    assert refusal(sandbox, f"/me/time_entries/{old}")[0] == 404
    both = {"since": 1, "before": "2026-03-01"}
    answer = get(sandbox, "/me/time_entries", **both)
    assert answer.status_code == 400
    assert answer.json() == "'since' and 'before' can not be present simultaneously"


def test_three_months_are_the_limit(sandbox: Sandbox) -> None:
    sandbox.clock.set(datetime(2026, 5, 1, 12, tzinfo=UTC))  # February lies in between: 89 days
    since = {"since": seconds(sandbox.clock.now() - timedelta(days=89) + HOUR)}
    assert get(sandbox, "/me/time_entries", **since).status_code == 200
    late = {"since": seconds(sandbox.clock.now() - timedelta(days=89, minutes=1))}
    assert refusal(sandbox, "/me/time_entries", **late)[0] == 400
    days = {"start_date": "2026-01-31", "end_date": "2026-02-10"}
    status, text = refusal(sandbox, "/me/time_entries", **days)
    assert (status, text) == (400, "start_date must not be earlier than 2026-02-01")
    assert refusal(sandbox, "/me/time_entries", start_date="2026-04-01")[0] == 400


def test_more_than_a_thousand_rows_are_cut_without_a_word(sandbox: Sandbox) -> None:
    account = sandbox.toggl.account
    sandbox.clock.move(HOUR)
    mine = [account.insert_entry(NOW - n * HOUR, HOUR).id for n in range(1100, 0, -1)]
    changed = look(sandbox, "/me/time_entries", since=seconds(NOW + HOUR / 2))
    assert len(changed) == 1000
    assert {one["id"] for one in changed} == set(mine[100:])


# -- the other lists


def test_secrets_stand_where_toggl_shows_them(sandbox: Sandbox, paid: Sandbox) -> None:
    me = look(sandbox, "/me", with_related_data="true")
    assert {me["api_token"], me["intercom_hash"]} <= sandbox.toggl.account.secrets()
    assert all(one["ical_url"] and one["api_token"] for one in me["workspaces"])
    members = look(paid, f"/workspaces/{shared(paid)}/workspace_users", includeIndirect="true")
    assert sum(bool(one["invite_url"]) for one in members) == 1
    (saved,) = look(paid, f"/workspaces/{shared(paid)}/reports/shared")
    assert saved["token"] in paid.toggl.account.secrets()


def test_projects_come_in_pages_and_without_archived_ones() -> None:
    options = Options(entries_per_day=0, projects=220, workspaces=1)
    sandbox = Sandbox(years=0.01, now=NOW, toggl=options, with_garmin=False)
    path = f"/workspaces/{sandbox.toggl.account.workspace_id}/projects"
    assert len(look(sandbox, path)) == 151
    pages = [look(sandbox, path, active="both", per_page=1000, page=n) for n in (1, 2, 3)]
    assert [len(page or []) for page in pages] == [200, 20, 0]
    assert len(look(sandbox, path, active="false")) == 44
    assert len(look(sandbox, "/me/projects")) == 176
    assert len(look(sandbox, "/me/projects", include_archived="true")) == 220


def test_lists_hide_what_is_archived_deleted_or_left(sandbox: Sandbox) -> None:
    account = sandbox.toggl.account
    where = f"/workspaces/{account.workspace_id}"
    assert len(look(sandbox, f"{where}/clients")) == 3
    assert len(look(sandbox, f"{where}/clients", status="both")) == 4
    project = next(one for one in account.own_entries() if one.project_id).project_id
    assert project is not None
    sandbox.clock.move(HOUR)
    account.delete_project(project)
    changed = seconds(NOW + HOUR / 2)
    assert project not in [one["id"] for one in look(sandbox, "/me/projects")]
    (deleted,) = look(sandbox, "/me/projects", since=changed)
    assert (deleted["id"], deleted["status"]) == (project, "deleted")
    changes = look(sandbox, "/me/time_entries", since=changed)
    assert {one["project_id"] for one in changes} == {None}
    left = next(one["id"] for one in account.projects.values() if one["name"] == "Left behind")
    listed = look(sandbox, f"/workspaces/{shared(sandbox)}/projects", active="both")
    assert left not in [one["id"] for one in listed]
    assert left in [one.project_id for one in account.own_entries()]


def test_a_deleted_tag_leaves_entries_that_do_not_change(sandbox: Sandbox) -> None:
    account = sandbox.toggl.account
    entry = next(one for one in account.own_entries() if one.tag_ids)
    (tag, at) = entry.tag_ids[0], entry.at
    sandbox.clock.move(HOUR)
    account.delete_tag(tag)
    assert tag not in entry.tag_ids
    assert entry.at == at
    changed = seconds(NOW + HOUR / 2)
    assert look(sandbox, "/me/time_entries", since=changed) == []
    assert [one["id"] for one in look(sandbox, "/me/tags", since=changed)] == [tag]
    assert tag not in [one["id"] for one in look(sandbox, "/me/tags")]
    sandbox.toggl.tag_deletion = "deleted_at"
    assert look(sandbox, "/me/tags", since=changed)[0]["deleted_at"]


def test_time_changes_a_project_but_not_its_at(sandbox: Sandbox) -> None:
    account = sandbox.toggl.account
    entry = next(one for one in account.own_entries() if one.project_id in account.projects)

    def project() -> Any:
        shown = look(sandbox, "/me/projects", include_archived="true")
        return next(one for one in shown if one["id"] == entry.project_id)

    before = project()
    account.insert_entry(NOW, HOUR, project_id=entry.project_id)
    assert project() == before | {
        "actual_seconds": before["actual_seconds"] + 3600,
        "actual_hours": before["actual_hours"] + 1,
    }


def test_empty_lists_and_tasks_may_be_null(sandbox: Sandbox) -> None:
    account = sandbox.toggl.account
    account.tags.clear()
    assert look(sandbox, "/me/tags") is None
    envelope = look(sandbox, f"/workspaces/{account.workspace_id}/tasks")
    assert (envelope["data"], envelope["total_count"], envelope["page"]) == (None, 0, 1)
    sandbox.toggl.null_for_empty = False
    assert look(sandbox, "/me/tags") == []


def test_tasks_count_milliseconds(paid: Sandbox) -> None:
    account = paid.toggl.account
    envelope = look(paid, f"/workspaces/{account.workspace_id}/tasks", active="both", per_page=200)
    worked = next(one for one in envelope["data"] if one["tracked_seconds"])
    entries = [one for one in account.entries if one.task_id == worked["id"]]
    assert worked["tracked_seconds"] == 1000 * sum(one.seconds for one in entries)
    assert {one["active"] for one in envelope["data"]} == {True, False}
    own = look(paid, "/me/tasks", include_not_active="true")
    assert {one["id"] for one in own} >= {one["id"] for one in envelope["data"]}


PAID_PATHS = {
    "rates/workspace/{wid}": 402,
    "reports/shared": 402,
    "scheduled_reports": 402,
    "invoices": 403,
    "expenses": 412,
}


def test_plans_gate_what_they_do_not_contain(sandbox: Sandbox, paid: Sandbox) -> None:
    account = sandbox.toggl.account
    for path, status in PAID_PATHS.items():
        wid = account.workspace_id
        answer = get(sandbox, f"/workspaces/{wid}/{path.format(wid=wid)}")
        assert (answer.status_code, type(answer.json())) == (status, str)
        assert "quota" not in answer.json()
        where = paid.toggl.account.workspace_id
        assert len(look(paid, f"/workspaces/{where}/{path.format(wid=where)}")) == 1
    (first, *_) = look(sandbox, "/me/features")
    enabled = {one["name"] for one in first["features"] if one["enabled"]}
    assert enabled == {"favorites", "goals"}
    account.features_off.add("favorites")
    assert refusal(sandbox, "/me/favorites")[0] == 403
    account.preferences["record_timeline"] = False
    times = {"start_date": seconds(NOW - timedelta(days=1)), "end_date": seconds(NOW)}
    assert refusal(sandbox, "/timeline", **times) == (400, "Timeline is not enabled")
    assert len(look(paid, "/timeline", **times)) == 40


def test_plain_members_see_less(sandbox: Sandbox) -> None:
    account, wid = sandbox.toggl.account, shared(sandbox)
    firm = account.workspaces[wid]["organization_id"]
    own = account.workspaces[account.workspace_id]["organization_id"]
    for path in (f"/organizations/{firm}/groups", f"/workspaces/{wid}/project_users"):
        assert refusal(sandbox, path)[0] == 403
    assert len(look(sandbox, f"/organizations/{own}/users")) == 1
    assert len(look(sandbox, f"/workspaces/{wid}/users")) == 4
    sandbox.toggl.admin_only = frozenset()
    (group,) = look(sandbox, f"/organizations/{firm}/groups")
    assert len(group["users"]) == 3
    assert len(look(sandbox, f"/organizations/{firm}/users")) == 4


def test_what_is_suspended_is_listed_and_closed(sandbox: Sandbox) -> None:
    account = sandbox.toggl.account
    account.suspend(account.organization_of(shared(sandbox)))
    assert any(one["suspended_at"] for one in look(sandbox, "/me/organizations"))
    assert refusal(sandbox, f"/workspaces/{shared(sandbox)}/tags")[0] == 403
    account.delete(account.workspaces[account.workspace_id])
    assert any(one["server_deleted_at"] for one in look(sandbox, "/me/workspaces"))
    with pytest.raises(Refused):
        report(sandbox, start_date="2026-03-01")


def test_the_person_changes_at_every_look(sandbox: Sandbox) -> None:
    first, second = look(sandbox, "/me"), look(sandbox, "/me")
    assert first["at"] != second["at"]
    assert first | {"at": ""} == second | {"at": ""}


# -- reports


def test_a_report_comes_in_pages_by_row_number_alone(sandbox: Sandbox) -> None:
    wid = shared(sandbox)
    body: dict[str, Any] = {"start_date": "2025-11-10", "end_date": "2026-01-31", "page_size": 1000}
    mine = {"user_ids": [sandbox.toggl.account.user_id]}
    pages: list[list[dict[str, Any]]] = []
    first: dict[str, int] = {}
    while True:
        answer = post(sandbox, "search/time_entries", wid, **body, **mine, **first)
        assert answer.headers["X-Page-Size"] == "50"
        pages.append(answer.json())
        if "X-Next-Row-Number" not in answer.headers:
            break
        first = {"first_row_number": int(answer.headers["X-Next-Row-Number"])}
        following = int(answer.headers["X-Next-ID"]), int(answer.headers["X-Next-Timestamp"])
    rows = [row for page in pages for row in page]
    assert [row["row_number"] for row in rows] == list(range(1, len(rows) + 1))
    entries = [row["time_entries"][0] for row in rows]
    assert following == (
        pages[-1][0]["time_entries"][0]["id"],
        seconds(datetime.fromisoformat(pages[-1][0]["time_entries"][0]["start"])),
    )
    bounds = sandbox.toggl.account.day_bounds(date(2025, 11, 10), date(2026, 1, 31))
    truth = [
        entry.id
        for entry in sandbox.toggl.account.own_entries()
        if entry.workspace_id == wid and bounds[0] <= entry.start < bounds[1]
    ]
    assert [entry["id"] for entry in entries] == truth
    assert len(pages) == -(-len(truth) // 50)
    for size, is_last in ((len(truth), True), (len(truth) - 1, False)):
        sandbox.toggl.largest_page_size = size
        answer = post(sandbox, "search/time_entries", wid, **body, **mine)
        assert ("X-Next-ID" not in answer.headers) == is_last
    assert all(entry["start"].endswith("-05:00") for entry in entries)
    sandbox.toggl.largest_page_size = 200
    everybody = post(sandbox, "search/time_entries", wid, **body)
    assert everybody.headers["X-Page-Size"] == "200"
    assert len({row["user_id"] for row in everybody.json()}) == 3
    sandbox.toggl.page_size_header = "asked"
    again = post(sandbox, "search/time_entries", wid, **body)
    assert (again.headers["X-Page-Size"], len(again.json())) == ("1000", len(everybody.json()))


def test_days_of_a_report_are_the_persons_and_move_with_the_zone(sandbox: Sandbox) -> None:
    account = sandbox.toggl.account
    late = account.insert_entry(datetime(2026, 2, 3, 23, tzinfo=ZoneInfo(ZONE)), HOUR).id
    day = {"start_date": "2026-02-03", "end_date": "2026-02-03"}

    def ids() -> set[int]:
        return {row["time_entries"][0]["id"] for row in report(sandbox, None, **day)}

    assert late in ids()
    account.change_zone("Europe/Berlin")
    assert late not in ids()
    answer = post(sandbox, "search/time_entries", start_date="2026-02-03")
    assert (answer.headers["X-Range-Start"], answer.headers["X-Range-End"]) == (
        "2026-02-03",
        "2026-02-09",
    )


def test_a_report_shows_neither_deleted_nor_running_entries(sandbox: Sandbox) -> None:
    account = sandbox.toggl.account
    gone, kept = (account.insert_entry(NOW - n * HOUR, HOUR).id for n in (2, 1))
    account.delete_entry(gone)
    day = {"start_date": "2026-03-11", "end_date": "2026-03-11"}
    shown = {row["time_entries"][0]["id"]: row for row in report(sandbox, None, **day)}
    assert kept in shown
    assert gone not in shown
    assert all(row["time_entries"][0]["stop"] for row in shown.values())
    sandbox.toggl.report_running = True
    assert None in [row["time_entries"][0]["stop"] for row in report(sandbox, None, **day)]


def test_reports_round_unless_told_not_to(sandbox: Sandbox) -> None:
    account = sandbox.toggl.account
    account.preferences["reportRounding"] = True
    account.insert_entry(NOW - timedelta(days=300), timedelta(minutes=7), description="seven")
    body = {"start_date": "2025-05-01", "description": "seven", "end_date": "2025-06-01"}

    def shown(**more: Any) -> int:
        (row,) = post(sandbox, "search/time_entries", None, **body, **more).json()
        return int(row["time_entries"][0]["seconds"])

    assert shown() == 900
    assert shown(rounding=0) == 0
    assert shown(rounding=0, rounding_minutes=0) == 420
    assert shown(rounding=-1, rounding_minutes=5) == 300


REFUSED_REPORTS = [
    ({}, "At least one parameter must be set"),
    (
        {"start_date": "2025-01-01", "end_date": "2026-01-01"},
        "Maximum allowed date range is 1 year",
    ),
    ({"start_date": "2005-12-31"}, "Invalid 'start_date' value, allowed values are: "),
    ({"start_date": "2026-01-01", "order_by": "at"}, "Invalid 'order_by' value, allowed values"),
]


@pytest.mark.parametrize(("body", "text"), REFUSED_REPORTS)
def test_a_report_refuses_what_it_cannot_do(
    sandbox: Sandbox, body: dict[str, Any], text: str
) -> None:
    answer = post(sandbox, "search/time_entries", None, **body)
    assert answer.status_code == 400
    assert answer.json().startswith(text)


def test_a_report_behind_the_retention_is_refused_whole(sandbox: Sandbox) -> None:
    account = sandbox.toggl.account
    account.limit_history(90)
    assert look(sandbox, "/me/workspaces")[0]["max_data_retention_days"] == 90
    edge = {"start_date": "2025-12-11", "end_date": "2026-03-11"}
    assert report(sandbox, None, **edge)
    refused = post(sandbox, "search/time_entries", None, **(edge | {"start_date": "2025-12-10"}))
    assert refused.status_code == 402
    assert int(refused.headers["X-Toggl-Quota-Remaining"]) > 0
    assert "limit" not in refused.json()
    account.limit_history(90, announced=False)
    assert look(sandbox, "/me/workspaces")[0]["max_data_retention_days"] is None
    sandbox.toggl.retention_refusal = "empty"
    assert report(sandbox, None, **(edge | {"start_date": "2025-12-10"})) == []


def test_first_id_alone_finds_nothing(sandbox: Sandbox) -> None:
    days = {"start_date": "2026-01-01", "end_date": "2026-01-31"}
    rows = report(sandbox, None, **days)
    third = rows[2]["time_entries"][0]
    assert report(sandbox, None, **days, first_id=third["id"], first_row_number=3) == []
    start = seconds(datetime.fromisoformat(third["start"]))
    found = report(sandbox, None, **days, first_id=third["id"], first_timestamp=start)
    assert found[0]["time_entries"] == rows[2]["time_entries"]


def test_grouped_rows_hold_several_entries_and_rich_ones_names(sandbox: Sandbox) -> None:
    account, wid = sandbox.toggl.account, shared(sandbox)
    sandbox.toggl.largest_page_size = 1000
    body: dict[str, Any] = {"start_date": "2025-05-01", "end_date": "2026-03-01", "page_size": 1000}
    single, grouped = (report(sandbox, wid, **body, grouped=one) for one in (False, True))
    assert len(grouped) < len(single)
    assert max(len(row["time_entries"]) for row in grouped) > 1
    (row, *_) = report(sandbox, wid, **body, enrich_response=True, hide_amounts=True)
    assert row["email"] == account.users[row["user_id"]]["email"]
    assert {"client_name", "project_name", "project_color", "task_name", "tag_names"} <= row.keys()
    assert "billable_amount_in_cents" not in row
    assert all(len(one["time_entries"]) == 1 and "email" not in one for one in single)
    unassigned = report(sandbox, wid, **body, project_ids=[None])
    assert {one["project_id"] for one in unassigned} == {None}


def test_the_summary_tells_the_ids_of_a_year(sandbox: Sandbox) -> None:
    body = {"start_date": "2025-03-13", "end_date": "2026-03-11", "include_time_entry_ids": True}
    answer = post(sandbox, "summary/time_entries", None, **RAW, **body)
    groups = answer.json()["groups"]
    ids = [number for group in groups for one in group["sub_groups"] for number in one["ids"]]
    account = sandbox.toggl.account
    first, last = account.day_bounds(date(2025, 3, 13), date(2026, 3, 11))
    wid = account.workspace_id
    assert sorted(ids) == sorted(
        entry.id
        for entry in account.own_entries()
        if entry.workspace_id == wid and first <= entry.start < last and entry.stop
    )
    assert answer.headers["X-Grouping"] == "projects"
    path = f"/reports/api/v3/workspace/{wid}/search/time_entries/totals"
    totals = sandbox.toggl.look(path, RAW | body | {"with_graph": True, "granularity": "month"})
    assert len(totals["graph"]) == 13
    assert totals["seconds"] == sum(one["seconds"] for one in totals["graph"]) > 0


def test_after_the_move_to_focus_new_time_is_not_there(sandbox: Sandbox) -> None:
    sandbox.toggl.moved_to_focus = NOW - timedelta(days=5)
    assert look(sandbox, "/me/time_entries/current") is None
    found = look(sandbox, "/me/time_entries", start_date="2026-03-01", end_date="2026-03-12")
    assert found
    assert max(one["start"] for one in found) < "2026-03-06T12"
    assert report(sandbox, shared(sandbox), start_date="2026-03-07") == []


# -- the account as a whole


def test_a_person_goes_on_tracking(sandbox: Sandbox) -> None:
    toggl = sandbox.toggl
    before = {entry.id for entry in toggl.account.own_entries()}
    sandbox.clock.move(timedelta(days=3))
    toggl.generator.track()
    after = {entry.id for entry in toggl.account.own_entries()}
    assert before < after
    assert 5 < len(after - before) < 25
    toggl.generator.track()
    assert {entry.id for entry in toggl.account.own_entries()} == after


def test_strange_members_come_with_every_record(sandbox: Sandbox) -> None:
    sandbox.toggl.strange = True
    (row, *_) = report(sandbox, start_date="2026-01-01", end_date="2026-02-01")
    (workspace, *_) = look(sandbox, "/me/workspaces")
    for record in (row, row["time_entries"][0], workspace, look(sandbox, "/me")):
        assert record["strange_integer"] == 2**70


def test_years_of_data_are_made_fast() -> None:
    begin = time.process_time()
    sandbox = Sandbox(years=5, now=NOW, with_garmin=False)
    assert time.process_time() - begin < 5
    entries = sandbox.toggl.account.own_entries()
    assert 0.95 < len(entries) / (5 * 365.25 * 10) < 1.05
    assert len({entry.workspace_id for entry in entries}) == 3
    assert {entry.start > seconds(NOW) for entry in entries} == {True, False}


def test_the_export_has_a_file_a_year_in_local_time(sandbox: Sandbox, tmp_path: Path) -> None:
    account = sandbox.toggl.account
    # An hour that the clocks repeat: nobody can tell which of the two it is.
    twice = datetime(2025, 11, 2, 5, 30, tzinfo=UTC)
    tag = account.add_tag("a, b")["id"]
    account.insert_entry(twice, HOUR, description='say "twice"', tag_ids=[tag])
    gone = account.insert_entry(twice, HOUR, description="gone")
    account.delete_entry(gone.id)
    files = write_export(account, tmp_path)
    assert [file.name for file in files] == [
        "Toggl_time_entries_2025-01-01_to_2025-12-31.csv",
        "Toggl_time_entries_2026-01-01_to_2026-12-31.csv",
    ]
    assert all(file.read_bytes().startswith(b"\xef\xbb\xbfUser,Email,Client,") for file in files)
    texts = [file.read_text("utf-8-sig").splitlines(keepends=True) for file in files]
    rows = [row for lines in texts for row in csv.DictReader(lines)]
    stopped = [entry for entry in account.own_entries() if entry.stop]
    assert len(rows) == len(stopped)
    (found,) = (row for row in rows if row["Description"] == 'say "twice"')
    assert found | {"Start date": "2025-11-02", "Start time": "01:30:00"} == found
    assert found | {"End date": "2025-11-02", "End time": "01:30:00"} == found
    assert found | {"Duration": "01:00:00", "Tags": "a, b", "Amount ()": ""} == found
    (profile, _) = write_export(account, tmp_path, profile_formats=True)
    assert ",11/02/2025,01:30:00 AM,11/02/2025,01:30:00 AM,1:00:00," in profile.read_text("utf-8")
