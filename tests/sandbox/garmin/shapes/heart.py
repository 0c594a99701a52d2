"""What is asked for day by day: heart rate, oxygen, fitness age; and the zones of heart rate."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from tests.sandbox.garmin.dice import Dice
from tests.sandbox.garmin.forms import ms, text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date, datetime

    from tests.sandbox.garmin.account import Account
    from tests.sandbox.garmin.days import DayFacts, Span

SAMPLE: Final = timedelta(minutes=2)
HOUR: Final = timedelta(hours=1)
WEEKS: Final = timedelta(days=28)
"""How far back a fitness age is looked for."""
SPORTS: Final = ("DEFAULT", "RUNNING", "CYCLING", "SWIMMING")
INPUTS: Final = ("vigorousDaysAvg", "vigorousMinutesAvg", "rhr", "bodyFat", "bmi")


def bounds(account: Account, span: Span) -> dict[str, Any]:
    """Return whose day it is and where it begins and ends."""
    zones = account.zones
    return {
        "userProfilePK": account.profile.pk,
        "calendarDate": span.date.isoformat(),
        "startTimestampGMT": text(span.start),
        "endTimestampGMT": text(span.end),
        "startTimestampLocal": text(zones.local(span.start, span.date)),
        "endTimestampLocal": text(zones.local(span.end)),
    }


def heart_rate(account: Account, day: date) -> dict[str, Any] | None:
    """Return a day's heart rate, a row every two minutes; None where there is none."""
    facts = account.day(day)
    if facts is None:
        return None
    levels = facts.levels
    values = [] if _archived(account, day) else list(_samples(account, facts))
    measured = [bpm for _, bpm in values if bpm]
    alarm = [row for row in values if row[1] and row[1] > levels.max_hr - 8]
    return bounds(account, facts.span) | {
        "maxHeartRate": max(measured, default=None),
        "minHeartRate": min(measured, default=None),
        "restingHeartRate": levels.resting_hr,
        "lastSevenDaysAvgRestingHeartRate": account.days.week_resting_hr(day),
        "abnormalHrThresholdValue": 100 if alarm else None,
        "lowAbnormalHrThresholdValue": 40 if alarm else None,
        "abnormalHRValuesArray": alarm or None,
        "heartRateValueDescriptors": _described(account) if values else None,
        "heartRateValues": values or None,
    }


def _archived(account: Account, day: date) -> bool:
    """Tell whether a day is so long ago that its rows are not served."""
    after = account.quirks.archived_after
    return after is not None and (account.today - day).days > after


def empty_heart_rate(account: Account, day: date) -> dict[str, Any]:
    """Return a day without heart rate."""
    return bounds(account, account.days.span(day, account.last_sync)) | {
        "maxHeartRate": None,
        "minHeartRate": None,
        "restingHeartRate": None,
        "lastSevenDaysAvgRestingHeartRate": None,
        "heartRateValueDescriptors": None,
        "heartRateValues": None,
    }


def _described(account: Account) -> list[dict[str, Any]]:
    found = [{"key": "timestamp", "index": 0}, {"key": "heartrate", "index": 1}]
    return found[::-1] if account.quirks.shuffled_descriptors else found


def _samples(account: Account, facts: DayFacts) -> Iterator[list[int | None]]:
    """Yield rows of time and beats; null while the watch is off for an hour."""
    span, levels = facts.span, facts.levels
    count = (span.end - span.start) // SAMPLE
    dice = Dice(account.seed, "pulse", facts.date)
    noise, off = dice.steps(count, -4, 9), dice.whole(230, 680) if dice.chance(0.2) else count
    busy = [(one.start, one.end) for one in account.on(facts.date)]
    for n, shift in enumerate(noise):
        at = span.start + n * SAMPLE
        if at >= span.until:
            return
        level = _level(levels.resting_hr, levels.max_hr, at, span, busy)
        yield [ms(at), None if off <= n < off + 30 else level + shift]


def _level(
    resting: int, most: int, at: datetime, span: Span, busy: list[tuple[datetime, datetime]]
) -> int:
    if any(start <= at < end for start, end in busy):
        return most - 12
    return resting + (2 if (at - span.start) < 7 * HOUR else 16)


def spo2(account: Account, day: date) -> dict[str, Any] | None:
    """Return a day's oxygen saturation with its rows; None where there is none."""
    facts, night = account.day(day), account.night(day)
    if facts is None or not account.profile.newer(day):
        return None
    levels, latest = facts.levels, facts.span.until - timedelta(minutes=19)
    tomorrow = account.night(day + timedelta(days=1))
    hours = [] if _archived(account, day) else _hours(facts)
    return bounds(account, facts.span) | {
        **_night_bounds(account, "sleep", night),
        **_night_bounds(account, "tomorrowSleep", tomorrow),
        "averageSpO2": float(levels.spo2),
        "lowestSpO2": levels.min_spo2,
        "lastSevenDaysAvgSpO2": levels.spo2 - 0.42,
        "latestSpO2": levels.spo2 - 1,
        "latestSpO2TimestampGMT": text(latest),
        "latestSpO2TimestampLocal": text(account.zones.local(latest)),
        "avgSleepSpO2": float(night.spo2) if night else None,
        "avgTomorrowSleepSpO2": float(tomorrow.spo2) if tomorrow else None,
        "spO2SingleValuesDescriptorList": _descriptors(
            "spo2ValueDescriptor", ("timestamp", "spo2Reading", "singleReadingPlottable")
        ),
        "spO2SingleValues": [[ms(latest), levels.spo2 - 1, True]],
        "spO2HourlyAveragesDescriptorList": _descriptors(
            "spo2ValueDesc", ("timestamp", "spo2Average")
        ),
        "spO2HourlyAverages": [[ms(at), levels.spo2 - n % 3] for n, at in enumerate(hours)],
        "monitoringEnvironmentValuesDescriptorList": _descriptors(
            "monEnvValueDesc", ("timestamp", "altitude")
        ),
        "monitoringEnvironmentValues": [[ms(at), levels.altitude] for at in hours],
    }


def empty_spo2(account: Account, day: date) -> dict[str, Any]:
    """Return a day without oxygen saturation."""
    names = ("averageSpO2", "lowestSpO2", "latestSpO2", "spO2SingleValues", "spO2HourlyAverages")
    return bounds(account, account.days.span(day, account.last_sync)) | dict.fromkeys(names)


def _hours(facts: DayFacts) -> list[datetime]:
    count = (facts.span.until - facts.span.start) // HOUR
    return [facts.span.start + n * HOUR for n in range(min(count, 8))]


def _descriptors(prefix: str, keys: tuple[str, ...]) -> list[dict[str, Any]]:
    return [{f"{prefix}Index": index, f"{prefix}Key": key} for index, key in enumerate(keys)]


def _night_bounds(account: Account, prefix: str, night: Any) -> dict[str, Any]:
    names = [
        f"{prefix}{end}Timestamp{clock}" for end in ("Start", "End") for clock in ("GMT", "Local")
    ]
    if night is None:
        return dict.fromkeys(names)
    times = [form for at in (night.start, night.end) for form in (at, account.zones.local(at))]
    return {name: text(at) for name, at in zip(names, times, strict=True)}


def heart_rate_zones(account: Account, *, defaults: bool) -> list[dict[str, Any]]:
    """Return the zones of heart rate of each sport; ``defaults`` adds sports without own zones."""
    most, resting = account.profile.max_hr, account.profile.resting_hr
    return [
        {
            "trainingMethod": "HR_MAX" if n < len(SPORTS) else "HR_RESERVE",
            "restingHeartRateUsed": resting, "lactateThresholdHeartRateUsed": most - 22,
            **{f"zone{z}Floor": round(most * (0.4 + z / 10)) for z in range(1, 6)},
            "maxHeartRateUsed": most, "restingHrAutoUpdateUsed": True, "sport": sport,
        }
        for n, sport in enumerate(SPORTS + (("ROWING",) if defaults else ()))
    ]  # fmt: skip


def fitness_age(account: Account, day: date, *, whole_history: bool) -> dict[str, Any] | None:
    """Return the latest fitness age up to a day, computed on a Monday; None if none is found."""
    latest = day - timedelta(days=day.weekday())
    found = min(latest, account.today)
    oldest = account.first_day if whole_history else max(account.first_day, day - WEEKS)
    while found >= oldest:
        if account.day(found):
            return _fitness_age(account, found)
        found -= timedelta(days=7)
    return None


def _fitness_age(account: Account, day: date) -> dict[str, Any]:
    dice, age = Dice(account.seed, "fitness", day), account.profile.age(day)
    value = dice.real(age - 9, age - 2, 6)
    if dice.chance(0.06):
        return {"chronologicalAge": age, "fitnessAge": None, "invalidReason": "USER_EMPTY_AGE"}
    return {
        "chronologicalAge": age,
        "fitnessAge": value,
        "achievableFitnessAge": value - 2.5,
        "previousFitnessAge": value + dice.real(-0.4, 0.4, 6),
        "components": {name: _component(dice, name, day) for name in _inputs(day)},
        "lastUpdated": text(account.zones.local(account.zones.at(day, 500), day)),
        "invalidReason": None,
    }


def _inputs(day: date) -> tuple[str, ...]:
    """Return what the age is computed from: body fat if it was weighed, else body mass index."""
    return INPUTS[:3] + (INPUTS[3:4] if day.day % 2 else INPUTS[4:])


def _component(dice: Dice, name: str, day: date) -> dict[str, Any]:
    stale = dice.chance(0.05)
    return {
        "value": dice.real(1, 60, 1), "targetValue": dice.real(1, 60, 1),
        "improvementValue": dice.real(0, 9, 1), "potentialAge": dice.real(25, 60, 4),
        "priority": float(dice.whole(1, 4)), "stale": stale, "staleInputs": [name] if stale else [],
        "lastMeasurementDate": day.isoformat(), "numOfWeeksForIm": dice.whole(1, 9),
    }  # fmt: skip
