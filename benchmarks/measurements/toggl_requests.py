"""Requests of tap-toggl: a first sync of five years under the Free quota, and the days after it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING, Any, Final

from benchmarks.figures import Figure, at_most
from tap_toggl.tap import TapToggl
from tests.sandbox import Options, Sandbox
from tests.tap_runs import Runner

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.bench import Bench
    from tests.sandbox.server import Asked

TITLE: Final = "Requests of tap-toggl"
SIZES: Final = ()
YEARS: Final = 5
DAYS: Final = 6
"""Of a week; on the seventh the tap reads recent weeks again."""
_NOW: Final = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
_HOUR: Final = timedelta(hours=1, seconds=5)
_PAGE: Final = 50
_WINDOW: Final = 364
"""Days that a report may span; its first one ends a week ahead."""


class Syncs:
    """Runs of the tap with its default streams, each going on with the STATE of the last."""

    def __init__(self, sandbox: Sandbox) -> None:
        """Run nothing yet."""
        self.sandbox = sandbox
        settings: dict[str, Any] = {"request_interval": 0, "quota_max_wait": 0}
        settings |= {"api_url": sandbox.toggl.url, "api_token": sandbox.toggl.token}
        self._tap = Runner(TapToggl, sandbox.clock, settings)
        self.state: dict[str, Any] = {}

    def run(self) -> list[Asked]:
        """Run once; return the requests."""
        before = len(self.sandbox.toggl.requests)
        run = self._tap(state=self.state)
        self.state = run.state or self.state
        return self.sandbox.toggl.requests[before:]

    @property
    def is_coming_in(self) -> bool:
        """Whether history is not complete."""
        known = self.state["bookmarks"]["time_entries_history"]["workspaces"]
        return not all("ended" in one for one in known.values())


def measure(bench: Bench) -> Iterator[Figure]:
    """Read all history, a run an hour, then a week of days."""
    bench.say("toggl_requests: five years, hour by hour")
    shape = Options(entries_per_day=10, workspaces=3)
    with Sandbox(1, years=YEARS, now=_NOW, toggl=shape, with_garmin=False) as sandbox:
        needed, syncs, runs = _pages_needed(sandbox), Syncs(sandbox), 1
        asked = syncs.run()
        while syncs.is_coming_in:
            sandbox.clock.move(_HOUR)
            asked, runs = [*asked, *syncs.run()], runs + 1
        refused = sum(one.refused is not None for one in asked)
        note = f"{runs} runs, {len(asked)} requests, {needed} pages needed"
        yield Figure(
            "first sync: beyond the pages",
            len(asked) - needed,
            "requests",
            bar=at_most(10),
            note=note,
        )
        yield Figure("first sync: refused", refused, "requests", bar=at_most(0))
        days = [_day(syncs) for _ in range(DAYS)]
        seventh = _day(syncs)
    user, organization = (max(day[name] for day in days) for name in ("user", "organization"))
    yield Figure("daily sync: user requests", user, "requests", bar=at_most(8))
    yield Figure("daily sync: organization requests", organization, "requests", bar=at_most(0))
    weekly = f"and {seventh['user']} of the user: the entries of recent weeks are read again"
    yield Figure(
        "a seventh day: organization requests", seventh["organization"], "requests", note=weekly
    )


def _day(syncs: Syncs) -> Counter[str]:
    """Let the person track for a day and sync; count the requests of each kind of quota."""
    syncs.sandbox.clock.move(timedelta(days=1))
    syncs.sandbox.toggl.generator.track()
    return Counter(one.bucket.partition("/")[0] for one in syncs.run() if one.bucket)


def _pages_needed(sandbox: Sandbox) -> int:
    """Return the pages that all windows of all workspaces need, whoever reads them."""
    account, today = sandbox.toggl.account, sandbox.clock.now().date()
    windows: Counter[tuple[int, int]] = Counter()
    for entry in account.own_entries():
        day = datetime.fromtimestamp(entry.start, account.zone).date()
        windows[entry.workspace_id, ((today - day).days + 7) // _WINDOW] += 1
    return sum(ceil(rows / _PAGE) for rows in windows.values())
