"""Many records over many months, keys in random order: do batches slow down, does memory grow?"""

from __future__ import annotations

import itertools
import statistics
from typing import TYPE_CHECKING, Final

import psycopg

from benchmarks.child import watched
from benchmarks.figures import MIB, Figure, at_most
from benchmarks.tap_output import entries

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.bench import Bench

TITLE: Final = "Growth"
SIZES: Final = ("many",)
YEARS: Final = 20
_ENDS: Final = """
    SELECT extract(epoch FROM ingested_at)::float8 FROM bronze_toggl GROUP BY ingested_at ORDER BY 1
"""
_MONTHS: Final = "SELECT count(DISTINCT date_trunc('month', partition_key)) FROM bronze_toggl"
_EARLY: Final = slice(10, 30)
_LATE: Final = slice(-20, None)
_FEWEST: Final = 60
"""Batches; with fewer, the early ones and the late ones would be the same."""


def measure(bench: Bench) -> Iterator[Figure]:
    """Load once, and compare the time from batch to batch early and late in the load."""
    bench.say("growth: making the input (minutes; it is kept)")
    messages = entries(bench.many, years=YEARS, page=1_000, shuffled=True)
    dsn = bench.fresh_database("growth")
    bench.say("growth: loading")
    with watched("target-bronze-postgres") as peaks:
        done = bench.load(dsn, messages)
    with psycopg.connect(dsn) as conn:
        ends = [row[0] for row in conn.execute(_ENDS)]
        months = conn.execute(_MONTHS).fetchone()
    bench.drop_database("growth")
    times = [after - before for before, after in itertools.pairwise(ends)]
    what = f"{bench.many:,} records in {months[0] if months else 0} months"
    yield Figure(f"load of {what}", done.seconds, "s")
    name = "median of the last 20 batches / batches 11-30"
    if len(times) < _FEWEST:
        yield Figure(name, None, "times", bar=at_most(1.3), note=f"only {len(ends)} batches")
    else:
        late, early = (statistics.median(times[part]) for part in (_LATE, _EARLY))
        yield Figure(name, late / early, "times", bar=at_most(1.3))
    memory = max(done.memory, sum(peaks.values())) / MIB
    yield Figure(f"most memory, {what}", memory, "MiB", bar=at_most(200))
