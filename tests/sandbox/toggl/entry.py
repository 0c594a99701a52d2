"""Time entries: one entry, and all entries of an account in the orders that are asked for."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(slots=True)
class Entry:
    """A time entry; times are seconds since 1970, but for ``at`` and ``created`` (microseconds)."""

    id: int
    workspace_id: int
    user_id: int
    start: int
    stop: int | None
    """None while it runs."""
    description: str | None
    project_id: int | None
    task_id: int | None
    billable: bool
    tag_ids: tuple[int, ...]
    at: int
    created: int
    deleted_at: int | None = None
    """Microseconds; None while it lives."""
    shared_with: list[dict[str, Any]] = field(default_factory=list)

    @property
    def seconds(self) -> int:
        """How long it took; 0 while it runs."""
        return 0 if self.stop is None else self.stop - self.start


class Entries:
    """All entries of an account, deleted ones too, by id and by start.

    Whoever changes a start, adds or removes must say so by :meth:`changed`; ``version`` then rises.
    """

    def __init__(self) -> None:
        """Start without entries."""
        self.by_id: dict[int, Entry] = {}
        self.version = 0
        self._sorted: dict[int, list[Entry]] | None = None

    def __iter__(self) -> Iterator[Entry]:
        """Go through all entries, in no order that matters."""
        return iter(self.by_id.values())

    def __len__(self) -> int:
        """Return how many there are, deleted ones included."""
        return len(self.by_id)

    def add(self, entry: Entry) -> None:
        """Add an entry."""
        self.by_id[entry.id] = entry
        self.changed()

    def changed(self) -> None:
        """Note that an entry changed."""
        self.version += 1
        self._sorted = None

    def of_workspace(self, workspace_id: int, start: int, end: int) -> list[Entry]:
        """Return a workspace's living entries with ``start <= entry.start < end``, oldest first."""
        found = self._by_workspace().get(workspace_id, [])
        return found[bisect_left(found, start, key=_start) : bisect_left(found, end, key=_start)]

    def of_user(self, user_id: int, start: int, end: int) -> list[Entry]:
        """Return a user's living entries in the same window, newest first, of all workspaces."""
        found = [
            entry
            for workspace_id in self._by_workspace()
            for entry in self.of_workspace(workspace_id, start, end)
            if entry.user_id == user_id
        ]
        return sorted(found, key=newest_first)

    def _by_workspace(self) -> dict[int, list[Entry]]:
        if self._sorted is None:
            self._sorted = {}
            for entry in self:
                if entry.deleted_at is None:
                    self._sorted.setdefault(entry.workspace_id, []).append(entry)
            for found in self._sorted.values():
                found.sort(key=oldest_first)
        return self._sorted


def _start(entry: Entry) -> int:
    return entry.start


def oldest_first(entry: Entry) -> tuple[int, int]:
    """Return the sort key of the reports: start, then id."""
    return entry.start, entry.id


def newest_first(entry: Entry) -> tuple[int, int]:
    """Return the sort key of v9: the newest start first."""
    return -entry.start, -entry.id
