"""Streams whose requests cover a range of days: a month or a year of records at a time.

A request has the same price for one day as for its largest range. So each run reads the whole
last range again, counted back from tomorrow, which brings late syncs, recomputed nights and edits
at the price of the one request that today takes anyway.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, Final

from tap_garmin.days import ONE, Period, Window, read_day
from tap_garmin.errors import RefusedError
from tap_garmin.known import Known

from .base import GarminStream, leaves, members, objects

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from singer_sdk.helpers.types import Record

    from tap_garmin.client import Answer

__all__ = [
    "BodyBattery",
    "DailySummaries",
    "HealthSnapshots",
    "Hrv",
    "Hydration",
    "RangeStream",
    "Sleep",
    "Steps",
    "Stress",
    "WeightEntries",
    "WeightGoals",
]

MONTH: Final = 31
FOUR_WEEKS: Final = 28
YEAR: Final = 365
TOO_MUCH: Final = {HTTPStatus.BAD_REQUEST, HTTPStatus.INTERNAL_SERVER_ERROR}


class RangeStream(GarminStream):
    """A stream that is read by ranges of days, oldest first.

    A subclass names ``size``, the most days of a request; ``path``, with the places ``{first}``
    and ``{last}`` unless the days go into the query (``days_in_query``); and ``member``, where the
    rows stand in the answer, if not at its top.
    """

    size: ClassVar[int]
    path: ClassVar[str]
    days_in_query: ClassVar[bool] = False
    query: ClassVar[dict[str, Any]] = {}
    member: ClassVar[str | None] = None
    day: ClassVar[str] = "calendarDate"
    """Member of a record that tells its day."""

    def read_all(self) -> Iterable[Record]:
        """Yield the records of all windows, and keep in the STATE which have been read."""
        period, state = self.period(), dict(self.stream_state)
        known = Known(state.get("known"))
        first = self.first(period, state)
        progress = self.progress((period.last - first).days + 1, "days")
        day, size = first, self.size
        while day <= period.last:
            window = Window(day, min(day + (size - 1) * ONE, period.last))
            try:
                answer = self.ask_for(window)
            except RefusedError as error:
                size = self._smaller(window, error)
                continue
            yield from self._seen(answer, known)
            self.note_asked(window.first, min(window.last, period.yesterday))
            day = window.last + ONE
            progress.reach((day - first).days)
            if day <= period.last:
                self.bookmark(next_day=str(day), known=self.kept(known, period))
                self.emit_state()
        vanished = known.vanished(first, period.last)
        yield from self.gone(self.key_of(identity) for identity in vanished)
        end = period.end(state)
        kept = self.kept(known, period, vanished)
        self.bookmark(next_day=None, last_day=str(end), known=kept)
        progress.finish(end)

    def first(self, period: Period, state: dict[str, Any]) -> date:
        """Return the first day to read."""
        return period.start(state)

    def kept(
        self, known: Known, period: Period, vanished: list[str] | None = None
    ) -> dict[str, str] | list[str]:
        """Return what the STATE is to hold of the days that the next run reads again."""
        since = None if self.sweeps else period.last - self.look_back * ONE
        kept = known.kept(since, but=vanished)
        return sorted(kept) if self.replication_key in self.primary_keys else kept

    def _smaller(self, window: Window, error: RefusedError) -> int:
        """Return how many days to ask for where Garmin takes a window for too large.

        Raises:
            RefusedError: It was refused for another reason.
        """
        if error.status not in TOO_MUCH or window.days == 1:
            raise error
        self.logger.info("%s: %s Asking for fewer days at a time.", self.name, error)
        return window.days // 2

    def _seen(self, answer: Answer, known: Known) -> Iterator[Record]:
        """Yield the records of an answer, and note that they are there."""
        for record in self.fuller(self.rows(answer)):
            known.see(self.identity(record), record.get(self.day))
            yield record

    def ask_for(self, window: Window) -> Answer:
        """Return the answer for a window."""
        first, last = str(window.first), str(window.last)
        if self.days_in_query:
            return self.ask(self.path, startDate=first, endDate=last, **self.query)
        return self.ask(self.path.format(first=first, last=last), **self.query)

    def rows(self, answer: Answer) -> list[dict[str, Any]]:
        """Return the rows of an answer; none for 204 and null.

        Raises:
            AnswerError: It has another shape.
        """
        body, path = answer.json(), answer.request.path
        if self.member is not None and isinstance(body, dict):
            return objects(body.get(self.member), path)
        return objects(body, path)

    def fuller(self, rows: Iterable[Record]) -> list[Record]:
        """Return one row for each key, the fuller one where a key came twice, in order."""
        best: dict[Any, Record] = {}
        for number, row in enumerate(rows):
            key = tuple(row.get(name) for name in self.primary_keys)
            place = (number,) if None in key else key
            if place not in best or leaves(row) > leaves(best[place]):
                best[place] = row
        return list(best.values())

    def identity(self, record: Record) -> object:
        """Return what a record is known by in the STATE: its day."""
        return record.get(self.day)

    def key_of(self, identity: str) -> Record:
        """Return the key of a record that is known by an identity."""
        return {self.day: identity}


class DailySummaries(RangeStream):
    """A day of the person in nested objects, durations in milliseconds."""

    name = "daily_summaries"
    path = api_endpoint = "/usersummary-service/v2/dailysummaries"
    days_in_query = True
    member = "data"
    size = look_back = MONTH  # the published year is answered with 500 past about 90 days
    primary_keys = ("calendarDate",)
    replication_key = "calendarDate"
    source_timestamp: ClassVar = {"pointer": "/calendarDate", "form": "date"}


class Sleep(RangeStream):
    """A night, by the day of waking."""

    name = "sleep"
    path = api_endpoint = "/sleep-service/sleep/dailySleepSummariesByDate"
    days_in_query = True
    size = look_back = MONTH
    primary_keys = ("calendarDate",)
    replication_key = "calendarDate"
    # The ...Local ones are a wall clock as if it were UTC, no instants.
    source_timestamp: ClassVar = {"pointer": "/sleepEndTimestampGMT", "form": "epoch_ms"}

    def rows(self, answer: Answer) -> list[dict[str, Any]]:
        """Return the nights, taken out of the wrapper that some answers have around each."""
        return [_unwrapped(row, "dailySleepDTO") for row in super().rows(answer)]


class Hrv(RangeStream):
    """Heart rate variability of a night, by the day of waking."""

    name = "hrv"
    path = api_endpoint = "/hrv-service/hrv/daily/{first}/{last}"
    member = "hrvSummaries"
    size = YEAR
    look_back = settle = MONTH
    primary_keys = ("calendarDate",)
    replication_key = "calendarDate"
    # createTimeStamp has no zone.
    source_timestamp: ClassVar = {"pointer": "/calendarDate", "form": "date"}


class Stress(RangeStream):
    """A day with its stress level."""

    name = "stress"
    path = api_endpoint = "/usersummary-service/stats/stress/daily/{first}/{last}"
    size = look_back = FOUR_WEEKS
    primary_keys = ("calendarDate",)
    replication_key = "calendarDate"
    source_timestamp: ClassVar = {"pointer": "/calendarDate", "form": "date"}


class Steps(RangeStream):
    """A day with its steps."""

    name = "steps"
    path = api_endpoint = "/usersummary-service/stats/steps/daily/{first}/{last}"
    size = look_back = FOUR_WEEKS
    primary_keys = ("calendarDate",)
    replication_key = "calendarDate"
    source_timestamp: ClassVar = {"pointer": "/calendarDate", "form": "date"}


class Hydration(RangeStream):
    """A day with what was drunk."""

    name = "hydration"
    path = api_endpoint = "/usersummary-service/stats/hydration/daily/{first}/{last}"
    size = look_back = MONTH
    primary_keys = ("calendarDate",)
    replication_key = "calendarDate"
    source_timestamp: ClassVar = {"pointer": "/calendarDate", "form": "date"}


class BodyBattery(RangeStream):
    """A day with its Body Battery values; descriptors in the record name their columns."""

    name = "body_battery"
    path = api_endpoint = "/wellness-service/wellness/bodyBattery/reports/daily"
    days_in_query = True
    size = look_back = MONTH
    day = "date"
    primary_keys = ("date",)
    replication_key = "date"
    source_timestamp: ClassVar = {"pointer": "/date", "form": "date"}


class HealthSnapshots(RangeStream):
    """A Health Snapshot: two minutes of measuring at rest."""

    name = "health_snapshots"
    group = "health_snapshots"
    path = api_endpoint = "/wellnessactivity-service/activity/summary/range/{first}/{last}"
    size = look_back = FOUR_WEEKS  # no limit is published
    primary_keys = ("_tap_uuid",)
    replication_key = "calendarDate"
    source_timestamp: ClassVar = {"pointer": "/startTimestampGMT", "form": "utc"}

    def rows(self, answer: Answer) -> list[dict[str, Any]]:
        """Return the snapshots, each with its id, which stands in an object of its own."""
        return [row | {"_tap_uuid": _uuid(row)} for row in super().rows(answer)]

    def identity(self, record: Record) -> object:
        """Return the snapshot's id."""
        return record["_tap_uuid"]

    def key_of(self, identity: str) -> Record:
        """Return the key of a snapshot."""
        return {"_tap_uuid": identity}


class WeightEntries(RangeStream):
    """A weigh-in. An edited one is deleted and entered anew under another key."""

    name = "weight_entries"
    path = api_endpoint = "/weight-service/weight/range/{first}/{last}"
    query: ClassVar = {"includeAll": "true"}
    member: ClassVar = "dailyWeightSummaries"
    size = YEAR
    look_back = settle = 90
    primary_keys = ("samplePk",)
    replication_key = "calendarDate"
    # `date` is a wall clock as if it were UTC, no instant.
    source_timestamp: ClassVar = {"pointer": "/timestampGMT", "form": "epoch_ms"}

    @property
    def sweeps(self) -> bool:
        """Whether each run reads all weigh-ins again."""
        return bool(self.config["sweep_deletions"])

    def first(self, period: Period, state: dict[str, Any]) -> date:
        """Return the first day to read: a weigh-in may be older than all else."""
        first = period.start(state)
        if self.tap.account.start_date or self.is_trial:
            return first
        if "next_day" not in state and "last_day" not in state:
            while (earlier := self._before(first)) is not None:
                first = earlier
            self.bookmark(first_weigh_in=str(first))
        elif self.sweeps and "last_day" in state:
            first = min(first, read_day(state.get("first_weigh_in")) or first)
        return first

    def _before(self, day: date) -> date | None:
        """Return the earliest weigh-in known of in the year before a day; None without any."""
        last = day - ONE
        answer = self.ask_for(Window(last - (self.size - 1) * ONE, last))
        days = [read_day(row.get("calendarDate")) for row in self.rows(answer)]
        before = members(answer.json(), self.path).get("previousDateWeight")
        days.append(read_day(members(before, self.path).get("calendarDate")))
        return min((day for day in days if day), default=None)

    def rows(self, answer: Answer) -> list[dict[str, Any]]:
        """Return the weigh-ins of all days; the latest of a day where that is all there is."""
        path = answer.request.path
        found: list[Record] = []
        for day in objects(members(answer.json(), path).get(self.member), path):
            latest = day.get("latestWeight")
            found += objects(day.get("allWeightMetrics") or ([latest] if latest else None), path)
        return found

    def identity(self, record: Record) -> object:
        """Return the weigh-in's key."""
        return record.get("samplePk")

    def key_of(self, identity: str) -> Record:
        """Return the key of a weigh-in."""
        return {"samplePk": int(identity)}


class WeightGoals(RangeStream):
    """A weight goal, or a range of weights for a week, as of the days that it holds for."""

    name = "weight_goals"
    group = "profile"
    path = api_endpoint = "/goal-service/goal/user/effective/weightgoal/{first}/{last}"
    size = YEAR
    look_back = settle = 90
    day = "startDate"
    primary_keys = ("_tap_list", "userGoalType", "startDate")
    replication_key = "startDate"
    source_timestamp: ClassVar = {"pointer": "/startDate", "form": "date"}

    def rows(self, answer: Answer) -> list[dict[str, Any]]:
        """Return the goals of both lists, each with the name of its list."""
        path = answer.request.path
        body = members(answer.json(), path)
        return [
            row | {"_tap_list": name}
            for name in ("userGoals", "userGoalRanges")
            for row in objects(body.get(name), path)
        ]

    def identity(self, record: Record) -> object:  # noqa: ARG002 - for all goals
        """Return nothing: a goal that ended is no longer in force, and not deleted."""
        return None


def _unwrapped(row: Record, wrapper: str) -> Record:
    """Return the record that a wrapper holds, with what stands beside it."""
    inner = row.get(wrapper)
    if not isinstance(inner, dict):
        return row
    beside = {name: value for name, value in row.items() if name != wrapper}
    return beside | inner


def _uuid(row: Record) -> Any:
    """Return the id of a Health Snapshot."""
    uuid = row.get("activityUuid")
    return uuid.get("uuid") if isinstance(uuid, dict) else uuid
