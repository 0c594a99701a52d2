"""Who the person is whose data the sandbox serves: name, body, home, journeys. All by the seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Final
from zoneinfo import ZoneInfo

NAMES: Final = ("Robin Example", "Sascha Muster", "Kim Sample", "Alex Exempel", "Jo Voorbeeld")
HOMES: Final = ("Europe/Berlin", "America/New_York", "Europe/London", "Australia/Sydney")
ABROAD: Final = ("America/Los_Angeles", "Asia/Tokyo", "Asia/Kathmandu", "Atlantic/Reykjavik")
DAYS_A_YEAR: Final = 365.25


@dataclass(frozen=True)
class Journey:
    """Days spent in another zone, the first and the last included."""

    first: date
    last: date
    zone: str


class Person:
    """A person, made from a seed alone: neither the machine's zone nor its hash seed matters."""

    def __init__(self, seed: int, years: float, now: datetime, zone: str | None = None) -> None:
        """Make the person with ``years`` of data before ``now`` (aware)."""
        self.seed, self.years = seed, years
        self.zone = zone or HOMES[seed % len(HOMES)]
        """The IANA name of the zone of home."""
        self.name = NAMES[seed % len(NAMES)]
        self.email = f"{self.name.split()[0].lower()}.{seed}@example.org"
        self.last_day = now.astimezone(ZoneInfo(self.zone)).date()
        """Today, at home."""
        self.first_day = self.last_day - timedelta(days=round(years * DAYS_A_YEAR))
        """The first day with data."""
        body = self.random("body")
        self.sex = body.choice(("female", "male"))
        self.birth_date = date(body.randint(1965, 2000), body.randint(1, 12), body.randint(1, 28))
        self.height_cm = body.randint(158, 192)
        self.weight_kg = body.randint(58, 92)

    def random(self, *purpose: object) -> random.Random:
        """Return the random numbers of one purpose, such as ``("sleep", day)``: always the same."""
        # A text is hashed by SHA-512 there, so that PYTHONHASHSEED does not matter.
        return random.Random("/".join(map(str, (self.seed, *purpose))))  # noqa: S311 - no secrets

    @cached_property
    def journeys(self) -> list[Journey]:
        """One journey a year, of 4 to 16 days, oldest first; they do not overlap."""
        found = []
        for year in range(self.first_day.year, self.last_day.year + 1):
            chance = self.random("journey", year)
            first = date(year, 1, 10) + timedelta(days=chance.randint(0, 330))
            last = first + timedelta(days=chance.randint(3, 15))
            found.append(Journey(first, last, chance.choice(ABROAD)))
        return found

    def zone_on(self, day: date) -> ZoneInfo:
        """Return the zone where the person spends a day."""
        away = (trip.zone for trip in self.journeys if trip.first <= day <= trip.last)
        return ZoneInfo(next(away, self.zone))

    def at(self, day: date, seconds: float) -> datetime:
        """Return the UTC time of a wall clock where the person is: ``seconds`` after midnight.

        In the hour that a clock change skips it is the time after; in a repeated hour the first.
        """
        midnight = datetime(day.year, day.month, day.day, tzinfo=self.zone_on(day))
        return (midnight + timedelta(seconds=seconds)).astimezone(UTC)
