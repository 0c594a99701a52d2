"""The person's days as the watch knows them: local midnights, offsets, zones of journeys."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from tests.sandbox.person import Person

ONE = timedelta(days=1)


class Zones:
    """Turns days into instants and instants into days and wall clocks.

    Days tile the time line: each ends where the next begins, so a day has 23 or 25 hours where the
    clock changes, and more or fewer where the person travels.
    """

    def __init__(self, person: Person) -> None:
        """Take over the person's own journeys; more can be added with :meth:`travel`."""
        self.home = person.zone
        self._person = person
        self._journeys: list[tuple[str, date, date]] = []
        self._zones: dict[date, ZoneInfo] = {}
        self._starts: dict[date, datetime] = {}

    def travel(self, zone: str, first: date, last: date) -> None:
        """Let the person be in another zone on these days, the last included."""
        self._journeys.insert(0, (zone, first, last))
        self._zones.clear()
        self._starts.clear()

    def zone(self, day: date) -> ZoneInfo:
        """Return the zone where the person spends a day."""
        if day not in self._zones:
            own = (ZoneInfo(zone) for zone, first, last in self._journeys if first <= day <= last)
            self._zones[day] = next(own, None) or self._person.zone_on(day)
        return self._zones[day]

    def start(self, day: date) -> datetime:
        """Return the instant, in UTC, of a day's local midnight."""
        if day not in self._starts:
            self._starts[day] = self.at(day, 0)
        return self._starts[day]

    def end(self, day: date) -> datetime:
        """Return the instant at which the next day begins."""
        return self.start(day + ONE)

    def at(self, day: date, minutes: float) -> datetime:
        """Return the instant, in UTC, of a wall clock: minutes after a day's midnight."""
        midnight = datetime(day.year, day.month, day.day, tzinfo=self.zone(day))
        return (midnight + timedelta(minutes=minutes)).astimezone(UTC)

    def day(self, instant: datetime) -> date:
        """Return the person's local day at an instant."""
        guess = instant.date()
        days = (guess + ONE, guess, guess - ONE)
        return next((day for day in days if self.start(day) <= instant), guess - 2 * ONE)

    def local(self, instant: datetime, day: date | None = None) -> datetime:
        """Return the wall clock, without zone, at an instant, in the zone of ``day`` if given."""
        zone = self.zone(day or self.day(instant))
        return instant.astimezone(zone).replace(tzinfo=None)
