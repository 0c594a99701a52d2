"""The account that is read: its zone, its today, its first day, its activities.

All streams share what is found out here, so that each request is sent once a run.
"""

from __future__ import annotations

from datetime import UTC, date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from . import clock
from .activities import ActivityList
from .api import is_closed
from .client import Request
from .days import ONE, Window, read_day
from .errors import CredentialsError, RefusedError

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterator, Mapping
    from datetime import tzinfo

    from .client import Answer, Client

__all__ = ["Account"]

SETTINGS: Final = "/userprofile-service/userprofile/settings"
DAYS: Final = "/usersummary-service/v2/dailysummaries"
WATCHES_SINCE: Final = date(2014, 1, 1)
"""Before 2014 Garmin made nothing that is worn all day: only activities and weigh-ins are older."""
WINDOW: Final = 31
EMPTY: Final = 3
"""Windows in a row without data, after which only one in each year before is looked at."""
YEAR: Final = timedelta(days=365)


class Account:
    """What all streams need to know of the account; asked for when it is first needed.

    Args:
        client: Where to ask.
        config: The tap's settings.
        bookmarks: The STATE of each stream, as it was when the run started.
        logger: Where the first day is told.
    """

    def __init__(
        self,
        client: Client,
        config: Mapping[str, Any],
        bookmarks: Mapping[str, Mapping[str, Any]],
        logger: logging.Logger,
    ) -> None:
        """Ask nothing yet."""
        self.client = client
        self._config = config
        self._bookmarks = bookmarks
        self._logger = logger
        self.activities = ActivityList(client)

    @cached_property
    def settings(self) -> Answer:
        """The answer that holds the account's settings.

        Raises:
            RefusedError: The key does not open them.
        """
        return self.client.ask(Request("GET", SETTINGS))

    @cached_property
    def zone(self) -> tzinfo:
        """The zone of the account; UTC where Garmin tells none that is known here."""
        try:
            found = self.settings.json()
        except CredentialsError:
            raise
        except RefusedError:
            return UTC
        name = found.get("timeZone") if isinstance(found, dict) else None
        try:
            return ZoneInfo(name) if isinstance(name, str) else UTC
        except (KeyError, ValueError, OSError):  # such as "gmt": the names of zones have cases
            return UTC

    @cached_property
    def today(self) -> date:
        """Today in the zone of the account, held fast for the whole run."""
        return clock.now().astimezone(self.zone).date()

    def last_day(self) -> date:
        """Return the last day to read: tomorrow, where a traveller may be, or ``end_date``."""
        tomorrow = self.today + ONE
        end = read_day(self._config.get("end_date"))
        return min(end, tomorrow) if end else tomorrow

    @cached_property
    def start_date(self) -> date | None:
        """The first day to read, if the settings name it."""
        return read_day(self._config.get("start_date"))

    @cached_property
    def first_day(self) -> date:
        """The first day to read: that of the settings, else the first one that has data."""
        if self.start_date:
            return self.start_date
        days = (read_day(state.get("first_day")) for state in self._bookmarks.values())
        known = min((day for day in days if day), default=None)
        return known or self._look_for_first_day()

    def _look_for_first_day(self) -> date:
        """Find the first day with data by few requests, where all history is to be read.

        It goes back from the first activity, month by month until three in a row are empty, then
        by one month in each year, as a person may have worn a watch without recording activities.
        """
        first = self._first_activity() or self.today
        while (earlier := self._earlier(first)) is not None:
            first = earlier
        self._logger.info("The first day with data is %s.", first)
        return first

    def _first_activity(self) -> date | None:
        """Return the day of the first activity; None if there is none to be seen."""
        try:
            return self.activities.first_day(self.last_day())
        except RefusedError as error:
            if not is_closed(error):
                raise
            return None

    def _earlier(self, day: date) -> date | None:
        """Return the earliest day that has data in the first window before a day that has any."""
        for window in _windows_before(day):
            path, days = DAYS, {"startDate": str(window.first), "endDate": str(window.last)}
            try:
                answer = self.client.ask(Request("GET", path, days))
            except RefusedError as error:
                if not is_closed(error):
                    raise
                return None
            if found := _days_with_data(answer.json()):
                return min(found)
        return None


def _windows_before(day: date) -> Iterator[Window]:
    """Yield the windows to look at before a day: some that adjoin, then one in each year."""
    last = day - ONE
    for number in range(EMPTY + (last - WATCHES_SINCE) // YEAR + 1):
        if last < WATCHES_SINCE:
            return
        yield Window(max(last - (WINDOW - 1) * ONE, WATCHES_SINCE), last)
        last -= WINDOW * ONE if number < EMPTY - 1 else YEAR


def _days_with_data(body: Any) -> list[date]:
    """Return the days of an answer that hold more than a date."""
    found = body.get("data") if isinstance(body, dict) else None
    rows = [row for row in found or [] if isinstance(row, dict)]
    with_data = (
        row for row in rows if row.get("includesWellnessData") or row.get("includesActivityData")
    )
    days = (read_day(row.get("calendarDate")) for row in with_data)
    return [day for day in days if day]
