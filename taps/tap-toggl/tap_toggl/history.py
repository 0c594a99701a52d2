"""How far the history of one workspace has been read, and what to ask for next.

The detailed report answers at most a year at once, so history is read in windows of days: the
newest first, each from its first day on, one after another into the past. What is kept in the STATE
is days, never a place in a report: rows move when entries are added, moved or deleted meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from .coverage import joined

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

    from .coverage import Stretches

__all__ = ["AHEAD", "FIRST_DAY", "LAST_DAY", "History", "Limits", "Window"]

LONGEST: Final = 364
"""Days of a window; a report of more than a year is refused, or empty without a word."""
AHEAD: Final = 7
"""Days ahead of today that are read: entries can be planned."""
FIRST_DAY: Final = date(2006, 1, 1)
LAST_DAY: Final = date(2030, 1, 1)
"""The days that a report may name."""
NEAR: Final = 3
QUIET: Final = 30
"""Days without an entry, before the account was made, that show the end of history."""
EDGES: Final = (365, 180, 90, 60, 30, 7)
"""How many days back plans are known or likely to let reports reach."""
GAP: Final = 89 * 86_400
"""After so long a time the other stream, of changes, has a gap (in seconds)."""
ONE: Final = timedelta(days=1)
EPOCH: Final = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds the history of a workspace at the time of a run."""

    today: date
    """The person's date."""
    start: date | None = None
    """Setting ``start_date``."""
    end: date | None = None
    """Setting ``end_date``."""
    born: date | None = None
    """When the account was made; imported entries may be older."""
    retention: int | None = None
    """How many days back the plan lets reports reach."""
    reread_days: int = 35
    """How many days back are read again now and then."""
    reread_every: int = 7 * 86_400
    """After how many seconds."""


@dataclass(frozen=True, slots=True)
class Window:
    """Days to ask for, both included."""

    first: date
    last: date


class History:
    """What of one workspace has been read.

    Args:
        kept: Part of the STATE, changed in place. ``windows`` are those that are not finished, the
            present one first: ``first`` and ``last`` day, ``why`` (history or again), ``reached``
            (day of the last entry that was emitted) and ``begins`` (day of the first). ``oldest``
            is the first day of all windows so far, ``ended`` tells why there is no older one,
            ``asked`` are the days that have been read,
            ``newest_at`` when the newest days were read (seconds since 1970), ``edge`` how many
            days back the plan was found to reach.
        limits: What bounds it in this run.
    """

    def __init__(self, kept: MutableMapping[str, Any], limits: Limits) -> None:
        """Go on with what the last run knew."""
        self.kept = kept
        self.limits = limits
        self.asked: Stretches = []
        self._first = FIRST_DAY

    @property
    def floor(self) -> date:
        """First day that may be asked for."""
        days = [days for days in (self.limits.retention, self.kept.get("edge")) if days]
        edge = self.limits.today - timedelta(days=min(days)) if days else FIRST_DAY
        return max(self.limits.start or FIRST_DAY, edge)

    @property
    def ceiling(self) -> date:
        """Last day that may be asked for."""
        ahead = min(self.limits.today + timedelta(days=AHEAD), LAST_DAY)
        return min(self.limits.end or ahead, ahead)

    @property
    def is_coming_in(self) -> bool:
        """Whether older days are still to be read."""
        return "ended" not in self.kept

    def skip(self) -> None:
        """Note that the workspace could not be read at all in this run."""
        self.kept["skipped"] = 1

    @property
    def _windows(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.kept.setdefault("windows", [])
        return found

    def plan(self, now: int) -> None:
        """Begin, or add the newest days again if they are due.

        Args:
            now: Seconds since 1970.
        """
        self.kept.pop("skipped", None)
        if "newest_at" not in self.kept:
            self.kept["newest_at"] = self._covered(now)
            self._plan_older(self.ceiling)
        elif self._is_due(now):
            self._plan_again(now)
        if self._reaches_further():
            del self.kept["ended"]

    def _covered(self, now: int) -> int:
        """Return up to when all entries will have been read, in seconds since 1970."""
        if self.limits.end is None:
            return now
        return min(now, (self.limits.end - EPOCH).days * 86_400)

    def _reaches_further(self) -> bool:
        """Tell whether an end is none any more: an earlier start_date, or a better plan."""
        why = self.kept.get("ended")
        wanted = why == "floor" or (why == "history" and self.limits.start is not None)
        return wanted and self._oldest > self.floor

    def _is_due(self, now: int) -> bool:
        """Tell whether the newest days are to be read again; it closes a long gap, too."""
        age = now - int(self.kept["newest_at"])
        # A time that is still to come is one of a clock that was set back since.
        wanted = self.limits.reread_days > 0 and not 0 <= age < self.limits.reread_every
        return (wanted or age >= GAP) and not any(one["why"] == "again" for one in self._windows)

    def _plan_again(self, now: int) -> None:
        """Put the newest days first: those that change, and all since the last time."""
        age = timedelta(days=max(self.limits.reread_days, (now - self.kept["newest_at"]) // 86_400))
        if "edge" in self.kept or self.kept.get("ended") == "plan":
            # The plan may be a better one by now.
            self.kept.pop("edge", None)
            self.kept.pop("ended", None)
        first = max(self.limits.today - age - ONE, self.floor)
        again = [
            {"first": str(part.first), "last": str(part.last), "why": "again"}
            for part in _parts(first, self.ceiling)
        ]
        self._windows[:0] = again
        self.kept["newest_at"] = self._covered(now)

    def _plan_older(self, last: date) -> None:
        """Add the window that ends with a day."""
        first = max(last - timedelta(days=LONGEST - 1), self.floor)
        self.kept["oldest"] = str(first)
        if first <= last:
            self._windows.append({"first": str(first), "last": str(last), "why": "history"})
        else:
            self.kept["ended"] = "floor"

    @property
    def _oldest(self) -> date:
        return date.fromisoformat(self.kept["oldest"])

    def next(self) -> Window | None:
        """Return the days to ask for now; None when all is read.

        It begins a day before the last entry that was emitted: an entry may have moved over
        midnight since, with the person's time zone.
        """
        while not self._windows:
            if not self.is_coming_in:
                return None
            # One day twice, for the same reason.
            self._plan_older(self._oldest)
        present = self._windows[0]
        self._clip(present)
        first, last = (date.fromisoformat(present[name]) for name in ("first", "last"))
        if "reached" in present:
            first = max(first, date.fromisoformat(present["reached"]) - ONE, self.floor)
        self._first = first
        if first <= last:
            return Window(first, last)
        self.finish()
        return self.next()

    def _clip(self, present: dict[str, Any]) -> None:
        """Take from a window what may not be asked for, unless that was read already."""
        if "reached" in present or present["first"] >= str(self.floor):
            return
        present["first"] = str(self.floor)
        if present["why"] == "history":
            self.kept["oldest"] = min(present["first"], present["last"])

    def reach(self, days: list[str]) -> None:
        """Note the days of a page of entries, in order: they and all before them are emitted."""
        if days:
            present = self._windows[0]
            present.setdefault("begins", days[0])
            present["reached"] = max(days[-1], present.get("reached", ""))
            self._note_asked(date.fromisoformat(present["reached"]) - ONE)

    def _note_asked(self, last: date) -> None:
        """Note that the present window was read up to a day, as far as the days are over.

        ``asked`` holds such days of this run, and in the STATE those of all runs.
        """
        stretch = [(str(self._first), str(min(last, self.limits.today - ONE)))]
        self.asked = joined(self.asked, stretch)
        self.kept["asked"] = joined(self.kept.get("asked", []), stretch)

    def finish(self) -> None:
        """Note that the present window was read to its end."""
        present = self._windows.pop(0)
        self._note_asked(date.fromisoformat(present["last"]))
        if present["why"] == "history":
            self._end_or_go_on(present)

    def _end_or_go_on(self, present: dict[str, Any]) -> None:
        """Tell whether a window of history was the last one."""
        first, last = (date.fromisoformat(present[name]) for name in ("first", "last"))
        begins = date.fromisoformat(present["begins"]) if "begins" in present else last + ONE
        if first <= self.floor:
            self.kept["ended"] = "floor"
        elif self.limits.start is None and self._is_quiet(first, begins, last):
            self.kept["ended"] = "history"

    def _is_quiet(self, first: date, begins: date, last: date) -> bool:
        """Tell whether nothing older is to be expected."""
        if self.limits.born is None:
            return begins > last
        return (min(begins, self.limits.born) - first).days >= QUIET

    def refuse(self, asked: Window) -> bool:
        """Note that the plan does not let reports reach the first day that was asked for.

        Returns:
            Whether the present window is worth another try, from a later day on.
        """
        if edge := self._next_edge((self.limits.today - asked.first).days):
            self.kept["edge"] = edge
            if self.floor <= asked.last:
                self._clip(self._windows[0])
                return True
        refused = self._windows.pop(0)
        if refused["why"] == "history":
            self.kept["oldest"] = refused["last"]
        self.kept["ended"] = "plan"
        return False

    def _next_edge(self, days: int) -> int | None:
        """Return how many days back to try where so many were refused, None for none."""
        told = self.limits.retention
        if told is not None and told - NEAR < days <= told:
            return days - 1  # the day itself may be counted otherwise
        return next((edge for edge in EDGES if edge < days), None)

    def conclusion(self) -> str:
        """Return, for a person, how far back history goes and why not further."""
        why = {
            "floor": "the first day that may be read",
            "history": "there is nothing older",
            "plan": "the plan does not let reports reach further back",
        }
        return f"complete from {self.kept['oldest']} on ({why[self.kept['ended']]})"

    def days_left(self) -> int:
        """Return how many days are still to be read, by what is known of the account's age."""
        left = sum(_days(one) for one in self._windows)
        if self.is_coming_in and "oldest" in self.kept:
            end = max(self.floor, self.limits.born or self.floor)
            left += max(0, (self._oldest - end).days)
        return left


def _days(window: dict[str, Any]) -> int:
    """Return how many days of a window are still to be read."""
    begin = max(window["first"], window.get("reached", ""))
    return (date.fromisoformat(window["last"]) - date.fromisoformat(begin)).days + 1


def _parts(first: date, last: date) -> Iterator[Window]:
    """Yield windows that hold all days of a stretch, the newest first, borders twice."""
    while first <= last:
        begin = max(first, last - timedelta(days=LONGEST - 1))
        yield Window(begin, last)
        if begin == first:
            return
        last = begin
