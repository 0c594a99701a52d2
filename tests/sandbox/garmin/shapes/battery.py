"""Body Battery: daily reports with rows and descriptors, and the events that days list too."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from tests.sandbox.garmin.activities import Activity
from tests.sandbox.garmin.days import battery_level
from tests.sandbox.garmin.dice import Dice
from tests.sandbox.garmin.forms import ms, plain, text
from tests.sandbox.garmin.nights import Night

if TYPE_CHECKING:
    from datetime import date, datetime

    from tests.sandbox.garmin.account import Account
    from tests.sandbox.garmin.days import DayFacts

VERSION: Final = 3.0
ROWS: Final = 8
"""Rows of a whole day, if nothing else is asked for."""
COLUMNS: Final = ("timestamp", "bodyBatteryLevel", "bodyBatteryStatus", "bodyBatteryVersion")
STATUS_FIRST: Final = (COLUMNS[0], COLUMNS[2], COLUMNS[1], COLUMNS[3])
PHRASE: Final = "SLEEP_PREPARATION_RECOVERING_AND_INACTIVE"
OVER: Final = "SLEEP_TIME_PASSED_RECOVERING_AND_EXERCISE"


def report(account: Account, day: date, chunks: int | None) -> dict[str, Any] | None:
    """Return the report of a day; None where there is none."""
    facts = account.day(day)
    if facts is None:
        return None
    zones, span = account.zones, facts.span
    charged, drained = changes(facts)
    return {
        "date": day.isoformat(),
        "charged": charged,
        "drained": drained,
        "startTimestampGMT": text(span.start),
        "endTimestampGMT": text(span.end),
        "startTimestampLocal": text(zones.local(span.start, day)),
        "endTimestampLocal": text(zones.local(span.end)),
        "bodyBatteryValuesArray": rows(account, facts, chunks or ROWS),
        "bodyBatteryValueDescriptorDTOList": descriptors(account),
        "bodyBatteryDynamicFeedbackEvent": feedback(facts),
        "bodyBatteryActivityEvent": [_event(account, facts, one) for one in events(account, facts)],
        "endOfDayBodyBatteryDynamicFeedbackEvent": end_of_day(facts),
    }


def empty_report(account: Account, day: date) -> dict[str, Any]:
    """Return the report of a day without data, as recorded: bounds, and rows of null."""
    zones, start, end = account.zones, account.zones.start(day), account.zones.end(day)
    return {
        "date": day.isoformat(),
        "charged": None,
        "drained": None,
        "startTimestampGMT": text(start),
        "endTimestampGMT": text(end),
        "startTimestampLocal": text(zones.local(start, day)),
        "endTimestampLocal": text(zones.local(end)),
        "bodyBatteryValuesArray": [[ms(start), None], [ms(end), None]],
        "bodyBatteryValueDescriptorDTOList": descriptors(account)[:2],
    }


def changes(facts: DayFacts) -> tuple[int, int]:
    """Return what was charged and what was drained up to the last sync."""
    levels, span = facts.levels, facts.span
    up = round((levels.battery_wake - levels.battery_start) * min(1.0, span.share / 0.29))
    return up, round((levels.battery_wake - levels.battery_end) * span.awake)


def rows(account: Account, facts: DayFacts, count: int) -> list[list[Any]]:
    """Return rows of a day, evenly spread up to the last sync."""
    span = facts.span
    step = (span.end - span.start) / count
    times = (span.start + n * step for n in range(count))
    return [_row(account, facts, at) for at in times if at <= span.until]


def _row(account: Account, facts: DayFacts, at: datetime) -> list[Any]:
    status = "MEASURED" if at.minute % 9 else "MODELED"
    values = dict(zip(COLUMNS, (ms(at), battery_level(facts, at), status, VERSION), strict=True))
    return [values[name] for name in columns(account)]


def columns(account: Account) -> tuple[str, ...]:
    """Return the order of the columns: on this path the level is the second."""
    return COLUMNS if account.quirks.level_first else STATUS_FIRST


def descriptors(account: Account) -> list[dict[str, Any]]:
    """Return which column holds what."""
    found = [
        {"bodyBatteryValueDescriptorIndex": index, "bodyBatteryValueDescriptorKey": key}
        for index, key in enumerate(columns(account))
    ]
    return found[::-1] if account.quirks.shuffled_descriptors else found


def feedback(facts: DayFacts) -> dict[str, Any]:
    """Return what the watch last said."""
    at = min(facts.span.until, facts.span.end - timedelta(hours=2))
    return _said(plain(at), PHRASE)


def end_of_day(facts: DayFacts) -> dict[str, Any] | None:
    """Return what the watch said at the end of the day before."""
    return _said(plain(facts.span.start + timedelta(minutes=2)), OVER)


def _said(at: str, phrase: str) -> dict[str, Any]:
    return {
        "eventTimestampGmt": at,
        "bodyBatteryLevel": "HIGH",
        "feedbackShortType": phrase,
        "feedbackLongType": phrase,
    }


def events(account: Account, facts: DayFacts) -> list[Night | Activity | datetime]:
    """Return what charged or drained on a day: the night, the activities, a rest (its time)."""
    found: list[Night | Activity | datetime] = []
    night = account.night(facts.date)
    if night and night.phase != "placeholder":
        found.append(night)
    rest = facts.span.start + timedelta(
        hours=13, seconds=Dice(account.seed, "rest", facts.date).whole(0, 3600)
    )
    if Dice(account.seed, "rests", facts.date).chance(0.3) and rest < facts.span.until:
        found.append(rest)
    return found + list(account.on(facts.date))


def _event(account: Account, facts: DayFacts, cause: Night | Activity | datetime) -> dict[str, Any]:
    """Return an event in the form of reports and flat days."""
    found = event(account, facts, cause)
    start, length = found.pop("start"), found.pop("ms")
    offset = account.zones.local(start, facts.date) - start.replace(tzinfo=None)
    return found | {
        "eventStartTimeGmt": plain(start),
        "timezoneOffset": offset // timedelta(milliseconds=1),
        "durationInMilliseconds": length,
        "eventUpdateTimeGmt": plain(start + timedelta(milliseconds=length, minutes=4)),
    }


def flat_events(account: Account, facts: DayFacts) -> list[dict[str, Any]]:
    """Return the events of a day in the form of reports and flat days."""
    return [_event(account, facts, cause) for cause in events(account, facts)]


def v2_events(account: Account, facts: DayFacts) -> list[dict[str, Any]]:
    """Return the events of a day in the form of the second version of days."""
    found = []
    for cause in events(account, facts):
        one = event(account, facts, cause)
        start = one.pop("start")
        found.append(one | {
            "eventStartTimeGmt": plain(start),
            "eventStartTimeLocal": plain(account.zones.local(start)),
            "durationInMillis": one.pop("ms"),
        })  # fmt: skip
    return found


def event(account: Account, facts: DayFacts, cause: Night | Activity | datetime) -> dict[str, Any]:
    """Return what all forms have, with ``start`` (a time) and ``ms`` (the length)."""
    device = account.profile.device(facts.date).id
    found: dict[str, Any] = {
        "eventType": "RECOVERY", "bodyBatteryImpact": -1, "shortFeedback": "RESTFUL_PERIOD",
        "feedbackType": "RECOVERY_BODY_BATTERY_NOT_INCREASE", "activityId": None,
        "activityName": None, "activityType": None,
        "deviceId": str(device) if account.quirks.ids_as_text else device,
    }  # fmt: skip
    if isinstance(cause, Activity):
        return found | _of_activity(cause)
    if isinstance(cause, Night):
        return found | _of_night(facts, cause)
    return found | {"start": cause, "ms": 1800000}


def _of_activity(one: Activity) -> dict[str, Any]:
    return {
        "eventType": "ACTIVITY", "bodyBatteryImpact": -one.dice("battery").whole(2, 24),
        "feedbackType": "EXERCISE_TRAINING_EFFECT_2", "shortFeedback": "EASY_AEROBIC",
        "activityId": one.id, "activityName": one.name, "activityType": one.sport.key,
        "start": one.start, "ms": 60000 * round(one.elapsed / 60),
    }  # fmt: skip


def _of_night(facts: DayFacts, night: Night) -> dict[str, Any]:
    impact = facts.levels.battery_wake - facts.levels.battery_start
    length = (night.end - night.start) // timedelta(milliseconds=1)
    return {
        "eventType": "SLEEP", "bodyBatteryImpact": impact, "feedbackType": "NONE",
        "shortFeedback": "NONE", "start": night.start, "ms": length,
    }  # fmt: skip
