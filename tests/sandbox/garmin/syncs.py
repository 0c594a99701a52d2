"""When the watch syncs: what happened since is unknown to Garmin until it does."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from tests.sandbox.garmin.dice import Dice
from tests.sandbox.garmin.zones import ONE

if TYPE_CHECKING:
    from tests.sandbox.garmin.zones import Zones

HOURS: Final = (0.3, 8.0, 12.6, 18.4, 22.7)
"""Hours of a day's syncs, some minutes more or less. The first comes before the night is over."""
FORGOTTEN: Final = 0.02
"""Share of days without any sync: their data come on the next day."""
FARTHEST: Final = 40
"""Days in which the next sync must come, if one comes."""


class Syncs:
    """All syncs: some a day by themselves, and those that a test orders."""

    def __init__(self, zones: Zones, seed: int) -> None:
        """Sync by itself, until :meth:`stop`."""
        self._zones, self._seed = zones, seed
        self._ordered: list[datetime] = []
        self._pauses: list[tuple[datetime, datetime | None]] = []
        self._days: dict[date, list[datetime]] = {}
        self._latest: tuple[datetime, datetime | None] | None = None
        """The sync that was last asked for, and the one after it."""

    def order(self, at: datetime) -> None:
        """Add a sync."""
        self._ordered.append(at)
        self.forget()

    def stop(self, at: datetime) -> None:
        """Sync no more by itself, from this instant on."""
        self.resume(at)
        self._pauses.append((at, None))
        self.forget()

    def resume(self, at: datetime) -> None:
        """Sync by itself again."""
        self._pauses = [(start, end or at) for start, end in self._pauses]
        self.forget()

    def forget(self) -> None:
        """Work all times out anew: the zones have changed."""
        self._days.clear()
        self._latest = None

    def on(self, day: date) -> list[datetime]:
        """Return the syncs of a day, in order."""
        if day not in self._days:
            dice = Dice(self._seed, "syncs", day)
            own = [] if dice.chance(FORGOTTEN) else self._by_itself(dice, day)
            ordered = [at for at in self._ordered if self._zones.day(at) == day]
            self._days[day] = sorted([*filter(self._happens, own), *ordered])
        return self._days[day]

    def last(self, now: datetime) -> datetime:
        """Return the latest sync up to now."""
        if self._latest is None or not self._latest[0] <= now < (self._latest[1] or now):
            found = self._last(now)
            self._latest = (found, self.after(found))
        return self._latest[0]

    def _last(self, now: datetime) -> datetime:
        day = self._zones.day(now) + ONE
        for _ in range(FARTHEST):
            found = [at for at in self.on(day) if at <= now]
            if found:
                return found[-1]
            day -= ONE
        return now - FARTHEST * ONE

    def after(self, instant: datetime) -> datetime | None:
        """Return the first sync after an instant; None if it does not come in a month."""
        day = self._zones.day(instant)
        for _ in range(FARTHEST):
            found = next((at for at in self.on(day) if at > instant), None)
            if found:
                return found
            day += ONE
        return None

    def between(self, start: datetime, end: datetime) -> int:
        """Return how many syncs there were after start and up to end, at most 2."""
        first = self.after(start)
        if first is None or first > end:
            return 0
        second = self.after(first)
        return 1 if second is None or second > end else 2

    def _by_itself(self, dice: Dice, day: date) -> list[datetime]:
        start = self._zones.start(day)
        return [start + timedelta(seconds=hour * 3600 + dice.whole(0, 1500)) for hour in HOURS]

    def _happens(self, at: datetime) -> bool:
        return not any(start < at and (end is None or at < end) for start, end in self._pauses)
