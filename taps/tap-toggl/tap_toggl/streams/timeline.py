"""What was on the person's screen, as Toggl's desktop programs recorded it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, ClassVar, Final

from tap_toggl import clock

from .base import SKIPPED, TogglStream

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

    from singer_sdk.helpers.types import Record

__all__ = ["Timeline"]

DAY: Final = 86_400
WINDOW: Final = 30 * DAY
LOOKBACK: Final = 2 * DAY
"""Events come when the desktop program uploads them, which may be later."""
YEAR: Final = 364 * DAY


class Timeline(TogglStream):
    """``GET /timeline``: programs and titles of windows; very private, so off by default."""

    name = "timeline"
    group = "timeline"
    primary_keys = ("id",)
    replication_key = "start_time"
    api_endpoint = "/timeline"
    source_timestamp: ClassVar[Mapping[str, str]] = {"pointer": "/start_time", "form": "epoch_s"}
    # 400 says "Timeline is not enabled".
    skipped = SKIPPED | {HTTPStatus.BAD_REQUEST}

    def records(self) -> Iterator[Record]:
        """Yield the events of a month at a time, from where the last run ended."""
        now = clock.seconds()
        begin, end = self._begin(now), self._end(now)
        first = _day(begin) + timedelta(days="read_until" not in self.stream_state)
        while begin < end:
            until = min(begin + WINDOW, end)
            yield from self.listed("/timeline", start_date=str(begin), end_date=str(until))
            self.note_asked(first, _day(until) - timedelta(days=1))
            self.bookmark(read_until=until)
            self.emit_state()
            begin = until

    def _begin(self, now: int) -> int:
        """Return from when on to read: a year back if neither STATE nor settings tell."""
        if known := self.stream_state.get("read_until"):
            return int(known) - LOOKBACK
        start = self.toggl.start
        return now - YEAR if start is None else self.account.midnight(start)

    def _end(self, now: int) -> int:
        """Return until when to read."""
        end = self.toggl.end
        return now if end is None else min(now, self.account.midnight(end) + DAY)


def _day(moment: int) -> date:
    """Return the day of a time in seconds since 1970, in UTC."""
    return datetime.fromtimestamp(moment, UTC).date()
