"""Weights: a range of days, newest first, with every weigh-in; and the goal."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any, Final

from tests.sandbox.garmin.dice import single
from tests.sandbox.garmin.forms import ms, text, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.sandbox.garmin.account import Account
    from tests.sandbox.garmin.scale import WeighIn

NONE: Final = words(
    "samplePk date calendarDate weight bmi bodyFat bodyWater boneMass muscleMass physiqueRating "
    "visceralFat metabolicAge sourceType timestampGMT weightDelta"
)
KILOGRAM: Final = 1000.0


def weight_range(account: Account, first: date, last: date, *, every: bool) -> dict[str, Any]:
    """Return all of a range; ``every`` weigh-in, or only the latest of each day."""
    everything = account.weigh_ins()
    found = [one for one in everything if first <= one.day <= last]
    before = [one for one in everything if one.day < first]
    after = [one for one in everything if one.day > last]
    days = [list(of_day) for _, of_day in groupby(found, key=lambda one: one.day)]
    latest = [day[-1] for day in days]
    deltas = (_deltas([*before[-1:], *found]), _deltas([*before[-1:], *latest]))
    summaries = [_of_day(account, day, deltas, every=every) for day in reversed(days)]
    return {
        "dailyWeightSummaries": summaries,
        "totalAverage": _average(account, latest, first, last),
        "previousDateWeight": _neighbour(account, before[-1:]),
        "nextDateWeight": _neighbour(account, after[:1]),
    }


def _deltas(entries: Sequence[WeighIn]) -> dict[int, float]:
    """Return what each weigh-in differs from the one before, in grams.

    They are subtracted as kilograms with one decimal, and it shows: 200.00000000000284.
    """
    return {
        after.sample_pk: (_kilograms(after) - _kilograms(before)) * KILOGRAM
        for before, after in pairwise(entries)
    }


def _kilograms(one: WeighIn) -> float:
    return round(one.grams / KILOGRAM, 1)


def _of_day(
    account: Account,
    day: list[WeighIn],
    deltas: tuple[dict[int, float], dict[int, float]],
    *,
    every: bool,
) -> dict[str, Any]:
    """Return a day; its latest weigh-in is compared with the latest of the day before, as recorded.

    So one weigh-in may come with two deltas in one answer.
    """
    newest_first = [entry(account, one, deltas[0].get(one.sample_pk)) for one in reversed(day)]
    weights = [one["weight"] for one in newest_first]
    return {
        "summaryDate": day[0].day.isoformat(),
        "numOfWeightEntries": len(day),
        "minWeight": min(weights),
        "maxWeight": max(weights),
        "latestWeight": entry(account, day[-1], deltas[1].get(day[-1].sample_pk)),
        "allWeightMetrics": newest_first if every else [],
    }


def entry(account: Account, one: WeighIn, delta: float | None) -> dict[str, Any]:
    """Return one weigh-in; its ``date`` is the wall clock as milliseconds, its masses are grams."""
    scale = KILOGRAM if account.quirks.weight_in_kilograms else 1
    return {
        "samplePk": one.sample_pk,
        "date": ms(account.zones.local(one.at, one.day)),
        "calendarDate": one.day.isoformat(),
        "weight": one.grams / scale,
        "bmi": one.bmi,
        "bodyFat": one.fat,
        "bodyWater": one.water,
        "boneMass": one.bone,
        "muscleMass": one.muscle,
        "physiqueRating": 5 if one.details else None,
        "visceralFat": 7 if one.details else None,
        "metabolicAge": 34.0 if one.details else None,
        "sourceType": one.source,
        "timestampGMT": ms(one.at),
        "weightDelta": delta,
    }


def _neighbour(account: Account, found: Sequence[WeighIn]) -> dict[str, Any]:
    """Return the nearest weigh-in outside the range, or all null."""
    return entry(account, found[0], None) if found else dict.fromkeys(NONE)


def _average(account: Account, days: list[WeighIn], first: date, last: date) -> dict[str, Any]:
    scale = KILOGRAM if account.quirks.weight_in_kilograms else 1
    detailed = any(one.details for one in days)
    bmi, bone, muscle = (_mean(days, name) for name in ("bmi", "bone", "muscle"))
    return {
        "from": ms(datetime.combine(first, time())),
        "until": ms(datetime.combine(last, time()) + timedelta(days=1)) - 1,
        "weight": sum(one.grams for one in days) / len(days) / scale if days else None,
        "bmi": None if bmi is None else single(bmi),
        "bodyFat": _mean(days, "fat"),
        "bodyWater": _mean(days, "water"),
        "boneMass": None if bone is None else int(bone),
        "muscleMass": None if muscle is None else int(muscle),
        "physiqueRating": 5 if detailed else None,
        "visceralFat": 7 if detailed else None,
        "metabolicAge": 34.0 if detailed else None,
    }


def _mean(days: list[WeighIn], name: str) -> float | None:
    values = [value for one in days if (value := getattr(one, name)) is not None]
    return round(sum(values) / len(values), 1) if values else None


def weight_goals(account: Account, first: date, last: date) -> dict[str, Any]:
    """Return the goals for the weight that overlap a range."""
    start, change = account.first_day, account.first_day + timedelta(days=40)
    spans = [(start, change), (change + timedelta(days=1), None)]
    if not start <= last or first > account.today:
        return {"userGoals": [], "userGoalRanges": []}
    goal = round(account.profile.weight * 0.95, -2)
    if first > change:
        spans = spans[1:]
    common = [_goal(start, end) for start, end in spans]
    return {
        "userGoals": [one | {
            "goalName": "Weight", "goalValue": float(goal), "updateDate": one["startDate"],
            "createDate": text(datetime.combine(date.fromisoformat(one["startDate"]), time(19, 4))),
        } for one in common],
        "userGoalRanges": [one | {
            "lowWeightGoalInGrams": float(goal - 1000), "highWeightGoalInGrams": float(goal + 1000),
            "weekNum": number if account.quirks.pregnant else None,
        } for number, one in enumerate(common)],
    }  # fmt: skip


def _goal(start: date, end: date | None) -> dict[str, Any]:
    """Return what goals and ranges of goals both say."""
    return {
        "userGoalCategory": "MANUAL",
        "userGoalType": "WEIGHT_GRAMS",
        "startDate": start.isoformat(),
        "endDate": end.isoformat() if end else None,
        "trackingPeriodType": "OPEN",
    }
