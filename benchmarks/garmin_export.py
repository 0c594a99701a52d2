"""Loads an account export of ten years: ``python -m benchmarks.garmin_export``.

It prints time, CPU, peak memory and disk for each choice of ``fit_detail``, then the same again,
which must write nothing. The whole of it takes an hour; ``--messages`` makes the files smaller.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from target_bronze_postgres.embedded import EmbeddedServer
from tests.sandbox.clock import Clock
from tests.sandbox.garmin import Garmin
from tests.sandbox.garmin.export import Export, write_export
from tests.sandbox.garmin.fit import Encoder
from tests.sandbox.person import Person

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW: Final = datetime(2026, 11, 22, 20, tzinfo=UTC)
YEARS: Final = 10
PROGRAMS: Final = Path(sys.executable).parent
MIB: Final = 2**20


@dataclass(frozen=True)
class Load:
    """What a load took: seconds, CPU seconds and peak memory of both programs, records, rows."""

    seconds: float
    tap_cpu: float
    tap_memory: int
    target_cpu: float
    target_memory: int
    records: int
    rows: int
    disk: int


def main() -> None:
    """Make the export, load it in each way, print what it took."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.garmin_export", description=__doc__)
    parser.add_argument("--files", type=int, default=3000, help="FIT files (3000)")
    parser.add_argument("--messages", type=int, default=5000, help="messages of each (5000)")
    parser.add_argument("--detail", nargs="+", default=["summary", "all"], help="choices to load")
    parser.add_argument("--replay", action="store_true", help="load a third time, without STATE")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "export.zip"
        _write(archive, options.files, options.messages)
        server = EmbeddedServer(Path(folder) / "postgres")
        try:
            parameters = server.start()
            for detail in options.detail:
                _measure(Path(folder), parameters, archive, detail, replay=options.replay)
        finally:
            server.stop()


def _write(path: Path, files: int, messages: int) -> None:
    clock = Clock(NOW)
    garmin = Garmin(clock, Person(1, YEARS, NOW), seed=1, years=YEARS)
    start = time.perf_counter()
    write_export(path, Export(garmin.account), originals=_originals(files, messages))
    print(
        f"{files} FIT files of {messages} messages, {YEARS} years of JSON: "
        f"{path.stat().st_size / MIB:.0f} MiB, made in {time.perf_counter() - start:.0f} s",
        flush=True,
    )


def _originals(files: int, messages: int) -> Iterator[tuple[str, bytes]]:
    """Yield FIT files of activities, a record a second."""
    day = timedelta(days=365 * YEARS / files)
    for number in range(files):
        start = NOW - (files - number) * day
        yield f"robin@example.org_{1000 + number}.fit", _activity(start, messages, number)


def _activity(start: datetime, messages: int, number: int) -> bytes:
    encoder = Encoder()
    encoder.add(
        "file_id", type=4, manufacturer=1, product=3113, serial_number=7, time_created=start
    )
    for second in range(messages - 3):
        encoder.add("record", timestamp=start + timedelta(seconds=second),
                    position_lat=52.5 + second / 1e5, position_long=13.4 + number / 1e4,
                    altitude=34 + second % 50, heart_rate=110 + (second + number) % 60,
                    distance=2.9 * second, speed=2.9, power=200 + second % 90,
                    temperature=18)  # fmt: skip
    encoder.add(
        "session", timestamp=start, start_time=start, sport=1, total_distance=2.9 * messages
    )
    encoder.add("activity", timestamp=start, num_sessions=1)
    return encoder.bytes()


def _measure(
    folder: Path, parameters: dict[str, str], archive: Path, detail: str, *, replay: bool
) -> None:
    name = f"bench_{detail}"
    with psycopg.connect(make_conninfo(**parameters), autocommit=True) as conn:
        conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    dsn, state = make_conninfo(**{**parameters, "dbname": name}), folder / f"{detail}.json"
    loads = ("first load", "again, with its STATE", *(["again, without"] if replay else []))
    for what in loads:
        kept = state if what.endswith("STATE") else None
        found = _load(folder, dsn, archive, detail, kept)
        if what == "first load":
            states = (folder / "states").read_text().splitlines()
            state.write_text(states[-1])
        print(
            f"{detail}, {what}: {found.seconds:.0f} s (CPU: tap {found.tap_cpu:.0f} s, target "
            f"{found.target_cpu:.0f} s); peak memory: tap {found.tap_memory / 1024:.0f} MiB, "
            f"target {found.target_memory / 1024:.0f} MiB; {found.records} records read, "
            f"{found.rows} rows written; database {found.disk / MIB:.0f} MiB; "
            f"STATE {state.stat().st_size / 1024:.0f} KiB",
            flush=True,
        )


def _load(folder: Path, dsn: str, archive: Path, detail: str, state: Path | None) -> Load:
    """Load an export by tap and target, and return what it took."""
    tap_config, target_config = folder / "tap.json", folder / "target.json"
    settings = {"auth_mode": "files", "paths": [str(archive)], "fit_detail": detail}
    tap_config.write_text(json.dumps(settings))
    target_config.write_text(json.dumps({"dsn": dsn}))
    command = [str(PROGRAMS / "tap-garmin"), "--config", str(tap_config)]
    command += ["--state", str(state)] if state else []
    before, start = _counted(dsn), time.perf_counter()
    with (folder / "tap.log").open("w") as log, (folder / "states").open("w") as states:
        tap = subprocess.Popen(
            [*command, *(["--state", str(state)] if state else [])],
            stdout=subprocess.PIPE,
            stderr=log,
        )
        target = subprocess.Popen(
            [PROGRAMS / "target-bronze-postgres", "--config", target_config],
            stdin=tap.stdout, stdout=states, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        usages = [_ended(process) for process in (tap, target)]
    after = _counted(dsn)
    return Load(
        time.perf_counter() - start,
        usages[0].ru_utime + usages[0].ru_stime,
        usages[0].ru_maxrss,
        usages[1].ru_utime + usages[1].ru_stime,
        usages[1].ru_maxrss,
        after[0] - before[0],
        after[1] - before[1],
        after[2],
    )


def _ended(process: subprocess.Popen[bytes]) -> Any:
    """Wait for a process and return what it used."""
    if process.stdout:
        process.stdout.close()  # the target has it
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{process.args!r} failed with exit status {process.returncode}")
    return usage


def _counted(dsn: str) -> tuple[int, int, int]:
    """Return records read and rows written by all runs so far, and the size of the database."""
    with psycopg.connect(dsn) as conn:
        (size,) = conn.execute("SELECT pg_database_size(current_database())").fetchone() or (0,)
        (there,) = conn.execute("SELECT to_regclass('bronze_ops.runs')").fetchone() or (None,)
        if there is None:
            return 0, 0, size
        records, rows = conn.execute(
            "SELECT coalesce(sum(records_read), 0)::bigint, "
            "coalesce(sum(rows_new + rows_changed), 0)::bigint FROM bronze_ops.runs"
        ).fetchone() or (0, 0)
    return records, rows, size


if __name__ == "__main__":
    main()
