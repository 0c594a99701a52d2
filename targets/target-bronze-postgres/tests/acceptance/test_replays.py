"""An input loaded again, after any kill: the rows of one clean load."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg

from tests.contents import contents
from tests.messages import as_input, record, schema, state
from tests.waiting import DEADLINE, eventually, waiting

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    from tests.acceptance.conftest import Run
    from tests.conftest import Pipe, Query

RECORDS = 4_000
BATCH = 400


def four_thousand() -> list[dict[str, Any]]:
    """4,000 records over three years; each hundredth key comes a second time, changed."""
    readings = [
        record(
            id=n if n % 100 else max(0, n - 50),
            name=f"n{n}",
            at=f"{2022 + n % 3}-{1 + n % 12:02}-{1 + n % 28:02}T00:00:00Z",
            extracted=f"2025-01-01T{n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}Z",
        )
        for n in range(RECORDS)
    ]
    messages = [schema(bookmark_properties=["at"])]
    for start in range(0, RECORDS, BATCH):
        messages += [state({"n": start}), *readings[start : start + BATCH]]
    return messages


def load_whole(target: Run, dsn: str, messages: list[Any]) -> list[tuple[int, ...]]:
    """Load all, and return the counters of that run."""
    config = {"dsn": dsn, "source": "x", "batch_size_rows": BATCH}
    done = target(config, *messages)
    assert done.returncode == 0, done.stderr
    with psycopg.connect(dsn) as conn:
        return conn.execute(
            "SELECT records_read, rows_new, rows_changed, rows_unchanged, dead_letters"
            " FROM bronze_ops.runs ORDER BY started_at DESC LIMIT 1"
        ).fetchall()


@contextmanager
def heads_read_only(dsn: str) -> Iterator[None]:
    """Let heads be read but not written: a batch stops between its COPY and its COMMIT."""
    with psycopg.connect(dsn) as conn:
        conn.execute("LOCK TABLE bronze_ops.heads IN SHARE ROW EXCLUSIVE MODE")
        yield


def test_a_file_loaded_again_and_after_kills_is_one_clean_load(
    target: Run,
    pipe: Pipe,
    query: Query,
    database: str,
    another: Callable[..., str],
) -> None:
    clean, messages = another(), four_thousand()
    assert load_whole(target, clean, messages) == [(RECORDS, 3_961, 39, 0, 0)]
    expected = contents(clean)
    assert load_whole(target, clean, messages) == [(RECORDS, 0, 0, RECORDS, 0)]
    assert contents(clean) == expected

    def landed() -> int:
        exists = query("SELECT to_regclass('bronze_x') IS NOT NULL")[0]
        return int(query("SELECT count(*) FROM bronze_x")[0]) if exists else 0

    def wait_for_rows(rows: int) -> None:
        eventually(lambda: landed() >= rows)

    def begin(records: int) -> subprocess.Popen[bytes]:
        process = pipe(batch_size_rows=BATCH)
        assert process.stdin is not None
        process.stdin.write(as_input(*messages[: records + records // BATCH + 1]))
        process.stdin.flush()
        return process

    def kill(process: subprocess.Popen[bytes]) -> list[int]:
        process.kill()
        out, _ = process.communicate(timeout=DEADLINE)
        return [json.loads(line)["n"] for line in out.splitlines() if line.endswith(b"}")]

    # While the tables and the first partitions are made.
    process = begin(BATCH)
    eventually(lambda: query("SELECT to_regclass('bronze_x') IS NOT NULL") == [True])
    kill(process)
    # Between COPY and COMMIT.
    with heads_read_only(database):
        process = begin(3 * BATCH)
        eventually(lambda: waiting(query))
        before = landed()
        states = kill(process)
    assert landed() == before
    assert max(states, default=0) <= before
    # Between commits, and while the next batch is on its way.
    for batches in (2, 6):
        process = begin((batches + 1) * BATCH)
        wait_for_rows(batches * BATCH)
        # A state says how many records before it are committed.
        assert max(kill(process), default=0) <= landed()
    [(read, *_, letters)] = load_whole(target, database, messages)
    assert (read, letters) == (RECORDS, 0)
    assert contents(database) == expected
    assert load_whole(target, database, messages) == [(RECORDS, 0, 0, RECORDS, 0)]


def test_a_b_a_of_one_key_with_kills_between_is_one_clean_load(
    target: Run, pipe: Pipe, query: Query, database: str, another: Callable[..., str]
) -> None:
    contents_of_key = [
        record(id=1, name=name, extracted=f"2025-01-0{day}T00:00:00Z")
        for day, name in enumerate("ABA", 1)
    ]
    lines = [schema(), *contents_of_key, state({"n": 3}), record(id=2), record(id=3)]
    clean = another()
    config = {"source": "x", "batch_size_rows": 1}
    assert target({**config, "dsn": clean}, *lines).returncode == 0
    for committed in (1, 2, 3):
        process = pipe(batch_size_rows=1)
        assert process.stdin is not None
        process.stdin.write(as_input(*lines[: committed + 1]))
        process.stdin.flush()
        wait_for_progress(query, committed)
        process.kill()
        process.communicate()
    for _ in range(2):
        assert target({**config, "dsn": database}, *lines).returncode == 0
        assert contents(database) == contents(clean)
    assert query("SELECT raw_data->>'name' FROM bronze_x WHERE raw_id = '1' ORDER BY version") == [
        *"ABA"
    ]


def wait_for_progress(query: Query, records: int) -> None:
    """Wait until the newest run has committed so many records."""
    eventually(lambda: progress(query) == records)


def progress(query: Query) -> int:
    """Return how many records the newest run has committed."""
    if query("SELECT to_regclass('bronze_ops.runs') IS NULL") == [True]:
        return 0
    found = query("SELECT records_read FROM bronze_ops.runs ORDER BY started_at DESC LIMIT 1")
    return int(found[0]) if found else 0
