"""What paid plans have: saved reports, invoices, expenses, rates."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from tap_toggl import clock
from tap_toggl.errors import RefusedError

from .lists import WorkspaceList

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from singer_sdk.helpers.types import Record

    from tap_toggl.account import Workspace

__all__ = ["Expenses", "Invoices", "Rates", "SavedReports"]

UPDATED: Final[Mapping[str, str]] = {"pointer": "/updated_at", "form": "rfc3339"}
KINDS: Final = ("billable_rates", "labor_costs")
DAY: Final = 20 * 3600
"""Seconds after which rates are asked for again."""
LEVELS: Final[Mapping[str, Mapping[str, str]]] = {
    "workspace": {},
    "project": {"active": "both"},
    "workspace_user": {"includeIndirect": "true"},
    "project_user": {},
}
"""What has rates, and the query of its list; the workspace shows first whether the plan has any."""
HIDDEN: Final = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})


class SavedReports(WorkspaceList):
    """``GET /workspaces/{id}/reports/shared``: saved reports, without their share tokens."""

    name = "saved_reports"
    group = "paid_plan"
    path = api_endpoint = "/workspaces/{workspace_id}/reports/shared"
    page_size = 50
    source_timestamp = UPDATED
    deleted = "/deleted_at"


class Invoices(WorkspaceList):
    """``GET /workspaces/{id}/invoices``."""

    name = "invoices"
    group = "paid_plan"
    primary_keys = ("user_invoice_id",)
    path = api_endpoint = "/workspaces/{workspace_id}/invoices"
    page_size = 50
    source_timestamp = UPDATED
    deleted = "/deleted_at"


class Expenses(WorkspaceList):
    """``GET /workspaces/{id}/expenses``."""

    name = "expenses"
    group = "paid_plan"
    path = api_endpoint = "/workspaces/{workspace_id}/expenses"
    page_size = 50
    source_timestamp = UPDATED
    deleted = "/deleted_at"


class Rates(WorkspaceList):
    """``GET /workspaces/{id}/rates/{level}/{id}``: one request for each thing that has rates.

    So many requests may need several hours of quota: how far it has come is kept in the STATE, and
    the next run goes on from there. Rates come with ``deleted_at``, so none is ever missing.
    """

    name = "rates"
    group = "paid_plan"
    full_table = False
    api_endpoint = "/workspaces/{workspace_id}/rates/{level}/{level_id}"
    source_timestamp = UPDATED
    deleted = "/deleted_at"

    def of_workspace(self, workspace: Workspace) -> Iterator[Record]:
        """Yield the rates of the workspace, its projects, members and members of projects."""
        places: dict[str, Any] = self.stream_state.setdefault("workspaces", {})
        place: dict[str, Any] = places.setdefault(str(workspace.id), {})
        if clock.seconds() - place.get("done_at", 0) < DAY:
            return
        for rank, level in enumerate(LEVELS):
            for number in self._numbers(workspace, level, place.get("after", [0, 0]), rank):
                yield from self._of_thing(workspace, level, number)
                place["after"] = [rank, number]
                self.bookmark()
                self.emit_state()
        places[str(workspace.id)] = {"done_at": clock.seconds()}

    def _numbers(
        self, workspace: Workspace, level: str, after: list[int], rank: int
    ) -> Iterator[int]:
        """Yield the ids of a level's things that are still to be asked for, in order."""
        if level == "workspace":
            yield from [workspace.id] if after == [0, 0] else []
        elif rank >= after[0]:
            path = f"/workspaces/{workspace.id}/{level}s"
            found = self._list(path, LEVELS[level], level)
            yield from sorted(number for number in found if [rank, number] > after)

    def _list(self, path: str, params: Mapping[str, str], level: str) -> list[int]:
        """Return the ids that a list holds; none if it may not be read."""
        try:
            if level == "project":
                return [int(row["id"]) for row in self.paged(path, 200, **params)]
            return [int(row["id"]) for row in self.listed(path, **params)]
        except RefusedError as error:
            self.skip_or_raise(error, f" of {path}")
            return []

    def _of_thing(self, workspace: Workspace, level: str, number: int) -> Iterator[Record]:
        """Yield the rates of one thing; one that is gone or hidden has none."""
        for kind in KINDS:
            path = f"/workspaces/{workspace.id}/rates/{level}/{number}"
            try:
                yield from self.listed(path, type=kind)
            except RefusedError as error:
                if level == "workspace" or error.status not in HIDDEN:
                    raise
