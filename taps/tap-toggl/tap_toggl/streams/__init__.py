"""The streams, a module a family; ``STREAMS`` has them in the order in which they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .csv_export import CsvTimeEntries
from .history import TimeEntriesHistory
from .lists import Clients, Organizations, Projects, Tags, Tasks, Workspaces
from .organization import Groups, ProjectUsers, Users, WorkspaceUsers
from .paid_plan import Expenses, Invoices, Rates, SavedReports
from .person import Favorites, Goals, Me, Preferences
from .time_entries import TimeEntries
from .timeline import Timeline

if TYPE_CHECKING:
    from tap_toggl.stream import BronzeStream

__all__ = ["GROUPS", "NAMES", "STREAMS"]

API_STREAMS: Final = (
    Me,
    Workspaces,
    Organizations,
    Projects,
    Clients,
    Tags,
    Tasks,
    TimeEntries,
    Preferences,
    Favorites,
    Goals,
    WorkspaceUsers,
    Users,
    ProjectUsers,
    Groups,
    SavedReports,
    Invoices,
    Expenses,
    Timeline,
    TimeEntriesHistory,
    Rates,
)
"""Cheap ones first; those that may use up an hour's quota last."""

STREAMS: Final[tuple[type[BronzeStream], ...]] = (*API_STREAMS, CsvTimeEntries)

NAMES: Final[tuple[str, ...]] = tuple(vars(kind)["name"] for kind in STREAMS)

GROUPS: Final[dict[str, list[str]]] = {
    group: [kind.name for kind in API_STREAMS if kind.group == group]
    for group in dict.fromkeys(kind.group for kind in API_STREAMS if kind.group)
}
"""Streams that are off by default, by the group of setting ``stream_groups`` that brings them."""
