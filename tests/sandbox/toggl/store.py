"""What an account holds: time entries, and everything else as the API's own records, by id."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from tests.sandbox.toggl.entry import Entries, Entry
from tests.sandbox.toggl.forms import midnight

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import date, datetime

    from tests.sandbox.clock import Clock
    from tests.sandbox.toggl.records import Record

FIRST_IDS: Final = {
    "user": 10_658_000,
    "organization": 8_252_000,
    "workspace": 8_265_000,
    "client": 64_890_000,
    "project": 201_876_000,
    "tag": 15_986_000,
    "task": 91_500_000,
    "entry": 5_000_000_000,  # above those of the generator, and above 2^32
}
OTHER_IDS: Final = 7_000_000
ID_STEP: Final = 7
"""Ids of one account are not consecutive: all accounts of the service share a sequence."""
SECRETS: Final = frozenset(
    {"api_token", "ical_url", "intercom_hash", "invite_url", "invitation_code", "token"}
)
"""Members that nobody may see."""


class Store:
    """The data of one person's account; tests may alter members of the records."""

    def __init__(self, clock: Clock, zone: str) -> None:
        """Make an account without data."""
        self.clock = clock
        self.acting_at: datetime | None = None
        """When changes are made; None for now."""
        self.lock = threading.RLock()
        """Held while an answer is made, and by every method that changes something."""
        self.entries = Entries()
        self.me: Record = {"timezone": zone}
        self.preferences: Record = {}
        self.users: dict[int, Record] = {}
        """``id``, ``fullname`` and ``email`` of the person and the colleagues."""
        self.organizations: dict[int, Record] = {}
        self.workspaces: dict[int, Record] = {}
        self.clients: dict[int, Record] = {}
        self.projects: dict[int, Record] = {}
        self.tags: dict[int, Record] = {}
        self.tasks: dict[int, Record] = {}
        self.workspace_users: dict[int, Record] = {}
        self.project_users: dict[int, Record] = {}
        self.groups: dict[int, tuple[int, Record]] = {}
        """Organization and record of each group."""
        self.favorites: dict[int, Record] = {}
        self.goals: dict[int, Record] = {}
        self.rates: dict[int, Record] = {}
        self.saved_reports: dict[int, tuple[int, Record]] = {}
        """Workspace and record of each saved report."""
        self.scheduled_reports: dict[int, Record] = {}
        self.invoices: dict[int, Record] = {}
        self.expenses: dict[int, Record] = {}
        self.timeline: Callable[[int, int], Iterable[Record]] = lambda _start, _end: ()
        """Makes what was on the screen between two times, in seconds since 1970."""
        self.features_off: set[str] = set()
        """Features that are switched off though the plan has them, by their names."""
        self.retention_days: dict[int, int] = {}
        """How many days back a workspace's reports may go; without a number for ever."""
        self._last_ids: dict[str, int] = {}
        self._cache: dict[Any, tuple[int, Any]] = {}

    def now(self) -> datetime:
        """Return the time at which changes are made."""
        return self.acting_at or self.clock.now()

    def today(self) -> date:
        """Return the day that it is in the person's zone."""
        return self.clock.now().astimezone(self.zone).date()

    @property
    def user_id(self) -> int:
        """The person's user id."""
        return int(self.me["id"])

    @property
    def user(self) -> Record:
        """The person among the users."""
        return self.users[self.user_id]

    @property
    def zone(self) -> ZoneInfo:
        """The zone of the person's profile."""
        return ZoneInfo(self.me["timezone"])

    @property
    def workspace_id(self) -> int:
        """The person's default workspace."""
        return int(self.me["default_workspace_id"])

    def own_entries(self, *, deleted: bool = False) -> list[Entry]:
        """Return the person's entries of all workspaces, oldest first: what a tap must find."""
        found = (entry for entry in self.entries if entry.user_id == self.user_id)
        chosen = [entry for entry in found if (entry.deleted_at is not None) == deleted]
        return sorted(chosen, key=lambda entry: (entry.start, entry.id))

    def organization_of(self, workspace_id: int) -> Record:
        """Return the organization of a workspace."""
        return self.organizations[self.workspaces[workspace_id]["organization_id"]]

    def secrets(self) -> set[str]:
        """Return every secret text that answers contain: none of them may leave a tap."""
        records = [self.me, *self.workspaces.values(), *self.workspace_users.values()]
        records += [record for _, record in self.saved_reports.values()]
        found = {record[name] for record in records for name in SECRETS & record.keys()}
        return {text for text in found if text}

    def day_bounds(self, first: date, last: date) -> tuple[int, int]:
        """Return seconds since 1970 where days begin and end in the person's zone."""
        after = last.fromordinal(last.toordinal() + 1)
        return midnight(first, self.zone), midnight(after, self.zone)

    def is_member(self, project: Record, user_id: int | None = None) -> bool:
        """Tell whether a user, the person by default, is a member of a project."""
        wanted = project["id"], user_id or self.user_id
        return any(
            (one["project_id"], one["user_id"]) == wanted for one in self.project_users.values()
        )

    def visible(self, project: Record) -> bool:
        """Tell whether the person may see a project: public, a member, or admin there."""
        workspace = self.workspaces[project["workspace_id"]]
        return not project["is_private"] or workspace["admin"] or self.is_member(project)

    def new_id(self, kind: str) -> int:
        """Return the next id of a kind of thing; those of entries are above 2^31."""
        last = self._last_ids.get(kind, FIRST_IDS.get(kind, OTHER_IDS))
        self._last_ids[kind] = last + ID_STEP
        return self._last_ids[kind]

    def cached(self, key: Any, make: Callable[[], Any]) -> Any:
        """Return what ``make`` makes of the entries; it is made anew when one of them changed."""
        version = self.entries.version
        found = self._cache.get(key)
        if found is None or found[0] != version:
            self._cache = {old: made for old, made in self._cache.items() if made[0] == version}
            found = self._cache[key] = version, make()
        return found[1]
