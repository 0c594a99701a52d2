"""What was asked: days, ranges and numbers of a request, checked as Garmin checks them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from tests.sandbox.garmin.activities import days_between
from tests.sandbox.garmin.dice import Dice
from tests.sandbox.garmin.forms import words
from tests.sandbox.strange import strange

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.sandbox.garmin.account import Account


class Refusal(Exception):  # noqa: N818 - an answer, no error
    """An answer other than 200: its status and its JSON (None for no body at all)."""

    def __init__(self, status: int, body: Any = None) -> None:
        """Take status and body."""
        super().__init__(status)
        self.status, self.body = status, body


@dataclass(frozen=True)
class OverLimit:
    """A request beyond what Garmin bears or what its users advise."""

    path: str
    query: dict[str, Any]
    why: str


def unfit(message: str, status: int = HTTPStatus.BAD_REQUEST) -> Refusal:
    """Return a refusal with a body that says something."""
    name = HTTPStatus(status).phrase.replace(" ", "")
    dice = Dice("error", message)
    return Refusal(
        status, {"error": f"{name}Exception", "message": message, "errorId": dice.uuid()}
    )


@dataclass
class Question:
    """One GET request to the data."""

    account: Account
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    lists: Mapping[str, list[str]] = field(default_factory=dict)
    """All values of parameters that may repeat."""
    accept: str = "*/*"
    is_strange: bool = False
    note: Callable[[OverLimit], None] = lambda _: None

    def over(self, why: str) -> None:
        """Note that the request goes beyond a limit."""
        self.note(OverLimit(self.path, dict(self.query), why))

    def day(self, name: str) -> date:
        """Return a day of the query; refused if it is missing or no date."""
        return as_date(self.query.get(name), name)

    def whole(self, name: str, default: int | None = None) -> int | None:
        """Return a whole number of the query; refused if it is none."""
        value = self.query.get(name)
        if value is None:
            return default
        try:
            return int(value)
        except ValueError:
            raise unfit(f"{name} must be a number") from None

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a truth value of the query."""
        value = self.query.get(name)
        return default if value is None else value.lower() in {"true", "1"}

    def range(self, first: str | None, last: str | None, most: int | None) -> tuple[date, date]:
        """Return the ends of a range; refused if it is the wrong way round or too long.

        Such a refusal has an empty object as its body.
        """
        start, end = as_date(first, "startDate"), as_date(last, "endDate")
        length = (end - start).days + 1
        if most and length > most:
            self.over(f"{length} days, {most} are allowed")
            raise Refusal(HTTPStatus.BAD_REQUEST, {})
        if length < 1:
            raise Refusal(HTTPStatus.BAD_REQUEST, {})
        return start, end

    def record(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return a record as it is served: with strange members if these are asked for."""
        return strange(row) if self.is_strange else row

    def rows(
        self,
        days: tuple[date, date],
        make: Callable[[Account, date], dict[str, Any] | None],
        empty: Callable[[Account, date], dict[str, Any] | None],
        *,
        doubled: bool = True,
    ) -> list[dict[str, Any]]:
        """Return the rows of a range; days without data and doubled days as the quirks say."""
        quirks, today = self.account.quirks, self.account.today
        found = []
        for day in days_between(max(days[0], self.account.first_day), min(days[1], today)):
            row = make(self.account, day)
            if row is None and quirks.empty_days_in_ranges == "nulls":
                row = empty(self.account, day)
            if row is not None:
                served = self.record(row)
                found += self._doubled(served, day) if doubled else [served]
        return found

    def _doubled(self, row: dict[str, Any], day: date) -> list[dict[str, Any]]:
        """Return a row, with a poorer one before or after it on some days."""
        dice = Dice(self.account.seed, "double", day)
        if not dice.chance(self.account.quirks.duplicate_days):
            return [row]
        poorer = poor(row)
        return [poorer, row] if dice.chance(0.5) else [row, poorer]


KEYS = frozenset(words("calendarDate date userProfilePK userProfilePk userId uuid id"))
"""Members that a poorer row keeps."""


def poor(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of the same day in which every second member is null."""
    inner = row.get("dailySleepDTO")
    if inner:
        return {"dailySleepDTO": poor(inner)}
    return {
        name: value if name in KEYS or index % 2 else None
        for index, (name, value) in enumerate(row.items())
    }


def as_date(value: str | None, name: str) -> date:
    """Return a date of the form YYYY-MM-DD; refused if it is none."""
    try:
        return datetime.strptime(value or "", "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise unfit(f"{name} must be a date of the form YYYY-MM-DD") from None
