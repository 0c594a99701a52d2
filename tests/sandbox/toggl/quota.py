"""The hourly quota: one bucket for the user, one for each organization.

A bucket's hour starts with its first request; when it is over, the whole quota is there again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

WINDOW: Final = 3600
USER: Final = "user"
PLAN_LIMITS: Final = {"Free": 30, "Starter": 240, "Premium": 600, "Enterprise": 6000}


def organization_bucket(organization_id: int) -> str:
    """Return the name of an organization's bucket."""
    return f"organization/{organization_id}"


@dataclass
class Bucket:
    """One bucket: its limit, when its hour began, and how many requests were made since."""

    limit: int
    began: datetime | None = None
    used: int = 0

    def at(self, now: datetime) -> Bucket:
        """Return the bucket as it is at a time: empty if its hour is over."""
        if self.began and (now - self.began).total_seconds() >= WINDOW:
            self.began, self.used = None, 0
        return self

    def spend(self, now: datetime, requests: int = 1) -> bool:
        """Count requests, refused ones too; tells whether the last of them is within the limit."""
        self.at(now)
        self.began = self.began or now
        self.used += requests
        return self.used <= self.limit

    def remaining(self) -> int:
        """Return what is left; below 0 if more was asked for."""
        return self.limit - self.used

    def resets_in(self, now: datetime) -> int:
        """Return the seconds until the quota is whole again, rounded up."""
        if self.began is None:
            return WINDOW
        return max(0, math.ceil(WINDOW - (now - self.began).total_seconds()))


class Quota:
    """All buckets of an account; ``limits`` overrides the plan's limit of a bucket by its name."""

    def __init__(self, limit: Callable[[str], int]) -> None:
        """Make the buckets with their limits, which may change with a plan."""
        self.limits: dict[str, int] = {}
        self._limit = limit
        self._buckets: dict[str, Bucket] = {}

    def bucket(self, name: str, now: datetime) -> Bucket:
        """Return a bucket as it is now."""
        found = self._buckets.setdefault(name, Bucket(0)).at(now)
        found.limit = self.limits.get(name, self._limit(name))
        return found
