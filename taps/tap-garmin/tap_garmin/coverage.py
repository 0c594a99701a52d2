"""Which days a stream was asked for: pairs of days in its STATE, first and last of a stretch.

A day without records is empty if it was asked for, and unknown if it was not. Every tap of this
repository holds a copy of this file; a test holds that the copies are the same.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Stretches", "common", "joined"]

Stretches = list[list[str]]
"""Days in stretches, as a STATE holds them: ``[["2024-01-01", "2024-01-31"]]``, both included, in
order, none touching the next."""

MOST: Final = 200
"""Stretches that a STATE holds; earlier ones are left out, so that it stays small."""
ONE: Final = timedelta(days=1)


def joined(*several: Iterable[Sequence[str]]) -> Stretches:
    """Return the days that lie in any of several stretches."""
    found: list[tuple[date, date]] = []
    for first, last in sorted((*map(date.fromisoformat, pair),) for one in several for pair in one):
        if found and first <= found[-1][1] + ONE:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        elif first <= last:
            found.append((first, last))
    return [[str(first), str(last)] for first, last in found[-MOST:]]


def common(*several: Iterable[Sequence[str]]) -> Stretches:
    """Return the days that lie in each of several stretches; none of none."""
    first, *others = [joined(one) for one in several] or [[]]
    for other in others:
        pairs = ([max(a[0], b[0]), min(a[1], b[1])] for a in first for b in other)
        first = joined(pair for pair in pairs if pair[0] <= pair[1])
    return first
