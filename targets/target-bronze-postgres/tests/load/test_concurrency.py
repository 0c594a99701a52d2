"""Loaders beside one another, and beside readers."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
