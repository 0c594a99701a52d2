"""The records as an answer shows them: time entries in their forms, counts of time filled in."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from tests.sandbox.toggl.forms import US, offset_form, us, zulu_form

if TYPE_CHECKING:
    from tests.sandbox.toggl.entry import Entry
    from tests.sandbox.toggl.records import Record
    from tests.sandbox.toggl.service import Toggl
    from tests.sandbox.toggl.store import Store

OLD_TIMES: Final = 1_719_792_000 * US
"""Before July 2024 ``at`` of an entry was written in whole seconds."""
HOUR: Final = 3600
MILLISECONDS: Final = 1000


def person(store: Store) -> Record:
    """Return the person; ``at`` is the time of the request, though nothing has changed."""
    return store.me | {"at": zulu_form(us(store.clock.now()))}


def workspace(store: Store, record: Record) -> Record:
    """Return a workspace with its count of active projects and the day of its last change."""
    number = record["id"]
    active = sum(one["active"] for one in store.projects.values() if one["workspace_id"] == number)
    changed = store.cached("changed", lambda: _changed(store)).get(number)
    day = {"last_modified": f"{zulu_form(changed)[:10]}T00:00:00Z"} if changed else {}
    return record | {"active_project_count": active} | day


def _changed(store: Store) -> dict[int, int]:
    found: dict[int, int] = {}
    for entry in store.entries:
        found[entry.workspace_id] = max(entry.at, found.get(entry.workspace_id, 0))
    return found


def project(store: Store, record: Record) -> Record:
    """Return a project with the time spent on it, which changes without ``at``."""
    seconds = store.cached("projects", lambda: _tracked(store, "project_id"))[record["id"]]
    return record | (
        {"actual_hours": seconds // HOUR, "actual_seconds": seconds} if seconds else {}
    )


def task(store: Store, record: Record) -> Record:
    """Return a task with the time spent on it: in milliseconds, in spite of the name."""
    seconds = store.cached("tasks", lambda: _tracked(store, "task_id"))[record["id"]]
    return record | {"tracked_seconds": seconds * MILLISECONDS}


def _tracked(store: Store, reference: str) -> Counter[int | None]:
    found: Counter[int | None] = Counter()
    for one in store.entries:
        if one.deleted_at is None:
            found[getattr(one, reference)] += one.seconds
    return found


def goal(store: Store, record: Record) -> Record:
    """Return a goal with the present week and what was tracked in it so far."""
    today = store.today()
    first = today - timedelta(days=today.weekday())
    last = first + timedelta(days=6)
    week = store.entries.of_user(record["user_id"], *store.day_bounds(first, last))
    return record | {
        "current_recurrence_start_date": first.isoformat(),
        "current_recurrence_end_date": last.isoformat(),
        "current_recurrence_tracked_seconds": sum(one.seconds for one in week),
    }


def entry(toggl: Toggl, one: Entry) -> Record:
    """Return a time entry as lists show it, with the old names of its references (``wid``)."""
    record = plain_entry(toggl, one)
    permissions = {"permissions": record.pop("permissions")} if "permissions" in record else {}
    record |= {"uid": one.user_id, "wid": one.workspace_id}
    record |= {"pid": one.project_id} if one.project_id else {}
    record |= {"tid": one.task_id} if one.task_id else {}
    return record | permissions


def plain_entry(toggl: Toggl, one: Entry) -> Record:
    """Return a time entry as it is asked for by its id: without the old names.

    Without tags ``tags`` is null in one entry out of five; ``permissions`` stands in some only.
    """
    tags = [toggl.account.tags[number]["name"] for number in one.tag_ids]
    bare: list[Any] | None = None if one.id % 5 == 0 else []
    deleted = one.deleted_at
    record = {
        "id": one.id,
        "workspace_id": one.workspace_id,
        "project_id": one.project_id,
        "task_id": one.task_id,
        "billable": one.billable,
        "start": offset_form(one.start),
        "stop": None if one.stop is None else offset_form(one.stop),
        "duration": duration(one, toggl.running_form),
        "description": one.description,
        "tags": tags or bare,
        "tag_ids": list(one.tag_ids) or bare,
        "duronly": True,
        "at": offset_form(one.at // US) if one.at < OLD_TIMES else zulu_form(one.at),
        "server_deleted_at": None if deleted is None else offset_form(deleted // US),
        "user_id": one.user_id,
    }
    return record | ({"permissions": None} if one.project_id else {})


def duration(one: Entry, running_form: str) -> int:
    """Return the seconds of an entry; what stands there while it runs is a switch."""
    if one.stop is not None:
        return one.seconds
    return {"minus_one": -1, "minus_epoch": -one.start, "zero": 0}[running_form]


def names(store: Store, one: Entry) -> Record:
    """Return what ``meta=true`` adds: names as of now; those of nothing are missing."""
    found: Record = {}
    project = store.projects.get(one.project_id or 0)
    client = store.clients.get((project or {}).get("client_id") or 0)
    task = store.tasks.get(one.task_id or 0)
    found |= {"client_name": client["name"]} if client else {}
    if project:
        found |= {f"project_{member}": project[member] for member in ("name", "color", "active")}
        found["project_billable"] = bool(project["billable"])
    found |= {"task_name": task["name"]} if task else {}
    return found | {"user_name": store.users[one.user_id]["fullname"], "user_avatar_url": ""}
