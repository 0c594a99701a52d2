"""A first load and a repeated one, against one COPY of the very rows that the target wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchmarks.figures import MIB, Figure, at_least, at_most, median_of, ratio_of
from benchmarks.tap_output import TABLE, entries

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.bench import Bench

TITLE: Final = "Loads, against plain COPY"
SIZES: Final = ("rows", "runs")


def measure(bench: Bench) -> Iterator[Figure]:
    """Alternate loads from an empty table, of which partitions and indexes are there."""
    messages = entries(bench.rows)
    dsn, rows = bench.fresh_database("loader"), bench.folder / "rows.copy"
    bench.load(dsn, messages)
    bench.write_rows(dsn, TABLE, rows)
    first, again, copies, memory, written = [], [], [], [], 0
    for number in range(bench.runs):
        bench.say(f"loader: run {number + 1} of {bench.runs}")
        bench.empty(dsn, TABLE)
        done = bench.load(dsn, messages)
        before = bench.ask(dsn, "SELECT count(*) FROM bronze_toggl")
        first.append(done.seconds)
        memory.append(done.memory / MIB)
        again.append(bench.load(dsn, messages).seconds)
        written = max(written, bench.ask(dsn, "SELECT count(*) FROM bronze_toggl") - before)
        bench.empty(dsn, TABLE)
        copies.append(bench.copy(dsn, TABLE, rows).seconds)
    bench.drop_database("loader")
    size = messages.stat().st_size / 1e6
    yield median_of(f"plain \\copy, {bench.rows:,} rows", copies, "s")
    yield median_of("first load", first, "s", note=f"{size:,.0f} MB of messages")
    yield median_of("the same input again", again, "s")
    yield ratio_of("first load / plain \\copy", first, copies, at_most(1.4), "the aim is 1.25")
    yield ratio_of("first load / the same input again", first, again, at_least(3))
    yield Figure("rows that the same input adds", written, "rows", bar=at_most(0))
    yield median_of("most memory of a first load", memory, "MiB", at_most(200))
