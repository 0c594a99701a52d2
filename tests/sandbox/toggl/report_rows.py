"""The rows of reports, in the forms that were recorded."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from tests.sandbox.strange import STRANGE
from tests.sandbox.toggl.forms import US, local_form, offset_form

if TYPE_CHECKING:
    from tests.sandbox.toggl.entry import Entry
    from tests.sandbox.toggl.records import Record
    from tests.sandbox.toggl.report_query import Query
    from tests.sandbox.toggl.service import Toggl

HOUR: Final = 3600
Group = list["Entry"]
"""The entries of one row; one of them unless the report is grouped."""


def row(toggl: Toggl, query: Query, group: Group, number: int) -> Record:
    """Return a row of the detailed report."""
    account, first = toggl.account, group[0]
    found = {
        "user_id": first.user_id,
        "username": account.users[first.user_id]["fullname"],
        "project_id": first.project_id,
        "task_id": first.task_id,
        "billable": first.billable,
        "description": first.description or "",
        "tag_ids": list(first.tag_ids),
    }
    if not query.body.get("hide_amounts"):
        found |= _amounts(toggl, query, group)
    found["time_entries"] = [_nested(toggl, query, entry) for entry in group]
    found["row_number"] = number
    return found | (_names(toggl, first) if query.body.get("enrich_response") else {})


def _amounts(toggl: Toggl, query: Query, group: Group) -> Record:
    """Return the money of a row: null unless the workspace has a rate and the row is billable."""
    workspace = toggl.account.workspaces[query.wid]
    rate = workspace["default_hourly_rate"] if group[0].billable else None
    cents = None if rate is None else int(rate * 100)
    seconds = sum(query.rounded(entry) for entry in group)
    return {
        "billable_amount_in_cents": None if cents is None else cents * seconds // HOUR,
        "hourly_rate_in_cents": cents,
        "currency": workspace["default_currency"],
    }


def _nested(toggl: Toggl, query: Query, entry: Entry) -> Record:
    zone, at = toggl.account.zone, entry.at // US
    running = entry.stop is None
    seconds = -1 if running else query.rounded(entry)
    found: Record = {
        "id": entry.id,
        "seconds": seconds,
        "start": local_form(entry.start, zone),
        "stop": None if running else local_form(entry.start + seconds, zone),
        "at": offset_form(at),
    }
    found |= {"at_tz": local_form(at, zone)} if toggl.at_tz else {}
    return found | STRANGE if toggl.strange else found


def _names(toggl: Toggl, entry: Entry) -> Record:
    """Return what ``enrich_response`` adds."""
    account = toggl.account
    project = account.projects.get(entry.project_id or 0) or {}
    client = account.clients.get(project.get("client_id") or 0) or {}
    task = account.tasks.get(entry.task_id or 0) or {}
    return {
        "email": account.users[entry.user_id]["email"],
        "client_name": client.get("name"),
        "project_name": project.get("name"),
        "project_color": project.get("color"),
        "task_name": task.get("name"),
        "tag_names": [account.tags[tag]["name"] for tag in entry.tag_ids],
    }


def summary(toggl: Toggl, query: Query, grouping: str, sub_grouping: str) -> list[Record]:
    """Return the groups of the summary, each with its sub-groups."""
    groups: dict[Any, dict[Any, Group]] = {}
    for entry in (entry for group in query.groups(toggl) for entry in group):
        sub_groups = groups.setdefault(_key(toggl, entry, grouping), {})
        sub_groups.setdefault(_key(toggl, entry, sub_grouping), []).append(entry)
    return [
        {
            "id": None if grouping == "tags" else key,
            **({"ids": list(key)} if grouping == "tags" else {}),
            "sub_groups": [
                _sub_group(toggl, query, (grouping, sub_grouping), one)
                for one in sub_groups.items()
            ],
            **(_color(toggl, key) if grouping == "projects" else {}),
        }
        for key, sub_groups in groups.items()
    ]


def _key(toggl: Toggl, entry: Entry, grouping: str) -> Any:
    """Return what puts an entry into a group: an id, the ids of tags, or a description."""
    project = toggl.account.projects.get(entry.project_id or 0) or {}
    return {
        "projects": entry.project_id,
        "users": entry.user_id,
        "clients": project.get("client_id"),
        "tags": entry.tag_ids,
        "tasks": entry.task_id,
        "time_entries": entry.description or "",
    }[grouping]


def _sub_group(
    toggl: Toggl, query: Query, groupings: tuple[str, str], found: tuple[Any, Group]
) -> Record:
    """Return a sub-group; ``local_start`` is the local time of its first entry, with a false Z."""
    (grouping, sub_grouping), (key, group) = groupings, found
    by_text = sub_grouping == "time_entries"
    local = datetime.fromtimestamp(group[0].start, toggl.account.zone)
    shown: Record = {
        "id": None if by_text else key,
        "title": key if by_text else None,
        "seconds": sum(query.rounded(entry) for entry in group),
        "local_start": local.strftime("%Y-%m-%dT%H:%M:%SZ"),
        **_color(toggl, group[0].project_id),
        "ForExport": False,
        "DistinguishRates": False,
        "Grouping": grouping,
        "SubGrouping": sub_grouping,
    }
    wanted = query.body.get("include_time_entry_ids")
    return shown | ({"ids": [entry.id for entry in group]} if wanted else {})


def _color(toggl: Toggl, project_id: Any) -> Record:
    project = toggl.account.projects.get(project_id or 0)
    return {"project_color": "0", "project_hex_color": project["color"]} if project else {}
