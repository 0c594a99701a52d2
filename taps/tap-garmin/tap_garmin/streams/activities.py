"""The rows of the activity list, and what vanished from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tap_garmin.activities import EVER, PATH
from tap_garmin.days import ONE
from tap_garmin.known import Known

from .base import GarminStream

if TYPE_CHECKING:
    from collections.abc import Iterable

    from singer_sdk.helpers.types import Record

__all__ = ["Activities"]


class Activities(GarminStream):
    """A row for each activity, the legs of multisport activities too."""

    name = "activities"
    api_endpoint = PATH
    look_back = settle = 30
    primary_keys = ("activityId",)
    replication_key = "startTimeGMT"
    source_timestamp: ClassVar = {"pointer": "/startTimeGMT", "form": "utc"}
    parent: ClassVar = {"stream": "activities", "key": ["/parentId"]}  # that of a leg

    def read_all(self) -> Iterable[Record]:
        """Yield the rows, page by page."""
        period, state = self.period(first=EVER), dict(self.stream_state)
        known, begun, progress = Known(state.get("known")), None, None
        first = period.start(state)
        since = None if self.sweeps else period.last - self.look_back * ONE
        for page in self.tap.account.activities.pages(first, period.last):
            self.note(page.answer)
            for entry in page.entries:
                known.see(entry.id, entry.day)
            yield from page.rows
            begun = begun or page.first_day or max(first, period.last - self.look_back * ONE)
            progress = progress or self.progress((period.last - begun).days + 1, "days")
            progress.reach((page.next_day - begun).days)
            read = period.last if page.is_last else page.next_day - ONE
            # All are asked for at first, since 1970; the account begins with the first one.
            self.note_asked(begun if first == EVER else first, min(read, period.yesterday))
            if not page.is_last:
                self.bookmark(next_day=str(page.next_day), known=known.kept(since))
                self.emit_state()
        vanished = known.vanished(first, period.last)
        yield from self.gone({"activityId": int(identity)} for identity in vanished)
        end = period.end(state)
        self.bookmark(next_day=None, last_day=str(end), known=known.kept(since, but=vanished))
        if progress:
            progress.finish(end)

    @property
    def sweeps(self) -> bool:
        """Whether each run reads the whole list again."""
        return bool(self.config["sweep_deletions"])
