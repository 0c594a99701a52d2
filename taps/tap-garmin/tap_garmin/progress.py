"""Tells how far a long read has come: done, left, requests, time left."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import logging

    from .client import Client

__all__ = ["Progress"]

EVERY: Final = 10.0
"""Seconds between two lines."""


class Progress:
    """Counts what is done of a known total, and tells of it every ten seconds and at the end.

    Args:
        logger: Where to tell.
        name: The stream.
        total: How much there is to do.
        unit: What is counted, such as ``days``.
        client: Whose requests are counted; None where none are sent.
    """

    def __init__(
        self,
        logger: logging.Logger,
        name: str,
        total: int,
        unit: str,
        client: Client | None = None,
    ) -> None:
        """Start with nothing done."""
        self._logger, self._name, self._unit, self._client = logger, name, unit, client
        self._total = total
        self._done = 0
        self._before = client.requests if client else 0
        self._started = self._told = time.monotonic()

    def step(self, number: int = 1) -> None:
        """Count what was done; tell of it if the last line is old enough."""
        self.reach(self._done + number)

    def reach(self, done: int) -> None:
        """Note how much is done; tell of it if the last line is old enough."""
        self._done = done
        now = time.monotonic()
        if now - self._told < EVERY or self._done >= self._total:
            return
        self._told = now
        left = max(self._total - self._done, 0)
        self._logger.info(
            "%s: %d of %d %s read, %d left%s; about %s to go.",
            self._name,
            self._done,
            self._total,
            self._unit,
            left,
            self._requests(),
            _span((now - self._started) / max(self._done, 1) * left),
        )

    def finish(self, end: object = None) -> None:
        """Tell what was done in all, and where the stream stands."""
        reached = "" if end is None else f", up to {end}"
        told = f"{reached}{self._requests()}"
        self._logger.info("%s: %d %s read%s.", self._name, self._total, self._unit, told)

    def _requests(self) -> str:
        """Return how many requests it took."""
        if self._client is None:
            return ""
        return f"; {self._client.requests - self._before} requests"


def _span(seconds: float) -> str:
    """Return a time span in words."""
    if seconds < 60:  # noqa: PLR2004 - seconds of a minute
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"  # noqa: PLR2004 - minutes of an hour
