"""The HTTP frame of the sandbox's servers: keep-alive connections, a request log, faults.

A server is a subclass of :class:`Server` with an ``answer`` that turns a werkzeug request into a
werkzeug response. werkzeug's own development server closes every connection and waits 10 ms after
each answer, so the standard library's server carries the requests here.
"""

from __future__ import annotations

import contextlib
import gzip
import socket
import threading
import uuid
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from email.utils import format_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import unquote_to_bytes

import msgspec
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request, Response

from tests.sandbox.faults import Fault, Faults

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from tests.sandbox.clock import Clock

SECRET_HEADERS: Final = frozenset({"authorization", "cookie", "proxy-authorization", "x-api-key"})
HIDDEN: Final = "(hidden)"
POLL: Final = 0.02
"""Seconds after which a stopped server notices it."""

encoder: Final = msgspec.json.Encoder(decimal_format="number")


@dataclass
class Asked:
    """One request as the server saw it, and what became of it."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    """Names in lower case; the values of secret ones are hidden."""
    body: Any
    """The JSON of the body, else its text; None without a body."""
    time: datetime
    status: int = 0
    """0 where the connection was closed without an answer."""
    size: int = 0
    """Bytes of the body that were sent, compressed if they were."""
    bucket: str | None = None
    """The quota that the request counts against, as the server names it."""
    refused: str | None = None
    """Why the server refused it (such as ``quota``), None if it did not."""
    fault: str | None = None
    """The fault that struck it."""
    notes: dict[str, Any] = field(default_factory=dict)
    """What else a server says about the request."""


class Server(ABC):
    """One HTTP server on 127.0.0.1, in threads of this process; a context manager.

    ``requests`` is the log, oldest first; ``faults`` the fault switches; ``lock`` is held while an
    answer is made, and by whoever changes the data from outside.
    """

    strange = False
    """Whether every record also gets members that no schema knows."""

    def __init__(self, clock: Clock) -> None:
        """Make a server that is not started yet."""
        self.clock = clock
        self.faults = Faults()
        self.lock = threading.RLock()
        self.requests: list[Asked] = []
        self.stopping = threading.Event()
        self._http: _Http | None = None
        self._thread: threading.Thread | None = None

    @abstractmethod
    def answer(self, request: Request, asked: Asked) -> Response:
        """Return the answer to a request; may set ``bucket``, ``refused`` and ``notes`` of it."""

    @property
    def url(self) -> str:
        """The server's address, such as ``http://127.0.0.1:43210``."""
        if self._http is None:
            raise RuntimeError("The server is not started.")
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def start(self, port: int = 0) -> Self:
        """Listen on a port of 127.0.0.1, any free one by default."""
        self.stopping.clear()
        self._http = _Http(self, port)
        self._thread = threading.Thread(
            target=self._http.serve_forever, args=(POLL,), name=type(self).__name__, daemon=True
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        """Close all connections and end all threads; nothing happens if it is not started."""
        if self._http is None or self._thread is None:
            return
        self.stopping.set()
        self._http.shutdown()
        self._http.hang_up()
        self._http.server_close()
        self._thread.join()
        self._http = self._thread = None

    def __enter__(self) -> Self:
        """Start the server."""
        return self.start()

    def __exit__(self, *_exception: object) -> None:
        """Stop the server."""
        self.stop()

    def handle(self, request: Request) -> tuple[Response | None, Fault | None]:
        """Answer a request and log it; None closes the connection without an answer."""
        asked = _asked(request, self.clock.now())
        fault = self.faults.struck(request.path)
        if fault:
            asked.fault = "429" if fault.status == HTTPStatus.TOO_MANY_REQUESTS else fault.kind
        with self.lock:
            self.requests.append(asked)
            response = self._answer(request, asked) if not fault or fault.counted else Response()
        if fault:
            response = self._struck(fault, response)
        _log(asked, response, fault)
        return (None if fault and fault.kind == "hang_up" else response), fault

    def _answer(self, request: Request, asked: Asked) -> Response:
        try:
            response = self.answer(request, asked)
        except HTTPException as error:
            response = error.get_response(request.environ)
            assert isinstance(response, Response)
        return _compressed(request, response)

    def _struck(self, fault: Fault, response: Response) -> Response:
        if fault.kind == "slow":
            self.stopping.wait(fault.seconds)
        elif fault.kind == "status":
            return Response(fault.body, fault.status, fault.headers)
        elif fault.kind == "garbage":
            headers = {"Content-Type": response.headers.get("Content-Type", "application/json")}
            return Response(fault.body, HTTPStatus.OK, headers)
        return response


def json_response(
    content: Any, status: int = HTTPStatus.OK, headers: dict[str, str] | None = None
) -> Response:
    """Return JSON; Decimals keep their digits and ``msgspec.Raw`` stays as it is."""
    kind = "application/json; charset=utf-8"
    response = Response(encoder.encode(content), status, headers, content_type=kind)
    response.headers.setdefault("X-Request-Id", uuid.uuid4().hex)
    return response


def compressible(response: Response) -> Response:
    """Mark an answer that is compressed for clients that accept it."""
    response.headers["Vary"] = "Accept-Encoding"
    return response


def _compressed(request: Request, response: Response) -> Response:
    """Compress what is marked so; how well does not matter on one machine."""
    wanted = "Vary" in response.headers and request.accept_encodings["gzip"]
    if wanted and "Content-Encoding" not in response.headers:
        response.set_data(gzip.compress(response.get_data(), compresslevel=1, mtime=0))
        response.headers["Content-Encoding"] = "gzip"
    return response


def _asked(request: Request, now: datetime) -> Asked:
    headers = {
        name.lower(): HIDDEN if name.lower() in SECRET_HEADERS else value
        for name, value in request.headers.items()
    }
    query = request.args.to_dict()
    return Asked(request.method, request.path, query, headers, _body(request), now)


def _body(request: Request) -> Any:
    data = request.get_data(cache=True)
    if not data:
        return None
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError:
        return data.decode(errors="replace")


def _log(asked: Asked, response: Response, fault: Fault | None) -> None:
    if fault and fault.kind == "hang_up":
        return
    size = len(response.get_data())
    asked.status = response.status_code
    asked.size = int(size * fault.share) if fault and fault.kind == "cut" else size


class _Http(ThreadingHTTPServer):
    """The socket server: knows its open connections, so that it can close them."""

    daemon_threads = False
    block_on_close = True
    request_queue_size = 128

    def __init__(self, server: Server, port: int) -> None:
        self.server = server
        self.connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def hang_up(self) -> None:
        """Close every open connection, so that the threads that wait on them end."""
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    """One connection: reads requests, lets the server answer, writes each answer in one piece."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Http

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)
        if self.server.server.stopping.is_set():  # accepted while the server was being stopped
            self.connection.shutdown(socket.SHUT_RDWR)

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        super().finish()

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # the client has gone
            super().handle()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Print nothing: the request log holds what was asked."""

    def handle_one_request(self) -> None:
        """Read one request and answer it."""
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline:
            self.close_connection = True
        elif self.parse_request():
            self._respond(*self.server.server.handle(self._request()))

    def _request(self) -> Request:
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        environ = {
            "REQUEST_METHOD": self.command,
            "SCRIPT_NAME": "",
            "PATH_INFO": _path_info(path),
            "QUERY_STRING": query,
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": str(self.server.server_address[1]),
            "SERVER_PROTOCOL": self.request_version,
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.url_scheme": "http",
            "wsgi.input": BytesIO(body),
        }
        return Request(environ | dict(_environ_headers(self.headers.items())))

    def _respond(self, response: Response | None, fault: Fault | None) -> None:
        if response is None:
            self.close_connection = True
            return
        body = response.get_data()
        head = self._head(response, len(body))
        if "Content-Encoding" in response.headers:
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        if fault and fault.kind == "cut":
            body = body[: int(len(body) * fault.share)]
            self.close_connection = True
        self.wfile.write(head + (b"" if self.command == "HEAD" else body))

    def _head(self, response: Response, length: int) -> bytes:
        headers = {
            "Date": format_datetime(self.server.server.clock.now(), usegmt=True),
            **dict(response.headers.items()),
            "Content-Length": str(length),
        }
        if "Content-Encoding" in headers:  # compressed on the way, so nobody knew the length
            del headers["Content-Length"]
            headers["Transfer-Encoding"] = "chunked"
        if self.close_connection:
            headers["Connection"] = "close"
        lines = [f"HTTP/1.1 {response.status}", *_lines(headers), "", ""]
        return "\r\n".join(lines).encode("latin-1")


def _path_info(path: str) -> str:
    """Return a path as WSGI wants it: unquoted bytes, read as Latin-1."""
    return unquote_to_bytes(path).decode("latin-1")


def _environ_headers(headers: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    for name, value in headers:
        key = name.upper().replace("-", "_")
        if key == "CONTENT_TYPE":
            yield key, value
        elif key != "CONTENT_LENGTH":
            yield f"HTTP_{key}", value


def _lines(headers: dict[str, str]) -> Iterable[str]:
    return (f"{name}: {value}" for name, value in headers.items())
