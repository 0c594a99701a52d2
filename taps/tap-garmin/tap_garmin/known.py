"""What was there at the last look: kept in the STATE, so that what is missing now is seen.

Garmin tells of no deletion. A record that stood in a window of days and does not come back when
the same window is read again is gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .days import read_day

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

__all__ = ["Known"]


class Known:
    """The records of the days that are read again, by id.

    Args:
        before: Id to day, as the STATE of the last run holds them; a list where days are the ids.
    """

    def __init__(self, before: Mapping[str, str] | Iterable[str] | None) -> None:
        """Start with nothing seen."""
        found = before if isinstance(before, Mapping) else {day: day for day in before or ()}
        self._before = dict(found)
        self._seen: dict[str, str] = {}

    def see(self, identity: object, day: date | str | None) -> None:
        """Take down a record that came."""
        if identity is not None and day is not None:
            self._seen[str(identity)] = str(day)[:10]

    def has_seen(self, identity: object) -> bool:
        """Tell whether a record came already."""
        return str(identity) in self._seen

    def vanished(self, first: date, last: date) -> list[str]:
        """Return the ids that were there and did not come, where all of these days was read.

        An answer without a single record is no evidence: it rather means trouble at Garmin's.
        """
        if not any(_within(day, first, last) for day in self._seen.values()):
            return []
        return [
            identity
            for identity, day in self._before.items()
            if identity not in self._seen and _within(day, first, last)
        ]

    def kept(self, since: date | None, *, but: list[str] | None = None) -> dict[str, str]:
        """Return what the STATE is to hold: the records since a day, all for None.

        Args:
            since: Earlier records are forgotten.
            but: Ids that have been told as vanished.
        """
        gone = set(but or ())
        return {
            identity: day
            for identity, day in (self._before | self._seen).items()
            if identity not in gone and (since is None or day >= str(since))
        }


def _within(text: str, first: date, last: date) -> bool:
    """Tell whether a day, as text, lies between two days, both included."""
    day = read_day(text)
    return day is not None and first <= day <= last
