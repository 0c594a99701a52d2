"""Which activities the person does, when, and when Garmin learns of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from tests.sandbox.garmin.dice import Dice
from tests.sandbox.garmin.profile import place
from tests.sandbox.garmin.sports import LEGS, MULTISPORT, SHARES, Sport, sport
from tests.sandbox.garmin.zones import ONE

if TYPE_CHECKING:
    from tests.sandbox.garmin.syncs import Syncs
    from tests.sandbox.garmin.zones import Zones

A_DAY: Final = 0.82
"""Activities a day, if nothing else is asked for: about 3,000 in ten years."""
WEEK: Final = 7
FIRST_ID: Final = datetime(2007, 1, 1, tzinfo=UTC)
IDS_A_SECOND: Final = 35.8
"""So that an upload of January 2026 has an id near 21,480,000,000, as recorded."""
SLOTS: Final = (7.0, 17.4, 12.1, 20.0)
NOTES: Final = ("with Jo", "windy", "new shoes", "very hot \N{OVERHEATED FACE}", "")
LONG: Final = 150
"""Minutes that an activity lasts at most on a day with several."""


@dataclass(frozen=True)
class Activity:
    """One activity, as it is now."""

    id: int
    subject: tuple[object, ...]
    """What its chance is drawn for."""
    day: date
    """The local date of its start."""
    start: datetime
    """UTC."""
    wall: datetime
    """The wall clock at the start, without zone."""
    sport: Sport
    duration: float
    """Seconds without pauses."""
    elapsed: float
    """Seconds with pauses."""
    distance: float
    """Metres; 0 where none is covered."""
    zone: str
    name: str
    uploaded: datetime
    updated: datetime
    parent_id: int | None = None
    child_ids: tuple[int, ...] = ()
    description: str | None = None
    event_key: str = "uncategorized"
    privacy: str = "private"
    favorite: bool = False
    trimmed: bool = False

    @property
    def end(self) -> datetime:
        """The instant, in UTC, of its end."""
        return self.start + timedelta(seconds=self.elapsed)

    @property
    def type_key(self) -> str:
        """Garmin's name of the kind of activity."""
        return self.sport.key

    def dice(self, purpose: str) -> Dice:
        """Return the dice for one side of this activity."""
        return Dice(*self.subject, purpose)


def activity_id(uploaded: datetime) -> int:
    """Return an id: they grow with the time of the upload, and are larger than 32 bits hold."""
    return int((uploaded - FIRST_ID).total_seconds() * IDS_A_SECOND)


class Plan:
    """All activities that the person does, by day; without what was edited or deleted later."""

    def __init__(
        self, zones: Zones, syncs: Syncs, seed: int, past: tuple[date, date], total: int | None
    ) -> None:
        """Spread ``total`` activities over the past (first and last day), go on at that rate."""
        self._zones, self._syncs, self._seed = zones, syncs, seed
        self._last = past[1]
        self._length = max(1, (past[1] - past[0]).days + 1)
        self._total = round(self._length * A_DAY) if total is None else total
        self._weeks: dict[int, list[date]] = {}
        self._days: dict[date, list[Activity]] = {}

    def forget(self) -> None:
        """Work all out anew: zones or syncs have changed."""
        self._days.clear()

    def on(self, day: date) -> list[Activity]:
        """Return the activities that start on a day: parents and single ones."""
        if day not in self._days:
            count = self._week((self._last - day).days // WEEK).count(day)
            made = (self._planned(day, number, count) for number in range(count))
            self._days[day] = [activity for activity in made if activity]
        return self._days[day]

    def make(self, day: date, key: str, uploaded: datetime, number: int = 99) -> Activity:
        """Return an activity of a given kind."""
        return self._made(day, sport(key), number, uploaded)

    def children(self, parent: Activity) -> list[Activity]:
        """Return the legs of a multisport activity; none of any other."""
        if parent.sport.key != MULTISPORT:
            return []
        start, legs = parent.start, []
        for number, (key, share) in enumerate(LEGS):
            leg = self._leg(parent, number, key, start, share)
            legs.append(leg)
            start = leg.end
        return legs

    def _week(self, week: int) -> list[date]:
        """Return the days of the activities of a week, counted back from the last day."""
        if week not in self._weeks:
            dice = Dice(self._seed, "week", week)
            length = min(WEEK, self._length - week * WEEK)
            first = self._last - timedelta(days=WEEK * week)
            days = [first - timedelta(days=back) for back in range(length)]
            count = self._until(week + 1) - self._until(week)
            self._weeks[week] = [dice.pick(days) for _ in range(count if days else 0)]
        return self._weeks[week]

    def _until(self, week: int) -> int:
        return self._total * min(WEEK * week, self._length) // self._length

    def _planned(self, day: date, number: int, count: int) -> Activity | None:
        dice = Dice(self._seed, "sport", day, number)
        kind = sport(dice.weighted(SHARES))
        made = self._made(day, kind, number, FIRST_ID, longest=LONG if count > 1 else None)
        synced = self._syncs.after(made.end)
        if synced is None:
            return None
        uploaded = synced + timedelta(seconds=3 + 7 * number + day.toordinal() % 5)
        return self._with_id(made, uploaded)

    def _made(
        self, day: date, kind: Sport, number: int, uploaded: datetime, longest: int | None = None
    ) -> Activity:
        subject = (self._seed, "activity", day, number)
        dice = Dice(*subject)
        minutes = min(
            dice.near(sum(kind.minutes) / 2, (kind.minutes[1] - kind.minutes[0]) / 5),
            longest or 999,
        )
        minute = round(60 * SLOTS[number % 4]) + dice.whole(0, 50)
        start = self._zones.at(day, minute) + timedelta(seconds=dice.whole(0, 59))
        duration = round(60 * max(minutes, 3), 3)
        zone = self._zones.zone(day).key
        made = Activity(
            id=0,
            subject=subject,
            day=day,
            start=start,
            wall=self._zones.local(start, day),
            sport=kind,
            duration=duration,
            elapsed=round(duration * dice.real(1, 1.06, 3), 3),
            distance=round(duration * dice.real(*kind.speed, 3), 2),
            zone=zone,
            name=f"{place(zone)[0]} {kind.title}",
            uploaded=uploaded,
            updated=uploaded,
            event_key="race" if dice.chance(0.02) else "uncategorized",
            description=dice.pick(NOTES) if dice.chance(0.05) else None,
        )
        return self._with_id(made, uploaded)

    def _with_id(self, made: Activity, uploaded: datetime) -> Activity:
        number = activity_id(uploaded)
        legs = len(LEGS) if made.sport.key == MULTISPORT else 0
        return replace(
            made,
            id=number,
            uploaded=uploaded,
            updated=uploaded + timedelta(seconds=1),
            child_ids=tuple(number + 1 + leg for leg in range(legs)),
        )

    def _leg(
        self, parent: Activity, number: int, key: str, start: datetime, share: float
    ) -> Activity:
        kind = sport(key)
        duration = round(parent.duration * share, 3)
        dice = Dice(*parent.subject, "leg", number)
        return replace(
            parent,
            id=parent.child_ids[number],
            subject=(*parent.subject, "leg", number),
            start=start,
            wall=self._zones.local(start, parent.day),
            sport=kind,
            duration=duration,
            elapsed=duration,
            distance=round(duration * dice.real(*kind.speed, 3), 2),
            name=f"{parent.name} {kind.title}",
            parent_id=parent.id,
            child_ids=(),
        )


def days_between(first: date, last: date) -> list[date]:
    """Return all days of a range, both ends included."""
    return [first + n * ONE for n in range((last - first).days + 1)]
