"""The verb ``bronze serve``.

The server is waitress: threads that are bounded, requests that are read whole before a thread takes
them, so that a slow client holds none up, and no compiled part.
"""

from __future__ import annotations

import ipaddress
import logging
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click
from waitress.server import create_server

from target_bronze_postgres.errors import ServerError, SettingsError
from target_bronze_postgres.ops import limits, timetable
from target_bronze_postgres.ops.check import WrongSettingsError
from target_bronze_postgres.ops.context import one_line
from target_bronze_postgres.ops.judge import Rules
from target_bronze_postgres.ops.serve.app import App
from target_bronze_postgres.ops.serve.snapshot import Reader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_bronze_postgres.ops.context import Context

LOOPBACK: Final = ("localhost", "127.0.0.1", "[::1]")
SERVER: Final[dict[str, Any]] = {
    "threads": 8,
    "connection_limit": 100,
    "channel_timeout": 10,  # seconds without a byte
    "max_request_header_size": 16_384,
    "max_request_body_size": 1,  # no request has one
    "ident": None,
    "clear_untrusted_proxy_headers": True,
    "asyncore_use_poll": True,
}


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=8000,
    show_default=True,
    type=click.IntRange(0, 65_535),
    help="TCP port; 0 takes a free one.",
)
@click.option(
    "--allow-host",
    "allowed",
    multiple=True,
    metavar="NAME",
    help="Host name that requests may come by, beside the address; may be repeated.",
)
@click.option(
    "--limits",
    "limits_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="File of limits, instead of the nearest bronze.yml upwards.",
)
@click.pass_obj
def serve(
    context: Context, *, host: str, port: int, allowed: Sequence[str], limits_file: Path | None
) -> None:
    """Serve health, metrics and a status page; it only reads.

    /health answers 200, or 503 if the database does not answer, a stream is older than its limit,
    or disk or memory run out; JSON tells which, and when each source last answered. /metrics is for
    Prometheus. / is a page for people: for each stream its figures, and a calendar of the days with
    data, the days that were asked for and are empty, and the days that never were.

    It listens on this machine alone. There is no login: before it listens elsewhere, put a proxy
    with one in front. Requests that name another host than the address are refused, unless
    --allow-host names it. The figures are read at most every 5 seconds, from the operations tables
    only; the limits are those of "bronze check", read at the start. SIGTERM and Ctrl-C end it once
    open requests are answered, with exit status 0; exit status 2: a setting is wrong.
    """
    try:
        reader = Reader(context.target, Rules(limits.load(limits_file), timetable.load()))
    except SettingsError as error:
        raise WrongSettingsError(one_line(error).message) from error
    names = [*LOOPBACK, _as_host(host), *allowed]
    with _listen(host, port) as listening:
        server = create_server(App(reader.get, names), sockets=[listening], **SERVER)
        # That a request waits for a thread is no trouble.
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
        signal.signal(signal.SIGTERM, _end)
        click.echo(f"http://{_as_host(host)}:{listening.getsockname()[1]}/ (Ctrl-C ends it)")
        if not _is_loopback(host):
            click.echo("Warning: whoever reaches this address sees the page", err=True)
        try:
            server.run()
        finally:
            server.close()
            reader.close()


def _listen(host: str, port: int) -> socket.socket:
    """Listen.

    Raises:
        ServerError: The address is taken, or not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except (OSError, UnicodeError) as error:
        words = (getattr(error, "strerror", None) or str(error)).partition(" (while")[0]
        raise ServerError(
            f"cannot listen on {_as_host(host)}:{port}: {words}: choose another --host or --port"
        ) from error


def _as_host(host: str) -> str:
    """An address as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _end(*_: object) -> NoReturn:
    raise SystemExit
