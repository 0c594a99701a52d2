"""What happens on a day: steps, heart, stress, Body Battery, breath, drink. Facts, no shapes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from tests.sandbox.garmin.dice import Dice

if TYPE_CHECKING:
    from tests.sandbox.garmin.profile import Profile
    from tests.sandbox.garmin.zones import Zones

YEAR: Final = 365.25
WAKING: Final = 0.29
"""Share of a day that has gone at waking."""
ASLEEP: Final = 0.95
"""Share of a day that has gone at bedtime."""
UNWORN: Final = 0.012
"""Share of days on which the watch is not worn at all."""


@dataclass(frozen=True)
class Span:
    """A local day and how far the watch's data reach into it."""

    date: date
    start: datetime
    end: datetime
    until: datetime
    """The end of the data: the last sync of today, else the end of the day."""

    @property
    def share(self) -> float:
        """How much of the day has gone, 0 to 1."""
        return (self.until - self.start) / (self.end - self.start)

    @property
    def awake(self) -> float:
        """How much of the day's waking time has gone, 0 to 1."""
        return min(1.0, max(0.0, (self.share - WAKING) / (ASLEEP - WAKING)))

    @property
    def ms(self) -> int:
        """Milliseconds of data."""
        return (self.until - self.start) // timedelta(milliseconds=1)


@dataclass(frozen=True)
class Totals:
    """The sums of a whole day; a part of today has a part of them."""

    steps: int
    step_goal: int
    distance: int
    """Metres."""
    floors_up: float
    """Metres."""
    floors_down: float
    active_kcal: int
    resting_kcal: int
    moderate: int
    """Minutes of moderate intensity."""
    vigorous: int
    highly_active: int
    """Seconds."""
    active: int
    drunk: int
    """Millilitres."""
    drink_goal: int
    sweat: int


@dataclass(frozen=True)
class Levels:
    """Levels of a whole day."""

    resting_hr: int
    min_hr: int
    max_hr: int
    stress: int
    max_stress: int
    rest: int
    """Seconds of rest, then of stress by its kind; they end in whole minutes."""
    low: int
    medium: int
    high: int
    moving: int
    uncategorized: int
    battery_start: int
    battery_wake: int
    battery_end: int
    spo2: int
    min_spo2: int
    breath: int
    min_breath: int
    max_breath: int
    altitude: float
    alerts: int | None
    """How often the watch warned of an abnormal heart rate."""


@dataclass(frozen=True)
class DayFacts:
    """One day."""

    span: Span
    totals: Totals
    levels: Levels
    uuid: str

    @property
    def date(self) -> date:
        """The local date."""
        return self.span.date


class Days:
    """The facts of each day, by the seed."""

    def __init__(self, profile: Profile, zones: Zones, seed: int) -> None:
        """Take what the facts depend on."""
        self._profile, self._zones, self._seed = profile, zones, seed
        self._drawn: dict[tuple[date, int], tuple[Totals, Levels, str]] = {}

    def forget(self) -> None:
        """Work all out anew: zones have changed."""
        self._drawn.clear()

    def worn(self, day: date) -> bool:
        """Tell whether the watch is worn on a day."""
        return not Dice(self._seed, "worn", day).chance(UNWORN)

    def span(self, day: date, synced: datetime) -> Span:
        """Return a day's bounds and how far its data reach."""
        start, end = self._zones.start(day), self._zones.end(day)
        return Span(day, start, end, min(end, max(start, synced)))

    def facts(self, day: date, synced: datetime, more_steps: int = 0) -> DayFacts:
        """Return the facts of a day; a late sync brings more steps."""
        if (day, more_steps) not in self._drawn:
            dice = Dice(self._seed, "day", day)
            totals = self._totals(dice, day, more_steps)
            self._drawn[day, more_steps] = (totals, self._levels(dice, day), dice.uuid())
        return DayFacts(self.span(day, synced), *self._drawn[day, more_steps])

    def resting_hr(self, day: date) -> int:
        """Return the resting heart rate: lower in summer, some beats up and down."""
        season = math.cos(2 * math.pi * day.toordinal() / YEAR)
        return round(Dice(self._seed, "rhr", day).near(self._profile.resting_hr + 2 * season, 1.3))

    def week_resting_hr(self, day: date) -> int:
        """Return the mean resting heart rate of the seven days up to this one."""
        return round(sum(self.resting_hr(day - timedelta(days=n)) for n in range(7)) / 7)

    def _totals(self, dice: Dice, day: date, more_steps: int) -> Totals:
        weekend = day.weekday() > 4
        steps = max(600, round(dice.near(9800 if weekend else 8200, 2600))) + more_steps
        vigorous = dice.whole(0, 45) if dice.chance(0.5) else 0
        active = round(dice.near(330 + vigorous * 9, 60)) + more_steps // 25
        return Totals(
            steps=steps,
            step_goal=50 * dice.whole(150, 200),
            distance=round(steps * dice.real(0.72, 0.86, 3)),
            floors_up=dice.real(0, 75, 3),
            floors_down=dice.real(0, 75, 3),
            active_kcal=max(40, active),
            resting_kcal=round(self._profile.weight / 1000 * 24 * 1.02),
            moderate=dice.whole(0, 60),
            vigorous=vigorous,
            highly_active=dice.whole(300, 5400),
            active=dice.whole(3600, 12000),
            drunk=250 * dice.whole(0, 12) if dice.chance(0.6) else 0,
            drink_goal=2800,
            sweat=vigorous * 12,
        )

    def _levels(self, dice: Dice, day: date) -> Levels:
        resting = self.resting_hr(day)
        moving, high, medium = (60 * dice.whole(*span) for span in ((40, 220), (0, 60), (50, 200)))
        low, uncategorized = 60 * dice.whole(150, 330), 60 * dice.whole(20, 110)
        length = (self._zones.end(day) - self._zones.start(day)) // timedelta(seconds=1)
        wake = dice.whole(62, 100)
        return Levels(
            resting_hr=resting,
            min_hr=resting - dice.whole(1, 4),
            max_hr=dice.whole(108, self._profile.max_hr - 8),
            stress=dice.whole(18, 42),
            max_stress=dice.whole(82, 99),
            rest=max(0, length - moving - high - medium - low - uncategorized) // 60 * 60,
            low=low,
            medium=medium,
            high=high,
            moving=moving,
            uncategorized=uncategorized,
            battery_start=dice.whole(12, 40),
            battery_wake=wake,
            battery_end=dice.whole(8, wake - 30),
            spo2=dice.whole(93, 98),
            min_spo2=dice.whole(82, 90),
            breath=dice.whole(13, 16),
            min_breath=dice.whole(6, 10),
            max_breath=dice.whole(18, 24),
            altitude=dice.real(20, 280, 0),
            alerts=dice.whole(1, 3) if dice.chance(0.03) else None,
        )


def battery_level(facts: DayFacts, at: datetime) -> int:
    """Return the level of Body Battery at an instant of the day: up in the night, then down."""
    levels, share = facts.levels, (at - facts.span.start) / (facts.span.end - facts.span.start)
    if share < WAKING:
        return round(
            levels.battery_start + (levels.battery_wake - levels.battery_start) * share / WAKING
        )
    if share < ASLEEP:
        fall = (share - WAKING) / (ASLEEP - WAKING)
        return round(levels.battery_wake - (levels.battery_wake - levels.battery_end) * fall)
    return levels.battery_end + round(100 * (share - ASLEEP))
