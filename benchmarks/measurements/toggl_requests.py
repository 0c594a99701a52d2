"""Requests of tap-toggl: a first sync of five years under the Free quota, and the days after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchmarks.figures import Figure, at_most
from tests.toggl_requests import figures

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.bench import Bench

TITLE: Final = "Requests of tap-toggl"
SIZES: Final = ()
YEARS: Final = 5
ENTRIES_PER_DAY: Final = 10


def measure(bench: Bench) -> Iterator[Figure]:
    """Read all history, a run an hour, then a week of days, then a day of many edits."""
    bench.say("toggl_requests: five years, hour by hour")
    found = figures(YEARS, ENTRIES_PER_DAY, foreign_share=0)
    needed, pages = found["first sync: report pages needed"], found["first sync: report pages"]
    runs = f"{found['first sync: runs']} runs, {found['first sync: fewest runs']} at least"
    yield Figure(
        "first sync: requests beside the report pages",
        found["first sync: other requests"],
        "requests",
        bar=at_most(10),
        note=runs,
    )
    yield Figure(
        "first sync: beyond the pages that are needed",
        found["first sync: other requests"] + pages - needed,
        "requests",
        bar=at_most(10),
        note=f"{pages} pages, {needed} needed: a run asks for the last day of the one before again",
    )
    for name, bar in {
        "first sync: requests refused": 0,
        "first sync: entries missing": 0,
        "daily: user requests, most": 8,
        "daily: organization requests, most": 0,
        "daily, answer cut at 1000: user requests": 12,
    }.items():
        yield Figure(name, found[name], "", bar=at_most(bar))
