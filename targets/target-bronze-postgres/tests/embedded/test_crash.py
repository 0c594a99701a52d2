"""What kills, reboots and strangers leave behind does not stop the next start."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import psycopg
import pytest

from target_bronze_postgres.embedded import EmbeddedServer, process
from target_bronze_postgres.embedded.account import choose
from target_bronze_postgres.embedded.programs import Programs
from target_bronze_postgres.errors import ServerError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

START = """
import sys
from pathlib import Path
from target_bronze_postgres.embedded import EmbeddedServer
print("begins", flush=True)
EmbeddedServer(Path(sys.argv[1])).start()
"""


def postmaster(embedded: EmbeddedServer) -> int:
    return int((embedded.home / "data" / "postmaster.pid").read_text().split()[0])


def test_committed_rows_survive_killed_servers(running: EmbeddedServer) -> None:
    known = running.parameters()
    with psycopg.connect("", autocommit=True, **known) as connection:  # type: ignore[arg-type]  # all strings
        connection.execute("CREATE TABLE t (n int)")
    for number in range(3):
        with psycopg.connect("", autocommit=True, **known) as connection:  # type: ignore[arg-type]  # all strings
            connection.execute("INSERT INTO t VALUES (%s)", [number])
            os.kill(postmaster(running), signal.SIGKILL)
        known = running.start()
    with psycopg.connect("", **known) as connection:  # type: ignore[arg-type]  # all strings
        assert connection.execute("SELECT array_agg(n ORDER BY n) FROM t").fetchone() == (
            [0, 1, 2],
        )


def test_start_waits_for_the_children_of_a_killed_server(
    running: EmbeddedServer, wait_for: Callable[[Callable[[], bool]], None]
) -> None:
    with psycopg.connect("", autocommit=True, **running.parameters()) as connection:  # type: ignore[arg-type]  # all strings
        child = connection.info.backend_pid
        os.kill(child, signal.SIGSTOP)
        os.kill(postmaster(running), signal.SIGKILL)
        resume = subprocess.Popen(["sh", "-c", f"sleep 0.5; kill -CONT {child}"])
        begin = time.monotonic()
        running.start()
        assert time.monotonic() - begin > 0.3
        resume.wait()
    wait_for(running.is_running)


def test_stop_after_the_server_was_killed_ends_its_children(running: EmbeddedServer) -> None:
    os.kill(postmaster(running), signal.SIGKILL)
    running.stop()
    assert not running.is_running()
    running.start()


def test_starter_killed_at_any_moment_of_the_first_start(
    empty: EmbeddedServer, python: Callable[..., subprocess.Popen[str]]
) -> None:
    for delay in (0.1, 0.3, 0.6):
        starter = python(START, empty.home)
        assert starter.stdout
        assert starter.stdout.readline() == "begins\n"
        time.sleep(delay)  # the moment of the kill, not a wait for something
        starter.kill()
        starter.communicate()
    known = empty.start()
    with psycopg.connect("", **known) as connection:  # type: ignore[arg-type]  # all strings
        assert connection.execute("SELECT current_database()").fetchone() == ("ib_data",)
    assert not (empty.home / "data.new").exists()


def test_database_that_was_not_made_in_time_is_made_later(running: EmbeddedServer) -> None:
    known = running.parameters() | {"dbname": "postgres"}
    with psycopg.connect("", autocommit=True, **known) as connection:  # type: ignore[arg-type]  # all strings
        connection.execute("DROP DATABASE ib_data")
    with psycopg.connect("", **running.start()) as connection:  # type: ignore[arg-type]  # all strings
        assert connection.execute("SELECT current_database()").fetchone() == ("ib_data",)


def _sleeper(data: Path) -> subprocess.Popen[bytes]:
    """Start another program of the server's own account, inside its folder."""
    account = choose(data)
    account.adopt(data)
    return subprocess.Popen(
        ["sleep", "600"],
        cwd=data,
        **account.identity(),
    )


def test_number_that_another_program_has_by_now(stopped: EmbeddedServer) -> None:
    data = stopped.home / "data"
    with _sleeper(data) as stranger:
        try:
            (data / "postmaster.pid").write_text(f"{stranger.pid}\n{data}\n1\n5432\n\n\n0 0\n")
            stopped.start()
            assert stranger.poll() is None
        finally:
            stranger.kill()
    assert stopped.is_running()


@pytest.mark.parametrize("content", ["", "gibberish\n", "999999999\n"])
def test_broken_pid_file(content: str, stopped: EmbeddedServer) -> None:
    (stopped.home / "data" / "postmaster.pid").write_text(content)
    stopped.start()
    assert stopped.is_running()


def test_server_started_by_hand_is_left_alone(
    stopped: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = stopped.home / "data"
    account = choose(data)
    account.adopt(data)
    programs = Programs(stopped.bin_dir, account)
    log = os.open(stopped.home / "server.log", os.O_WRONLY | os.O_APPEND)
    try:
        assert programs.start(data, int((stopped.home / "port").read_text()), log, []).status == 0
        pid = postmaster(stopped)
        with pytest.raises(ServerError, match="started by hand"):
            stopped.start()
        assert postmaster(stopped) == pid
        assert process.serves(pid, data)
        monkeypatch.setattr(process, "PROC", data / "none")
        assert process.serves(pid, data)
        assert not process.serves(os.getpid(), data)
    finally:
        os.close(log)
        assert programs.stop(data, 20).status == 0


def test_other_major_version_is_refused(stopped: EmbeddedServer) -> None:
    (stopped.home / "data" / "PG_VERSION").write_text("15\n")
    with pytest.raises(ServerError, match=r"PostgreSQL 15.*bronze backup.*bronze restore"):
        stopped.start()
    assert not stopped.is_running()
