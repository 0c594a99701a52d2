"""Loaders beside one another, and beside readers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import psycopg

from tests.messages import as_input, record, schema
from tests.waiting import eventually, waiting

if TYPE_CHECKING:
    from tests.conftest import Load, Pipe, Query


def test_loaders_of_the_same_keys_on_new_months_agree(pipe: Pipe, query: Query) -> None:
    about = schema(bookmark_properties=["at"])
    inputs = []
    for loader in range(4):
        keys = range(200) if loader % 2 else range(199, -1, -1)
        lines = [
            record(
                id=key,
                at=f"2024-{1 + key % 12:02}-01T00:00:00Z",
                name=version,
                extracted=f"2024-12-0{version}T00:00:00Z",
            )
            for version in (1, 2)
            for key in keys
        ]
        inputs.append(as_input(about, *lines))
    processes = [pipe(batch_size_rows=50) for _ in inputs]
    for process, text in zip(processes, inputs, strict=True):
        assert process.stdin is not None
        process.stdin.write(text)
        process.stdin.close()
        process.stdin = None
    for process in processes:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err.decode()
        assert b"deadlock" not in err
    assert query(
        "SELECT count(*), count(DISTINCT lineage_id), count(DISTINCT (lineage_id, version)),"
        " count(DISTINCT (lineage_id, metadata->>'content_hash')) FROM bronze_x"
    ) == [(400, 200, 400, 400)]
    assert query("SELECT array_agg(DISTINCT version ORDER BY version) FROM bronze_x") == [[1, 2]]
    totals = "sum(records_read)::int, sum(rows_new + rows_changed)::int"
    assert query(f"SELECT {totals} FROM bronze_ops.runs") == [(1600, 400)]
    assert query("SELECT rows, versions FROM bronze_ops.streams") == [(400, 200)]
    assert query("SELECT count(*) FROM bronze_x_latest WHERE raw_data->>'name' = '2'") == [200]


def test_a_long_reader_does_not_block_a_loader(pipe: Pipe, query: Query, database: str) -> None:
    about = schema(bookmark_properties=["at"])
    first = pipe()
    first.communicate(as_input(about, record(id=1, at="2024-01-01")), 60)
    with psycopg.connect(database) as reader:
        reader.execute("SELECT count(*) FROM bronze_x")
        second = pipe()
        _, err = second.communicate(as_input(about, record(id=2, at="2024-02-01")), 60)
        assert second.returncode == 0, err.decode()
    assert query("SELECT count(*) FROM bronze_x") == [2]


def test_heads_looked_up_ahead_are_not_trusted_when_another_loader_wrote(
    load: Load, pipe: Pipe, query: Query, database: str
) -> None:
    """Both loaders find no head of the new record; the second one writes after the first."""
    strict = "default_transaction_isolation = serializable"
    query(
        f"DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET {strict}', current_database()); END $$"
    )
    load(schema(), record(id=0))
    processes = [pipe() for _ in range(2)]
    with psycopg.connect(database) as holder:
        # Heads can be read but not written: one loader waits here, the other for the first.
        holder.execute("LOCK TABLE bronze_ops.heads IN SHARE ROW EXCLUSIVE MODE")
        for process in processes:
            assert process.stdin is not None
            process.stdin.write(as_input(schema(), record(id=1)))
            process.stdin.close()
            process.stdin = None
        eventually(lambda: waiting(query) == 2)
    for process in processes:
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err.decode()
    assert query("SELECT count(*), max(version) FROM bronze_x") == [(2, 1)]
    assert query("SELECT sum(rows_new)::int, sum(rows_unchanged)::int FROM bronze_ops.runs") == [
        (2, 1)
    ]


def run_ahead(pipe: Pipe, query: Query, database: str, *lines: Any) -> None:
    """Load lines in batches of two, the reader being batches ahead of the writer."""
    process = pipe(batch_size_rows=2)
    with psycopg.connect(database) as holder:
        holder.execute("LOCK TABLE bronze_ops.heads IN SHARE ROW EXCLUSIVE MODE")
        assert process.stdin is not None
        process.stdin.write(as_input(*lines))
        process.stdin.close()
        process.stdin = None
        eventually(lambda: waiting(query) == 1)
        time.sleep(0.5)  # for the reader to look up what it can: nothing tells that it has
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err.decode()


def test_a_batch_of_two_streams_brings_no_old_head_back(
    load: Load, pipe: Pipe, query: Query, database: str
) -> None:
    streams = [schema("w"), schema("u")]
    load(*streams)
    run_ahead(
        pipe,
        query,
        database,
        *streams,
        *(record("w", id=2, name="A"), record("u", id=1)),
        *(record("w", id=2, name="B"), record("w", id=3)),
        *(record("w", id=2, name="C"), record("u", id=5)),
    )
    rows = "SELECT version, raw_data->>'name' FROM bronze_x WHERE lineage_id = 'x/main/w/2'"
    assert query(rows + " ORDER BY version") == [(1, "A"), (2, "B"), (3, "C")]


def test_what_was_buried_a_moment_ago_can_live_again(
    load: Load, pipe: Pipe, query: Query, database: str
) -> None:
    def at(second: int, number: int, version: int) -> dict[str, Any]:
        extracted = f"2024-01-01T00:00:0{second}Z"
        return record(id=number, extracted=extracted) | {"version": version}

    activate = {"type": "ACTIVATE_VERSION", "stream": "users"}
    load(schema(), at(1, 1, 1), at(1, 2, 1), activate | {"version": 1})
    run_ahead(pipe, query, database, schema(), at(2, 1, 2), activate | {"version": 2}, at(3, 2, 3))
    rows = "SELECT version, metadata ? 'deleted' FROM bronze_x WHERE raw_id = '2' ORDER BY 1"
    assert query(rows) == [(1, False), (2, True), (3, False)]
    assert query("SELECT max(version) FROM bronze_ops.heads") == [3]
