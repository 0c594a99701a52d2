"""The forms in which Garmin writes times: texts, and milliseconds of instants and wall clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TypeAlias

Day: TypeAlias = date
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def words(text: str) -> tuple[str, ...]:
    """Return the words of a text: for long lists of names."""
    return tuple(text.split())


def as_day(day: Day | str) -> Day:
    """Return a day given as such or as ``YYYY-MM-DD``; ValueError if it is neither."""
    return day if isinstance(day, date) else date.fromisoformat(day)


def spaced(time: datetime) -> str:
    """Return ``YYYY-MM-DD HH:MM:SS``, as in rows of the activity search."""
    return time.isoformat(" ")[:19]


def text(time: datetime) -> str:
    """Return ``YYYY-MM-DDTHH:MM:SS.f``: one decimal, or as many of three as are needed."""
    thousandths = time.microsecond // 1000
    decimals = f"{thousandths:03d}".rstrip("0") if thousandths else "0"
    return f"{time.isoformat()[:19]}.{decimals}"


def plain(time: datetime) -> str:
    """Return ``YYYY-MM-DDTHH:MM:SS``, without decimals, as in events of Body Battery."""
    return time.isoformat()[:19]


def ms(time: datetime) -> int:
    """Return milliseconds since 1970; those of a wall clock (naive) as if it stood in UTC."""
    aware = time.replace(tzinfo=UTC) if time.tzinfo is None else time
    return (aware - EPOCH) // timedelta(milliseconds=1)
