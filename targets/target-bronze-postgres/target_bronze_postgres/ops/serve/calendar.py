"""Draws the days of a stream, a small picture a year: a column a week, Monday on top."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

from target_bronze_postgres.ops import words
from target_bronze_postgres.ops.days import clip, count

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from target_bronze_postgres.ops.days import Days, Span

WEEK: Final = 7
MOST_YEARS: Final = 30
"""Years drawn of a stream; a single date that is far off would fill the page with empty ones."""


@dataclass(frozen=True, slots=True)
class Year:
    """One year: paths of SVG on a grid of 54 weeks by 7 days, and the same in words.

    Attributes:
        number: The year.
        all: The path of all its days up to the last that is drawn.
        data: That of days with data; ``empty`` and ``missing`` likewise.
        text: What a reader of screens is told.
    """

    number: int
    all: str
    data: str
    empty: str
    missing: str
    text: str


def years(days: Days, today: date) -> list[Year]:
    """Return the years of a stream, oldest first, up to today or its last day."""
    if days.first is None or days.last is None:
        return []
    last = max(days.last, today)
    first = max(days.first.year, last.year - MOST_YEARS + 1)
    return [_year(days, number, last) for number in range(first, last.year + 1)]


def _year(days: Days, number: int, end: date) -> Year:
    first, last = date(number, 1, 1), min(date(number, 12, 31), end)
    data, empty, missing = (clip(s, first, last) for s in (days.data, days.empty, days.missing))
    told = [f"{words.plural(count(data), 'day')} with data"]
    if days.told:
        told += [f"{count(empty)} asked and empty", f"{count(missing)} never asked for"]
    return Year(
        number,
        path([(first, last)], number),
        path(data, number),
        path(empty, number),
        path(missing, number),
        f"{number}: {', '.join(told)}",
    )


def path(spans: Iterable[Span], year: int) -> str:
    """Return spans of a year as rectangles: a part of a week, whole weeks, a part of a week."""
    first = date(year, 1, 1)
    start = first.weekday() - first.toordinal()
    boxes = (box for a, b in spans for box in _boxes(a.toordinal() + start, b.toordinal() + start))
    return "".join(f"M{x} {y}h{w}v{h}h-{w}z" for x, y, w, h in boxes)


def _boxes(first: int, last: int) -> Iterator[tuple[int, int, int, int]]:
    """Places on the grid from one to another, both included, as x, y, width and height."""
    (week, day), (last_week, last_day) = divmod(first, WEEK), divmod(last, WEEK)
    if week == last_week:
        yield week, day, 1, last_day - day + 1
        return
    if day:
        yield week, day, 1, WEEK - day
        week += 1
    whole = last_week + (last_day == WEEK - 1)
    if whole > week:
        yield week, 0, whole - week, WEEK
    if whole == last_week:
        yield last_week, 0, 1, last_day + 1
