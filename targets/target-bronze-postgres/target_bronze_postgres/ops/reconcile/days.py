"""The days that are compared."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

ONE: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Days:
    """UTC days, both included."""

    first: date
    last: date

    @property
    def asked(self) -> Days:
        """What the tap is asked for: a person's day may begin 14 hours before or after ours."""
        return Days(max(self.first, date.min + ONE) - ONE, min(self.last, date.max - 2 * ONE) + ONE)

    @property
    def number(self) -> int:
        """How many days these are."""
        return (self.last - self.first).days + 1

    def since(self, day: date) -> Days:
        """The days from ``day`` on; none of them, if it is later than all."""
        return Days(max(self.first, day), self.last)

    def holds(self, timestamp: str | None) -> bool:
        """Tell whether a source timestamp, UTC text, lies in these days; undated records do."""
        return timestamp is None or str(self.first) <= timestamp[:10] <= str(self.last)

    def __str__(self) -> str:
        """For a person."""
        return f"{self.first} to {self.last}"


def read_day(text: str) -> date:
    """Return the day of ``2024-01-31``.

    Raises:
        ValueError: It is none.
    """
    return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a day has no zone
