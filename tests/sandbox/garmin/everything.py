"""What an ideal reader has of the nine range streams: each record once, the fuller of doubles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.sandbox.garmin import endpoints
from tests.sandbox.garmin.questions import Question
from tests.sandbox.garmin.shapes import battery, daily, sleep, stats, weight
from tests.sandbox.garmin.shapes.search import search_row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
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


NAMES: Final = (*DAILY, "activities", "weight_entries")


def everything(
    account: Account, names: Iterable[str], *, is_strange: bool
) -> dict[str, dict[Any, Row]]:
    """Return the records of streams by name and key (day as text, activityId, samplePk).

    Raises:
        KeyError: There is no stream of that name.
    """
    question = Question(account, "", is_strange=is_strange)
    return {name: _records(question, name) for name in names}


def _records(question: Question, name: str) -> dict[Any, Row]:
    account = question.account
    days = (account.first_day, account.today)
    if name == "activities":
        rows = (question.record(search_row(account, one)) for one in account.activities())
        return {row["activityId"]: row for row in rows}
    if name == "weight_entries":
        summaries = weight.weight_range(account, *days, every=True)["dailyWeightSummaries"]
        entries = (question.record(one) for day in summaries for one in day["allWeightMetrics"])
        return {one["samplePk"]: one for one in entries}
    make, empty = DAILY[name]
    return _by_day(question.rows(days, make, empty, doubled=False))


def _by_day(rows: list[Row]) -> dict[Any, Row]:
    return {_day(row): row for row in rows}


def _day(row: Row) -> str:
    found: str = row.get("dailySleepDTO", row).get("calendarDate") or row["date"]
    return found
