"""Fixtures of the connection tests: targets on the real server, and servers that misbehave."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from psycopg.conninfo import conninfo_to_dict

from target_bronze_postgres.settings import DatabaseTarget

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ENCRYPTION_REQUESTS = {80877103, 80877104}  # SSLRequest, GSSENCRequest


@pytest.fixture
def make_target(database: str) -> Callable[..., DatabaseTarget]:
    """Describe the fresh database, with some libpq keywords changed."""

    def make(**changes: str) -> DatabaseTarget:
        params = {k: str(v) for k, v in conninfo_to_dict(database).items()} | changes
        return DatabaseTarget(params, "config: host", "database x on y")

    return make


class Answering:
    """A server that answers every start-up packet with the same bytes and hangs up."""

    def __init__(self, answer: bytes, tls: bytes) -> None:
        """Start it; `tls` answers a wish for encryption."""
        self._answer = answer
        self._tls = tls
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = str(self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        """End the server; a blocked accept is woken by a connection."""
        with suppress(OSError), socket.create_connection(("127.0.0.1", int(self.port))) as last:
            last.sendall(struct.pack("!ii", 8, 0))
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            client, _ = self._socket.accept()
            with client, client.makefile("rb") as stream:
                code = self._read_packet(stream.read)
                while code in ENCRYPTION_REQUESTS:
                    client.sendall(self._tls)
                    code = self._read_packet(stream.read)
                if code == 0:
                    return
                client.sendall(self._answer)

    def _read_packet(self, read: Callable[[int], bytes]) -> int:
        head = read(8)
        if len(head) < 8:
            return -1
        length, code = struct.unpack("!ii", head)
        read(length - 8)
        return int(code)


@pytest.fixture
def answering() -> Iterator[Callable[..., str]]:
    """Start a server that answers as told, and return its port."""
    servers: list[Answering] = []

    def start(answer: bytes, tls: bytes = b"N") -> str:
        servers.append(Answering(answer, tls))
        return servers[-1].port

    yield start
    for server in servers:
        server.close()
