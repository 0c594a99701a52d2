"""The list of activities: read by date, oldest first, once a run for all streams that need it.

The list has no cursor and no total. A page starts at an offset, so rows shift when an activity is
deleted or uploaded while the list is read. Therefore each page starts on the day of the last row
before it, at offset 0, and rows that come again are dropped.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from .client import Request
from .days import read_day
from .errors import AnswerError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .client import Answer, Client

__all__ = ["PATH", "ActivityList", "Entry", "Page"]

PATH: Final = "/activitylist-service/activities/search/activities"
PAGE: Final = 40
"""Rows a page. Beyond about 45 Garmin answers 500, and without a limit it does so too."""
EVER: Final = date(1970, 1, 1)
RECORDING: Final = ("startTimeGMT", "duration", "elapsedDuration", "distance")
"""Members of a row that change when the recording is trimmed, and not when it is renamed."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is kept of a row for the streams that read more of each activity."""

    id: int
    day: date | None
    """Local day of the start."""
    start: str | None
    """Start in UTC, as text."""
    row: str
    """Hash of the row: another one means that the activity was changed."""
    recording: str
    """Hash of what changes when the recording itself does."""
    is_leg: bool
    """Whether it is a part of a multisport activity."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page's new rows, and the answer that they came in."""

    answer: Answer
    rows: list[dict[str, Any]]
    entries: list[Entry]
    next_day: date
    """All activities before this local day have been read."""
    is_last: bool

    @property
    def first_day(self) -> date | None:
        """The local day of its first activity."""
        return next((entry.day for entry in self.entries if entry.day), None)


class ActivityList:
    """The list of activities of one account.

    Args:
        client: Where to ask.
    """

    def __init__(self, client: Client) -> None:
        """Ask nothing yet."""
        self._client = client
        self._limit = PAGE
        self._entries: list[Entry] = []
        self._since: date | None = None
        self._until: date | None = None
        self._first: date | None = None
        self.answer: Answer | None = None
        """The last one."""

    def first_day(self, last: date) -> date | None:
        """Return the local day of the first activity of all; None if there is none."""
        if self._first is None:
            next(self.pages(EVER, last))
        return self._first

    def entries(self, first: date, last: date) -> list[Entry]:
        """Return the activities that start on these local days, oldest first.

        The list is asked for only if no other stream of this run has read these days.
        """
        if self._since is None or self._since > first or self._until != last:
            for _ in self.pages(first, last):
                pass
        return [entry for entry in self._entries if entry.day is None or entry.day >= first]

    def pages(self, first: date, last: date) -> Iterator[Page]:
        """Yield the pages of the activities that start on these local days, oldest first.

        Raises:
            RefusedError: The list is refused even for a single row.
            AnswerError: The answer is no list.
        """
        seen: set[Any] = set()
        kept: list[Entry] = []
        day, offset, is_full = first, 0, True
        while is_full:
            answer = self.answer = self._ask(day, last, offset)
            rows = _rows(answer)
            is_full = len(rows) >= self._limit
            new = [row for row in rows if row.get("activityId") not in seen]
            entries = [_entry(row) for row in new if isinstance(row.get("activityId"), int)]
            seen.update(entry.id for entry in entries)
            kept.extend(entries)
            day, offset = _onward(day, offset, rows)
            if not is_full:
                self._entries, self._since, self._until = kept, first, last
            page = Page(answer, new, entries, day, not is_full)
            if first == EVER:
                self._first = self._first or page.first_day
            yield page

    def _ask(self, first: date, last: date, offset: int) -> Answer:
        """Return the answer for a page; where Garmin takes it for too large, a smaller one."""
        while True:
            query = {
                "start": offset,
                "limit": self._limit,
                "startDate": str(first),
                "endDate": str(last),
                "sortBy": "startLocal",
                "sortOrder": "asc",
                "excludeChildren": "false",  # legs of a multisport activity are rows of their own
            }
            try:
                return self._client.ask(Request("GET", PATH, query))
            except RefusedError as error:
                if error.status != HTTPStatus.INTERNAL_SERVER_ERROR or self._limit == 1:
                    raise
                self._limit //= 2


def _rows(answer: Answer) -> list[dict[str, Any]]:
    """Return the rows of an answer.

    Raises:
        AnswerError: It holds something else.
    """
    rows = answer.json() or []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise AnswerError(f"The answer to {PATH} is no list of activities.")
    return rows


def _onward(day: date, offset: int, rows: list[dict[str, Any]]) -> tuple[date, int]:
    """Return the day and the offset at which the next page starts."""
    reached = read_day(rows[-1].get("startTimeLocal")) if rows else None
    if reached and reached > day:
        return reached, 0
    return day, offset + len(rows)


def _entry(row: Mapping[str, Any]) -> Entry:
    """Return what is kept of a row."""
    return Entry(
        row["activityId"],
        read_day(row.get("startTimeLocal")),
        row.get("startTimeGMT"),
        _hash(row),
        _hash({name: row.get(name) for name in RECORDING}),
        row.get("parentId") is not None,
    )


def _hash(value: Any) -> str:
    """Return a short hash of a JSON value, whatever the order of its members."""
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
