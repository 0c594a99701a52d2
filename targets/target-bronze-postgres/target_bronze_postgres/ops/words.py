"""How figures are written: the same on the terminal, in JSON and on the status page."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

UNITS: Final = (("d", 86_400), ("h", 3_600), ("min", 60))
SIZES: Final = (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3))


def age(seconds: float) -> str:
    """Seconds in the greatest unit that gives a whole number, rounded down; ``now`` under one."""
    whole = int(seconds)
    return next((f"{whole // size} {unit}" for unit, size in UNITS if whole >= size), "now")


def duration(seconds: float) -> str:
    """Seconds in two units at most: ``7 h``, ``1 h 30 min``, ``12 s``."""
    rest = int(seconds)
    parts: list[str] = []
    for unit, size in (*UNITS, ("s", 1)):
        if rest >= size and len(parts) < 2:  # noqa: PLR2004 - two units are exact enough
            parts.append(f"{rest // size} {unit}")
            rest %= size
    return " ".join(parts) or "0 s"


def percent(share: float) -> str:
    """A share in percent, rounded down: never 100% while anything is amiss."""
    return "100%" if share == 1 else f"{math.floor(share * 1000) / 10:.1f}%"


def size(number: float) -> str:
    """Bytes in the greatest decimal unit that gives at least one."""
    found = next(((unit, of) for unit, of in SIZES if number >= of), None)
    return f"{number / found[1]:.1f} {found[0]}" if found else f"{int(number)} B"


def plural(number: int, noun: str) -> str:
    """``1 day``, ``1,234 days``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def minute(time: datetime | None) -> str:
    """A time in UTC to the minute; a dash for none."""
    return "-" if time is None else f"{time.astimezone(UTC):%Y-%m-%d %H:%M}"


def quota(limits: Mapping[str, Any]) -> str:
    """What a source said of its quota: ``remaining 17, resets in 15 min``."""
    parts = []
    for name, value in limits.items():
        what, in_seconds, _ = name.partition("_in_seconds")
        timed = in_seconds and isinstance(value, int | float)
        text = f"{what} in {duration(value)}" if timed else f"{name} {value}"
        parts.append(text.replace("_", " "))
    return ", ".join(parts)


def as_json(document: Any) -> str:
    """A document for programs; times in UTC, whatever the server's zone."""
    return json.dumps(document, indent=2, ensure_ascii=False, default=_iso)


def _iso(value: datetime | date) -> str:
    return (value.astimezone(UTC) if isinstance(value, datetime) else value).isoformat()
