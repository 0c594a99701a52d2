"""The sandbox's time: starts where a test wants it, ticks with real time, can be moved.

It is taken from the monotonic clock, so a test that moves its own wall clock does not move it.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta


class Clock:
    """An aware UTC clock, shared by all servers of a sandbox; safe to use from many threads."""

    def __init__(self, now: datetime | None = None) -> None:
        """Start at ``now``, an aware time; without it at the machine's own time."""
        self._lock = threading.Lock()
        self.set(now or datetime.now(UTC))

    def now(self) -> datetime:
        """Return the time, in UTC, with microseconds."""
        with self._lock:
            return self._base + timedelta(seconds=time.monotonic() - self._since)

    def move(self, by: timedelta) -> datetime:
        """Move by a time span, backwards if it is negative; returns the new time."""
        with self._lock:
            self._base += by
        return self.now()

    def set(self, moment: datetime) -> None:
        """Go on from a moment.

        Raises:
            ValueError: The moment has no zone.
        """
        if moment.tzinfo is None:
            raise ValueError("The sandbox's time needs a zone, such as 2026-01-31T12:00:00Z.")
        with self._lock:
            self._base, self._since = moment.astimezone(UTC), time.monotonic()

    def offset(self) -> timedelta:
        """Return how far this clock is ahead of the machine's wall clock."""
        return self.now() - datetime.now(UTC)
