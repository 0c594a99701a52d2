"""What the scale says: weigh-ins, some mornings, seldom a second one typed in by hand."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from tests.sandbox.garmin.dice import Dice, single
from tests.sandbox.garmin.forms import ms

if TYPE_CHECKING:
    from tests.sandbox.garmin.profile import Profile
    from tests.sandbox.garmin.zones import Zones

MORNINGS: Final = 0.45
"""Share of days with a weigh-in."""
EVENINGS: Final = 0.08
"""Share of those with a second one, by hand."""
PERIOD: Final = 900.0
"""Days of one slow swing of the weight."""


@dataclass(frozen=True)
class WeighIn:
    """One reading; ids are the milliseconds of its arrival at Garmin."""

    sample_pk: int
    at: datetime
    """UTC."""
    day: date
    grams: float
    source: str
    bmi: float | None = None
    fat: float | None = None
    """Percent."""
    water: float | None = None
    bone: int | None = None
    """Grams."""
    muscle: int | None = None
    details: bool = False
    """Whether the scale also says physique, visceral fat and metabolic age."""


class Scale:
    """The weigh-ins of each day, by the seed."""

    def __init__(self, profile: Profile, zones: Zones, seed: int) -> None:
        """Take what they depend on."""
        self._profile, self._zones, self._seed = profile, zones, seed
        self._days: dict[date, list[WeighIn]] = {}

    def forget(self) -> None:
        """Work all out anew: zones have changed."""
        self._days.clear()

    def on(self, day: date) -> list[WeighIn]:
        """Return a day's weigh-ins, earliest first."""
        if day not in self._days:
            dice = Dice(self._seed, "weight", day)
            found = [self._measured(dice, day)] if dice.chance(MORNINGS) else []
            if found and dice.chance(EVENINGS):
                found.append(self.typed(day, self._grams(dice, day), 1200 + dice.whole(0, 120)))
            self._days[day] = found
        return self._days[day]

    def typed(self, day: date, grams: float, minutes: float) -> WeighIn:
        """Return a weigh-in entered by hand: it has a weight and nothing else."""
        at = self._zones.at(day, minutes) + timedelta(milliseconds=day.toordinal() % 997)
        return WeighIn(ms(at) + 19236, at, day, grams, "MANUAL")

    def _grams(self, dice: Dice, day: date) -> float:
        swing = 2500 * math.sin(2 * math.pi * day.toordinal() / PERIOD)
        return float(round(self._profile.weight + swing + dice.near(0, 350), -1))

    def _measured(self, dice: Dice, day: date) -> WeighIn:
        at = self._zones.at(day, 400 + dice.whole(0, 110)) + timedelta(seconds=dice.whole(0, 59))
        grams, fat = self._grams(dice, day), dice.real(17, 24, 1)
        return WeighIn(
            sample_pk=ms(at) + 26000 + dice.whole(0, 999),
            at=at,
            day=day,
            grams=grams,
            source="INDEX_SCALE",
            bmi=single(round(grams / 1000 / self._profile.height**2, 1)),
            fat=fat,
            water=round((100 - fat) * 0.73, 1),
            bone=round(grams * 0.058),
            muscle=round(grams * 0.45),
            details=dice.chance(0.1),
        )
