"""What tap-toggl's runs cost of Toggl's hourly quota: a first sync, and the days after it.

``python -m tests.toggl_requests`` prints the figures; the tap's tests hold them to their bars.
Counts of requests are the same on every machine.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from math import ceil
from typing import TYPE_CHECKING, Any, Final, Self

from tap_toggl import client
from tap_toggl.tap import TapToggl
from tests.sandbox import Options, Sandbox
from tests.tap_runs import Runner

if TYPE_CHECKING:
    from tests.sandbox.server import Asked
    from tests.sandbox.toggl import Toggl
    from tests.tap_runs import Run

__all__ = ["Account", "Cost"]

NOW: Final = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
HOUR: Final = timedelta(hours=1, seconds=5)
HISTORY: Final = "time_entries_history"
PAGE: Final = 50
"""Rows of a report page on the Free plan."""
WINDOW: Final = 364
"""Days of a report."""
AHEAD: Final = 7
HOURLY: Final = 30
RESERVE: Final = 2
"""Requests of an hour, and those of them that the tap leaves to other programs."""


@dataclass
class Cost:
    """What some runs, one after another, asked for and brought."""

    runs: list[Run] = field(default_factory=list)
    requests: list[Asked] = field(default_factory=list)

    @property
    def pages(self) -> Counter[str]:
        """Requests for pages of reports, by quota."""
        return Counter(str(asked.bucket) for asked in self.requests if is_page(asked))

    @property
    def others(self) -> int:
        """All other requests."""
        return len(self.requests) - self.pages.total()

    @property
    def buckets(self) -> Counter[str]:
        """Requests by the quota that they were counted against."""
        return Counter(str(asked.bucket) for asked in self.requests)

    @property
    def refused(self) -> int:
        """Requests that got no answer, for whatever reason."""
        return sum(asked.status != 200 for asked in self.requests)

    @property
    def lines(self) -> list[str]:
        """All messages, as a target reads them."""
        return [line for run in self.runs for line in run.lines]

    def ids(self, stream: str, key: str) -> set[int]:
        """Return the keys of all records of a stream."""
        return {row[key] for run in self.runs for row in run.records(stream)}

    def doubled(self) -> int:
        """Return how many records came twice in one run."""
        keys = [[row["_tap_id"] for row in run.records(HISTORY)] for run in self.runs]
        return sum(len(found) - len(set(found)) for found in keys)


class Account:
    """An account of the sandbox that is read run after run, each with the STATE of the last.

    Args:
        years: How long the person has tracked.
        foreign_share: Requests of another program for each of the tap's.
        options: What the account is like, as in ``tests.sandbox.Options``.
    """

    def __init__(self, years: float = 5, *, foreign_share: float = 0, **options: Any) -> None:
        """Start the server; nothing is read yet."""
        made = Options(**{"entries_per_day": 10, "workspaces": 3} | options)
        self.sandbox = Sandbox(1, years=years, now=NOW, toggl=made, with_garmin=False).start()
        self.toggl.foreign_share = foreign_share
        settings: dict[str, Any] = {"api_url": self.toggl.url, "api_token": self.toggl.token}
        settings |= {"request_interval": 0, "quota_max_wait": 0}
        self._runner = Runner(TapToggl, self.sandbox.clock, settings)
        self.state: dict[str, Any] = {}

    @property
    def toggl(self) -> Toggl:
        """The server."""
        return self.sandbox.toggl

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_exception: object) -> None:
        """Stop the server."""
        self.sandbox.stop()

    def run(self, cost: Cost) -> None:
        """Run the tap once, and add what it did."""
        before = len(self.toggl.requests)
        run = self._runner(state=self.state)
        assert run.failure is None, run.failure
        self.state = run.state or self.state
        cost.runs.append(run)
        cost.requests += self.toggl.requests[before:]

    def first_sync(self) -> Cost:
        """Run the tap once an hour until history is complete."""
        cost = Cost()
        self.run(cost)
        while self.is_coming_in:
            self.sandbox.clock.move(HOUR)
            self.run(cost)
        return cost

    def day(self) -> Cost:
        """Let the person track for a day, and run the tap once."""
        self.sandbox.clock.move(timedelta(days=1))
        self.toggl.generator.track()
        cost = Cost()
        self.run(cost)
        return cost

    def busy_day(self, edits: int = 1500) -> Cost:
        """Let the person edit more entries than one answer tells of, and run the tap once."""
        entries = self.toggl.account.own_entries()[:edits]
        self.toggl.account.edit_entries([one.id for one in entries], billable=True)
        return self.day()

    @property
    def is_coming_in(self) -> bool:
        """Whether the STATE says that history is not complete."""
        places = self.state["bookmarks"][HISTORY]["workspaces"].values()
        return not all("ended" in place for place in places)

    def pages_needed(self) -> Counter[str]:
        """Return the pages that the reports of all windows have at least, by quota."""
        account = self.toggl.account
        windows: Counter[tuple[int, int]] = Counter()
        for entry in account.own_entries():
            age = account.today() - datetime.fromtimestamp(entry.start, account.zone).date()
            windows[entry.workspace_id, (age.days + AHEAD) // WINDOW] += 1
        needed: Counter[str] = Counter()
        for (workspace_id, _), rows in windows.items():
            organization_id = account.workspaces[workspace_id]["organization_id"]
            needed[f"organization/{organization_id}"] += ceil(rows / PAGE)
        return needed

    def runs_needed(self) -> int:
        """Return the fewest runs, an hour apart, that can read so many pages."""
        share = self.toggl.foreign_share
        hourly = next(n for n in count(1) if n + int((n - 1) * share) >= HOURLY - RESERVE)
        return ceil(max(self.pages_needed().values()) / hourly)

    def stopped(self) -> set[int]:
        """Return the ids of the entries that reports show: all but the running one."""
        return {one.id for one in self.toggl.account.own_entries() if one.stop is not None}


def is_page(asked: Asked) -> bool:
    """Tell whether a request is one for a page of a report."""
    return asked.path.endswith("/search/time_entries")


def figures(years: float, entries_per_day: float, foreign_share: float) -> dict[str, int]:
    """Return the figures of one account: its first sync, a week of days, a busy day."""
    shape = {"entries_per_day": entries_per_day}
    with Account(years, foreign_share=foreign_share, **shape) as account:
        needed, runs = account.pages_needed().total(), account.runs_needed()
        first = account.first_sync()
        missing = account.stopped() - first.ids(HISTORY, "_tap_id")
        days = [account.day() for _ in range(6)]
        busy = account.busy_day()
    own = [sum(n for name, n in day.buckets.items() if name != "user") for day in days]
    return {
        "first sync: runs": len(first.runs),
        "first sync: fewest runs": runs,
        "first sync: report pages": first.pages.total(),
        "first sync: report pages needed": needed,
        "first sync: other requests": first.others,
        "first sync: requests refused": first.refused,
        "first sync: entries": len(first.ids(HISTORY, "_tap_id")),
        "first sync: entries missing": len(missing),
        "first sync: entries twice in a run": first.doubled(),
        "daily: user requests, most": max(day.buckets["user"] for day in days),
        "daily: organization requests, most": max(own),
        "daily, answer cut at 1000: user requests": busy.buckets["user"],
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.toggl_requests", description=__doc__)
    parser.add_argument("--years", type=float, default=5)
    parser.add_argument("--entries-per-day", type=float, default=10)
    parser.add_argument(
        "--foreign-share", type=float, default=0, help="1: another program spends half of the quota"
    )
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    options = parser.parse_args()
    logging.disable()
    client.FIRST_WAIT = 0.001
    found = figures(options.years, options.entries_per_day, options.foreign_share)
    rows = [f"{name:45}{number:>8}" for name, number in found.items()]
    print(json.dumps(found) if options.json else "\n".join(rows))  # noqa: T201 - a command line


if __name__ == "__main__":
    main()
