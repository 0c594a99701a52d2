"""Streams whose requests cover one day: a request for each day of history, oldest first.

They are off unless they are asked for, and can be stopped at any time: the STATE is written day
by day, and the next run goes on there.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from tap_garmin.days import ONE, read_day
from tap_garmin.known import Known

from .base import GarminStream, leaves, objects

if TYPE_CHECKING:
    from collections.abc import Iterable

    from singer_sdk.helpers.types import Record

    from tap_garmin.client import Answer

__all__ = [
    "DailySummariesFlat",
    "DayStream",
    "FitnessAge",
    "FoodLog",
    "HeartRate",
    "HrvReadings",
    "MenstrualCycles",
    "MenstrualDays",
    "Spo2",
]


class DayStream(GarminStream):
    """A stream that is read day by day.

    A subclass names ``path``, with the place ``{day}`` unless the day goes into the query under
    the name ``parameter``; and ``tagged`` where the record does not tell its day.
    """

    path: ClassVar[str]
    parameter: ClassVar[str | None] = None
    query: ClassVar[dict[str, Any]] = {}
    tagged: ClassVar[bool] = False

    def read_all(self) -> Iterable[Record]:
        """Yield the records of all days, and keep in the STATE which have been read."""
        account = self.tap.account
        period = self.period(min(account.last_day(), account.today))
        state = dict(self.stream_state)
        day = period.start(state)
        progress = self.progress((period.last - day).days + 1, "days")
        while day <= period.last:
            yield from self.records(self.ask_for(day), day)
            progress.step()
            self.note_asked(day, min(day, period.yesterday))
            day += ONE
            self.bookmark(next_day=str(day))
            self.emit_state()
        end = period.end(state)
        self.bookmark(next_day=None, last_day=str(end))
        progress.finish(end)

    def ask_for(self, day: date) -> Answer:
        """Return the answer for a day."""
        query = {self.parameter: str(day)} if self.parameter else {}
        return self.ask(self.path.format(day=day), **query, **self.query)

    def records(self, answer: Answer, day: date) -> list[Record]:
        """Return the records of a day; none for 204, null, ``{}`` and values of null alone."""
        body = answer.json()
        found = objects(body if isinstance(body, list) else [body or {}], answer.request.path)
        tag = {"_tap_date": str(day)} if self.tagged else {}
        return [record | tag for record in found if leaves(record)]


class DailySummariesFlat(DayStream):
    """A day of the person in one flat object, durations in seconds."""

    name = "daily_summaries_flat"
    group = "day_summaries"
    path = api_endpoint = "/usersummary-service/usersummary/daily"
    parameter = "calendarDate"
    look_back, settle = 7, 6
    primary_keys = ("calendarDate",)
    replication_key = "calendarDate"
    source_timestamp: ClassVar = {"pointer": "/calendarDate", "form": "date"}


class HrvReadings(DayStream):
    """A night with its readings of heart rate variability."""

    name = "hrv_readings"
    group = "day_samples"
    path = api_endpoint = "/hrv-service/hrv/{day}"
    tagged = True
    look_back, settle = 7, 6
    primary_keys = ("_tap_date",)
    replication_key = "_tap_date"
    source_timestamp: ClassVar = {"pointer": "/endTimestampGMT", "form": "utc"}


class HeartRate(DayStream):
    """A day with its heart rate, a row for each two minutes."""

    name = "heart_rate"
    group = "day_samples"
    path = api_endpoint = "/wellness-service/wellness/dailyHeartRate"
    parameter = "date"
    look_back, settle = 3, 2
    primary_keys = ("calendarDate",)
    replication_key = "calendarDate"
    source_timestamp: ClassVar = {"pointer": "/calendarDate", "form": "date"}


class Spo2(DayStream):
    """A day with its oxygen saturation."""

    name = "spo2"
    group = "day_samples"
    path = api_endpoint = "/wellness-service/wellness/daily/spo2acclimation/{day}"
    look_back, settle = 3, 2
    primary_keys = ("calendarDate",)
    replication_key = "calendarDate"
    source_timestamp: ClassVar = {"pointer": "/calendarDate", "form": "date"}


class FitnessAge(DayStream):
    """Fitness age as of a day; an object, or a list of one as published."""

    name = "fitness_age"
    group = "day_summaries"
    path = api_endpoint = "/fitnessage-service/fitnessage/v2/{day}"
    tagged = True
    look_back, settle = 7, 6
    primary_keys = ("_tap_date",)
    replication_key = "_tap_date"
    # lastUpdated has no zone.
    source_timestamp: ClassVar = {"pointer": "/_tap_date", "form": "date"}


class FoodLog(DayStream):
    """A day with what was eaten, by meal."""

    name = "food_log"
    group = "food"
    path = api_endpoint = "/nutrition-service/food/logs/{day}"
    look_back, settle = 7, 6
    primary_keys = ("mealDate",)
    replication_key = "mealDate"
    source_timestamp: ClassVar = {"pointer": "/mealDate", "form": "date"}


class MenstrualDays(DayStream):
    """A day as logged. Predictions are written anew, and past days relabelled, for months."""

    name = "menstrual_days"
    group = "menstrual_cycle"
    path = api_endpoint = "/periodichealth-service/menstrualcycle/dayview/{day}"
    tagged = True
    look_back, settle = 90, 89
    primary_keys = ("_tap_date",)
    replication_key = "_tap_date"
    source_timestamp: ClassVar = {"pointer": "/_tap_date", "form": "date"}

    def ask_for(self, day: date) -> Answer:
        """Return the answer for a day, as seen from today."""
        today = str(self.tap.account.today)
        return self.ask(self.path.format(day=day), todayDate=today)


class MenstrualCycles(DayStream):
    """A cycle or pregnancy, as it stood on its first day.

    A request for a day tells the cycle that it lies in, so one request a cycle is enough; where no
    cycle is tracked it takes one a day.
    """

    name = "menstrual_cycles"
    group = "menstrual_cycle"
    path = api_endpoint = "/periodichealth-service/menstrualcycle/summary/{day}"
    look_back, settle = 90, 89
    primary_keys = ("startDate",)
    replication_key = "startDate"
    source_timestamp: ClassVar = {"pointer": "/startDate", "form": "date"}

    def read_all(self) -> Iterable[Record]:
        """Yield the cycles, and keep in the STATE how far they have been read."""
        account = self.tap.account
        period = self.period(min(account.last_day(), account.today))
        state, oldest = dict(self.stream_state), period.last - self.look_back * ONE
        known = Known(state.get("known"))
        first = day = period.start(state)
        progress = self.progress((period.last - first).days + 1, "days")
        while day <= period.last:
            cycle = self.cycle_of(day)
            if cycle and not known.has_seen(start := cycle["startDate"]):
                known.see(start, start)
                yield cycle
            day = max(day + ONE, _day_after(cycle))
            progress.reach((day - first).days)
            self.note_asked(first, min(day - ONE, period.yesterday))
            self.bookmark(next_day=str(day), known=sorted(known.kept(oldest)))
            self.emit_state()
        vanished = known.vanished(first, period.last)
        yield from self.gone({"startDate": start} for start in vanished)
        end, kept = period.end(state), sorted(known.kept(oldest, but=vanished))
        self.bookmark(next_day=None, last_day=str(end), known=kept)
        progress.finish(end)

    def cycle_of(self, day: date) -> Record | None:
        """Return the cycle that a day lies in, as of the cycle's first day; None if there is none.

        Its members count from the day that was asked for, so each cycle is asked for at its start.
        """
        cycle = self._summary(day)
        start = read_day(cycle.get("startDate")) if cycle else None
        if start is None or start == day:
            return cycle if start else None
        return self._summary(start) or cycle

    def _summary(self, day: date) -> Record | None:
        """Return the cycle that a day lies in, as of that day; None if there is none."""
        return next(iter(self.records(self.ask_for(day), day)), None)


def _day_after(cycle: Record | None) -> date:
    """Return the day after a cycle, while it lasts as predicted; without one the first ever."""
    start, end = (read_day((cycle or {}).get(name)) for name in ("startDate", "endDate"))
    length = (cycle or {}).get("predictedCycleLength")
    if end is not None:
        return end + ONE
    if start is not None and isinstance(length, int):
        return start + timedelta(days=length)
    return date.min
