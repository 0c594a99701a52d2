"""Sleep: one record a night, alike in the answer to a day and to a range; and HRV."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from tests.sandbox.garmin.dice import Dice
from tests.sandbox.garmin.forms import ms, plain, text, words

if TYPE_CHECKING:
    from datetime import date, datetime

    from tests.sandbox.garmin.account import Account
    from tests.sandbox.garmin.nights import Night

EMPTY: Final = words(
    "id sleepTimeSeconds napTimeSeconds sleepWindowConfirmed sleepWindowConfirmationType "
    "sleepStartTimestampGMT sleepEndTimestampGMT sleepStartTimestampLocal sleepEndTimestampLocal "
    "autoSleepStartTimestampGMT autoSleepEndTimestampGMT sleepQualityTypePK sleepResultTypePK "
    "unmeasurableSleepSeconds deepSleepSeconds lightSleepSeconds remSleepSeconds awakeSleepSeconds"
)
"""Members that are there with null on a day without sleep, as recorded."""
FEEDBACK: Final = ("POSITIVE_DEEP", "POSITIVE_LONG_AND_DEEP", "POSITIVE_RECOVERING", "NONE")
INSIGHT: Final = ("NONE", "POSITIVE_EXERCISE", "NEGATIVE_LATE_EXERCISE", "POSITIVE_RESTFUL_DAY")
NEED: Final = 470
"""Minutes of sleep needed."""
GOOD, FAIR = 80, 60


def sleep(account: Account, day: date) -> dict[str, Any] | None:
    """Return the record of a night; None where there is none."""
    night = account.night(day)
    if night is None:
        return None
    found = _window(account, night) | _stages(night)
    if night.phase not in {"placeholder", "off_wrist"}:
        found |= _measured(account, night)
    if night.scored:
        found |= _needs(account, night)
    return _wrapped(account, found)


def empty_sleep(account: Account, day: date) -> dict[str, Any]:
    """Return the record of a day without sleep: who, when and some flags."""
    return _wrapped(account, {
        **dict.fromkeys(EMPTY),
        "userProfilePK": account.profile.pk,
        "calendarDate": day.isoformat(),
        "deviceRemCapable": False,
        "retro": False,
        "sleepFromDevice": False,
    })  # fmt: skip


def _wrapped(account: Account, record: dict[str, Any]) -> dict[str, Any]:
    return {"dailySleepDTO": record} if account.quirks.sleep_wrapped else record


def _window(account: Account, night: Night) -> dict[str, Any]:
    start, end, zones = night.start, night.end, account.zones
    times = {
        "sleepStartTimestampGMT": start,
        "sleepEndTimestampGMT": end,
        "sleepStartTimestampLocal": zones.local(start),
        "sleepEndTimestampLocal": zones.local(end),
    }
    automatic = (start, end) if night.phase == "edited" else None
    form = text if account.quirks.sleep_times == "text" else ms
    return {
        "id": ms(start),
        "userProfilePK": account.profile.pk,
        "calendarDate": night.date.isoformat(),
        "sleepWindowConfirmed": night.phase not in {"placeholder", "off_wrist"},
        "sleepWindowConfirmationType": night.confirmation,
        **{name: form(time) for name, time in times.items()},
        "autoSleepStartTimestampGMT": form(automatic[0]) if automatic else None,
        "autoSleepEndTimestampGMT": form(automatic[1]) if automatic else None,
        "sleepQualityTypePK": None,
        "sleepResultTypePK": None,
        "retro": False,
        "sleepFromDevice": night.phase != "placeholder",
        "deviceRemCapable": night.phase != "placeholder",
        "sleepVersion": 2 if night.scored else 1,
    }


def _stages(night: Night) -> dict[str, Any]:
    return {
        "sleepTimeSeconds": night.asleep,
        "napTimeSeconds": night.nap,
        "deepSleepSeconds": night.deep,
        "lightSleepSeconds": night.light,
        "remSleepSeconds": night.rem,
        "awakeSleepSeconds": night.awake,
        "unmeasurableSleepSeconds": night.unmeasurable,
    }


def _measured(account: Account, night: Night) -> dict[str, Any]:
    dice = Dice(account.seed, "insight", night.date, night.score)
    below = dice.whole(1, 30) if dice.chance(0.1) else None
    found: dict[str, Any] = {
        "averageSpO2Value": float(night.spo2), "lowestSpO2Value": night.spo2 - 8,
        "highestSpO2Value": 100, "averageSpO2HRSleep": float(night.hr),
        "numberOfEventsBelowThreshold": below, "spo2Threshold": 88 if below else None,
        "averageRespirationValue": float(night.breath),
        "lowestRespirationValue": float(night.breath - 4),
        "highestRespirationValue": float(night.breath + 4),
    }  # fmt: skip
    if not night.scored:
        return found
    return found | {
        "awakeCount": night.times_awake, "avgSleepStress": night.stress,
        "avgHeartRate": float(night.hr), "ageGroup": "ADULT",
        "sleepScoreFeedback": dice.pick(FEEDBACK), "sleepScoreInsight": dice.pick(INSIGHT),
        "sleepScorePersonalizedInsight": "NOT_AVAILABLE",
        "sleepScores": _scores(night),
        "userNote": "windows open" if dice.chance(0.03) else None, "kidSleepNote": None,
        "breathingDisruptionSeverity": dice.pick(("NONE", "NONE", "NONE", "FEW", "MANY")),
        "dailyNapDTOS": [_nap(account, night)] if night.nap else None,
        "sleepAlignment": _alignment(account, night),
    }  # fmt: skip


def _scores(night: Night) -> dict[str, Any]:
    window = float(night.asleep)
    percent = {"rem": night.rem, "light": night.light, "deep": night.deep}
    best = {"rem": (21, 31), "light": (30, 64), "deep": (16, 33)}
    return {
        "overall": {"value": night.score, "qualifierKey": _word(night.score)},
        "totalDuration": {"qualifierKey": "FAIR", "optimalStart": 28200.0, "optimalEnd": 28200.0},
        "stress": {"qualifierKey": "GOOD", "optimalStart": 0.0, "optimalEnd": 15.0},
        "awakeCount": {"qualifierKey": "EXCELLENT", "optimalStart": 0.0, "optimalEnd": 1.0},
        "restlessness": {"qualifierKey": "GOOD", "optimalStart": 0.0, "optimalEnd": 5.0},
        **{
            f"{stage}Percentage": {
                "value": round(100 * seconds / window), "qualifierKey": "EXCELLENT",
                "optimalStart": float(best[stage][0]), "optimalEnd": float(best[stage][1]),
                "idealStartInSeconds": round(window * best[stage][0] / 100, 1),
                "idealEndInSeconds": round(window * best[stage][1] / 100, 1),
            }
            for stage, seconds in percent.items()
        },
    }  # fmt: skip


def _word(score: int) -> str:
    return "GOOD" if score >= GOOD else "FAIR" if score >= FAIR else "POOR"


def _needs(account: Account, night: Night) -> dict[str, Any]:
    day = night.date
    return {
        "sleepNeed": _need(account, day, plain(night.end - timedelta(days=1))),
        "nextSleepNeed": _need(account, day + timedelta(days=1), plain(night.computed)),
    }


def _need(account: Account, day: date, at: str) -> dict[str, Any]:
    device = account.profile.device(day).id
    return {
        "userProfilePk": account.profile.pk, "calendarDate": day.isoformat(),
        "deviceId": str(device) if account.quirks.ids_as_text else device,
        "timestampGmt": at, "baseline": NEED, "actual": NEED,
        "feedback": "NO_CHANGE_NO_ADJUSTMENTS", "trainingFeedback": "NO_CHANGE",
        "sleepHistoryAdjustment": "NO_CHANGE", "hrvAdjustment": "NO_CHANGE",
        "napAdjustment": "NO_CHANGE", "displayedForTheDay": False,
        "recommendedBedtimeStartMins": 1320, "recommendedBedtimeEndMins": 1380,
        "preferredActivityTracker": True,
    }  # fmt: skip


def _nap(account: Account, night: Night) -> dict[str, Any]:
    start = account.zones.at(night.date, 13 * 60 + 20)
    end = start + timedelta(seconds=night.nap)
    offset = account.zones.local(start, night.date) - start.replace(tzinfo=None)
    minutes = offset // timedelta(minutes=1)
    return {
        "userProfilePK": account.profile.pk, "deviceId": account.profile.device(night.date).id,
        "calendarDate": night.date.isoformat(), "napTimeSec": night.nap,
        "napStartTimestampGMT": text(start), "napEndTimestampGMT": text(end),
        "napFeedback": "IDEAL_DURATION_LOW_NEED", "napSource": 1,
        "napStartTimeOffset": minutes, "napEndTimeOffset": minutes,
        "createTimestampGMT": text(end + timedelta(minutes=9)),
        "updateTimestampGMT": text(end + timedelta(minutes=9)),
    }  # fmt: skip


def _alignment(account: Account, night: Night) -> dict[str, Any]:
    middle = account.zones.local(night.start + (night.end - night.start) / 2)
    return {
        "userId": account.profile.pk, "calendarDate": night.date.isoformat(),
        "deviceId": account.profile.device(night.date).id, "isPreferredActivityTracker": True,
        "sleepNeedBaselineMins": NEED, "optimalSleepWindowStartMins": account.profile.bedtime,
        "optimalSleepWindowEndMins": (account.profile.bedtime + NEED) % 1440,
        "status": "ALIGNED", "optimalSleepWindowMidpointMins": 180,
        "lastSleepMidpointMins": middle.hour * 60 + middle.minute,
    }  # fmt: skip


def hrv_summary(account: Account, day: date) -> dict[str, Any] | None:
    """Return the summary of a night's HRV; None where there is none."""
    night = account.night(day)
    if night is None or not night.scored or night.phase in {"placeholder", "off_wrist"}:
        return None
    week, base = account.nights.week_hrv(day), account.profile.hrv
    days = (day - account.profile.hrv_since).days
    return {
        "calendarDate": day.isoformat(),
        "weeklyAvg": week if days > 5 else None,
        "lastNightAvg": night.hrv,
        "lastNight5MinHigh": night.hrv_high,
        "baseline": _baseline(base, week) if days > 20 else None,
        "status": _status(days, week - base),
        "feedbackPhrase": f"HRV_BALANCED_{1 + day.toordinal() % 8}"
        if days > 20
        else "ONBOARDING_1",
        "createTimeStamp": text(night.computed),
    }


def _baseline(base: int, week: int) -> dict[str, Any]:
    low, high = base - 5, base + 9
    return {
        "lowUpper": low - 3,
        "balancedLow": low,
        "balancedUpper": high,
        "markerValue": round(0.25 + 0.5 * (week - low) / (high - low), 8),
    }


def _status(days: int, above: int) -> str:
    if days <= 20:
        return "NONE"
    return "BALANCED" if above >= -3 else "UNBALANCED"


def hrv_day(account: Account, day: date) -> dict[str, Any] | None:
    """Return a night's HRV with its readings of five minutes; None where there is none."""
    summary, night = hrv_summary(account, day), account.night(day)
    if summary is None or night is None:
        return None
    readings = account.nights.readings(night)
    bounds = {
        "": (night.start, readings[-1][0] if readings else night.end),
        "sleep": (night.start, night.end),
    }
    return {
        "userProfilePk": account.profile.pk,
        "hrvSummary": summary,
        "hrvReadings": [
            {
                "hrvValue": value,
                "readingTimeGMT": text(at),
                "readingTimeLocal": text(account.zones.local(at)),
            }
            for at, value in readings
        ],
        **{name: value for prefix, (start, end) in bounds.items()
           for name, value in _bounds(account, prefix, start, end).items()},
    }  # fmt: skip


def _bounds(account: Account, prefix: str, start: datetime, end: datetime) -> dict[str, str]:
    names = ("Start", "End") if prefix else ("start", "end")
    found = {}
    for name, at in zip(names, (start, end), strict=True):
        found[f"{prefix}{name}TimestampGMT"] = text(at)
        found[f"{prefix}{name}TimestampLocal"] = text(account.zones.local(at))
    return found
