"""Whether a stream was read to its end, as the tap's messages and its last STATE tell.

A tap ends well also where a quota is spent, so its exit status alone tells nothing. What this
project's taps leave in a stream's part of the STATE (``bookmarks``) does:

- ``next_day``: history is still coming in; ``last_day`` instead: all up to it was read (Garmin);
- ``workspaces``: of each the windows that are left, and why there are no older ones (Toggl);
- ``read_at``: when a list was read to its end (Toggl).

A full table was read whole where its ACTIVATE_VERSION came. Of foreign taps the exit status has to
be enough.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from datetime import date

    from target_bronze_postgres.load.stream import StreamKey
    from target_bronze_postgres.ops.reconcile.comparing import Comparer

REACH: Final = {("toggl", "time_entries"): timedelta(days=87)}
"""How far back an endpoint reaches: Toggl's answers 89 days, and a day may be cut on each side."""
OUR_TAPS: Final = frozenset({"toggl", "garmin", "garmin_files"})


def bookmarks(state: str | None) -> dict[str, Any]:
    """Return the streams' parts of a STATE."""
    try:
        found = json.loads(state or "{}").get("bookmarks", {})
    except (ValueError, AttributeError):
        return {}
    return found if isinstance(found, dict) else {}


def is_whole(key: StreamKey, state: str | None, comparer: Comparer) -> bool:
    """Tell whether a stream was read to its end."""
    if key in comparer.unnamed:
        return False
    if key in comparer.versioned:
        return key in comparer.activated
    if key.source not in OUR_TAPS:
        return not comparer.status
    mark = bookmarks(state).get(key.stream)
    if not isinstance(mark, dict):
        return False
    if isinstance(spaces := mark.get("workspaces"), dict):
        return all(_is_read(one) for one in spaces.values())
    return "next_day" not in mark and ("last_day" in mark or "read_at" in mark)


def goes_on(state: str | None) -> bool:
    """Tell whether a tap, given this STATE, goes on where it stopped."""
    marks = [mark for mark in bookmarks(state).values() if isinstance(mark, dict)]
    spaces = [mark["workspaces"] for mark in marks if isinstance(mark.get("workspaces"), dict)]
    return any("next_day" in mark for mark in marks) or any(
        not _is_read(workspace) and "skipped" not in workspace
        for space in spaces
        for workspace in space.values()
    )


def _is_read(workspace: Any) -> bool:
    """Tell whether the history of a workspace was read to its end."""
    return (
        isinstance(workspace, dict)
        and "ended" in workspace
        and not workspace.get("windows")
        and "skipped" not in workspace
    )


def earliest(key: StreamKey, today: date) -> date | None:
    """Return the first day that a stream's endpoint reaches, None for no limit."""
    reach = REACH.get((key.source, key.stream))
    return None if reach is None else today - reach
