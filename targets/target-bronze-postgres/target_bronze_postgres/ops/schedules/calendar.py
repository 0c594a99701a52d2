"""Cron's five fields as systemd's calendar events."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from cronsim import CronSim, CronSimError

from target_bronze_postgres.errors import BronzeError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["calendar_events"]

WEEKDAYS: Final = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
START: Final = datetime(2024, 1, 1, tzinfo=UTC)


def calendar_events(cron: str) -> list[str]:
    """Return values of ``OnCalendar=`` that mean what a cron expression does.

    There are two where it names days of the month and of the week: cron starts on either.

    Raises:
        BronzeError: systemd cannot say it, such as the last day of a month.
    """
    try:
        found = CronSim(cron, START)
    except CronSimError as error:
        raise BronzeError(f"{cron!r} is no cron expression: {error}") from None
    # The library's own additions: seconds, the last day, the second Monday.
    special = min(found.days) < 1 or not all(isinstance(day, int) for day in found.weekdays)
    if special or len(cron.split()) != len(found.parts) - 1:
        raise BronzeError(f"systemd has no word for the cron expression {cron!r}")
    time = f"{_values(found.hours, 24)}:{_values(found.minutes, 60)}:00"
    months, days = _values(found.months, 12), _values(found.days, 31)
    week = sorted({int(day) % 7 for day in found.weekdays if isinstance(day, int)})
    if len(week) == len(WEEKDAYS):
        return [f"*-{months}-{days} {time}"]
    names = ",".join(WEEKDAYS[day] for day in week)
    if found.day_and:
        return [f"{names} *-{months}-{days} {time}"]
    return [f"*-{months}-{days} {time}", f"{names} *-{months}-* {time}"]


def _values(numbers: Iterable[int], most: int) -> str:
    found = sorted(numbers)
    return "*" if len(found) == most else ",".join(f"{number:02}" for number in found)
