"""One record of 100 MB, by pipe and by ``meltano run``: how much memory does it take?"""

from __future__ import annotations

import json
import random
import sys
from typing import TYPE_CHECKING, Any, Final

from benchmarks import child
from benchmarks.child import watched
from benchmarks.figures import MIB, Figure, at_most

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.bench import Bench

TITLE: Final = "A record of 100 MB"
SIZES: Final = ()
_BYTES: Final = 100_000_000
_TARGET: Final = "target-bronze-postgres"
_BUFFER: Final = 268_435_456
"""Bytes, as in the project's meltano.yml: a line must fit into it."""


def measure(bench: Bench) -> Iterator[Figure]:
    """Load the record twice, each into a database of its own."""
    messages = bench.folder / "large.singer"
    _write(messages)
    for way, load in (("by pipe", _pipe), ("by meltano run", _meltano_run)):
        bench.say(f"large_record: {way}")
        dsn = bench.fresh_database("large")
        with watched(_TARGET) as peaks:
            memory = load(bench, dsn, messages)
        stored = bench.ask(dsn, "SELECT sum(pg_column_size(raw_data))::bigint FROM bronze_large")
        bench.drop_database("large")
        most = max(memory, *peaks.values()) / MIB
        note = f"a line of {messages.stat().st_size / 1e6:.0f} MB, stored as {stored / 1e6:.0f} MB"
        yield Figure(f"most memory, {way}", most, "MiB", bar=at_most(1024), note=note)


def _write(path: Path) -> None:
    """Write a record of which half is one string and half is pairs of numbers."""
    dice = random.Random(1)  # noqa: S311 - so that goes compare
    pair = "[{},{:.6f}]"
    pairs, size = [], 0
    while size < _BYTES // 2:
        pairs.append(pair.format(dice.randrange(10**12), dice.random() * 1000))
        size += len(pairs[-1]) + 1
    schema: dict[str, Any] = {"type": "SCHEMA", "stream": "details", "key_properties": ["id"]}
    with path.open("w", encoding="utf-8") as file:
        file.write(json.dumps(schema | {"schema": {"properties": {"id": {"type": "integer"}}}}))
        file.write('\n{"type":"RECORD","stream":"details","record":{"id":1,"text":"')
        file.write("".join(dice.choices("abcdefgh ", k=_BYTES // 2)))
        file.write(f'","pairs":[{",".join(pairs)}]}}}}\n')


def _pipe(bench: Bench, dsn: str, messages: Path) -> int:
    return bench.load(dsn, messages, source="large").memory


def _meltano_run(bench: Bench, dsn: str, messages: Path) -> int:
    """Run both through Meltano, in a project of its own; what is watched tells the memory."""
    project = bench.folder / "project"
    project.mkdir(exist_ok=True)
    tap = project / "tap"
    tap.write_text(
        f"#!{sys.executable}\nimport shutil, sys\n"
        f"shutil.copyfileobj(open({str(messages)!r}, 'rb'), sys.stdout.buffer)\n"
    )
    tap.chmod(0o700)
    config = {
        "default_environment": "bench",
        "environments": [{"name": "bench"}],
        "send_anonymous_usage_stats": False,
        "elt": {"buffer_size": _BUFFER},
        "plugins": {
            "extractors": [{"name": "tap-large", "namespace": "tap_large",
                            "executable": str(tap), "capabilities": []}],
            "loaders": [{"name": _TARGET, "namespace": "target_bronze_postgres",
                         "executable": str(child.PROGRAMS / _TARGET),
                         "config": {"source": "large", "dsn": "$LARGE_DSN"},
                         "settings": [{"name": "source"}, {"name": "dsn", "sensitive": True}]}],
        },
    }  # fmt: skip
    (project / "meltano.yml").write_text(json.dumps(config), encoding="utf-8")
    command = [str(child.PROGRAMS / "meltano"), "run", "tap-large", _TARGET]
    env = {"LARGE_DSN": dsn, "MELTANO_DATABASE_URI": f"sqlite:///{project}/meltano.db"}
    child.run(command, env=env, cwd=project)
    return 0
