"""Bytes on disk over bytes of input, with each index on ``raw_data`` and without one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchmarks.figures import Figure
from benchmarks.tap_output import entries

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.bench import Bench

TITLE: Final = "Disk"
SIZES: Final = ("rows",)
_SIZE: Final = """
    SELECT sum(pg_total_relation_size(c.oid))::bigint
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'm')
      AND (n.nspname = 'bronze_ops' OR n.nspname = 'public' AND c.relname LIKE 'bronze\\_toggl%')
"""
_INDEXES: Final = {
    "jsonb_ops": "GIN jsonb_ops, the default",
    "jsonb_path_ops": "GIN jsonb_path_ops",
    "none": "no GIN",
}


def measure(bench: Bench) -> Iterator[Figure]:
    """Load once with each; what the ledger takes counts too."""
    messages = entries(bench.rows)
    given = messages.stat().st_size
    for index, name in _INDEXES.items():
        bench.say(f"disk: {name}")
        dsn = bench.fresh_database("disk")
        bench.load(dsn, messages, raw_index=index)
        taken = bench.ask(dsn, _SIZE)
        note = f"{taken / 1e6:,.0f} MB of {given / 1e6:,.0f} MB, bronze_ops included"
        yield Figure(f"bytes on disk / bytes of input, {name}", taken / given, "times", note=note)
    bench.drop_database("disk")
