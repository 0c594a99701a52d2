"""Locks on files that the kernel lets go of when their last holder ends, however it ends."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from target_bronze_postgres.embedded.home import open_private
from target_bronze_postgres.errors import ServerError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POLL_SECONDS = 0.02


@contextmanager
def exclusive(path: Path, seconds: float) -> Iterator[int]:
    """Hold the lock on a file, which stays after it.

    Programs that inherit the descriptor hold the lock too, until the last of them ends.

    Args:
        path: the file; made if it is missing.
        seconds: how long to wait for another holder.

    Yields:
        The locked descriptor.

    Raises:
        ServerError: another process did not let go in time.
    """
    descriptor = open_private(path, os.O_RDWR)
    try:
        _wait(descriptor, path, seconds)
        yield descriptor
    finally:
        os.close(descriptor)


def _wait(descriptor: int, path: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not _try(descriptor, fcntl.LOCK_EX):
        if time.monotonic() > deadline:
            raise ServerError(
                f"another process has held {path} for {seconds:.0f} s: it starts or stops the "
                "embedded PostgreSQL; wait for it or end it"
            )
        time.sleep(POLL_SECONDS)


def is_held(path: Path) -> bool:
    """Tell whether some process holds the lock on a file; a missing file is held by none."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        # shared, so that two who ask at once do not take each other for the holder
        return not _try(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _try(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
