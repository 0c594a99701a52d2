"""What stays the same of an account: ids, names, body, devices, and where the person trains."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from tests.sandbox.garmin.dice import Dice

if TYPE_CHECKING:
    from tests.sandbox.person import Person

PLACES = {
    "Europe/Berlin": (52.52, 13.40, 34.0),
    "Europe/London": (51.51, -0.13, 11.0),
    "America/New_York": (40.71, -74.01, 10.0),
    "America/Los_Angeles": (34.05, -118.24, 93.0),
    "Australia/Sydney": (-33.87, 151.21, 19.0),
    "Asia/Tokyo": (35.68, 139.69, 40.0),
    "Asia/Kathmandu": (27.72, 85.32, 1400.0),
    "Atlantic/Reykjavik": (64.15, -21.94, 15.0),
}
"""Latitude, longitude and height in metres of the city that a zone is named after."""
ELSEWHERE = (46.0, 8.0, 400.0)
NO_HRV_BEFORE = 0.3
"""Share of the history in which the watch knew neither HRV nor sleep scores."""


@dataclass(frozen=True)
class Device:
    """A watch: its id, name and software."""

    id: int
    name: str
    type_id: int
    version_id: int
    version: str


class Profile:
    """The unchanging part of one Garmin account."""

    def __init__(self, person: Person, seed: int, days: int) -> None:
        """Draw ids and habits; ``days`` is the length of the history."""
        dice = Dice(seed, "profile")
        self.pk = dice.whole(1_000_000, 140_000_000)
        """The number of the account; ``userProfilePK``, ``userId`` and other names."""
        self.display_name = dice.uuid()
        self.full_name = person.name
        self.birth_date: date = person.birth_date
        self.height = person.height_cm / 100
        self.weight = person.weight_kg * 1000
        """Grams."""
        self.resting_hr = dice.whole(44, 58)
        self.max_hr = dice.whole(178, 196)
        self.hrv = dice.whole(36, 64)
        self.bedtime = dice.whole(21 * 60 + 45, 23 * 60 + 15)
        """Minutes after midnight, of the evening before."""
        self.female = person.sex == "female"
        self.hrv_since = person.last_day - timedelta(days=int(days * (1 - NO_HRV_BEFORE)))
        """The first day of a watch that measures HRV and scores sleep."""
        self.devices = [_device(dice, name) for name in ("fenix 5", "Forerunner 965")]

    def newer(self, day: date) -> bool:
        """Tell whether the newer watch is worn: it knows HRV, sleep scores and oxygen."""
        return day >= self.hrv_since

    def device(self, day: date) -> Device:
        """Return the watch worn on a day."""
        return self.devices[self.newer(day)]

    def age(self, day: date) -> int:
        """Return the age in whole years."""
        born = self.birth_date
        return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def _device(dice: Dice, name: str) -> Device:
    version = dice.whole(900_000, 1_100_000)
    return Device(
        dice.whole(3_300_000_000, 3_600_000_000), name, dice.whole(30_000, 40_000), version, "21.19"
    )


def place(zone: str) -> tuple[str, float, float, float]:
    """Return name, latitude, longitude and height of the place the person is at in a zone."""
    return (zone.rsplit("/", 1)[-1].replace("_", " "), *PLACES.get(zone, ELSEWHERE))
