"""The queries of the README, and `bronze serve`, on many rows, with several clients at once."""

from __future__ import annotations

import itertools
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, LiteralString

import psycopg

from benchmarks import serve
from benchmarks.figures import Figure, below
from benchmarks.tap_output import entries

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.bench import Bench

TITLE: Final = "Queries"
SIZES: Final = ("queried", "clients")
YEARS: Final = 10
_ROUNDS: Final = 5
"""How often each client asks each question."""

# Those of the README, over entries as reports show them; the last month and the words are the
# input's own.
QUERIES: Final[dict[str, LiteralString]] = {
    "hours a day of the last month": """
        SELECT source_timestamp::date AS day,
               round(sum((raw_data #>> '{time_entries,0,seconds}')::numeric) / 3600, 1) AS hours
        FROM bronze_toggl_latest
        WHERE metadata ->> 'stream' = 'time_entries_history'
          AND partition_key >= (
              SELECT max(last_source_timestamp)::date - 31 FROM bronze_ops.streams
          )
        GROUP BY day ORDER BY day
    """,
    "the newest that contain something": """
        SELECT source_timestamp, raw_data ->> 'description' AS name
        FROM bronze_toggl_latest WHERE raw_data @> '{"time_entries": [{"seconds": 1200}]}'
        ORDER BY source_timestamp DESC LIMIT 10
    """,
    "the newest version of a record": """
        SELECT version, raw_data FROM bronze_toggl_latest WHERE lineage_id = (
            SELECT lineage_id FROM bronze_toggl
            WHERE id = (SELECT min(id) + (random() * 1000)::int FROM bronze_toggl)
        )
    """,
    "all versions of a record": """
        SELECT lineage_id, version, ingested_at, metadata ? 'deleted' AS deleted, raw_data
        FROM bronze_toggl WHERE lineage_id = (
            SELECT lineage_id FROM bronze_toggl
            WHERE id = (SELECT min(id) + (random() * 1000)::int FROM bronze_toggl)
        ) ORDER BY version
    """,
    "what is odd or invalid, and why": """
        SELECT lineage_id, version, validation_status, error_message
        FROM bronze_toggl WHERE validation_status IN ('warning', 'invalid') ORDER BY ingested_at, id
    """,
    "days covered": """
        SELECT day, records FROM bronze_ops.days
        WHERE source = 'toggl' AND account = 'main' AND stream = 'time_entries_history'
        ORDER BY day
    """,
}


def measure(bench: Bench) -> Iterator[Figure]:
    """Ask each question from all clients at once, ``_ROUNDS`` times each."""
    bench.say("queries: making the input and loading it (minutes)")
    dsn = bench.fresh_database("queries")
    bench.load(dsn, entries(bench.queried, years=YEARS, page=1_000))
    rows = bench.ask(dsn, "SELECT count(*) FROM bronze_toggl")
    # As `bronze maintain` and autovacuum leave it.
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("VACUUM ANALYZE")
    for name, query in QUERIES.items():
        bench.say(f"queries: {name}")
        times = _ask(dsn, query, bench.clients)
        note = f"{rows:,} rows, {bench.clients} clients, {len(times)} answers"
        yield percentile_of(name, times, 2.0, note)
    bench.say("queries: bronze serve")
    yield from serve.figures(dsn, bench.clients)
    bench.drop_database("queries")


def percentile_of(name: str, seconds: list[float], limit: float, note: str) -> Figure:
    """Return the 95th percentile of answers that must come within ``limit`` seconds."""
    p95 = statistics.quantiles(seconds, n=20, method="inclusive")[-1]
    return Figure(f"p95: {name}", p95, "s", (min(seconds), max(seconds)), below(limit), note)


def _ask(dsn: str, query: LiteralString, clients: int) -> list[float]:
    with ThreadPoolExecutor(clients) as pool:
        return list(itertools.chain(*pool.map(lambda _: _client(dsn, query), range(clients))))


def _client(dsn: str, query: LiteralString) -> list[float]:
    times = []
    with psycopg.connect(dsn, autocommit=True) as conn:
        for _ in range(_ROUNDS):
            start = time.perf_counter()
            conn.execute(query).fetchall()
            times.append(time.perf_counter() - start)
    return times
