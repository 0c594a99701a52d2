"""Times of the source, as UTC text for TIMESTAMP columns, in every zone of server and client."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal, get_args

Form = Literal["rfc3339", "utc", "epoch_ms", "epoch_s", "date"]
FORMS: tuple[str, ...] = get_args(Form)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_2000 = datetime(2000, 1, 1, tzinfo=UTC)
_DAY_2000 = _EPOCH_2000.toordinal()
FROM_1970_TO_2000 = (_EPOCH_2000 - _EPOCH) // timedelta(microseconds=1)
"""Microseconds between the epoch of everyone and PostgreSQL's."""
_LONGEST = Decimal(timedelta.max // timedelta(microseconds=1))
# A clock that fromisoformat refuses: 24:00 ends a day, :60 is a leap second.
_ODD_CLOCK = re.compile(
    r"^(\d{4}-\d\d-\d\d)[T ](24:00(?::00(?:\.0+)?)?(?![:.\d])|(\d\d:\d\d):60(?:\.\d+)?)(.*)$"
)


class BadTimeError(ValueError):
    """The value is no time of this form, or no time between the years 1 and 9999."""


def parse_utc(text: str) -> datetime:
    """Parse an ISO 8601 time or date; without an offset it is UTC, a date is its midnight.

    Raises:
        BadTimeError: No such time, or not between the years 1 and 9999 in UTC.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        return _parse_odd(text, error)
    return _to_utc(moment)


def _to_utc(moment: datetime) -> datetime:
    if moment.tzinfo is UTC:
        return moment
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise BadTimeError("not between the years 1 and 9999 in UTC") from error


def _parse_odd(text: str, error: ValueError) -> datetime:
    if text.endswith("z"):  # RFC 3339 allows it
        return parse_utc(text[:-1] + "Z")
    if not (odd := _ODD_CLOCK.match(text)):
        raise BadTimeError("no ISO 8601 time") from error
    day, _, minute, offset = odd.groups()
    clock, later = (
        (f"{minute}:59", timedelta(seconds=1)) if minute else ("00:00", timedelta(days=1))
    )
    try:
        return _to_utc(datetime.fromisoformat(f"{day}T{clock}{offset}") + later)
    except (ValueError, OverflowError) as second:
        raise BadTimeError("no ISO 8601 time") from second


def parse(value: Any, form: str) -> datetime:
    """Parse a source timestamp of one of the :data:`FORMS`.

    ``rfc3339`` and ``utc`` are text with and without an offset, ``date`` a day (its UTC midnight),
    ``epoch_ms`` and ``epoch_s`` numbers, or their text, since 1970.

    Raises:
        BadTimeError: The value is no time of this form, or not between the years 1 and 9999.
    """
    if form in {"epoch_ms", "epoch_s"}:
        return _parse_epoch(value, 1000 if form == "epoch_ms" else 1_000_000)
    if not isinstance(value, str):
        raise BadTimeError("no text")
    return parse_utc(value)


def _parse_epoch(value: Any, unit: int) -> datetime:
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise BadTimeError("no number")
    try:
        # Without the bounds, the int of 1E+131071 would take a second.
        microseconds = max(-_LONGEST, min(_LONGEST, Decimal(value) * unit))
        return _EPOCH + timedelta(microseconds=int(microseconds))
    except (ArithmeticError, ValueError) as error:
        raise BadTimeError("no number of a time between the years 1 and 9999") from error


def timestamp_text(moment: datetime) -> str:
    """Return a UTC moment as a TIMESTAMP literal, ``2024-01-31 23:59:59.5``."""
    return moment.isoformat(" ")[:-6]  # without its +00:00


def microseconds(moment: datetime) -> int:
    """Return whole microseconds since 1970."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def from_microseconds(value: int) -> datetime:
    """Return the UTC moment of whole microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=value)


def since_2000(moment: datetime) -> int:
    """Return the microseconds since 2000 of a UTC moment: what a TIMESTAMP is."""
    passed = moment - _EPOCH_2000
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds


def from_2000(value: int) -> datetime:
    """Return the moment of microseconds since 2000, as psycopg writes a TIMESTAMP: with no zone."""
    return datetime(2000, 1, 1) + timedelta(microseconds=value)  # noqa: DTZ001 - see above


def day_number(moment: date) -> int:
    """Return the days since 2000: what a DATE is."""
    return moment.toordinal() - _DAY_2000


@lru_cache(maxsize=4096)
def day_text(number: int) -> str:
    """Return a day, given as days since 2000, as ISO text."""
    return date.fromordinal(number + _DAY_2000).isoformat()


class Plausible:
    """The days that a source timestamp may lie in without being odd."""

    def __init__(self, first: date, days_ahead: int, today: date) -> None:
        """From ``first`` to ``days_ahead`` days after ``today``, both included."""
        try:
            last = today + timedelta(days=days_ahead)
        except OverflowError:
            last = date.max
        self._first, self._last = first.isoformat(), last.isoformat()

    def __contains__(self, day: str) -> bool:
        """Tell whether a day, as ISO text, is plausible."""
        return self._first <= day <= self._last
