"""The endpoints of an organization: they spend its quota."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.sandbox.toggl import extras
from tests.sandbox.toggl.endpoints import (
    NO_ACCESS,
    ORGANIZATION,
    V9,
    Answer,
    Refused,
    listed,
    number,
    of_workspace,
    paged,
    route,
)
from tests.sandbox.toggl.workspaces import workspace_users as _members_of_workspace

if TYPE_CHECKING:
    from werkzeug.wrappers import Request

    from tests.sandbox.toggl.records import Record
    from tests.sandbox.toggl.service import Toggl

PAGE: Final = 50
STATUSES: Final = {"active", "inactive", "invited"}


@route("GET", f"{V9}/organizations")
def search_organizations(_toggl: Toggl, _request: Request) -> Any:
    """Refuse: it is a search, and nobody searches here; ``/me/organizations`` lists them."""
    raise Refused(400, "No search term")


@route("GET", ORGANIZATION)
def organization(toggl: Toggl, _request: Request, oid: int) -> Any:
    """Return the organization."""
    return toggl.account.organizations[oid]


@route("GET", f"{ORGANIZATION}/users")
def users(toggl: Toggl, request: Request, oid: int) -> Answer:
    """Return a page of the members of all its workspaces, to its admins."""
    _need_admin(toggl, oid, "organization_users")
    statuses = set(request.args.get("active_status", ",".join(STATUSES)).split(","))
    found = [one for one in _users(toggl, oid) if _status(one) in statuses]
    size = number(request, "per_page", PAGE)
    headers = {
        "X-Page": str(number(request, "page", 1)),
        "X-Page-Size": str(size),
        "X-Pages": str(-(-len(found) // size)),
        "X-Records": str(len(found)),
        "X-Sort-Order": "asc",
    }
    return Answer(listed(toggl, paged(request, found, PAGE)), headers)


@route("GET", f"{ORGANIZATION}/groups")
def groups(toggl: Toggl, _request: Request, oid: int) -> Any:
    """Return the groups, with their users and workspaces."""
    _need_admin(toggl, oid, "groups")
    found = toggl.account.groups.values()
    return listed(toggl, [one for where, one in found if where == oid])


@route("GET", f"{ORGANIZATION}/workspaces/<int:wid>/groups")
def workspace_groups(toggl: Toggl, _request: Request, oid: int, wid: int) -> Any:
    """Return the groups of one of its workspaces."""
    found = toggl.account.groups.values()
    return listed(toggl, [one for where, one in found if where == oid and wid in one["workspaces"]])


@route("GET", f"{ORGANIZATION}/workspaces/<int:wid>/workspace_users")
def workspace_users(toggl: Toggl, request: Request, oid: int, wid: int) -> Any:
    """Return the members of one of its workspaces, with the newer names of the references too."""
    if toggl.account.workspaces[wid]["organization_id"] != oid:
        raise Refused(403, NO_ACCESS)
    found = _members_of_workspace(toggl, request, wid)
    return [one | {"user_id": one["uid"], "workspace_id": one["wid"]} for one in found]


@route("GET", f"{ORGANIZATION}/workspaces/statistics")
def statistics(toggl: Toggl, _request: Request, oid: int) -> Any:
    """Return counts of members by workspace, to the admins."""
    _need_admin(toggl, oid, "organization_users")
    return {str(number_): _counts(toggl, number_) for number_ in _workspaces(toggl, oid)}


def _need_admin(toggl: Toggl, oid: int, what: str) -> None:
    if what in toggl.admin_only and not toggl.account.organizations[oid]["admin"]:
        raise Refused(403, NO_ACCESS)


def _workspaces(toggl: Toggl, oid: int) -> list[int]:
    found = toggl.account.workspaces.values()
    return [one["id"] for one in found if one["organization_id"] == oid]


def _users(toggl: Toggl, oid: int) -> list[Record]:
    members: dict[int, list[Record]] = {}
    for where in _workspaces(toggl, oid):
        for member in of_workspace(toggl.account.workspace_users.values(), where):
            members.setdefault(member["uid"], []).append(member)
    organization_ = toggl.account.organizations[oid]
    return [
        extras.organization_user(found[0]["id"] + 1, found, organization_)
        for found in members.values()
    ]


def _status(user: Record) -> str:
    if not user["joined"]:
        return "invited"
    return "inactive" if user["inactive"] else "active"


def _counts(toggl: Toggl, wid: int) -> Record:
    members = of_workspace(toggl.account.workspace_users.values(), wid)
    admins = [{"user_id": one["uid"], "name": one["name"]} for one in members if one["admin"]]
    groups_ = [one for _, one in toggl.account.groups.values() if wid in one["workspaces"]]
    return {"admins": admins, "members_count": len(members), "groups_count": len(groups_)}
