"""Time entries of all years, from the detailed reports of every workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from tap_toggl import clock
from tap_toggl.coverage import common, joined
from tap_toggl.errors import OverloadedError, Pause, RefusedError, UnreachableError
from tap_toggl.progress import Progress
from tap_toggl.reports import DetailedReport, MovedError, PageSizes, day_of, entry_ids

from .base import TogglStream

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from singer_sdk.helpers.types import Record

    from tap_toggl.account import Workspace
    from tap_toggl.coverage import Stretches
    from tap_toggl.history import History, Window
    from tap_toggl.reports import Page
    from tap_toggl.tap import TapToggl

__all__ = ["TimeEntriesHistory"]

PLAN: Final = 402
RESTARTS: Final = 5
"""How often a window is begun again because rows moved while it was read."""


class TimeEntriesHistory(TogglStream):
    """``POST …/search/time_entries``: what ``time_entries`` does not reach, or cannot show.

    Each workspace is read on its own: its organization may still have quota when that of another
    one is spent.
    """

    name = "time_entries_history"
    primary_keys = ("_tap_id",)
    api_version = "reports v3"
    api_endpoint = "/workspace/{workspace_id}/search/time_entries"
    source_timestamp: ClassVar[Mapping[str, str]] = {
        "pointer": "/time_entries/0/start",
        "form": "rfc3339",
    }
    volatile = ("/row_number",)

    def __init__(self, tap: TapToggl) -> None:
        """Be incremental, though what moves on stands in a nested place and is no bookmark."""
        super().__init__(tap)
        self.forced_replication_method = "INCREMENTAL"
        self._seen: dict[Any, int] = {}
        self._histories: dict[int, History] = {}

    def records(self) -> Iterator[Record]:
        """Yield the entries of every workspace, as far as the quotas reach."""
        pauses: list[str] = []
        for workspace in self.open_workspaces():
            try:
                yield from self._workspace(workspace)
            except Pause as pause:
                pauses.append(str(pause))
            except RefusedError as error:
                self.skip_or_raise(error, f" of workspace {workspace.id}")
                self.toggl.history(workspace).skip()
        self._keep()
        if pauses:
            raise Pause(" ".join(dict.fromkeys(pauses)))
        self.toggl.tell_silence()

    def _workspace(self, workspace: Workspace) -> Iterator[Record]:
        """Yield the entries of one workspace, window by window."""
        history = self._histories[workspace.id] = self.toggl.history(workspace)
        was_coming_in = history.is_coming_in
        history.plan(clock.seconds())
        progress = Progress(self.logger, self.toggl.quota, workspace)
        report = self._report(workspace)
        self._seen = {}
        try:
            while window := history.next():
                yield from self._window(report, history, window, progress)
        finally:
            if progress.pages:
                progress.tell(history, now=True)
        if was_coming_in and not history.is_coming_in:
            line = "History of workspace %d is %s."
            self.logger.info(line, workspace.id, history.conclusion())

    def _report(self, workspace: Workspace) -> DetailedReport:
        """Return the report to ask for: the person's own entries, or those of all."""
        sizes = PageSizes(self.stream_state.setdefault("page_size", {}))
        users = None if self.toggl.is_for_all else [self.account.user_id]
        return DetailedReport(self.api, workspace.id, sizes, users)

    def _window(
        self, report: DetailedReport, history: History, window: Window, progress: Progress
    ) -> Iterator[Record]:
        """Yield the entries of some days; go back a day whenever rows moved meanwhile."""
        restarts = 0
        while True:
            try:
                for page in report.pages(window, watched=restarts < RESTARTS):
                    yield from self._page(page, history, progress)
                history.finish()
            except MovedError:
                restarts += 1
                window = history.next() or window
                continue
            except RefusedError as error:
                self._refused(error, history, window, progress.workspace)
            except (OverloadedError, UnreachableError):
                report.sizes.too_slow()
                raise
            self._keep()
            return

    def _page(self, page: Page, history: History, progress: Progress) -> Iterator[Record]:
        """Yield the entries of a page that are new in this run, then write the STATE."""
        self.took(page.answer)
        for row in page.rows:
            for record in _records(row):
                if self._is_new(record):
                    yield record
        days = [day for row in page.rows if (day := day_of(row))]
        if days == sorted(days):
            history.reach(days)
        else:
            line = "The report of workspace %d is not by date: it cannot be read in parts."
            self.logger.warning(line, progress.workspace.id)
        self.toggl.activity.note(days, history.limits.today)
        progress.page(days)
        progress.tell(history)
        self._keep()

    def _keep(self) -> None:
        """Write a STATE: all that was yielded has been written before."""
        self.bookmark(asked=self._asked() or None)
        self.emit_state()

    def _asked(self) -> Stretches:
        """Return the days that this run asked for and that are read of every workspace by now.

        A workspace that is closed, or refuses its reports, does not count.
        """
        known = [self.toggl.history(one).kept for one in self.account.known if not one.closed]
        read = [kept.get("asked", []) for kept in known if "skipped" not in kept]
        return common(joined(*(one.asked for one in self._histories.values())), *read)

    def _is_new(self, record: Record) -> bool:
        """Tell whether this run has not yielded the very same entry before: days are read twice."""
        found = hash(repr({name: record[name] for name in record if name != "row_number"}))
        number = record.get("_tap_id")
        if number is not None and self._seen.get(number) == found:
            return False
        self._seen[number] = found
        return True

    def _refused(
        self, error: RefusedError, history: History, window: Window, workspace: Workspace
    ) -> None:
        """Go on from a later day if the plan does not let reports reach so far back.

        Raises:
            RefusedError: It was refused for another reason.
        """
        if error.status != PLAN:
            raise error
        if not history.refuse(window):
            self.logger.warning(
                "History of workspace %d up to %s is skipped: %s", workspace.id, window.last, error
            )


def _records(row: Record) -> Iterator[Record]:
    """Yield a row once for each entry in it: one, unless a report is grouped all the same."""
    for number in entry_ids(row) or [None]:
        yield row if number is None else {"_tap_id": number} | row
