"""How many requests reading some days of a source takes, as far as bronze knows the source.

The figures are those of the taps' READMEs: sizes of pages and ranges, a request a list. How many
records there are is taken from what has landed.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any, Final

from psycopg import sql

from target_bronze_postgres.ops.reconcile import reach
from target_bronze_postgres.ops.reconcile.days import Days

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    import psycopg

    from target_bronze_postgres.ops.heads.places import Place

    Connection = psycopg.Connection[Any]

TOGGL_PAGE: Final = 50
TOGGL_WINDOW: Final = 363
"""Days of a window of 364 that the next one does not have, too."""
TOGGL_ENTRIES: Final = 1_000
"""Entries at which an answer may be cut, so that its range is halved."""
TOGGL_LISTS: Final = frozenset(
    {
        *("me", "workspaces", "organizations", "projects", "clients", "tags", "tasks"),
        *("preferences", "favorites", "goals"),
    }
)
TOGGL_PER_WORKSPACE: Final = frozenset(
    {
        *("workspace_users", "users", "project_users", "groups"),
        *("saved_reports", "invoices", "expenses"),
    }
)
TOGGL_TIMELINE: Final = 30
GARMIN_RANGES: Final = {
    "daily_summaries": 31,
    "sleep": 31,
    "hrv": 365,
    "body_battery": 31,
    "stress": 28,
    "steps": 28,
    "hydration": 31,
    "weight_entries": 365,
    "health_snapshots": 28,
    "weight_goals": 365,
    "menstrual_cycles": 28,
}
GARMIN_DAYS: Final = frozenset(
    {
        *("heart_rate", "hrv_readings", "spo2", "daily_summaries_flat", "fitness_age"),
        *("food_log", "menstrual_days"),
    }
)
GARMIN_ACTIVITIES: Final = 40
GARMIN_EACH: Final = frozenset({"activity_details", "activity_workouts", "activity_files"})

_STREAMS = "SELECT DISTINCT stream FROM bronze_ops.streams WHERE source = ANY (%s)"
_RECORDS = """
    SELECT coalesce(sum(records), 0)::bigint FROM bronze_ops.days
    WHERE source = %s AND stream = %s AND day BETWEEN %s AND %s
"""
_HISTORY = """
    SELECT api_endpoint, count(DISTINCT lineage_id) FROM {}
    WHERE metadata->>'stream' = 'time_entries_history' AND partition_key BETWEEN %s AND %s
    GROUP BY 1
"""
_WORKSPACES = """
    SELECT count(*) FROM bronze_ops.heads
    WHERE source = 'toggl' AND stream = 'workspaces' AND NOT deleted
"""
_STATE = """
    SELECT state FROM bronze_ops.runs WHERE source = 'toggl' AND state IS NOT NULL
    ORDER BY started_at DESC LIMIT 1
"""
_QUOTA = """
    SELECT api_rate_limit_info FROM bronze_ops.runs
    WHERE source = %s AND api_rate_limit_info IS NOT NULL ORDER BY started_at DESC LIMIT 1
"""


@dataclass(frozen=True)
class Cost:
    """Requests by stream; ``of_account`` are those for what all streams need."""

    streams: dict[str, int]
    of_account: int = 0

    @property
    def total(self) -> int:
        """All requests."""
        return sum(self.streams.values()) + self.of_account


def estimate(conn: Connection, place: Place, days: Days, today: date) -> Cost | None:
    """Return what reading these days takes; None for a source that nothing is known of."""
    if place.source == "toggl":
        return _toggl(conn, place, days, today)
    if place.source == "garmin":
        return _garmin(conn, days, today)
    return None


def quota(conn: Connection, source: str) -> Mapping[str, Any]:
    """Return what the source last said of its quota."""
    row = conn.execute(_QUOTA, (source,)).fetchone()
    return row[0] if row and isinstance(row[0], dict) else {}


def _toggl(conn: Connection, place: Place, days: Days, today: date) -> Cost:
    loaded = _loaded(conn, "toggl")
    workspaces: int = _one(conn.execute(_WORKSPACES)) or 1
    costs = dict.fromkeys(sorted(loaded & TOGGL_LISTS), 1)
    costs |= dict.fromkeys(sorted(loaded & TOGGL_PER_WORKSPACE), workspaces)
    if "timeline" in loaded:
        costs["timeline"] = ceil(days.number / TOGGL_TIMELINE)
    if "time_entries" in loaded:
        near = days.since(today - reach.REACH["toggl", "time_entries"])
        entries = _records(conn, "toggl", "time_entries", near) if near.number > 0 else 0
        # Each halving costs the request that was cut.
        costs["time_entries"] = 2 * (entries // TOGGL_ENTRIES) + 1 if near.number > 0 else 0
    if "time_entries_history" in loaded:
        costs["time_entries_history"] = _history(conn, place, days, workspaces)
    # Whose account it is, and which workspaces it has, is asked for in any case.
    return Cost(costs, len({"me", "workspaces"} - loaded))


def _history(conn: Connection, place: Place, days: Days, workspaces: int) -> int:
    size = _page_size(_one(conn.execute(_STATE)))
    windows = ceil(days.number / TOGGL_WINDOW)
    query = sql.SQL(_HISTORY).format(place.identifier)
    counts = [count for _, count in conn.execute(query, (days.first, days.last))]
    pages: list[int] = [windows - 1 + max(1, ceil(count / size)) for count in counts]
    return sum(pages) + windows * max(0, workspaces - len(pages))


def _page_size(state: str | None) -> int:
    """Return how many rows a page was seen to hold."""
    mark = reach.bookmarks(state).get("time_entries_history", {})
    granted = mark.get("page_size", {}).get("granted") if isinstance(mark, dict) else None
    return granted if isinstance(granted, int) and granted > 0 else TOGGL_PAGE


def _garmin(conn: Connection, days: Days, today: date) -> Cost:
    loaded = _loaded(conn, "garmin", "garmin_files")
    activities = _records(conn, "garmin", "activities", days)
    costs = {}
    for name in sorted(loaded):
        if name in GARMIN_RANGES:
            costs[name] = ceil(days.number / GARMIN_RANGES[name])
        elif name in GARMIN_DAYS:
            costs[name] = Days(days.first, min(days.last, today)).number
        elif name == "activities":
            costs[name] = activities // GARMIN_ACTIVITIES + 1
        elif name in GARMIN_EACH:
            costs[name] = activities
        elif name == "heart_rate_zones":
            costs[name] = 1
    return Cost(costs, 1)


def _loaded(conn: Connection, *sources: str) -> set[str]:
    return {name for (name,) in conn.execute(_STREAMS, (list(sources),))}


def _records(conn: Connection, source: str, stream: str, days: Days) -> int:
    names = (source, stream, days.first, days.last)
    row = conn.execute(_RECORDS, names).fetchone()
    return row[0] if row else 0


def _one(cursor: psycopg.Cursor[Any]) -> Any:
    row = cursor.fetchone()
    return row[0] if row else None
