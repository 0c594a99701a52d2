"""Times a first load and a repeated one against plain ``COPY`` of the very rows they wrote.

All figures are of one run on one machine, alternating, as medians and ratios: absolute times of a
shared machine say little.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from benchmarks.entries import write_entries
from target_bronze_postgres.embedded import EmbeddedServer

_DATABASE = "bench"


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000, help="entries to load (200000)")
    parser.add_argument("--runs", type=int, default=5, help="alternating runs (5)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedServer(Path(folder) / "postgres")
        try:
            _run(Path(folder), server.start(), options.rows, options.runs)
        finally:
            server.stop()


def _run(folder: Path, parameters: dict[str, str], rows: int, runs: int) -> None:
    messages = folder / "entries.singer"
    with messages.open("w", encoding="utf-8") as file:
        write_entries(file, rows)
    config = folder / "config.json"
    dsn = make_conninfo(**{**parameters, "dbname": _DATABASE})
    config.write_text(json.dumps({"dsn": dsn}))
    times: dict[str, list[float]] = {"first load": [], "same input again": [], "plain COPY": []}
    memory = 0
    for number in range(runs):
        print(f"run {number + 1} of {runs} …", file=sys.stderr)
        _fresh_database(parameters)
        for name in ("first load", "same input again"):
            seconds, peak = _load(config, messages)
            times[name].append(seconds)
            memory = max(memory, peak)
        times["plain COPY"].append(_copy(dsn, folder / "rows.copy"))
    _print(dsn, rows, messages.stat().st_size, times, memory)


def _fresh_database(parameters: dict[str, str]) -> None:
    name = sql.Identifier(_DATABASE)
    with psycopg.connect(make_conninfo(**parameters), autocommit=True) as conn:
        conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
        conn.execute(sql.SQL("CREATE DATABASE {}").format(name))


def _load(config: Path, messages: Path) -> tuple[float, int]:
    """Return seconds and peak memory in KiB of one process of the target."""
    command = [sys.executable, "-m", "target_bronze_postgres", "--config", str(config)]
    start = time.perf_counter()
    with messages.open("rb") as file:
        process = subprocess.Popen(
            command, stdin=file, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"the target failed with exit status {process.returncode}")
    return time.perf_counter() - start, usage.ru_maxrss


def _copy(dsn: str, rows: Path) -> float:
    """Return seconds of one COPY, in one transaction, of the rows that the target wrote."""
    with psycopg.connect(dsn) as conn, conn.cursor() as cursor:
        with (
            rows.open("wb") as file,
            cursor.copy("COPY (SELECT * FROM bronze_toggl ORDER BY id) TO STDOUT") as out,
        ):
            for block in out:
                file.write(block)
        conn.execute("TRUNCATE bronze_toggl")
        conn.commit()
        start = time.perf_counter()
        with rows.open("rb") as file, cursor.copy("COPY bronze_toggl FROM STDIN") as copy:
            while block := file.read(1 << 16):
                copy.write(block)
        conn.commit()
        return time.perf_counter() - start


def _print(dsn: str, rows: int, size: int, times: dict[str, list[float]], memory: int) -> None:
    plain = statistics.median(times["plain COPY"])
    with psycopg.connect(dsn) as conn:
        version = conn.info.parameter_status("server_version")
        disk: Any = conn.execute("SELECT pg_database_size(current_database())").fetchone()
    print(
        f"{rows} time entries, {size / 1e6:.0f} MB; PostgreSQL {version}, Python "
        f"{platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}"
    )
    print(f"{'':20}{'median s':>10}{'min':>8}{'max':>8}{'over plain COPY':>18}")
    for name, taken in times.items():
        median = statistics.median(taken)
        print(f"{name:20}{median:10.2f}{min(taken):8.2f}{max(taken):8.2f}{median / plain:18.2f}")
    first, again = (statistics.median(times[n]) for n in ("first load", "same input again"))
    print(f"first load over the same input again: {first / again:.2f}")
    print(f"peak memory: {memory / 1024:.0f} MiB; disk over input: {disk[0] / size:.2f}")


if __name__ == "__main__":
    main()
