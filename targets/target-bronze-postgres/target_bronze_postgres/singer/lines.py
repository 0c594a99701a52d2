"""Splits a byte stream into lines, and wakes up while the stream is silent."""

from __future__ import annotations

import os
import select
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

_CHUNK = 1 << 20


class Wakeup:
    """A pipe that interrupts a :class:`LineReader`, from a signal handler or another thread."""

    def __enter__(self) -> Self:
        """Open the pipe."""
        self.fd, self._end = os.pipe()
        os.set_blocking(self._end, False)
        return self

    def __exit__(self, *_: object) -> None:
        """Close the pipe."""
        os.close(self.fd)
        os.close(self._end)

    def wake(self) -> None:
        """Interrupt the wait; where a thousand wishes wait already, one more changes nothing."""
        with suppress(BlockingIOError):
            os.write(self._end, b"!")


class LineReader:
    """Reads lines from a file descriptor, with a second one that interrupts the wait.

    A line may be of any length. A last line without a newline is a line too.
    """

    def __init__(self, fd: int, wakeup_fd: int) -> None:
        """Read from ``fd``; a byte on ``wakeup_fd`` ends the wait for more."""
        self._fd = fd
        self._wakeup_fd = wakeup_fd
        self._poll = select.poll()
        self._poll.register(wakeup_fd, select.POLLIN)
        self._poll.register(fd, select.POLLIN)
        self._parts: list[bytes] = []
        self.at_end = False

    def read(self, timeout: float | None) -> Iterator[bytes]:
        """Wait for input and yield the lines that it completes, without their newlines.

        Yields nothing when ``timeout`` seconds passed, when the wait was interrupted, or when the
        input holds no whole line yet.
        """
        if not self._wait(timeout):
            return
        chunk = os.read(self._fd, _CHUNK)
        if not chunk:
            self.at_end = True
            if any(self._parts):
                yield self._take(b"")
            return
        *lines, rest = chunk.split(b"\n")
        if lines:
            yield self._take(lines[0])
            yield from lines[1:]
        self._parts.append(rest)

    def _take(self, end: bytes) -> bytes:
        line = b"".join((*self._parts, end)) if self._parts else end
        self._parts.clear()
        return line

    def _wait(self, timeout: float | None) -> bool:
        ready = self._poll.poll(None if timeout is None else max(0, timeout * 1000))
        descriptors = [fd for fd, _ in ready]
        if self._wakeup_fd in descriptors:
            os.read(self._wakeup_fd, _CHUNK)
        return self._fd in descriptors
