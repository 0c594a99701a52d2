"""Streams that take requests for each activity: its detail, its workouts, its original file.

They are off unless they are asked for. They go through the activities oldest first, can be stopped
at any time, and read an activity again only where its row in the list has changed.
"""

from __future__ import annotations

from abc import abstractmethod
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, Final

from tap_garmin.activities import EVER
from tap_garmin.api import is_closed
from tap_garmin.days import ONE, read_day
from tap_garmin.errors import RefusedError

from .base import GarminStream, members, objects

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from singer_sdk.helpers.types import Record

    from tap_garmin.activities import Entry
    from tap_garmin.client import Answer
    from tap_garmin.days import Period

__all__ = ["ActivityDetails", "ActivityStream", "ActivityWorkouts"]

DAY, DIGEST, PARTS = range(3)
"""Places in what the STATE holds of an activity: local day, hash of its row, parts of its keys."""


class ActivityStream(GarminStream):
    """A stream that is read activity by activity.

    The STATE holds, for the activities of the look-back, the hash of the row as it was when the
    activity was read, and which records it had: what changed is read again, what is gone is told.
    """

    look_back = settle = 30
    parent: ClassVar = {"stream": "activities", "key": ["/_tap_activity_id"]}
    path: ClassVar[str]

    @abstractmethod
    def records(self, entry: Entry) -> Iterable[Record]:
        """Yield the records of an activity."""

    @abstractmethod
    def part(self, record: Record) -> int:
        """Return what tells a record from the others of its activity."""

    @abstractmethod
    def key_of(self, activity: int, part: int) -> Record:
        """Return the key of a record."""

    def has(self, entry: Entry) -> bool:  # noqa: ARG002 - all have, but for one stream
        """Tell whether an activity can have records here."""
        return True

    def digest(self, entry: Entry) -> str:
        """Return what changes when the activity is to be read again."""
        return entry.row

    def read_all(self) -> Iterable[Record]:
        """Yield the records of all activities that are new or have changed."""
        period, state = self.period(first=EVER), dict(self.stream_state)
        first = period.start(state)
        entries = self.tap.account.activities.entries(first, period.last)
        known: dict[str, list[Any]] = dict(state.get("known") or {})
        due = [entry for entry in entries if self.has(entry) and self._is_due(entry, known)]
        progress = self.progress(len(due), "activities")
        for entry in due:
            yield from self._read(entry, known)
            progress.step()
            self._advance(entry, known, period, state)
            self._note_until((entry.day or first) - ONE, first, entries, period)
            self.emit_state()
        yield from self._vanished(entries, known, first)
        end = period.end(state)
        oldest = str(period.last - self.look_back * ONE)
        kept = {activity: facts for activity, facts in known.items() if facts[DAY] >= oldest}
        self._note_until(period.last, first, entries, period)
        self.bookmark(next_day=None, last_day=str(end), known=kept)
        progress.finish(end)

    def _note_until(self, day: date, first: date, entries: list[Entry], period: Period) -> None:
        """Note the days as asked for whose activities have all been read, up to a day."""
        days = (entry.day for entry in entries if entry.day)
        begun = min(days, default=period.last) if first == EVER else first
        self.note_asked(begun, min(day, period.yesterday))

    def _is_due(self, entry: Entry, known: dict[str, list[Any]]) -> bool:
        """Tell whether an activity has not been read as it is now."""
        facts = known.get(str(entry.id))
        return facts is None or facts[DIGEST] != self.digest(entry)

    def _read(self, entry: Entry, known: dict[str, list[Any]]) -> Iterator[Record]:
        """Yield the records of an activity, and what it had before and has no more."""
        parts: list[int] = []
        try:
            for record in self.records(entry):
                parts.append(self.part(record))
                yield record
        except RefusedError as error:
            if not _is_of_one(error):
                raise
            self.logger.debug("%s: nothing for one activity: %s", self.name, error)
        before = known.get(str(entry.id), [None, None, []])[PARTS]
        left = [part for part in before if part not in parts]
        yield from self.gone(self.key_of(entry.id, part) for part in left)
        known[str(entry.id)] = [str(entry.day), self.digest(entry), parts]

    def _advance(
        self, entry: Entry, known: dict[str, list[Any]], period: Period, state: dict[str, Any]
    ) -> None:
        """Keep in the STATE that an activity was read, and while history comes in, its day."""
        if "last_day" in state:
            self.bookmark(known=dict(known))
            return
        oldest = period.last - self.look_back * ONE
        since = str(min(oldest, entry.day or oldest))
        for activity in [one for one, facts in known.items() if facts[DAY] < since]:
            del known[activity]
        self.bookmark(known=dict(known), next_day=str(entry.day or since))

    def _vanished(
        self, entries: list[Entry], known: dict[str, list[Any]], first: date
    ) -> Iterator[Record]:
        """Yield the keys of the records of activities that are in the list no more."""
        if not entries or self.tap.account.activities.answer is None:
            return  # an empty list is no evidence
        self.note(self.tap.account.activities.answer)
        listed = {str(entry.id) for entry in entries}
        for activity in [one for one in known if one not in listed]:
            day, _, parts = known[activity]
            if (started := read_day(day)) is not None and started >= first:
                yield from self.gone(self.key_of(int(activity), part) for part in parts)
                del known[activity]


class ActivityDetails(ActivityStream):
    """An activity with its summary, its metadata and its splits."""

    name = "activity_details"
    group = "activity_details"
    path = api_endpoint = "/activity-service/activity/{activity}"
    parent: ClassVar = {"stream": "activities", "key": ["/activityId"]}
    primary_keys = ("activityId",)
    replication_key = "activityId"  # the ids grow
    source_timestamp: ClassVar = {"pointer": "/summaryDTO/startTimeGMT", "form": "utc"}

    def records(self, entry: Entry) -> Iterable[Record]:
        """Return the detail."""
        detail = members(self.ask(self.path.format(activity=entry.id)).json(), self.path)
        return [detail] if detail else []

    def part(self, record: Record) -> int:  # noqa: ARG002 - there is one
        """Return 0: there is one record an activity."""
        return 0

    def key_of(self, activity: int, part: int) -> Record:  # noqa: ARG002 - there is one
        """Return the activity's id."""
        return {"activityId": activity}


class ActivityWorkouts(ActivityStream):
    """A workout that was followed in an activity; most activities have none."""

    name = "activity_workouts"
    group = "activity_details"
    path = api_endpoint = "/activity-service/activity/{activity}/workouts"
    primary_keys = ("_tap_activity_id", "index")
    replication_key = "timeCreated"
    source_timestamp: ClassVar = {"pointer": "/timeCreated", "form": "utc"}

    def records(self, entry: Entry) -> Iterable[Record]:
        """Return the workouts, each with the id of its activity."""
        answer: Answer = self.ask(self.path.format(activity=entry.id))
        found = objects(answer.json(), self.path)
        return [workout | {"_tap_activity_id": entry.id} for workout in found]

    def part(self, record: Record) -> int:
        """Return the workout's place in its activity."""
        return int(record.get("index") or 0)

    def key_of(self, activity: int, part: int) -> Record:
        """Return the key of a workout."""
        return {"_tap_activity_id": activity, "index": part}


OWNERS_ONLY: Final = "owner"


def _is_of_one(error: RefusedError) -> bool:
    """Tell whether one activity is refused: it is gone, has no file, is of someone else."""
    is_foreign = is_closed(error) and OWNERS_ONLY in error.body.lower()
    return error.status == HTTPStatus.NOT_FOUND or is_foreign
