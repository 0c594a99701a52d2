"""The measurements; each is a module with ``TITLE``, ``SIZES`` and ``measure(bench)``.

A new one is a new module and its name here.
"""

from __future__ import annotations

from typing import Final

NAMES: Final = (
    "loader",
    "peers",
    "growth",
    "large_record",
    "queries",
    "backup",
    "disk",
    "toggl_requests",
    "garmin_requests",
)
"""In the order in which they are made."""
