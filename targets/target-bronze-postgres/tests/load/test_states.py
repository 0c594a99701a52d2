"""STATE goes out after the records before it are committed: never earlier, and not much later."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from target_bronze_postgres.load.signals import GRACE
from target_bronze_postgres.load.states import StateWriter
from tests.messages import as_input, record, schema, state
from tests.proxy import Act, Proxy
from tests.waiting import DEADLINE, eventually, waiting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import ConfigFile, Fork, Load, Pipe, Query


def write(process: subprocess.Popen[bytes], *messages: Any) -> None:
    assert process.stdin is not None
    process.stdin.write(as_input(*messages))
    process.stdin.flush()


def read_state(process: subprocess.Popen[bytes]) -> Any:
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


def count(query: Query) -> int:
    [(exists,)] = [query("SELECT to_regclass('bronze_x') IS NOT NULL")]
    return int(query("SELECT count(*) FROM bronze_x")[0]) if exists else 0


def test_states_come_in_order_and_equal_neighbours_once(load: Load, query: Query) -> None:
    done = load(
        schema(),
        *(line for n in (1, 1, 2, 1) for line in (record(id=n), state({"n": n}))),
        batch_size_rows=2,
    )
    assert done.states == [{"n": 1}, {"n": 2}, {"n": 1}]
    assert query("SELECT state FROM bronze_ops.runs") == ['{"n": 1}']


def test_states_are_relayed_byte_for_byte(load: Load) -> None:
    done = load(b'{"type":"STATE","value":{ "a": 1.10, "b": 1e400, "c": "\\u00e9" }}\n')
    assert done.stdout == '{ "a": 1.10, "b": 1e400, "c": "\\u00e9" }\n'


def test_no_state_without_one(load: Load) -> None:
    assert load(schema(), record(id=1)).stdout == ""
    assert load().stdout == ""


def test_when_too_many_wait_only_the_newest_goes_out(load: Load) -> None:
    many = load(schema(), record(id=1), *(state({"n": n}) for n in range(150)))
    assert many.states[-1] == {"n": 149}
    assert len(many.states) < 100
    large = load(schema(), *(state({"n": n, "x": "x" * 600_000}) for n in range(3)))
    assert [value["n"] for value in large.states][-1] == 2
    assert len(large.states) < 3


@pytest.mark.parametrize(
    "settings", [{"batch_size_rows": 2}, {"batch_size_bytes": 100}, {"batch_max_seconds": 0.5}]
)
def test_a_batch_ends_by_rows_bytes_and_seconds(
    pipe: Pipe, query: Query, settings: dict[str, Any]
) -> None:
    process = pipe(**settings)
    write(process, schema(), record(id=1), record(id=2), state({"n": 1}), record(id=3))
    if "batch_max_seconds" not in settings:
        write(process, record(id=4), record(id=5))
    # stdin stays open and silent: what is there is committed all the same
    assert read_state(process) == {"n": 1}
    assert count(query) >= 2
    idle = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%%'"
    assert query(idle + " AND datname = current_database()") == [0]
    process.communicate(timeout=DEADLINE)
    assert process.returncode == 0


def test_states_alone_go_out_after_a_while(pipe: Pipe) -> None:
    process = pipe(batch_max_seconds=0.3)
    write(process, state({"n": 1}))
    assert read_state(process) == {"n": 1}
    process.communicate(timeout=DEADLINE)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_commits_what_was_read_and_says_so(
    pipe: Pipe, query: Query, number: signal.Signals
) -> None:
    process = pipe(batch_size_rows=3)
    write(process, schema(), *(record(id=n) for n in range(3)), state({"n": 0}), record(id=3))
    eventually(lambda: count(query) == 3)
    write(process, state({"n": 1}))
    process.send_signal(number)
    out, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 128 + number
    assert b"Traceback" not in err
    emitted = [json.loads(line)["n"] for line in out.splitlines()]
    assert count(query) == (4 if emitted in ([0, 1], [0]) else 3)
    assert query("SELECT status FROM bronze_ops.runs") == ["interrupted"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_during_copy_commits_and_is_told_by_the_status(
    forked: Fork, query: Query, proxy: Proxy, number: signal.Signals
) -> None:
    proxy.arm(b"FROM STDIN", b'"name": "n50"', act=Act.HOLD)
    lines = [record(id=n, name=f"n{n}") for n in range(100)]
    target = forked(schema(), *lines, state({"n": 100}), dsn=proxy.dsn)
    assert proxy.reached.wait(DEADLINE)
    target.signal(number)
    eventually(lambda: f"Signal {number}" in target.log)
    assert count(query) == 0
    proxy.release()
    assert target.wait() == 128 + number
    assert target.states == [{"n": 100}]
    assert count(query) == 100
    assert query("SELECT status, error FROM bronze_ops.runs") == [
        ("interrupted", f"signal {int(number)}")
    ]


def test_a_state_waits_for_every_stream_that_came_before_it(
    forked: Fork, query: Query, proxy: Proxy
) -> None:
    """One stream fills batches, another has one record before the state: it is not left behind."""
    proxy.arm(b"FROM STDIN", b'"last"', act=Act.HOLD)
    lines = [record("full", id=n) for n in range(5)]
    slow = [record("slow", id=1, name="last"), state({"full": 5, "slow": 1})]
    streams = [schema("full"), schema("slow")]
    target = forked(*streams, *lines, state({"full": 5}), *slow, dsn=proxy.dsn, batch_size_rows=2)
    assert proxy.reached.wait(DEADLINE)
    assert query("SELECT count(*) FROM bronze_x") == [4]
    assert target.states == []
    proxy.release()
    assert target.wait() == 0
    assert target.states == [{"full": 5}, {"full": 5, "slow": 1}]


@pytest.mark.parametrize("rows", [[], [record(id=2, at="2024-02-01")]])
def test_what_is_read_after_a_batch_that_could_not_be_planned_is_not_written(
    pipe: Pipe, query: Query, load: Load, rows: list[Any]
) -> None:
    """Or a state would go out whose records are not there; stdin stays open meanwhile."""
    about = schema(bookmark_properties=["at"])
    load(about)
    query("CREATE TABLE bronze_x_y2024m03 (x INT)")
    process = pipe(batch_size_rows=2)
    bad = [record(id=number, at="2024-03-01") for number in (0, 1)]
    write(process, about, *bad, *rows, state({"n": 1}))
    assert process.wait(DEADLINE) == 1
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.read() == b""
    assert b"bronze_x_y2024m03" in process.stderr.read().splitlines()[-1]
    assert count(query) == 0


def test_what_came_before_a_batch_that_could_not_be_planned_is_committed(
    load: Load, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end waits for the batch that is being written, and for its state."""
    about = schema(bookmark_properties=["at"])
    load(about)
    query("CREATE TABLE bronze_x_y2024m03 (x INT)")
    emit = StateWriter.emit

    def slowly(writer: StateWriter, states: list[bytes]) -> None:
        time.sleep(0.5)
        emit(writer, states)

    monkeypatch.setattr(StateWriter, "emit", slowly)
    good, bad = record(id=1, at="2024-02-01"), record(id=2, at="2024-03-01")
    done = load(about, state({"n": 0}), good, bad, batch_size_rows=1, fails=True)
    assert (done.states, count(query)) == ([{"n": 0}], 1)


def test_a_second_signal_ends_at_once(pipe: Pipe, query: Query, database: str) -> None:
    process = pipe(batch_size_rows=1)
    write(process, schema(), record(id=1))
    eventually(lambda: count(query) == 1)
    with locked(database):
        write(process, record(id=2), state({"n": 2}))
        eventually(lambda: waiting(query))
        process.send_signal(signal.SIGTERM)
        log = process.stderr
        assert log is not None
        eventually(lambda: b"Signal 15" in log.readline())
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=DEADLINE)
    assert time.monotonic() < started + GRACE
    assert process.returncode == 128 + signal.SIGTERM
    assert out == b""
    assert count(query) == 1


def test_what_cannot_be_committed_in_time_is_rolled_back(
    pipe: Pipe, query: Query, database: str
) -> None:
    process = pipe(batch_size_rows=1)
    write(process, schema(), record(id=1))
    eventually(lambda: count(query) == 1)
    with locked(database):
        write(process, record(id=2), state({"n": 2}))
        eventually(lambda: waiting(query))
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 128 + signal.SIGTERM
    assert out == b""
    assert b"rolled back" in err
    assert count(query) == 1


def test_a_closed_stdout_is_an_error_after_the_commit(pipe: Pipe, query: Query) -> None:
    process = pipe()
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = Path(os.devnull).open("rb")  # noqa: SIM115 - communicate() closes it
    _, err = process.communicate(as_input(schema(), record(id=1), state({"n": 1})), DEADLINE)
    assert process.returncode == 1
    assert b"Standard output is closed" in err.splitlines()[-1]
    assert b"Traceback" not in err
    assert count(query) == 1


@pytest.mark.parametrize("after", [1, 3, 5])
def test_a_killed_load_done_again_is_one_clean_load(
    pipe: Pipe, load: Load, query: Query, after: int
) -> None:
    times = [f"2024-01-01T00:00:{second:02}Z" for second in range(12)]
    readings = [record(id=n % 4, name="ABA"[n // 4], extracted=t) for n, t in enumerate(times)]
    process = pipe(batch_size_rows=2)
    write(process, schema(), *readings)
    eventually(lambda: count(query) >= after)
    process.kill()
    process.communicate()
    for _ in range(2):
        load(schema(), *readings, batch_size_rows=5)
        assert query("SELECT raw_id, version, raw_data->>'name' FROM bronze_x ORDER BY 1, 2") == [
            (str(n), version, name) for n in range(4) for version, name in enumerate("ABA", 1)
        ]


@contextmanager
def locked(database: str) -> Iterator[None]:
    """Hold the heads, so that a batch can neither be committed nor fail."""
    with psycopg.connect(database) as conn:
        conn.execute("LOCK TABLE bronze_ops.heads IN ACCESS EXCLUSIVE MODE")
        yield


@pytest.mark.parametrize(
    ("redirection", "error"),
    [
        ("<&-", b"Standard input is closed"),
        (">&-", b"Standard output is closed"),
        ("> /dev/full", b"No space left on device"),
    ],
)
def test_closed_standard_streams_are_one_line(
    config_file: ConfigFile, environ: dict[str, str], tmp_path: Path, redirection: str, error: bytes
) -> None:
    command = f'"$0" -m target_bronze_postgres --config "$1" {redirection}'
    done = subprocess.run(
        ["sh", "-c", command, sys.executable, config_file()],
        input=as_input(schema(), record(id=1), state({"n": 1})),
        capture_output=True,
        env=environ,
        cwd=tmp_path,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 1
    assert error in done.stderr.splitlines()[-1]
    assert b"Traceback" not in done.stderr
