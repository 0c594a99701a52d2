"""With a source alone, in an empty folder: the target makes and starts its own server."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from tests.messages import as_input, record, schema, state
from tests.waiting import DEADLINE, eventually

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from tests.acceptance.conftest import Machine

    Machines = Callable[..., Machine]

COUNT = "select count(*) from bronze_x"
READY = "ready to accept connections"


def finish(process: subprocess.Popen[bytes], *messages: Any) -> tuple[list[Any], str]:
    """Give a target its messages and return its states and its log, once it has succeeded."""
    out, err = process.communicate(as_input(*messages), DEADLINE)
    assert process.returncode == 0, err.decode()
    return [json.loads(line) for line in out.splitlines()], err.decode()


def check_first_run(machine: Machine) -> None:
    """Load three records, look at them, stop the server, and find them again."""
    lines = [schema(), *(record(id=n) for n in range(3)), state({"n": 3})]
    states, log = finish(machine.target(), *lines)
    assert states == [{"n": 3}]
    assert "rows go to the embedded database in " in log.splitlines()[0]
    assert machine.query(COUNT) == ["3"]
    assert machine.bronze("db", "stop") == "stopped"
    assert machine.bronze("db", "stop") == "was not running"
    assert machine.query(COUNT) == ["3"]


def test_a_source_alone_is_enough(machines: Machines) -> None:
    check_first_run(machines())


def test_below_a_private_folder(machines: Machines) -> None:
    machine = machines(mode=0o700)
    check_first_run(machine)
    assert machine.folder.parent.stat().st_mode & 0o777 == 0o700


def test_as_an_ordinary_user(machines: Machines, nobody: int) -> None:
    machine = machines(user=nobody)
    check_first_run(machine)
    assert {path.stat().st_uid for path in (machine.folder / "home").rglob("*")} == {nobody}


@pytest.mark.parametrize("count", [2, 8])
def test_many_targets_at_once_share_one_server(machines: Machines, count: int) -> None:
    machine = machines()
    targets = [machine.target() for _ in range(count)]
    for number, process in enumerate(targets):
        assert process.stdin is not None
        lines = (record(id=number * 100 + n) for n in range(100))
        process.stdin.write(as_input(schema(), *lines))
        process.stdin.close()
        process.stdin = None
    for process in targets:
        _, err = process.communicate(timeout=DEADLINE)
        assert process.returncode == 0, err.decode()
    assert machine.query(COUNT) == [str(100 * count)]
    assert machine.server_log().count(READY) == 1


def test_killed_targets_and_servers_lose_nothing_that_a_state_covers(machines: Machines) -> None:
    machine = machines()
    first = machine.target()
    # Killed in the middle of making the cluster.
    assert first.stdin is not None
    first.stdin.write(as_input(schema(), record(id=0)))
    first.stdin.flush()
    eventually(lambda: list(machine.folder.rglob("data.new")))
    first.kill()
    first.communicate()
    (machine.folder / "c.json").write_text('{"source": "x", "batch_size_rows": 2}')
    lines = [(record(id=n, name=str(n)), state({"n": n})) for n in range(12)]
    for covered in (3, 7):
        process = machine.target()
        assert process.stdin is not None
        assert process.stdout is not None
        sent = (message for pair in lines[: covered + 4] for message in pair)
        process.stdin.write(as_input(schema(), *sent))
        process.stdin.flush()
        while json.loads(process.stdout.readline())["n"] < covered:
            pass
        process.kill()
        machine.kill_server()
        process.communicate()
        landed = machine.query("select raw_id::int from bronze_x order by 1")
        assert set(landed) >= {str(n) for n in range(covered + 1)}
    states, _ = finish(machine.target(), schema(), *(message for pair in lines for message in pair))
    assert states[-1] == {"n": 11}
    expected = [f"{n}|1|{n}" for n in range(12)]
    found = "select raw_id, version, raw_data->>'name' from bronze_x order by raw_id::int"
    assert machine.query(found) == expected


def test_the_server_outlives_the_target_and_its_session(machines: Machines) -> None:
    machine = machines()
    finish(machine.target(), schema(), record(id=1))
    (pid_file,) = machine.folder.rglob("postmaster.pid")
    pid = int(pid_file.read_text().split()[0])
    assert os.getsid(pid) != os.getsid(0)
    finish(machine.target(), schema(), record(id=2))
    assert int(pid_file.read_text().split()[0]) == pid
    assert machine.query(COUNT) == ["2"]
