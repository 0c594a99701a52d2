"""The hourly quotas: one for the person's own paths, one for each organization.

An answer tells what is left of the quota that its request was counted against, and in how many
seconds that quota is whole again. An hour starts with its first request; then everything is there
at once. https://support.toggl.com/en/articles/11484112
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

__all__ = ["HOUR", "USER", "Quota"]

USER: Final = "user"
HOUR: Final = 3600
LONGEST: Final = 24 * HOUR
"""A reset that is farther away is none: a clock was set back since."""
MARGIN: Final = 1
"""Seconds that are waited longer, because both clocks count whole seconds."""
WORKSPACE: Final = re.compile(r"/workspaces?/(\d+)(?:/|$)")
ORGANIZATION: Final = re.compile(r"/organizations/(\d+)(?:/|$)")


class Quota:
    """Counts what is left of each quota, in the STATE, so that the next run knows it too.

    Args:
        kept: Part of the STATE, changed in place: the bucket's name, then ``remaining`` (requests)
            and ``resets_at`` (seconds since 1970).
        reserve: Requests of each quota that are left for other programs.
    """

    def __init__(self, kept: MutableMapping[str, Any], reserve: int) -> None:
        """Go on with what the last run knew."""
        self.kept = kept
        self.reserve = reserve
        self.owners: dict[int, int] = {}
        """Workspace id to organization id."""
        self.used: dict[str, int] = {}
        """Requests of this run, by bucket."""
        self._most: dict[str, int] = {}

    def bucket(self, path: str) -> str:
        """Return the name of the quota that a request counts against."""
        if found := ORGANIZATION.search(path):
            return f"organization {found[1]}"
        found = WORKSPACE.search(path)
        owner = self.owners.get(int(found[1])) if found else None
        return USER if owner is None else f"organization {owner}"

    def wait(self, bucket: str, now: int) -> int:
        """Return the seconds until a request may be sent; 0 for at once."""
        known = self._known(bucket, now)
        if known is None or known["remaining"] > self.reserve:
            return 0
        return int(known["resets_at"]) - now

    def left(self, bucket: str, now: int) -> int | None:
        """Return how many requests may still be sent this hour, None if that is not known."""
        known = self._known(bucket, now)
        return None if known is None else max(0, int(known["remaining"]) - self.reserve)

    def _known(self, bucket: str, now: int) -> dict[str, int] | None:
        """Return what is known of a quota; None when its hour is over."""
        known: dict[str, int] | None = self.kept.get(bucket)
        if known and not 0 < known["resets_at"] - now <= LONGEST:
            del self.kept[bucket]
            return None
        return known

    def count(self, bucket: str, now: int) -> None:
        """Count a request that is sent: its answer may be lost, or tell nothing of the quota."""
        self.used[bucket] = self.used.get(bucket, 0) + 1
        if known := self._known(bucket, now):
            known["remaining"] -= 1

    def note(self, bucket: str, remaining: int, resets_in: int, now: int) -> None:
        """Keep what an answer told: requests left, seconds until all are there again."""
        wait = min(resets_in + MARGIN, LONGEST)
        self.kept[bucket] = {"remaining": remaining, "resets_at": now + wait}
        self._most[bucket] = max(remaining + 1, self._most.get(bucket, 0))

    def hourly(self, bucket: str) -> int | None:
        """Return about how many requests an hour allows, None if no answer told."""
        most = self._most.get(bucket)
        return None if most is None else max(1, most - self.reserve)

    @staticmethod
    def told(headers: Mapping[str, str]) -> tuple[int, int] | None:
        """Return requests left and seconds to the reset, as an answer's headers tell them.

        None if they do not: answers of 2024 had no such headers.
        """
        try:
            remaining = int(headers["X-Toggl-Quota-Remaining"])
            return remaining, int(headers.get("X-Toggl-Quota-Resets-In", HOUR))
        except (KeyError, ValueError):
            return None
