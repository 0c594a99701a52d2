"""Who else is in the person's workspaces: members, groups, members of projects."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tap_toggl.errors import RefusedError

from .base import AT, TogglStream
from .lists import WorkspaceList

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from singer_sdk.helpers.types import Record

    from tap_toggl.account import Workspace

__all__ = ["Groups", "ProjectUsers", "Users", "WorkspaceUsers"]


class WorkspaceUsers(WorkspaceList):
    """``GET /workspaces/{id}/workspace_users``: memberships, those that a group brought too."""

    name = "workspace_users"
    group = "organization"
    path = api_endpoint = "/workspaces/{workspace_id}/workspace_users"
    params: ClassVar[Mapping[str, str]] = {"includeIndirect": "true"}
    source_timestamp = AT


class Users(WorkspaceList):
    """``GET /workspaces/{id}/users``: members in their simple form, which plain members see."""

    name = "users"
    group = "organization"
    primary_keys = ("_tap_workspace_id", "id")
    path = api_endpoint = "/workspaces/{workspace_id}/users"

    def of_workspace(self, workspace: Workspace) -> Iterator[Record]:
        """Yield the members, with the workspace: one user has a role in each."""
        for record in super().of_workspace(workspace):
            yield {"_tap_workspace_id": workspace.id} | record


class ProjectUsers(WorkspaceList):
    """``GET /workspaces/{id}/project_users``: who is in which project."""

    name = "project_users"
    group = "organization"
    path = api_endpoint = "/workspaces/{workspace_id}/project_users"
    source_timestamp = AT


class Groups(TogglStream):
    """``GET /organizations/{id}/groups``: groups of members."""

    name = "groups"
    group = "organization"
    primary_keys = ("group_id",)
    full_table = True
    api_endpoint = "/organizations/{organization_id}/groups"
    source_timestamp = AT

    def records(self) -> Iterator[Record]:
        """Yield the groups of every organization."""
        for number in dict.fromkeys(one.organization_id for one in self.open_workspaces()):
            try:
                yield from self.listed(f"/organizations/{number}/groups")
            except RefusedError as error:
                self.skip_or_raise(error, f" of organization {number}")
