"""The person's own time entries that changed, those of the last three months above all."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING, Any, ClassVar, Final

from tap_toggl import clock
from tap_toggl.api import V9, rows
from tap_toggl.history import AHEAD

from .base import TogglStream

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from singer_sdk.helpers.types import Record

    from tap_toggl.client import Answer

__all__ = ["TimeEntries"]

DAY: Final = 86_400
OLDEST: Final = 89 * DAY - 3600
"""Toggl refuses what is older than three months, which may be 89 days; an hour for the clocks."""
EARLIEST: Final = 1970
LATEST: Final = 9998
CUT: Final = 1000
"""An answer of so many rows may have been cut without a word."""
ROOM: Final = 900
"""Rows that are expected in a range at most, so that few ranges are cut in their turn."""


class TimeEntries(TogglStream):
    """``GET /me/time_entries?since=``: what was made, changed or deleted since the last run."""

    name = "time_entries"
    primary_keys = ("id",)
    replication_key = "at"
    api_endpoint = "/me/time_entries"
    source_timestamp: ClassVar[Mapping[str, str]] = {"pointer": "/start", "form": "rfc3339"}
    deleted = "/server_deleted_at"
    needed = True

    def records(self) -> Iterator[Record]:
        """Yield what changed; with an end date what began between the dates, and no STATE."""
        now = clock.seconds()
        found = self._changed(now) if self.toggl.end is None else self._bounded(now)
        for row in found:
            start = _start(row)
            if start is None or self._is_wanted(start):
                self._note(row, start)
                yield row
        if not self.toggl.reads_history:
            self.toggl.tell_silence()

    def _changed(self, now: int) -> Iterator[Record]:
        """Yield what changed since the last run, and what of it may have been cut off."""
        since = self._since(now)
        answer = self._ask(since=str(since))
        found = rows(answer)
        yield from found
        if len(found) >= CUT:
            self._warn_of_cut(now)
            known = {row["id"]: row for row in found if "id" in row}
            for begin, end in _ranges(found, now - OLDEST, now + AHEAD * DAY):
                changed = self._between(begin, end)
                yield from (row for row in changed if known.get(row.get("id")) != row)
        # Where there is no gap, the last run has asked for what lies before on the first day.
        is_whole = self.stream_state.get("changed_at", 0) >= now - OLDEST
        self._note_days(since, now, is_whole=is_whole)
        self.bookmark(changed_at=_served_at(answer, now))

    def _bounded(self, now: int) -> Iterator[Record]:
        """Yield what began between the settings' dates, as far back as this endpoint reaches."""
        begin, end = now - OLDEST, now + AHEAD * DAY
        if self.toggl.start is not None:
            begin = max(begin, self.account.midnight(self.toggl.start))
        if self.toggl.end is not None:
            end = min(end, self.account.midnight(self.toggl.end) + DAY + 2 * 3600)
        if begin < end:
            yield from self._between(begin, end)
            self._note_days(begin, end, is_whole=False)

    def _note_days(self, begin: int, end: int, *, is_whole: bool) -> None:
        """Note the days on which all entries that began have been told.

        Args:
            begin: From when on, in seconds since 1970.
            end: Until when.
            is_whole: Whether the first day is whole.
        """
        # UTC will do: the person's zone may cost a request.
        first = _day(begin) + timedelta(days=not is_whole)
        last = min(_day(end), _day(clock.seconds())) - timedelta(days=1)
        earliest, latest = self.toggl.start or first, self.toggl.end or last
        self.note_asked(max(first, earliest), min(last, latest))

    def _since(self, now: int) -> int:
        """Return from when on changes are asked for; warn if that leaves a gap."""
        known = self.stream_state.get("changed_at")
        oldest = now - OLDEST
        if known is None:
            return oldest
        if known < oldest:
            self._warn_of_gap(_day(known), _day(oldest))
        lookback: int = self.config["lookback_days"] * DAY
        return max(min(int(known), now) - lookback, oldest)

    def _warn_of_gap(self, first: date, last: date) -> None:
        """Tell what cannot be known any more."""
        then = (
            "reads the entries of that time again, but"
            if self.toggl.reads_history
            else "would read the entries of that time again, but is not selected;"
        )
        self.logger.warning(
            "The last run was on %s, and Toggl tells changes of 89 days only: stream "
            "time_entries_history %s deletions between then and %s, and edits of older entries, "
            "stay unknown.",
            first,
            then,
            last,
        )

    def _warn_of_cut(self, now: int) -> None:
        """Tell what of a cut answer cannot be asked for in another way."""
        self.logger.warning(
            "Toggl told of %d changes, which is all that one answer holds: entries from %s on are "
            "read again by their dates, but some edits of older entries, and some deletions, may "
            "stay unknown.",
            CUT,
            _day(now - OLDEST),
        )

    def _between(self, begin: int, end: int) -> Iterator[Record]:
        """Yield what begins in a range of seconds, by halves of it if the answer may be cut.

        The range is halved where half of the answer's entries lie, not in the middle: a thousand
        entries may have been imported into one hour.
        """
        found = rows(self._ask(start_date=_rfc3339(begin), end_date=_rfc3339(end)))
        if len(found) < CUT or end - begin < 2:  # noqa: PLR2004 - a second has no halves
            yield from found
            return
        starts = sorted(int(start.timestamp()) for row in found if (start := _start(row)))
        middle = starts[len(starts) // 2] if starts else begin
        if not begin < middle < end:
            middle = (begin + end) // 2
        yield from self._between(begin, middle)
        yield from self._between(middle, end)

    def _ask(self, **params: Any) -> Answer:
        """Return one answer."""
        return self.took(self.api.get(f"{V9}{self.api_endpoint}", **params))

    def _is_wanted(self, start: datetime) -> bool:
        """Tell whether an entry begins between the settings' dates."""
        first, last = self.toggl.start, self.toggl.end
        if first is None and last is None:
            return True
        day = self.account.day(start)
        return (first is None or day >= first) and (last is None or day <= last)

    def _note(self, row: Record, start: datetime | None) -> None:
        """Remember the day of a living entry."""
        if start is not None and not row.get("server_deleted_at"):
            # Days in UTC will do here: the person's zone may cost a request.
            day = str(start.astimezone(UTC).date())
            self.toggl.activity.note([day], clock.now().date())


def _ranges(found: Iterable[Record], begin: int, end: int) -> list[tuple[int, int]]:
    """Return ranges of starts that are expected to hold fewer entries than are cut.

    Args:
        found: The rows of a cut answer, the newest start first: they show how dense entries are.
        begin: Oldest start, in seconds since 1970.
        end: Newest start.
    """
    starts = [int(start.timestamp()) for row in found if (start := _start(row))]
    inside = [start for start in starts if start >= begin]
    shown = end - min(inside, default=begin)
    parts = max(1, ceil(len(inside) * (end - begin) / max(shown, 1) / ROOM))
    borders = [begin + (end - begin) * part // parts for part in range(parts + 1)]
    return list(pairwise(borders))


def _start(row: Record) -> datetime | None:
    """Return when an entry begins, None if it does not tell."""
    try:
        found = datetime.fromisoformat(row["start"])
    except (KeyError, TypeError, ValueError):
        return None
    # The year 1 is how Go writes that there is no time; no zone can be added to it.
    return found if EARLIEST <= found.year <= LATEST else None


def _served_at(answer: Answer, now: int) -> int:
    """Return when an answer was made, by the server's clock if that is behind ours."""
    try:
        return min(now, int(parsedate_to_datetime(answer.headers["Date"]).timestamp()))
    except (KeyError, TypeError, ValueError):
        return now


def _rfc3339(moment: int) -> str:
    """Return a time as Toggl reads it: with its zone, so that no zone need be known."""
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _day(moment: int) -> date:
    """Return the day of a time, in UTC."""
    return datetime.fromtimestamp(moment, UTC).date()
