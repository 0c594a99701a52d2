"""Days with data, days that were asked for and are empty, and days that never were."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

Span = tuple["date", "date"]
"""First day and last day, both included."""


@dataclass(frozen=True, slots=True)
class Days:
    """The days of one stream, each kind as sorted spans that neither meet nor overlap.

    Attributes:
        data: Days of which records have landed.
        empty: Days that were asked for and have none.
        missing: Days between the first and the last that were asked for which never were; none
            where the tap does not tell what it asked for. Outside there may be data all the same:
            an edited entry of years ago, one that is planned ahead.
        told: Whether the tap tells what it asked for.
    """

    data: Sequence[Span]
    empty: Sequence[Span]
    missing: Sequence[Span]
    told: bool

    @property
    def first(self) -> date | None:
        """The first day of which anything is known."""
        return min((span[0] for span in (*self.data[:1], *self.empty[:1])), default=None)

    @property
    def last(self) -> date | None:
        """The last one."""
        return max((span[1] for span in (*self.data[-1:], *self.empty[-1:])), default=None)

    @property
    def completeness(self) -> float | None:
        """The share of days that were asked for or have data, 0 to 1, from the first to the last.

        Null where the tap does not tell what it asked for.
        """
        if not self.told or self.first is None or self.last is None:
            return None
        return 1 - count(self.missing) / ((self.last - self.first).days + 1)


def spans(firsts: Iterable[date], lasts: Iterable[date]) -> list[Span]:
    """Spans from their first days and their last days."""
    return list(zip(firsts, lasts, strict=True))


def count(found: Iterable[Span]) -> int:
    """How many days spans hold."""
    return sum((last - first).days + 1 for first, last in found)


def clip(found: Iterable[Span], first: date, last: date) -> list[Span]:
    """What of spans lies between two days."""
    cut = ((max(a, first), min(b, last)) for a, b in found)
    return [(a, b) for a, b in cut if a <= b]
