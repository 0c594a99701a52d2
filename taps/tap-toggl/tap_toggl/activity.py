"""Notices when an account that was busy has turned silent: it may have moved to Toggl Focus.

Toggl Focus (Toggl 2.0) is another product with another API. Track's API goes on answering for an
account that moved, without an error and without anything newer.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, MutableMapping

__all__ = ["Activity"]

KEPT: Final = 28
"""Days with entries that are remembered."""
SILENCE: Final = timedelta(days=14)
BUSY: Final = 15
"""Days with entries, among the last ``BEFORE`` days before a silence, that make an account busy."""
BEFORE: Final = timedelta(days=42)


class Activity:
    """The newest days with entries.

    Args:
        kept: Part of the STATE, changed in place: ``days``.
    """

    def __init__(self, kept: MutableMapping[str, Any]) -> None:
        """Go on with what the last run knew."""
        self.kept = kept

    def note(self, days: Iterable[str], today: date) -> None:
        """Remember days on which entries began, such as ``2026-01-31``, but for planned ones."""
        known: list[str] = self.kept.get("days", [])
        newest = {*known, *(day for day in days if day <= today.isoformat())}
        self.kept["days"] = sorted(newest)[-KEPT:]

    def warning(self, today: date) -> str | None:
        """Return what to tell of a silence; None if there is none."""
        days = [date.fromisoformat(day) for day in self.kept.get("days", [])]
        if not days or today - days[-1] < SILENCE:
            return None
        busy = sum(day > days[-1] - BEFORE for day in days)
        if busy < BUSY:
            return None
        return (
            f"No time entry since {days[-1]}, though {busy} of the {BEFORE.days} days before had "
            "some: was this account moved to Toggl Focus (Toggl 2.0)? Toggl Track's API shows "
            "nothing newer then, and this tap does not read Focus."
        )
