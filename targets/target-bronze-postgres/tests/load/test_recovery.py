"""The database goes away in the middle: the target goes on by itself, and writes nothing twice."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.messages import as_input, record, schema, state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Load, Pipe, Query


class CuttingProxy:
    """Passes bytes between clients and a server, and cuts a connection at the COMMIT it is told.

    ``before`` cuts when the client asks for it, so that the server never hears of it; otherwise
    when the server has answered, so that the client never hears of that.
    """

    def __init__(self, address: tuple[str, int]) -> None:
        """Listen for clients of the server at ``address``."""
        self._address = address
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.cut_at = 0
        self.before = False
        self.commits = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more clients."""
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._address)
                pair = (client, server)
                commit = threading.Event()
                for source, sink in (pair, pair[::-1]):
                    threading.Thread(
                        target=self._pass,
                        args=(source, sink, commit, source is client),
                        daemon=True,
                    ).start()

    def _pass(
        self, source: socket.socket, sink: socket.socket, commit: threading.Event, from_client: bool
    ) -> None:
        with suppress(OSError):
            while chunk := source.recv(65536):
                if from_client and b"COMMIT" in chunk:
                    self.commits += 1
                    if self.commits == self.cut_at:
                        commit.set()
                if commit.is_set() and (self.before or not from_client):
                    break
                sink.sendall(chunk)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@pytest.fixture
def proxy(database: str) -> Iterator[CuttingProxy]:
    known = conninfo_to_dict(database)
    cutting = CuttingProxy((str(known["host"]), int(str(known["port"]))))
    yield cutting
    cutting.close()


@pytest.mark.parametrize("cut", [(before, at) for before in (True, False) for at in (1, 2, 3, 4)])
def test_a_connection_cut_at_a_commit_loses_and_doubles_nothing(
    load: Load, query: Query, database: str, proxy: CuttingProxy, cut: tuple[bool, int]
) -> None:
    proxy.before, proxy.cut_at = cut
    dsn = make_conninfo(database, host="127.0.0.1", port=proxy.port)
    about, *lines = [schema(), *(record(id=n, at="2024-01-01") for n in range(4))]
    done = load(about, *lines, state({"n": 1}), dsn=dsn, batch_size_rows=2)
    assert proxy.commits > proxy.cut_at
    assert "try 2 follows" in done.stderr
    assert done.states == [{"n": 1}]
    assert query("SELECT count(*), max(version) FROM bronze_x") == [(4, 1)]
    assert query("SELECT records_read, rows_new, rows_unchanged FROM bronze_ops.runs") == [
        (4, 4, 0)
    ]
    assert query("SELECT rows, versions FROM bronze_ops.streams") == [(4, 0)]


def test_terminated_backends_are_replaced(pipe: Pipe, query: Query) -> None:
    process = pipe(batch_max_seconds=0.2)
    assert process.stdin is not None
    assert process.stdout is not None
    for number in range(5):
        process.stdin.write(as_input(schema(), record(id=number), state({"n": number})))
        process.stdin.flush()
        assert process.stdout.readline() == b'{"n": %d}\n' % number
        query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert query("SELECT count(*), max(version) FROM bronze_x") == [(5, 1)]


def test_a_server_that_stays_away_is_one_clear_line(
    load: Load, proxy: CuttingProxy, database: str
) -> None:
    dsn = make_conninfo(database, host="127.0.0.1", port=proxy.port)
    proxy.close()
    done = load(schema(), record(id=1), dsn=dsn, max_retries=1, fails=True)
    assert "connection refused" in done.stderr.splitlines()[-1]
    assert done.stdout == ""
