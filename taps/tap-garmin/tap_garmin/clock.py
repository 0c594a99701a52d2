"""The time, taken in one place, so that a test can move it."""

from __future__ import annotations

import time
from datetime import UTC, datetime

__all__ = ["now", "seconds"]


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


def seconds() -> float:
    """Return the seconds since 1970."""
    return time.time()
