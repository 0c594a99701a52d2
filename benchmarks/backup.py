"""Backup, restore and rebuild of heads, over plain pg_dump and psql.

``measure`` needs no more than a server and its programs; ``python -m benchmarks.backup [ROWS]``
does it alone, on a server of its own. The rows are made by the server: what is measured does not
depend on how they came, and loading a million takes longer than all that is measured.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from target_bronze_postgres.db.migrations import migrate
from target_bronze_postgres.embedded import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROWS: Final = 1_000_000
MONTHS: Final = 60
BRONZE: Final = (sys.executable, "-m", "target_bronze_postgres.ops.cli")
_FILL: Final = """
    INSERT INTO bronze_bench (source, raw_data, source_timestamp, raw_id, validation_status,
        metadata, environment, pipeline_run_id, pipeline_version, lineage_id, lineage_type,
        lineage_source, lineage_timestamp, quality_score, quality_checks, partition_key)
    SELECT 'bench',
        jsonb_build_object('id', n, 'at', at, 'description', md5(n::text) || ' ' || md5(at::text),
            'duration', n %% 7200, 'tags', jsonb_build_array('a', n %% 50), 'project_id', n %% 300,
            'workspace_id', 8265007, 'user_id', 4711, 'billable', n %% 2 = 0, 'server_deleted_at',
            NULL, 'start', at, 'stop', at + n %% 7200 * INTERVAL '1 second',
            'text', repeat('x', 80)),
        at, n::text, 'valid',
        jsonb_build_object('account', 'main', 'stream', 'entries', 'content_hash',
            'c1:' || md5(n::text), 'time_extracted', '2026-01-01T00:00:00Z'),
        'prod', 'run', 'tap-bench 1, target-bronze-postgres 0.1.0', 'bench/main/entries/' || n,
        'source', 'bench.entries', '2026-01-01', 1, '{"key": true, "text": true, "schema": true}',
        at::date
    FROM generate_series(1, %s) AS n,
        LATERAL (SELECT TIMESTAMP '2021-01-01' + n %% 1800 * INTERVAL '1 day'
                        + n %% 86400 * INTERVAL '1 second' AS at) AS t
"""
_PARTITIONS: Final = """
    SELECT bronze_ops.create_partition_if_not_exists(
        'bench', (DATE '2021-01-01' + n * INTERVAL '1 month')::date)
    FROM generate_series(0, %s) AS n
"""


class Figure(NamedTuple):
    """What was measured, its seconds, and those of the plain tool it is held against."""

    what: str
    seconds: float
    plain: str
    plain_seconds: float

    @property
    def ratio(self) -> float:
        """How many times as long it took."""
        return self.seconds / self.plain_seconds


def measure(
    parameters: Mapping[str, str], programs: Path, folder: Path, rows: int = ROWS
) -> Iterator[Figure]:
    """Fill a database, then back up, restore and rebuild it, each way once.

    Args:
        parameters: libpq's parameters of a superuser on a server of its own.
        programs: The folder with pg_dump and psql.
        folder: For the files; it must have room for some gigabytes.
        rows: Rows of the bronze table.
    """
    source = _database(parameters, "bench_full")
    _fill(source, rows)
    empty_heads = _time(["rebuild-heads"], source)
    ours, plain = folder / "bronze.tar.zst", folder / "plain.sql"
    backup = _time(["backup", str(ours)], source)
    dump = _run([str(programs / "pg_dump"), f"--file={plain}", source])
    yield Figure(f"backup, {_mib(ours)} MiB", backup, f"pg_dump, {_mib(plain)} MiB", dump)
    target = _database(parameters, "bench_restored")
    restore = _time(["restore", str(ours)], target)
    target = _database(parameters, "bench_restored")
    quiet = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--output=/dev/null")
    psql = _run([str(programs / "psql"), *quiet, f"--file={plain}", target])
    yield Figure("restore", restore, "psql", psql)
    yield Figure("rebuild-heads, of none", empty_heads, "psql", psql)
    yield Figure("rebuild-heads, all right", _time(["rebuild-heads"], source), "psql", psql)
    for name in ("bench_full", "bench_restored"):
        _drop(parameters, name)


def _drop(parameters: Mapping[str, str], name: str) -> None:
    with psycopg.connect(make_conninfo(**parameters), autocommit=True) as conn:
        dropped = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        conn.execute(dropped.format(sql.Identifier(name)))


def _database(parameters: Mapping[str, str], name: str) -> str:
    """Make an empty database; return its DSN."""
    _drop(parameters, name)
    with psycopg.connect(make_conninfo(**parameters), autocommit=True) as conn:
        conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        conn.execute("CHECKPOINT")  # so that no step pays for the one before it
    return make_conninfo(**{**parameters, "dbname": name})


def _fill(dsn: str, rows: int) -> None:
    with psycopg.connect(dsn, autocommit=True) as conn:
        migrate(conn)
        conn.execute("SELECT bronze_ops.create_source('bench')")
        conn.execute(_PARTITIONS, (MONTHS,))
        conn.execute(_FILL, (rows,))
        conn.execute("VACUUM ANALYZE")
        conn.execute("CHECKPOINT")


def _time(arguments: Sequence[str], dsn: str) -> float:
    return _run([*BRONZE, *arguments], TARGET_BRONZE_POSTGRES_DSN=dsn)


def _run(command: Sequence[str], **variables: str) -> float:
    """Run a program that must succeed; return its seconds."""
    start = time.perf_counter()
    subprocess.run(
        command,
        env=os.environ | variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=True,
    )
    return time.perf_counter() - start


def _mib(path: Path) -> int:
    return path.stat().st_size >> 20


def main() -> None:
    """Measure on a server of its own, and print a line a figure."""
    rows = int(sys.argv[1]) if sys.argv[1:] else ROWS
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        server = EmbeddedServer(Path(folder) / "postgres")
        try:
            for figure in measure(server.start(), server.bin_dir, Path(folder), rows):
                print(
                    f"{figure.what}: {figure.seconds:.1f} s, {figure.ratio:.2f} times "
                    f"{figure.plain} ({figure.plain_seconds:.1f} s)",
                    flush=True,
                )
        finally:
            server.stop()


if __name__ == "__main__":
    main()
