"""Loaders beside one another, and beside readers."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import psycopg

from target_bronze_postgres.db import limits
from target_bronze_postgres.load.ahead import LookAhead
from target_bronze_postgres.load.stream import StreamKey
from tests.contents import check
from tests.messages import as_input, record, schema, state
from tests.proxy import Act, Proxy
from tests.waiting import DEADLINE, eventually, waiting

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from target_bronze_postgres.load.batch import Batch
    from tests.conftest import Fork, Load, Pipe, Query


LOADERS = 8
KEYS = 40
MONTHS = "SELECT tableoid::regclass::text, count(*) FROM bronze_x GROUP BY 1 ORDER BY 1"
LANDED = """
    SELECT lineage_id, metadata->>'content_hash', count(*) FROM bronze_x GROUP BY 1, 2 ORDER BY 1, 2
"""


def readings(loader: int) -> list[dict[str, Any]]:
    """Three readings of each key of two streams, in an order of this loader's own, and new keys.

    Half of the loaders see the same third content of a key, the others each one of their own.
    """
    shuffled = random.Random(loader)  # noqa: S311 - no secret
    streams = ["users", "others"] if loader % 2 else ["others", "users"]
    lines = [schema(stream, bookmark_properties=["at"]) for stream in streams]
    for version in (1, 2, 3):
        keys = [*range(KEYS), *(f"{loader}-{n}" for n in range(10))]
        shuffled.shuffle(keys)
        for key in keys:
            members = {
                "id": key,
                "at": f"2015-{1 + (int(key[-1]) + loader) % 12:02}-01"
                if isinstance(key, str)
                else f"2024-{1 + (key + version) % 12:02}-01",
                "name": version if version < 3 or loader % 2 else f"3 of {loader}",
            }
            lines += [
                record(stream, f"2024-12-0{version}T00:00:00Z", **members) for stream in streams
            ]
    return [*lines, state({"loader": loader})]


def check_beside_one_another(
    load: Load, database: str, serial: str, inputs: list[list[dict[str, Any]]]
) -> None:
    """Compare what loaders beside one another left with what the same loads left one by one."""
    for lines in inputs:
        load(*lines, dsn=serial, batch_size_rows=50)
    with psycopg.connect(database) as one, psycopg.connect(serial) as other:
        for query in (LANDED, MONTHS):
            assert one.execute(query).fetchall() == other.execute(query).fetchall()
        deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        assert one.execute(deadlocks).fetchall() == [(0,)]
    check(database)


def test_eight_loaders_of_the_same_keys_on_new_months(
    load: Load, forked: Fork, query: Query, database: str, another: Callable[..., str]
) -> None:
    """Versions have no gaps and no twins, nothing is lost, and nobody waits in a circle.

    A reader of the table, who began before them, is there all the while.
    """
    inputs = [readings(loader) for loader in range(LOADERS)]
    load(*inputs[0][:2])
    with psycopg.connect(database) as reader:
        before = reader.execute("SELECT count(*) FROM bronze_x").fetchone()
        reader.execute("DECLARE slow CURSOR FOR SELECT * FROM bronze_x")
        targets = [forked(*lines, batch_size_rows=50) for lines in inputs]
        for loader, target in enumerate(targets):
            assert target.wait() == 0, target.log
            assert target.states == [{"loader": loader}]
            assert "try 2" not in target.log
        assert before == (0,)
        assert reader.execute("SELECT count(*) FROM bronze_x_latest").fetchone() is not None
    assert query("SELECT sum(records_read)::int FROM bronze_ops.runs") == [
        LOADERS * 3 * (KEYS + 10) * 2
    ]
    check_beside_one_another(load, database, another(), inputs)


def test_a_batch_that_is_not_committed_yet_holds_no_loader_of_another_stream_up(
    load: Load, forked: Fork, query: Query, database: str, proxy: Proxy
) -> None:
    """Or two batches could wait for one another, each for a month that the other one has made."""
    streams = [schema(stream, bookmark_properties=["at"]) for stream in ("users", "others")]
    load(*streams)
    proxy.arm(b"FROM STDIN", b"COMMIT", act=Act.HOLD)
    slow = forked(streams[0], record(id=1, at="2024-01-01"), dsn=proxy.dsn)
    assert proxy.reached.wait(DEADLINE), slow.log
    months = [record("others", id=n, at=f"2024-0{n}-01") for n in (1, 2)]
    load(streams[1], *months, state({"n": 1}))
    assert query("SELECT count(*) FROM bronze_x") == [2]
    proxy.release()
    assert slow.wait() == 0, slow.log
    assert query("SELECT count(*) FROM bronze_x") == [3]
    check(database)


def test_a_long_reader_does_not_block_a_loader_nor_it_the_reader(
    load: Load, query: Query, database: str
) -> None:
    about = schema(bookmark_properties=["at"])
    load(about, record(id=1, at="2024-01-01"))
    with psycopg.connect(database) as reader:
        reader.execute("SELECT count(*) FROM bronze_x")
        load(about, record(id=2, at="2024-02-01"))  # a new month
        # It reads on, while another loader is in the middle of its batch.
        with psycopg.connect(database) as holder:
            holder.execute("LOCK TABLE bronze_ops.heads IN SHARE ROW EXCLUSIVE MODE")
            reader.execute("SET lock_timeout = '1s'")
            found = reader.execute("SELECT count(*) FROM bronze_x").fetchone()
            assert found == (2,)
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


def test_what_was_planned_upon_a_record_that_the_server_refuses_is_decided_anew(
    load: Load, query: Query, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second batch is planned while the first one waits, and counts on its heads.

    Nobody else writes, so the generations are those that it was planned for.
    """
    monkeypatch.setattr(limits, "NUMERIC_INTEGER_DIGITS", 1_000_000)
    planned = threading.Semaphore(0)
    plan = LookAhead.plan

    def counted(ahead: LookAhead, batch: Batch) -> bool:
        done = plan(ahead, batch)
        planned.release()
        return done

    monkeypatch.setattr(LookAhead, "plan", counted)
    digits = b"9" * 131_073
    bad = b'{"type": "RECORD", "stream": "users", "time_extracted": "2024-01-01T00:00:00Z", '
    bad += b'"record": {"id": 2, "name": ' + digits + b"}}\n"
    # Each is later than the one before, so that no history is needed: that would not be planned.
    later = [f"2024-01-0{day}T00:00:00Z" for day in (2, 3)]
    lock = StreamKey("x", "main", "users").lock

    def hold(is_held: threading.Event) -> None:
        with psycopg.connect(database) as holder:
            holder.execute("SELECT pg_advisory_xact_lock(%s)", (lock,))
            is_held.set()
            for _ in range(2):
                assert planned.acquire(timeout=DEADLINE)
            eventually(lambda: waiting(query) == 1)

    is_held = threading.Event()
    with ThreadPoolExecutor() as pool:
        held = pool.submit(hold, is_held)
        assert is_held.wait(DEADLINE)
        done = load(
            *(schema(), record(id=1), bad, state({"n": 2})),
            *(record(extracted=later[0], id=2, name="A"), record(id=3), state({"n": 4})),
            *(record(extracted=later[1], id=2, name="B"), record(id=4), state({"n": 6})),
            batch_size_rows=2,
        )
        held.result(DEADLINE)
    assert done.states == [{"n": 2}, {"n": 4}, {"n": 6}]
    rows = "SELECT version, raw_data->>'name' FROM bronze_x WHERE raw_id = '2' ORDER BY 1"
    assert query(rows) == [(1, "A"), (2, "B")]
    counters = "SELECT records_read, rows_new, rows_changed, dead_letters FROM bronze_ops.runs"
    assert query(counters) == [(6, 4, 1, 1)]
    check(database)
