"""What time entries refer to, and what the person belongs to: full tables.

They are read whole at each run: that costs no more than to ask for changes, and shows those that do
not move ``at``, and what is gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tap_toggl.api import rows
from tap_toggl.errors import RefusedError

from .base import AT, TogglStream

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from singer_sdk.helpers.types import Record

    from tap_toggl.account import Workspace

__all__ = [
    "Clients",
    "Organizations",
    "Projects",
    "Tags",
    "Tasks",
    "WorkspaceList",
    "Workspaces",
]


class Workspaces(TogglStream):
    """``GET /me/workspaces``: all workspaces of the person."""

    name = "workspaces"
    primary_keys = ("id",)
    full_table = True
    api_endpoint = "/me/workspaces"
    source_timestamp = AT
    deleted = "/server_deleted_at"
    volatile = ("/last_modified", "/active_project_count")
    needed = True

    def records(self) -> Iterator[Record]:
        """Yield the workspaces, from the answer that other streams need as well."""
        yield from rows(self.took(self.account.answer("/me/workspaces")))


class Organizations(TogglStream):
    """``GET /me/organizations``: the owners of those workspaces."""

    name = "organizations"
    primary_keys = ("id",)
    full_table = True
    api_endpoint = "/me/organizations"
    source_timestamp = AT
    deleted = "/server_deleted_at"

    def records(self) -> Iterator[Record]:
        """Yield the organizations; their limits hold for their workspaces."""
        yield from rows(self.took(self.account.answer("/me/organizations")))


class WorkspaceList(TogglStream):
    """A list that every workspace has; one that may not be read does not hide the others."""

    primary_keys: Sequence[str] = ("id",)
    full_table = True
    path: ClassVar[str]
    """Path of the list, with the workspace's id to be filled in."""
    params: ClassVar[Mapping[str, str]] = {}
    page_size: ClassVar[int | None] = None
    """Records of a page to ask for; None for a list that comes whole."""

    def records(self) -> Iterator[Record]:
        """Yield what the lists of all workspaces hold."""
        for workspace in self.open_workspaces():
            try:
                yield from self.of_workspace(workspace)
            except RefusedError as error:
                self.skip_or_raise(error, f" of workspace {workspace.id}")

    def of_workspace(self, workspace: Workspace) -> Iterator[Record]:
        """Yield what the list of one workspace holds."""
        path = self.path.format(workspace_id=workspace.id)
        if self.page_size is None:
            return self.listed(path, **self.params)
        return self.paged(path, self.page_size, **self.params)


class OwnList(WorkspaceList):
    """A list that the person's own paths answer whole, or each workspace for everybody."""

    own_params: ClassVar[Mapping[str, str]] = {}

    def records(self) -> Iterator[Record]:
        """Yield the person's own list, or in workspace mode those of all workspaces."""
        if self.toggl.is_for_all:
            yield from super().records()
        else:
            yield from self.listed(str(self.api_endpoint), **self.own_params)


class Projects(OwnList):
    """``GET /me/projects``: the projects that the person is in, archived ones too."""

    name = "projects"
    api_endpoint = "/me/projects"
    own_params: ClassVar[Mapping[str, str]] = {"include_archived": "true"}
    path = "/workspaces/{workspace_id}/projects"
    params: ClassVar[Mapping[str, str]] = {"active": "both"}
    page_size = 200
    source_timestamp = AT
    deleted = "/server_deleted_at"
    volatile = (
        "/actual_hours",
        "/actual_seconds",
        "/current_period",
        "/first_time_entry",
        "/total_count",
    )


class Clients(OwnList):
    """``GET /me/clients``: clients, archived ones too."""

    name = "clients"
    api_endpoint = "/me/clients"
    path = "/workspaces/{workspace_id}/clients"
    params: ClassVar[Mapping[str, str]] = {"status": "both"}
    source_timestamp = AT
    deleted = "/server_deleted_at"
    volatile = ("/total_count",)


class Tags(OwnList):
    """``GET /me/tags``: tags; deleted ones are gone from it."""

    name = "tags"
    api_endpoint = "/me/tags"
    path = "/workspaces/{workspace_id}/tags"
    source_timestamp = AT
    deleted = "/deleted_at"


class Tasks(OwnList):
    """``GET /me/tasks``: tasks, done ones too; paid plans have them."""

    name = "tasks"
    api_endpoint = "/me/tasks"
    own_params: ClassVar[Mapping[str, str]] = {"include_not_active": "true"}
    path = "/workspaces/{workspace_id}/tasks"
    params: ClassVar[Mapping[str, str]] = {"active": "both"}
    page_size = 200
    source_timestamp = AT
    deleted = "/server_deleted_at"
    volatile = ("/tracked_seconds",)
