"""Asks ``bronze serve`` from several clients at once: ``python -m benchmarks.serve DSN``.

The database is one that is loaded already: a million rows of ``make bench``, or one's own.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import os
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import psycopg

from benchmarks.figures import Figure, as_text, at_most, below

if TYPE_CHECKING:
    from collections.abc import Iterator

PATHS: Final = ("/health", "/metrics", "/")
SECONDS: Final = 1.2
"""For each path and client: with ten of them the figures are read anew meanwhile."""
BAR: Final = 0.2
_SCANS: Final = """
    SELECT coalesce(sum(coalesce(seq_scan, 0) + coalesce(idx_scan, 0)), 0)::bigint
    FROM pg_stat_user_tables WHERE schemaname <> 'bronze_ops'
"""


def figures(dsn: str, clients: int) -> Iterator[Figure]:
    """Yield the 95th percentile for each path, and that no bronze table was touched."""
    taken, scans = answers(dsn, clients)
    for path, times in taken.items():
        note = f"{clients} clients, {len(times)} answers"
        spread = (min(times), max(times))
        yield Figure(f"p95: bronze serve, {path}", p95(times), "s", spread, below(BAR), note)
    yield Figure("scans of bronze tables meanwhile", scans, "", bar=at_most(0))


def answers(dsn: str, clients: int = 10) -> tuple[dict[str, list[float]], int]:
    """Ask for every path from all clients at once.

    Returns:
        The seconds that each answer took, by path, and how often a bronze table was scanned
        meanwhile, by anybody.

    Raises:
        RuntimeError: An answer had another status than 200 or 503.
    """
    before = _scans(dsn)
    with _served(dsn) as (host, port):
        taken = {path: _ask(host, port, path, clients, SECONDS * clients) for path in PATHS}
    return taken, _scans(dsn) - before


def p95(seconds: list[float]) -> float:
    """Return the time that 95 of 100 answers took at most."""
    return statistics.quantiles(seconds, n=20, method="inclusive")[-1]


@contextmanager
def _served(dsn: str) -> Iterator[tuple[str, int]]:
    """Run the command, and yield where it listens."""
    command = [str(Path(sys.executable).parent / "bronze"), "serve", "--port", "0"]
    environment = os.environ | {"TARGET_BRONZE_POSTGRES_DSN": dsn}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            url = urlsplit(line.split()[0])
            yield url.hostname or "", url.port or 0
        finally:
            process.terminate()


def _ask(host: str, port: int, path: str, clients: int, seconds: float) -> list[float]:
    until = time.perf_counter() + seconds
    with ThreadPoolExecutor(clients) as pool:
        asked = pool.map(lambda _: _client(host, port, path, until), range(clients))
        return list(itertools.chain(*asked))


def _client(host: str, port: int, path: str, until: float) -> list[float]:
    """Ask until the time is over, with the pause of a tenth of a second that a client makes."""
    taken = []
    connection = http.client.HTTPConnection(host, port, timeout=30)
    while (start := time.perf_counter()) < until:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        if answer.status not in {200, 503}:
            raise RuntimeError(f"{path} answered {answer.status}")
        taken.append(time.perf_counter() - start)
        time.sleep(0.1)
    connection.close()
    return taken


def _scans(dsn: str) -> int:
    time.sleep(2)  # what a session has counted is told within a second
    with psycopg.connect(dsn) as conn:
        row = conn.execute(_SCANS).fetchone()
    return row[0] if row else 0


def main() -> int:
    """Ask, and print a line a path; exit status 1 if the bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serve", description=__doc__)
    parser.add_argument("dsn", help="the database")
    parser.add_argument("--clients", type=int, default=10, help="clients that ask at once (10)")
    options = parser.parse_args()
    found = list(figures(options.dsn, options.clients))
    print(as_text(found))
    return int(any(figure.is_missed for figure in found))


if __name__ == "__main__":
    sys.exit(main())
