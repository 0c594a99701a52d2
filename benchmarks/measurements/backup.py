"""Backup, restore and rebuild of heads, over plain pg_dump and psql."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import psycopg

from benchmarks import child
from benchmarks.figures import MIB, Figure
from benchmarks.tap_output import entries

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.bench import Bench

TITLE: Final = "Backup, restore and rebuild of heads, over pg_dump and psql"
SIZES: Final = ("queried",)
_QUIET: Final = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--output=/dev/null")


def measure(bench: Bench) -> Iterator[Figure]:
    """Load once; write and restore it each way, once: it takes minutes."""
    bench.say("backup: loading")
    full = bench.fresh_database("backup_full")
    bench.load(full, entries(bench.queried))
    _settle(full)
    ours, plain = bench.folder / "bronze.tar.zst", bench.folder / "plain.sql"
    bench.say("backup: bronze backup, pg_dump")
    backup = _bronze(full, "backup", str(ours))
    _settle(full)
    dump = child.run([str(bench.psql.with_name("pg_dump")), f"--file={plain}", full])
    yield _over("backup", backup, dump, f"{_mib(ours)} MiB, pg_dump {_mib(plain)} MiB")
    bench.say("backup: bronze restore, psql")
    restore = _bronze(bench.fresh_database("backup_restored"), "restore", str(ours))
    again = bench.fresh_database("backup_restored")
    psql = child.run([str(bench.psql), *_QUIET, f"--file={plain}", again])
    yield _over("restore", restore, psql, "both passes over the file, and the comparison, included")
    bench.say("backup: bronze rebuild-heads")
    right = _bronze(full, "rebuild-heads")
    yield _over("rebuild-heads where all are right, over psql's restore", right, psql)
    with psycopg.connect(full, autocommit=True) as conn:
        conn.execute("TRUNCATE bronze_ops.heads")
    anew = _bronze(full, "rebuild-heads")
    yield _over("rebuild-heads where all are gone, over psql's restore", anew, psql)
    memory = max(done.memory for done in (backup, restore, right, anew)) / MIB
    yield Figure("peak memory of the four", memory, "MiB")
    for name in ("backup_full", "backup_restored"):
        bench.drop_database(name)
    for file in (ours, plain):
        file.unlink()


def _settle(dsn: str) -> None:
    """Have everything on disk, so that no step pays for the one before it."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("VACUUM ANALYZE")
        conn.execute("CHECKPOINT")


def _bronze(dsn: str, *arguments: str) -> child.Done:
    variables = {"TARGET_BRONZE_POSTGRES_DSN": dsn}
    return child.run([str(child.PROGRAMS / "bronze"), *arguments], env=variables)


def _over(what: str, ours: child.Done, plain: child.Done, more: str = "") -> Figure:
    times = f"{ours.seconds:.1f} s over {plain.seconds:.1f} s"
    note = f"{times}; {more}" if more else times
    return Figure(what, ours.seconds / plain.seconds, "times", note=note)


def _mib(path: Path) -> int:
    return path.stat().st_size // MIB
