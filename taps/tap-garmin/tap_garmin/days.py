"""Days: where a read starts and ends, how it is cut into requests, how far its STATE says it is.

A day is the account's own: what the watch held for one, 23 to 25 hours long. Nothing here asks
Garmin or the clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ONE", "Period", "Window", "read_day"]

ONE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Window:
    """Days that one request asks for, both ends included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """How many days it holds."""
        return (self.last - self.first).days + 1


def read_day(value: Any) -> date | None:
    """Return the day of a date or time in ISO form, None if it is neither."""
    try:
        return date.fromisoformat(value[:10])
    except (TypeError, ValueError):
        return None


@dataclass(frozen=True, slots=True)
class Period:
    """What a stream reads in this run, by the STATE of the last one.

    A STATE has ``next_day`` while history is coming in: what lies before it has been read, and
    the next run goes on there. When the end is reached, ``last_day`` is set instead: all up to it
    has been read, and the next run looks back from its own end.

    Args:
        earliest: First day of all, if the STATE names none.
        last: Last day to read, up to one day after today: a traveller's day may be ahead.
        today: Today in the zone of the account.
        look_back: Days, counted back from ``last`` and with it, that are read again.
        settle: Days before ``last_day`` that are read again after a pause between runs.
        sweeps: Whether all days are read again, once they have been read.
    """

    earliest: date
    last: date
    today: date
    look_back: int
    settle: int
    sweeps: bool = False

    @property
    def yesterday(self) -> date:
        """The last day that is over."""
        return self.today - ONE

    def start(self, state: Mapping[str, Any]) -> date:
        """Return the first day to read."""
        if self.sweeps and "last_day" in state:
            return self.earliest
        back = self.last - (self.look_back - 1) * ONE
        if (resumed := read_day(state.get("next_day"))) is not None:
            return max(self.earliest, min(resumed, back))
        if (settled := read_day(state.get("last_day"))) is not None:
            return max(self.earliest, min(settled - (self.settle - 1) * ONE, back))
        return self.earliest

    def end(self, state: Mapping[str, Any]) -> date:
        """Return the ``last_day`` of a STATE whose end was reached: yesterday at most.

        Today is not over, and tomorrow has not begun. It never goes back.
        """
        reached = min(self.last, self.yesterday)
        before = read_day(state.get("last_day"))
        return max(reached, before) if before else reached
