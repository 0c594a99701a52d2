"""Pick a port on loopback."""

from __future__ import annotations

import random
import socket

from target_bronze_postgres.embedded.programs import HOST
from target_bronze_postgres.errors import ServerError

# below the ranges that kernels hand out to outgoing connections (Linux 32768, macOS 49152)
RANGE = range(20000, 32000)
TRIES = 100


def is_free(port: int) -> bool:
    """Tell whether a server could listen on this port."""
    with socket.socket() as probe:
        # as PostgreSQL does: connections that linger after a restart do not count
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def pick() -> int:
    """Return a free port.

    Raises:
        ServerError: none was found.
    """
    for port in random.SystemRandom().sample(RANGE, TRIES):
        if is_free(port):
            return port
    raise ServerError(f"no free port on {HOST} between {RANGE[0]} and {RANGE[-1]}: free one")
