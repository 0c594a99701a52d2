"""Reads from STATE which days a source was asked for: ``bookmarks.<stream>.asked``.

Our taps write it there, as pairs of days, when all records of these days have been written; other
targets hand it on like the rest. A foreign tap's STATE has no such member.
"""

from __future__ import annotations

import logging
from datetime import date
from typing import Any

import msgspec

from target_bronze_postgres.record.canonical import is_too_deep

logger = logging.getLogger(__name__)

_MEMBER = b'"asked"'
_MOST = 1_000
"""Stretches of a stream that are taken; our taps write 200 at most."""


class Coverage:
    """What the STATEs of a run have told so far."""

    def __init__(self) -> None:
        """Nothing has been told."""
        self._told: dict[str, str] = {}
        self._has_warned = False

    def news(self, state: bytes) -> dict[str, str]:
        """Return what a STATE tells that the one before did not.

        Args:
            state: The value of a STATE message; it counts for the run as a whole, so that of
                several the newest is enough.

        Returns:
            Days by the name of the stream, as a literal of DATEMULTIRANGE.
        """
        found = {name: self._days(value) for name, value in _asked(state)}
        news = {name: days for name, days in found.items() if days and days != self._told.get(name)}
        self._told |= news
        return news

    def _days(self, value: Any) -> str:
        try:
            return _multirange(value)
        except (TypeError, ValueError):
            if not self._has_warned:
                self._has_warned = True
                logger.warning(
                    "A STATE says in a form that is not known which days were asked for: "
                    "what it says of them is left out"
                )
            return ""


def _asked(state: bytes) -> list[tuple[str, Any]]:
    if _MEMBER not in state or is_too_deep(state):
        return []
    try:
        value = msgspec.json.decode(state)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return []
    bookmarks = value.get("bookmarks") if isinstance(value, dict) else None
    if not isinstance(bookmarks, dict):
        return []
    return [
        (name, bookmark["asked"])
        for name, bookmark in bookmarks.items()
        if isinstance(bookmark, dict) and "asked" in bookmark
    ]


def _multirange(value: Any) -> str:
    """Return pairs of days, both included, as a literal.

    Raises:
        TypeError, ValueError: They are something else.
    """
    if not isinstance(value, list) or len(value) > _MOST:
        raise TypeError
    pairs = [(_day(first), _day(last)) for first, last in value]
    if any(first > last for first, last in pairs):
        raise ValueError
    return "{" + ",".join(f"[{first},{last}]" for first, last in pairs) + "}" if pairs else ""


def _day(text: Any) -> str:
    if date.fromisoformat(text).isoformat() != text:  # it takes 20240131 and 2024-W05-3, too
        raise ValueError
    return str(text)
