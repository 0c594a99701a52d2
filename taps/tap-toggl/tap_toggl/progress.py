"""Tells how far a long read has come: requests used and left, entries, days, time left."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from . import clock
from .quota import HOUR

if TYPE_CHECKING:
    import logging

    from .account import Workspace
    from .history import History
    from .quota import Quota

__all__ = ["Progress"]

EVERY: Final = 20.0
"""Seconds between two lines."""


@dataclass
class Progress:
    """What a run has read of the history of one workspace."""

    logger: logging.Logger
    quota: Quota
    workspace: Workspace
    entries: int = 0
    pages: int = 0
    day: str = ""
    days: set[str] = field(default_factory=set)
    last: float = field(default_factory=time.monotonic)

    @property
    def bucket(self) -> str:
        """The quota that pays for it."""
        return f"organization {self.workspace.organization_id}"

    def page(self, days: list[str]) -> None:
        """Count a page of entries that begin on these days."""
        self.pages += 1
        self.entries += len(days)
        self.days.update(days)
        self.day = max(days, default=self.day)

    def tell(self, history: History, *, now: bool = False) -> None:
        """Write a line, unless the last one was written a moment ago."""
        if not now and time.monotonic() - self.last < EVERY:
            return
        self.last = time.monotonic()
        self.logger.info("%s", self.line(history))

    def line(self, history: History) -> str:
        """Return how far the history of the workspace has come."""
        left = self.quota.left(self.bucket, clock.seconds())
        return (
            f"workspace {self.workspace.id}: {self.entries} entries in {self.pages} pages of "
            f"history, now at {self.day or 'its beginning'}; "
            f"{self.quota.used.get(self.bucket, 0)} requests used"
            f"{'' if left is None else f', {left} left this hour'}"
            f"{self._outlook(history)}"
        )

    def _outlook(self, history: History) -> str:
        """Return what is still to be read, if it can be told."""
        days = history.days_left()
        if not days or not self.days:
            return ""
        pages = days * self.pages / len(self.days)
        hourly = self.quota.hourly(self.bucket)
        if hourly is None:
            return f"; about {pages:.0f} more pages"
        return f"; about {pages:.0f} more pages, {_duration(pages / hourly * HOUR)}"


def _duration(seconds: float) -> str:
    """Return a time span as a person says it."""
    if seconds < HOUR:
        return "less than an hour"
    return f"{seconds / HOUR:.0f} h"
