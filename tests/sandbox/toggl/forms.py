"""The forms in which Toggl writes times: ``+00:00`` here, ``Z`` there, 0 to 6 digits of a second.

Moments are whole microseconds since 1970 (``us``) or whole seconds since 1970.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
US: Final = 1_000_000
"""Microseconds in a second."""


def us(moment: datetime) -> int:
    """Return an aware time in microseconds since 1970."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def moment(microseconds: int) -> datetime:
    """Return microseconds since 1970 as a UTC time."""
    return EPOCH + timedelta(microseconds=microseconds)


def offset_form(seconds: int) -> str:
    """Return ``2024-12-16T02:18:20+00:00``."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def zulu_form(microseconds: int) -> str:
    """Return ``2024-12-16T01:38:02.0345Z``: trailing zeros are dropped, down to no fraction."""
    whole, fraction = divmod(microseconds, US)
    text = datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{fraction:06}".rstrip("0") + "Z" if fraction else f"{text}Z"


def local_form(seconds: int, zone: ZoneInfo) -> str:
    """Return ``2023-12-08T00:00:00-08:00``, in the zone."""
    return datetime.fromtimestamp(seconds, zone).isoformat()


def read(text: str) -> datetime:
    """Return a time from any of the forms; without a zone it is UTC.

    Raises:
        ValueError: It is none.
    """
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def midnight(day: date, zone: ZoneInfo) -> int:
    """Return the beginning of a day in a zone, in seconds since 1970."""
    return int(datetime.combine(day, time(), zone).timestamp())


def months_before(day: date, months: int) -> date:
    """Return the same day so many months before, or that month's last day."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    first = date(year, month + 1, 1)
    following = (first + timedelta(days=31)).replace(day=1)
    return min(first + timedelta(days=day.day - 1), following - timedelta(days=1))
