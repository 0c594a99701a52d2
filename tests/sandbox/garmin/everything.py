"""What an ideal reader has of the nine range streams: each record once, the fuller of doubles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.sandbox.garmin import endpoints
from tests.sandbox.garmin.questions import Question
from tests.sandbox.garmin.shapes import battery, daily, sleep, stats, weight
from tests.sandbox.garmin.shapes.search import search_row

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from tests.sandbox.garmin.account import Account

Row = dict[str, Any]
DAILY: Final[dict[str, tuple[Callable[[Account, date], Row | None], Callable[..., Row | None]]]] = {
    "daily_summaries": (daily.v2, endpoints.empty_v2),
    "sleep": (sleep.sleep, sleep.empty_sleep),
    "hrv": (sleep.hrv_summary, sleep.hrv_summary),
    "stress": (stats.stress, stats.empty_stress),
    "steps": (stats.steps, stats.empty_steps),
    "hydration": (stats.hydration, stats.empty_hydration),
    "body_battery": (lambda account, day: battery.report(account, day, None), battery.empty_report),
}


def everything(account: Account, *, is_strange: bool) -> dict[str, dict[Any, Row]]:
    """Return records by name of the stream and key (activityId, day as text, samplePk)."""
    question = Question(account, "", is_strange=is_strange)
    days = (account.first_day, account.today)
    found: dict[str, dict[Any, Row]] = {
        name: _by_day(question.rows(days, make, empty, doubled=False))
        for name, (make, empty) in DAILY.items()
    }
    rows = (question.record(search_row(account, one)) for one in account.activities())
    found["activities"] = {row["activityId"]: row for row in rows}
    summaries = weight.weight_range(account, *days, every=True)["dailyWeightSummaries"]
    entries = (question.record(one) for day in summaries for one in day["allWeightMetrics"])
    found["weight_entries"] = {one["samplePk"]: one for one in entries}
    return found


def _by_day(rows: list[Row]) -> dict[Any, Row]:
    return {_day(row): row for row in rows}


def _day(row: Row) -> str:
    found: str = row.get("dailySleepDTO", row).get("calendarDate") or row["date"]
    return found
