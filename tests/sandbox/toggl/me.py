"""The endpoints about the person: ``/me`` and what lies under it. They spend the user's quota."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.sandbox.toggl import features, shapes, time_entries
from tests.sandbox.toggl.endpoints import (
    V9,
    Refused,
    changed_since,
    listed,
    number,
    route,
    since,
    truth,
)

if TYPE_CHECKING:
    from werkzeug.wrappers import Request

    from tests.sandbox.toggl.records import Record
    from tests.sandbox.toggl.service import Toggl

PROJECTS_PAGE: Final = 201


@route("GET", f"{V9}/me")
def me(toggl: Toggl, request: Request) -> Any:
    """Return the person; with related data also their things and the entries of ten days."""
    found = shapes.person(toggl.account)
    return found | _related(toggl) if truth(request, "with_related_data") else found


@route("GET", f"{V9}/me/logged")
def logged(_toggl: Toggl, _request: Request) -> Any:
    """Return nothing: the token is good."""
    return None


@route("GET", f"{V9}/me/preferences")
def preferences(toggl: Toggl, _request: Request) -> Any:
    """Return one flat object without id or time."""
    return dict(toggl.account.preferences)


@route("GET", f"{V9}/me/quota")
def quota(toggl: Toggl, _request: Request) -> Any:
    """Return what is left in every bucket; the user's has no organization."""
    return toggl.quotas()


@route("GET", f"{V9}/me/features")
def plan_features(toggl: Toggl, _request: Request) -> Any:
    """Return what each workspace's plan has."""
    return [
        {"workspace_id": one["id"], "features": _features(toggl, one["organization_id"])}
        for one in toggl.account.workspaces.values()
    ]


@route("GET", f"{V9}/me/workspaces")
def workspaces(toggl: Toggl, request: Request) -> Any:
    """Return all workspaces of the person, deleted and suspended ones too."""
    found = toggl.account.workspaces.values()
    changed = since(request)
    chosen = found if changed is None else changed_since(found, changed)
    return [shapes.workspace(toggl.account, one) for one in chosen]


@route("GET", f"{V9}/me/organizations")
def organizations(toggl: Toggl, _request: Request) -> Any:
    """Return all organizations of the person, deleted and suspended ones too."""
    return list(toggl.account.organizations.values())


@route("GET", f"{V9}/me/clients")
def clients(toggl: Toggl, request: Request) -> Any:
    """Return all clients, archived ones too."""
    return listed(toggl, changed_since(toggl.account.clients.values(), since(request)))


@route("GET", f"{V9}/me/projects")
def projects(toggl: Toggl, request: Request) -> Any:
    """Return the projects that the person is in; archived ones only if they are asked for."""
    changed = since(request)
    archived = truth(request, "include_archived") or changed is not None
    found = changed_since(_own_projects(toggl), changed)
    return listed(
        toggl,
        [shapes.project(toggl.account, one) for one in found if archived or one["active"]],
    )


@route("GET", f"{V9}/me/projects/paginated")
def projects_paginated(toggl: Toggl, request: Request) -> Any:
    """Return projects from an id on."""
    first = number(request, "start_project_id", 1)
    found = [
        one for one in changed_since(_own_projects(toggl), since(request)) if one["id"] >= first
    ]
    page = sorted(found, key=lambda one: int(one["id"]))[
        : number(request, "per_page", PROJECTS_PAGE)
    ]
    return listed(toggl, [shapes.project(toggl.account, one) for one in page])


@route("GET", f"{V9}/me/tags")
def tags(toggl: Toggl, request: Request) -> Any:
    """Return all tags; with ``since`` deleted ones too."""
    found = changed_since(toggl.account.tags.values(), since(request))
    return listed(toggl, [toggl.shown_tag(one) for one in found])


@route("GET", f"{V9}/me/tasks")
def tasks(toggl: Toggl, request: Request) -> Any:
    """Return the tasks of the person's projects; done ones only if they are asked for."""
    own = {one["id"] for one in _own_projects(toggl)}
    changed = since(request)
    done = truth(request, "include_not_active") or changed is not None
    found = [
        shapes.task(toggl.account, one)
        for one in changed_since(toggl.account.tasks.values(), changed)
        if one["project_id"] in own and (done or one["active"]) and _has(toggl, one, "tasks")
    ]
    first = int(request.args.get("offset", 0))
    last = first + number(request, "per_page", len(found) or 1)
    return listed(toggl, found[first:last])


@route("GET", f"{V9}/me/favorites")
def favorites(toggl: Toggl, request: Request) -> Any:
    """Return the person's favorites; with ``since`` deleted ones too."""
    if "favorites" in toggl.account.features_off:
        feature = features.FEATURES["favorites"]
        raise Refused(feature.status, feature.refusal)
    found = list(toggl.account.favorites.values())
    if since(request) is None:
        found = [one for one in found if one["deleted_at"] is None]
    return listed(toggl, found)


@route("GET", f"{V9}/me/track_reminders")
def track_reminders(toggl: Toggl, _request: Request) -> Any:
    """Return no reminders: the person wants none."""
    return listed(toggl, [])


@route("GET", f"{V9}/sync-server/me/goals")
def goals(toggl: Toggl, request: Request) -> Any:
    """Return the person's goals, active ones alone if that is asked for."""
    wanted = request.args.get("active")
    return listed(
        toggl,
        [
            shapes.goal(toggl.account, one)
            for one in toggl.account.goals.values()
            if wanted is None or one["active"] == (wanted == "true")
        ],
    )


@route("GET", f"{V9}/timeline")
def timeline(toggl: Toggl, request: Request) -> Any:
    """Return what was on the screen between two UNIX times."""
    if not toggl.account.preferences["record_timeline"]:
        raise Refused(400, "Timeline is not enabled")
    if not {"start_date", "end_date"} <= request.args.keys():
        raise Refused(400, "start_date and end_date must be present")
    bounds = number(request, "start_date", 1), number(request, "end_date", 1)
    return listed(toggl, list(toggl.account.timeline(*bounds)))


def _related(toggl: Toggl) -> Record:
    account = toggl.account
    lists = {
        "clients": changed_since(account.clients.values(), None),
        "projects": [
            shapes.project(account, one) for one in changed_since(_own_projects(toggl), None)
        ],
        "tags": changed_since(account.tags.values(), None),
        "tasks": [],
        "time_entries": [shapes.entry(toggl, one) for one in time_entries.recent(toggl)],
        "workspaces": [shapes.workspace(account, one) for one in account.workspaces.values()],
    }
    return {name: listed(toggl, found) for name, found in lists.items()}


def _own_projects(toggl: Toggl) -> list[Record]:
    account = toggl.account
    return [one for one in account.projects.values() if account.is_member(one)]


def _has(toggl: Toggl, record: Record, feature: str) -> bool:
    workspace = toggl.account.workspaces[record["workspace_id"]]
    return features.enabled(toggl.account, workspace["organization_id"], feature)


def _features(toggl: Toggl, organization_id: int) -> list[Record]:
    return [
        {
            "feature_id": feature.feature_id,
            "name": name,
            "enabled": features.enabled(toggl.account, organization_id, name),
        }
        for name, feature in features.FEATURES.items()
    ]
