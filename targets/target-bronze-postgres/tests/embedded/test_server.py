"""The embedded server: started by many at once, reached, stopped."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from target_bronze_postgres.embedded import EmbeddedServer, lock, ports, programs, server
from target_bronze_postgres.errors import ServerError

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

START = """
import json, sys
from pathlib import Path
from target_bronze_postgres.embedded import EmbeddedServer
print(json.dumps(EmbeddedServer(Path(sys.argv[1])).start()), flush=True)
"""
START_AND_STAY = f"{START}\nsys.stdin.read()\nimport time; time.sleep(600)"


def query(parameters: dict[str, str], statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect("", **parameters) as connection:  # type: ignore[arg-type]  # all strings
        return connection.execute(statement).fetchall()


def postmaster(embedded: EmbeddedServer) -> int:
    return int((embedded.home / "data" / "postmaster.pid").read_text().split()[0])


@pytest.mark.parametrize("count", [2, 8])
def test_many_who_start_at_once_after_an_interrupted_initdb_meet_one_server(
    count: int, empty: EmbeddedServer, python: Callable[..., subprocess.Popen[str]]
) -> None:
    rest = empty.home / "data.new"
    (rest / "base").mkdir(parents=True)
    (rest / "PG_VERSION").write_text("18\n")
    (empty.home / "pgpass").write_text("cut sho")
    starters = [python(START, empty.home) for _ in range(count)]
    answers = [starter.communicate(timeout=60) for starter in starters]
    assert [errors for _, errors in answers] == [""] * count
    assert len({output for output, _ in answers}) == 1
    assert query(json.loads(answers[0][0]), "SELECT current_database()") == [("ib_data",)]
    assert (empty.home / "server.log").read_text().count("ready to accept connections") == 1
    assert not rest.exists()


def test_parameters_reach_an_own_database_on_loopback_only(running: EmbeddedServer) -> None:
    known = running.parameters()
    assert known.keys() == {"host", "port", "user", "password", "dbname", "sslmode"}
    settings = (
        "SELECT current_setting('listen_addresses'), current_setting('unix_socket_directories'), "
        "current_setting('fsync'), current_setting('data_checksums'), "
        "current_setting('server_encoding'), current_setting('timezone'), "
        "pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'ib_data'"
    )
    assert query(known, settings) == [("127.0.0.1", "", "on", "on", "UTF8", "UTC", "bronze")]


def test_second_start_changes_nothing(running: EmbeddedServer) -> None:
    pid = postmaster(running)
    assert running.start() == running.parameters()
    assert postmaster(running) == pid


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PGOPTIONS", "-c nonsense=1"),
        ("PGTARGETSESSIONATTRS", "standby"),
        ("PGSSLNEGOTIATION", "direct"),
        ("PGSSLMODE", "verify-full"),
        ("PGHOSTADDR", "192.0.2.1"),
        ("PGCLIENTENCODING", "nonsense"),
    ],
)
def test_libpqs_variables_do_not_hide_a_live_server(
    running: EmbeddedServer, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    assert running.is_running()
    assert running.start() == running.parameters()


def test_a_variable_that_cannot_be_overruled_is_named(
    running: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGTZ", "Nowhere/Nothing")
    with pytest.raises(ServerError, match=r'"TimeZone": "Nowhere/Nothing": mend PGTZ'):
        running.start()


def test_stop_tells_whether_it_ran(running: EmbeddedServer) -> None:
    assert running.is_running()
    assert running.stop()
    assert not running.is_running()
    assert not running.stop()
    with pytest.raises(ServerError, match="bronze db start"):
        running.parameters()


def test_nothing_is_made_by_asking(tmp_path: Path) -> None:
    embedded = EmbeddedServer(tmp_path / "none")
    assert not embedded.is_running()
    assert not embedded.stop()
    assert not embedded.home.exists()


def test_files_are_private_and_the_passfile_is_libpqs(running: EmbeddedServer) -> None:
    assert stat.S_IMODE(running.home.stat().st_mode) == 0o700
    for path in running.home.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    known = running.parameters()
    del known["password"]
    with psycopg.connect("", passfile=str(running.passfile), **known) as connection:  # type: ignore[arg-type]  # all strings
        assert connection.info.password
    assert (running.bin_dir / "psql").is_file()


def test_no_secret_on_a_command_line_or_in_the_servers_environment(
    empty: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOGGL_API_KEY", "secret-of-the-starter")
    seen: set[bytes] = set()
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.005):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(path.read_bytes())
                except OSError:
                    continue

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        password = empty.start()["password"].encode()
    finally:
        ended.set()
        watcher.join()
    assert any(b"initdb" in line for line in seen)
    assert not any(password in line for line in seen)
    environ = Path(f"/proc/{postmaster(empty)}/environ").read_bytes()
    assert b"secret-of-the-starter" not in environ
    assert password not in environ


def test_server_outlives_a_killed_starter(
    stopped: EmbeddedServer, python: Callable[..., subprocess.Popen[str]]
) -> None:
    starter = python(START_AND_STAY, stopped.home)
    assert starter.stdout
    assert starter.stdout.readline()
    os.killpg(starter.pid, signal.SIGKILL)
    starter.communicate()
    assert stopped.is_running()


def test_ctrl_c_does_not_reach_the_server(
    stopped: EmbeddedServer, python: Callable[..., subprocess.Popen[str]]
) -> None:
    starter = python(START_AND_STAY, stopped.home)
    assert starter.stdout
    assert starter.stdout.readline()
    pid = postmaster(stopped)
    os.killpg(starter.pid, signal.SIGINT)
    starter.communicate()
    assert os.getsid(pid) != starter.pid
    assert stopped.is_running()
    assert postmaster(stopped) == pid


def test_taken_port_is_replaced(stopped: EmbeddedServer) -> None:
    port = int((stopped.home / "port").read_text())
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stranger.bind(("127.0.0.1", port))
        stranger.listen()
        known = stopped.start()
    assert known["port"] != str(port)
    assert query(known, "SELECT 1") == [(1,)]
    assert stopped.parameters() == known


def test_port_taken_at_the_last_moment_is_replaced(
    stopped: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = (stopped.home / "port").read_text().strip()
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stranger.bind(("127.0.0.1", int(port)))
        stranger.listen()
        answers = iter([True, False, False])
        monkeypatch.setattr(ports, "is_free", lambda _: next(answers))
        monkeypatch.setattr(ports, "pick", free_port)
        known = stopped.start()
    assert known["port"] != port
    assert "Address already in use" in (stopped.home / "server.log").read_text()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_without_a_free_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "is_free", lambda _: False)
    with pytest.raises(ServerError, match=r"no free port on 127\.0\.0\.1 between 20000 and 31999"):
        ports.pick()


def test_a_program_that_hangs_is_told(
    stopped: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "LIMIT_SECONDS", 0.001)
    with pytest.raises(ServerError, match="did not end within"):
        stopped.start()


def test_a_strange_server_on_our_port_is_not_ours(running: EmbeddedServer, tmp_path: Path) -> None:
    other = EmbeddedServer(tmp_path / "other")
    other.home.mkdir()
    shutil.copy(running.home / "port", other.home / "port")
    (other.home / "pgpass").write_text("127.0.0.1:*:*:bronze:another\n")
    with lock.exclusive(other.home / "alive", 1):
        assert not other.is_running()


def test_copied_home_gets_a_server_of_its_own(
    running: EmbeddedServer, tmp_path: Path, stop_after: Callable[[EmbeddedServer], EmbeddedServer]
) -> None:
    copy = stop_after(EmbeddedServer(tmp_path / "copy"))
    shutil.copytree(running.home, copy.home)
    assert not copy.is_running()
    assert copy.start()["port"] != running.parameters()["port"]
    assert running.stop()
    assert copy.is_running()


def test_lost_password_file_is_made_anew_at_the_next_start(running: EmbeddedServer) -> None:
    old = running.parameters()["password"]
    running.passfile.unlink()
    assert not running.is_running()
    with pytest.raises(ServerError, match=r"missing or not the server's.*bronze db stop"):
        running.start()
    assert running.stop()
    known = running.start()
    assert known["password"] != old
    assert query(known, "SELECT 1") == [(1,)]


def test_wrong_password_is_told_at_once(running: EmbeddedServer) -> None:
    running.passfile.write_text("127.0.0.1:*:*:bronze:forged\n")
    with pytest.raises(ServerError, match="missing or not the server's") as caught:
        running.start()
    running.passfile.unlink()
    assert "forged" not in str(caught.value)


def test_log_is_cut_and_written_on(
    running: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = running.home / "server.log"
    with log.open("a") as file:
        file.write("x" * 5000 + "\nthe newest line\n")
    monkeypatch.setattr(server, "LOG_LIMIT", 4000)
    monkeypatch.setattr(server, "LOG_KEPT", 1000)
    running.start()
    assert log.stat().st_size == 1000
    assert running.stop()
    text = log.read_text()
    assert "the newest line\n" in text
    assert text.rstrip().endswith("database system is shut down")


def test_log_holds_no_rows(running: EmbeddedServer) -> None:
    known = running.parameters()
    with psycopg.connect("", autocommit=True, **known) as connection:  # type: ignore[arg-type]  # all strings
        connection.execute("CREATE TABLE names (name text PRIMARY KEY)")
        connection.execute("INSERT INTO names VALUES ('a private name')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO names VALUES ('a private name')")
    log = (running.home / "server.log").read_text()
    assert "duplicate key" in log
    assert "private" not in log


def test_stop_that_takes_too_long_is_told(
    running: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "STOP_SECONDS", 1)
    pid = postmaster(running)
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(ServerError, match="has not stopped within 1 s"):
            running.stop()
    finally:
        os.kill(pid, signal.SIGCONT)


def test_server_that_does_not_start_says_why(stopped: EmbeddedServer) -> None:
    with (stopped.home / "data" / "postgresql.conf").open("a") as file:
        file.write("max_connections = many\n")
    with pytest.raises(ServerError, match=r"does not start: .*; see .*server\.log"):
        stopped.start()
    assert not stopped.is_running()
