"""A report's question: days, filters, order, rounding, pages; and the entries that answer it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tests.sandbox.toggl.endpoints import Refused
from tests.sandbox.toggl.entry import oldest_first

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.sandbox.toggl.entry import Entry
    from tests.sandbox.toggl.report_rows import Group
    from tests.sandbox.toggl.service import Toggl

EARLIEST: Final = date(2006, 1, 1)
LATEST: Final = date(2030, 1, 1)
WITHOUT_END: Final = timedelta(days=6)
LONGEST: Final = timedelta(days=364)
"""Between the first and the last day: a year of 365 days, both included."""
PAGE_SIZE: Final = 50
ORDERS: Final[dict[str, Callable[[Entry], Any]]] = {
    "date": oldest_first,
    "user": lambda entry: (entry.user_id, *oldest_first(entry)),
    "duration": lambda entry: (entry.seconds, *oldest_first(entry)),
    "description": lambda entry: (entry.description or "", *oldest_first(entry)),
    "last_update": lambda entry: (entry.at, *oldest_first(entry)),
}
ROUNDING_MINUTES: Final = (0, 1, 5, 6, 10, 12, 15, 30, 60, 240)
DIRECTIONS: Final = {"down": -1, "nearest": 0, "up": 1}
PAGING: Final = ("first_row_number", "first_id", "first_timestamp", "page_size")


@dataclass(frozen=True)
class Query:
    """One report's question; the days are the person's, both included."""

    body: dict[str, Any]
    wid: int
    first: date
    last: date
    asked_page_size: int
    page_size: int
    rounding: int
    rounding_seconds: int
    empty: bool
    """Whether the service answers no rows, whatever there is."""

    @classmethod
    def read(cls, toggl: Toggl, body: dict[str, Any], wid: int) -> Query:
        """Check a body and fill in what it leaves out.

        Raises:
            Refused: A value is wrong, the range is too long, or reaches behind the retention.
        """
        first, last = _days(toggl, body)
        asked = body.get("page_size", PAGE_SIZE)
        if not isinstance(asked, int) or asked < 1:
            raise _invalid("page_size", "positive numbers")
        rounding, minutes = _rounding(toggl, body)
        return cls(
            body,
            wid,
            first,
            last,
            asked,
            min(asked, toggl.largest_page_size),
            rounding,
            minutes * 60,
            _refuses_range(toggl, first, last) or _refuses_age(toggl, wid, first),
        )

    def text(self, name: str, default: str, allowed: Iterable[str]) -> str:
        """Return one of some words of the body.

        Raises:
            Refused: It is none of them.
        """
        return _word(self.body, name, default, allowed)

    def range_headers(self) -> dict[str, str]:
        """Return the headers that tell the days in force."""
        return {"X-Range-Start": str(self.first), "X-Range-End": str(self.last)}

    def rounded(self, entry: Entry) -> int:
        """Return the seconds of an entry as the report shows them."""
        step = self.rounding_seconds
        if not step:
            return entry.seconds
        if self.rounding == 0:
            return (entry.seconds + step // 2) // step * step
        down = entry.seconds // step * step
        return down + step if self.rounding > 0 and down < entry.seconds else down

    def groups(self, toggl: Toggl) -> list[Group]:
        """Return the rows, each a list of entries: one, or all that look alike if grouped."""
        if self.empty:
            return []
        question = {name: value for name, value in self.body.items() if name not in PAGING}
        state = self.wid, toggl.report_running, str(toggl.moved_to_focus), toggl.account.zone.key
        key = msgspec.json.encode(question, order="sorted"), self.first, self.last, *state
        found: list[Group] = toggl.account.cached(key, lambda: self._groups(toggl))
        return found

    def _groups(self, toggl: Toggl) -> list[Group]:
        order = ORDERS[self.text("order_by", "date", ORDERS)]
        backwards = self.text("order_dir", "ASC", ("ASC", "DESC")) == "DESC"
        entries = sorted(self._entries(toggl), key=order, reverse=backwards)
        if not self.body.get("grouped"):
            return [[entry] for entry in entries]
        alike: dict[Any, Group] = {}
        for entry in entries:
            alike.setdefault(_likeness(entry), []).append(entry)
        return list(alike.values())

    def _entries(self, toggl: Toggl) -> list[Entry]:
        account = toggl.account
        found = account.entries.of_workspace(self.wid, *account.day_bounds(self.first, self.last))
        wanted = _filters(toggl, self.body, self.wid)
        return [entry for entry in found if all(fits(entry) for fits in wanted)]


def _invalid(name: str, allowed: str) -> Refused:
    return Refused(400, f"Invalid '{name}' value, allowed values are: {allowed}")


def _word(body: dict[str, Any], name: str, default: str, allowed: Iterable[str]) -> str:
    found = body.get(name) or default
    if found not in allowed:
        raise _invalid(name, ", ".join(allowed))
    return str(found)


def _days(toggl: Toggl, body: dict[str, Any]) -> tuple[date, date]:
    """Return the first and the last day; without one of them a week, without both the last one."""
    last, first = _day(body, "end_date"), _day(body, "start_date")
    if first is None:
        last = last or toggl.account.today()
        return last - WITHOUT_END, last
    last = last or first + WITHOUT_END
    if first > last:
        raise Refused(400, "start_date must be before end_date")
    return first, last


def _day(body: dict[str, Any], name: str) -> date | None:
    text = body.get(name)
    if text is None:
        return None
    try:
        found = date.fromisoformat(text)
    except (TypeError, ValueError):
        raise Refused(400, f"Invalid {name}") from None
    if not EARLIEST <= found <= LATEST:
        raise _invalid(name, f"{EARLIEST} to {LATEST}")
    return found


def _refuses_range(toggl: Toggl, first: date, last: date) -> bool:
    """Refuse more than a year, or tell that such a report is empty."""
    too_long = last - first > LONGEST
    if too_long and toggl.long_range == "400":
        raise Refused(400, "Maximum allowed date range is 1 year")
    return too_long


def _refuses_age(toggl: Toggl, wid: int, first: date) -> bool:
    """Refuse a range that begins behind the plan's retention, whole, or tell that it is empty."""
    days = toggl.account.retention_days.get(wid)
    too_old = days is not None and first < toggl.account.today() - timedelta(days=days)
    if too_old and toggl.retention_refusal == "402":
        raise Refused(402, "Workspace needs to have this feature enabled")
    return too_old


def _rounding(toggl: Toggl, body: dict[str, Any]) -> tuple[int, int]:
    """Return direction and minutes of rounding; what is not sent comes from the preferences.

    0 means the nearest: it is 0 minutes that switches rounding off.
    """
    preferences = toggl.account.preferences
    step = preferences["reportRoundingStepInMinutes"] if preferences["reportRounding"] else 0
    default = DIRECTIONS[preferences["reportRoundingDirection"]]
    direction, minutes = body.get("rounding", default), body.get("rounding_minutes", step)
    if direction not in DIRECTIONS.values():
        raise _invalid("rounding", "-1, 0, 1")
    if minutes not in ROUNDING_MINUTES:
        raise _invalid("rounding_minutes", ", ".join(map(str, ROUNDING_MINUTES)))
    return direction, minutes


def _likeness(entry: Entry) -> tuple[Any, ...]:
    return (
        entry.user_id,
        entry.project_id,
        entry.task_id,
        entry.billable,
        entry.description,
        entry.tag_ids,
    )


def _filters(toggl: Toggl, body: dict[str, Any], wid: int) -> list[Callable[[Entry], bool]]:
    """Return the tests that an entry must pass."""
    workspace, me = toggl.account.workspaces[wid], toggl.account.user_id
    found: list[Callable[[Entry], bool]] = []
    if not toggl.report_running:
        found.append(lambda entry: entry.stop is not None)
    if toggl.moved_to_focus:
        moved = toggl.moved_to_focus.timestamp()
        found.append(lambda entry: entry.start < moved)
    if not workspace["admin"] and workspace["only_admins_see_team_dashboard"]:
        found.append(lambda entry: entry.user_id == me)
    return found + [
        _filter(toggl, name, body[name]) for name in FILTERS if body.get(name) is not None
    ]


def _filter(toggl: Toggl, name: str, wanted: Any) -> Callable[[Entry], bool]:
    """Return the test of one filter; ``null`` among ids means those without one."""
    if name == "billable":
        return lambda entry: entry.billable == wanted
    if name == "description":
        return lambda entry: str(wanted).lower() in (entry.description or "").lower()
    if name in {"min_duration_seconds", "max_duration_seconds"}:
        sign = 1 if name.startswith("min") else -1
        return lambda entry: entry.seconds * sign >= wanted * sign
    chosen, values = set(wanted), FILTERS[name]
    return lambda entry: not chosen.isdisjoint(values(toggl, entry))


def _client(toggl: Toggl, entry: Entry) -> tuple[Any, ...]:
    return ((toggl.account.projects.get(entry.project_id or 0) or {}).get("client_id"),)


def _groups_of(toggl: Toggl, entry: Entry) -> tuple[Any, ...]:
    return tuple(
        group["group_id"]
        for _, group in toggl.account.groups.values()
        if any(user["user_id"] == entry.user_id for user in group["users"])
    )


FILTERS: Final[dict[str, Callable[[Toggl, Entry], tuple[Any, ...]]]] = {
    "user_ids": lambda _toggl, entry: (entry.user_id,),
    "project_ids": lambda _toggl, entry: (entry.project_id,),
    "task_ids": lambda _toggl, entry: (entry.task_id,),
    "client_ids": _client,
    "tag_ids": lambda _toggl, entry: entry.tag_ids or (None,),
    "group_ids": _groups_of,
    "time_entry_ids": lambda _toggl, entry: (entry.id,),
    "billable": lambda _toggl, _entry: (),
    "description": lambda _toggl, _entry: (),
    "min_duration_seconds": lambda _toggl, _entry: (),
    "max_duration_seconds": lambda _toggl, _entry: (),
}
