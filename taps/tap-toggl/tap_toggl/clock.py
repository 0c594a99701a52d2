"""The time of day, from one place, so that a test can move it."""

from __future__ import annotations

import time
from datetime import UTC, datetime

__all__ = ["now", "seconds"]


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


def seconds() -> int:
    """Return whole seconds since 1970."""
    return int(time.time())
