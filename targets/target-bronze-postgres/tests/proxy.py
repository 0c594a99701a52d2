"""A proxy before the database that halts or cuts a connection at a moment that a test names."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

from psycopg.conninfo import conninfo_to_dict, make_conninfo

if TYPE_CHECKING:
    from typing import Self


class Act(Enum):
    """What becomes of a connection at the moment."""

    HOLD = auto()
    """The mark, and what follows, waits until :meth:`Proxy.drop` or :meth:`Proxy.release`."""
    HOLD_ANSWER = auto()
    """The server hears the mark, and its answer waits likewise."""
    CUT = auto()
    """Cut: the server never hears the mark."""
    CUT_ANSWER = auto()
    """Cut when the server has answered: the client never hears that."""
    CUT_RUNNING = auto()
    """The client is cut off as soon as the server has heard the mark; the server goes on."""


@dataclass
class Moment:
    """The nth time that a client sends these marks, in this order, on one connection."""

    marks: tuple[bytes, ...]
    act: Act
    nth: int = 1
    seen: int = 0


@dataclass
class _Link:
    """A connection of a client, and the one to the server that belongs to it."""

    client: socket.socket
    server: socket.socket
    found: int = 0
    tail: bytes = b""
    act: Act | None = None
    released: threading.Event = field(default_factory=threading.Event)

    def find(self, marks: tuple[bytes, ...], chunk: bytes) -> int | None:
        """Return where in ``chunk`` the last mark begins, if the marks are complete with it."""
        text, offset, start = self.tail + chunk, len(self.tail), 0
        while (at := text.find(marks[self.found], start)) >= 0:
            start = at + len(marks[self.found])
            self.found += 1
            if self.found == len(marks):
                self.found, self.tail = 0, b""
                return max(0, at - offset)
        self.tail = text[start:][-64:]  # a mark may come in two pieces
        return None

    def cut(self, *ends: socket.socket) -> None:
        """Close these ends of the link."""
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


class Proxy:
    """Listens on a port of its own; ``dsn`` is that of the database through it."""

    def __init__(self, dsn: str) -> None:
        """Begin to listen for clients of ``dsn``; they pass freely before :meth:`arm`."""
        known = conninfo_to_dict(dsn)
        self._address = (str(known["host"]), int(str(known["port"])))
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        self.dsn = make_conninfo(dsn, host="127.0.0.1", port=port)
        self._moment: Moment | None = None
        self._links: list[_Link] = []
        self.reached = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        """Listen already."""
        return self

    def __exit__(self, *_: object) -> None:
        """Take no more clients, and cut those that are there."""
        self.close()

    def arm(self, *marks: bytes, act: Act, nth: int = 1) -> None:
        """Act once, the nth time that the marks come one after the other on a connection."""
        self.reached.clear()
        self._moment = Moment(marks, act, nth)

    def close(self) -> None:
        """Take no more clients, and cut those that are there."""
        self._listener.close()
        self.drop()

    def drop(self) -> None:
        """Cut every connection, as the kernel does for a process that was killed."""
        for link in self._links:
            link.cut(link.client, link.server)
        self.release()
        self._links.clear()

    def release(self) -> None:
        """Let what was held go on."""
        for link in self._links:
            link.released.set()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection(self._address)
                except OSError:  # the server is away
                    client.close()
                    continue
                link = _Link(client, server)
                self._links.append(link)
                for work in (self._pass_questions, self._pass_answers):
                    threading.Thread(target=work, args=(link,), daemon=True).start()

    def _pass_questions(self, link: _Link) -> None:
        with suppress(OSError):
            while chunk := link.client.recv(65_536):
                at = self._watch(link, chunk)
                if at is None:
                    link.server.sendall(chunk)
                elif not self._act(link, chunk, at):
                    return
        link.cut(link.client, link.server)

    def _pass_answers(self, link: _Link) -> None:
        with suppress(OSError):
            while chunk := link.server.recv(65_536):
                if link.act is Act.HOLD_ANSWER:
                    self.reached.set()
                    link.released.wait()
                elif link.act is Act.CUT_ANSWER:
                    self.reached.set()
                    break
                elif link.act is Act.CUT_RUNNING:
                    continue
                link.client.sendall(chunk)
        link.cut(link.client, link.server)

    def _watch(self, link: _Link, chunk: bytes) -> int | None:
        moment = self._moment
        if moment is None or (at := link.find(moment.marks, chunk)) is None:
            return None
        moment.seen += 1
        if moment.seen != moment.nth:
            return None
        self._moment, link.act = None, moment.act
        return at

    def _act(self, link: _Link, chunk: bytes, at: int) -> bool:
        """Do what the moment asks for; return whether more may pass."""
        if link.act is Act.HOLD:
            link.server.sendall(chunk[:at])
            self.reached.set()
            link.released.wait()
            link.server.sendall(chunk[at:])
            return True
        if link.act is Act.CUT:
            self.reached.set()
            link.cut(link.client, link.server)
            return False
        link.server.sendall(chunk)
        if link.act is Act.CUT_RUNNING:
            self.reached.set()
            link.cut(link.client)
            return False
        return True
