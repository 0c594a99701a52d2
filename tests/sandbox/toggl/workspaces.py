"""The endpoints of a workspace: they spend the quota of the organization that it belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.sandbox.toggl import extras, shapes
from tests.sandbox.toggl.endpoints import (
    NO_ACCESS,
    V9,
    WORKSPACE,
    Answer,
    Refused,
    changed_since,
    listed,
    need_admin,
    number,
    of_workspace,
    paged,
    route,
    since,
    truth,
)
from tests.sandbox.toggl.features import enabled, need
from tests.sandbox.toggl.forms import offset_form

if TYPE_CHECKING:
    from werkzeug.wrappers import Request

    from tests.sandbox.toggl.records import Record
    from tests.sandbox.toggl.service import Toggl

PROJECTS_PAGE: Final = 151
PROJECTS_MOST: Final = 200
PAGE: Final = 50
GOALS_PAGE: Final = 20
GOALS_MOST: Final = 100
ACTIVE: Final = {"true": {True}, "false": {False}, "both": {True, False}}
STATUS: Final = {"active": {False}, "archived": {True}, "both": {True, False}}
RATE_LEVELS: Final = {
    "workspace": None,
    "workspace_user": "workspace_user_id",
    "project": "project_id",
    "project_user": "project_user_id",
    "task": "planned_task_id",
}


@route("GET", f"{V9}/workspaces")
def search_workspaces(_toggl: Toggl, _request: Request) -> Any:
    """Refuse: it is a search, and nobody searches here; ``/me/workspaces`` lists them."""
    raise Refused(400, "No search term")


@route("GET", WORKSPACE)
def workspace(toggl: Toggl, _request: Request, wid: int) -> Any:
    """Return the workspace; the day of its last change stands in the list alone."""
    return shapes.workspace(toggl.account, toggl.account.workspaces[wid]) | {"last_modified": None}


@route("GET", f"{WORKSPACE}/clients")
def clients(toggl: Toggl, request: Request, wid: int) -> Any:
    """Return clients: active ones unless ``status`` is ``archived`` or ``both``."""
    wanted = _choice(request, "status", "active", STATUS)
    found = changed_since(of_workspace(toggl.account.clients.values(), wid), None)
    name = request.args.get("name", "").lower()
    return listed(
        toggl, [one for one in found if one["archived"] in wanted and name in one["name"].lower()]
    )


@route("GET", f"{WORKSPACE}/projects")
def projects(toggl: Toggl, request: Request, wid: int) -> Answer:
    """Return a page of the projects that the person can see, by name."""
    default = "true" if toggl.hides_archived_projects else "both"
    wanted = _choice(request, "active", default, ACTIVE)
    found = changed_since(of_workspace(toggl.account.projects.values(), wid), since(request))
    name = request.args.get("name", "").lower()
    shown = [
        one
        for one in found
        if one["active"] in wanted and name in one["name"].lower() and toggl.account.visible(one)
    ]
    shown.sort(key=lambda one: (one["name"], one["id"]))
    page = paged(request, shown, PROJECTS_PAGE, most=PROJECTS_MOST)
    content = listed(toggl, [shapes.project(toggl.account, one) for one in page])
    return Answer(content, _projects_headers(request))


@route("GET", f"{WORKSPACE}/projects/<int:pid>")
def project(toggl: Toggl, _request: Request, wid: int, pid: int) -> Any:
    """Return one project."""
    return shapes.project(toggl.account, _project(toggl, wid, pid))


@route("GET", f"{WORKSPACE}/projects/<int:pid>/statistics")
def project_statistics(toggl: Toggl, _request: Request, wid: int, pid: int) -> Any:
    """Return when the project was first and last worked on."""
    number_ = _project(toggl, wid, pid)["id"]
    starts = [one.start for one in toggl.account.entries if one.project_id == number_]
    return {
        "earliest_time_entry": offset_form(min(starts)) if starts else None,
        "latest_time_entry": offset_form(max(starts)) if starts else None,
    }


@route("GET", f"{WORKSPACE}/project_users")
def project_users(toggl: Toggl, request: Request, wid: int) -> Any:
    """Return who is in which project."""
    need_admin(toggl, toggl.account.workspaces[wid], "project_users")
    wanted = {int(one) for one in request.args.get("project_ids", "").split(",") if one}
    found = of_workspace(toggl.account.project_users.values(), wid)
    return listed(toggl, [one for one in found if not wanted or one["project_id"] in wanted])


@route("GET", f"{WORKSPACE}/tasks")
def tasks(toggl: Toggl, request: Request, wid: int) -> Any:
    """Return a page of tasks in an envelope; without any its ``data`` may be null."""
    account = toggl.account
    has = enabled(account, account.workspaces[wid]["organization_id"], "tasks")
    if not has and toggl.tasks_refusal:
        raise Refused(toggl.tasks_refusal, "Workspace needs to have this feature enabled")
    wanted = _choice(request, "active", "true", ACTIVE)
    found = changed_since(of_workspace(account.tasks.values(), wid), since(request))
    chosen = [shapes.task(account, one) for one in found if has and one["active"] in wanted]
    return {
        "data": listed(toggl, paged(request, chosen, PAGE, most=PROJECTS_MOST)),
        "page": number(request, "page", 1),
        "per_page": number(request, "per_page", PAGE, most=PROJECTS_MOST),
        "total_count": len(chosen),
        "sort_field": "name",
        "sort_order": "ASC",
    }


@route("GET", f"{WORKSPACE}/tags")
def tags(toggl: Toggl, _request: Request, wid: int) -> Any:
    """Return tags; deleted ones are never here."""
    return listed(toggl, changed_since(of_workspace(toggl.account.tags.values(), wid), None))


@route("GET", f"{WORKSPACE}/users")
def users(toggl: Toggl, request: Request, wid: int) -> Any:
    """Return the members as users: their ``id`` is the user's."""
    need_admin(toggl, toggl.account.workspaces[wid], "users")
    found = of_workspace(toggl.account.workspace_users.values(), wid)
    hides = truth(request, "exclude_deleted")
    return [extras.simple_user(one) for one in found if not (hides and one["inactive"])]


@route("GET", f"{WORKSPACE}/workspace_users")
def workspace_users(toggl: Toggl, request: Request, wid: int) -> Any:
    """Return the members; those that a group brought only if they are asked for."""
    need_admin(toggl, toggl.account.workspaces[wid], "workspace_users")
    found = of_workspace(toggl.account.workspace_users.values(), wid)
    indirect = truth(request, "includeIndirect")
    return [one for one in found if indirect or one["is_direct"]]


@route("GET", f"{WORKSPACE}/groups")
def groups(toggl: Toggl, _request: Request, wid: int) -> Any:
    """Return the groups of the workspace, in the short form."""
    return listed(
        toggl,
        [
            {"id": one["group_id"], "workspace_id": wid, "name": one["name"], "at": one["at"]}
            for _, one in toggl.account.groups.values()
            if wid in one["workspaces"]
        ],
    )


@route("GET", f"{WORKSPACE}/goals")
def goals(toggl: Toggl, request: Request, wid: int) -> Any:
    """Return a page of the person's goals there."""
    if truth(request, "team_goals") and not toggl.account.workspaces[wid]["admin"]:
        raise Refused(403, NO_ACCESS)
    found = of_workspace(toggl.account.goals.values(), wid)
    page = paged(request, found, GOALS_PAGE, most=GOALS_MOST)
    return listed(toggl, [shapes.goal(toggl.account, one) for one in page])


@route("GET", f"{WORKSPACE}/favorites")
def favorites(toggl: Toggl, _request: Request, wid: int) -> Any:
    """Return favorites."""
    need(toggl.account, wid, "favorites")
    found = of_workspace(toggl.account.favorites.values(), wid)
    return listed(toggl, [one for one in found if one["deleted_at"] is None])


@route("GET", f"{WORKSPACE}/rates/<level>/<int:level_id>")
def rates(toggl: Toggl, request: Request, wid: int, level: str, level_id: int) -> Any:
    """Return the rates of one thing: the workspace, a member, a project."""
    need(toggl.account, wid, "billable_rates")
    if level not in RATE_LEVELS:
        raise Refused(400, "Invalid level")
    kind = request.args.get("type", "billable_rates")
    found = of_workspace(toggl.account.rates.values(), wid)
    chosen = [one for one in found if one["type"] == kind and _is_of(one, level, level_id)]
    return listed(toggl, chosen)


@route("GET", f"{WORKSPACE}/reports/shared")
def saved_reports(toggl: Toggl, request: Request, wid: int) -> Any:
    """Return a page of saved reports, with their secret tokens."""
    need(toggl.account, wid, "saved_reports")
    found = [one for where, one in toggl.account.saved_reports.values() if where == wid]
    return listed(toggl, paged(request, found, PAGE))


@route("GET", f"{WORKSPACE}/scheduled_reports")
def scheduled_reports(toggl: Toggl, _request: Request, wid: int) -> Any:
    """Return scheduled reports."""
    need(toggl.account, wid, "scheduled_reports")
    return listed(toggl, of_workspace(toggl.account.scheduled_reports.values(), wid))


@route("GET", f"{WORKSPACE}/invoices")
def invoices(toggl: Toggl, request: Request, wid: int) -> Any:
    """Return a page of invoices."""
    need(toggl.account, wid, "invoices")
    return listed(toggl, paged(request, of_workspace(toggl.account.invoices.values(), wid), PAGE))


@route("GET", f"{WORKSPACE}/expenses")
def expenses(toggl: Toggl, request: Request, wid: int) -> Any:
    """Return a page of expenses."""
    need(toggl.account, wid, "expenses")
    return listed(toggl, paged(request, of_workspace(toggl.account.expenses.values(), wid), PAGE))


def _choice(request: Request, name: str, default: str, choices: dict[str, set[bool]]) -> set[bool]:
    given = request.args.get(name, default)
    if given not in choices:
        raise Refused(400, f"Invalid {name}: {given}")
    return choices[given]


def _project(toggl: Toggl, wid: int, pid: int) -> Record:
    found = toggl.account.projects.get(pid)
    if not found or found["workspace_id"] != wid or not toggl.account.visible(found):
        raise Refused(404, "Project not found")
    return found


def _projects_headers(request: Request) -> dict[str, str]:
    return {
        "X-Page": str(number(request, "page", 1)),
        "X-Page-Size": str(number(request, "per_page", PROJECTS_PAGE, most=PROJECTS_MOST)),
        "X-Sort-Field": "project_name",
        "X-Sort-Order": "asc",
    }


def _is_of(rate: Record, level: str, level_id: int) -> bool:
    """Tell whether a rate is of a thing; the workspace's own rates name no other thing."""
    member = RATE_LEVELS[level]
    if member is None:
        return all(rate[other] is None for other in RATE_LEVELS.values() if other)
    return bool(rate[member] == level_id)
