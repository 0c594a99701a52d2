"""A day's summary in its two versions: flat (seconds) and the second one (milliseconds)."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from tests.sandbox.garmin.days import battery_level
from tests.sandbox.garmin.forms import text, words
from tests.sandbox.garmin.shapes import battery

if TYPE_CHECKING:
    from datetime import date

    from tests.sandbox.garmin.account import Account
    from tests.sandbox.garmin.days import DayFacts

FLOOR: Final = 3.048
"""Metres of one floor."""


class Sofar:
    """The sums of a day up to the last sync: today has a part of each."""

    def __init__(self, account: Account, facts: DayFacts) -> None:
        """Work out what nearly every answer needs."""
        totals, awake = facts.totals, facts.span.awake
        self._account, self._facts, self._awake = account, facts, awake
        self.steps, self.distance = int(totals.steps * awake), int(totals.distance * awake)
        self.drunk = int(totals.drunk * awake) + account.drinks[facts.date]

    @cached_property
    def stress(self) -> dict[str, int]:
        """Seconds by kind, in whole minutes."""
        levels, share = self._facts.levels, self._facts.span.share
        return {name: int(getattr(levels, name) * share) // 60 * 60 for name in STRESS}

    @cached_property
    def climbed(self) -> tuple[float, float]:
        """Metres up and down."""
        totals = self._facts.totals
        return totals.floors_up * self._awake, totals.floors_down * self._awake

    @cached_property
    def kcal(self) -> tuple[int, int]:
        """Kilocalories at rest and in motion."""
        totals, share = self._facts.totals, self._facts.span.share
        return int(totals.resting_kcal * share), int(totals.active_kcal * self._awake)

    @cached_property
    def intensity(self) -> tuple[int, int]:
        """Minutes of moderate and of vigorous intensity."""
        totals = self._facts.totals
        return int(totals.moderate * self._awake), int(totals.vigorous * self._awake)

    @cached_property
    def max_hr(self) -> int:
        """The highest heart rate."""
        levels = self._facts.levels
        rise = (levels.max_hr - levels.resting_hr) * (0.4 + 0.6 * self._awake)
        return levels.resting_hr + int(rise)

    @cached_property
    def latest(self) -> int:
        """The latest level of Body Battery."""
        return battery_level(self._facts, self._facts.span.until)

    @cached_property
    def high(self) -> int:
        """The highest level of Body Battery."""
        return self._facts.levels.battery_wake if self._awake else self.latest

    @cached_property
    def asleep(self) -> int:
        """Seconds of sleep."""
        night = self._account.night(self._facts.date)
        return night.asleep if night else 0


STRESS: Final = ("rest", "moving", "uncategorized", "low", "medium", "high")


def v2(account: Account, day: date) -> dict[str, Any] | None:
    """Return the second version of a day's summary; None where there is none."""
    facts = account.day(day)
    if facts is None:
        return None
    sofar = Sofar(account, facts)
    return {
        "uuid": facts.uuid,
        "userProfilePk": account.profile.pk,
        "calendarDate": day.isoformat(),
        "source": "garmin",
        "includesWellnessData": True,
        "includesActivityData": bool(account.on(day)),
        "wellnessChronology": _chronology(account, facts),
        "movement": _movement(facts, sofar),
        "calories": _calories(account, facts, sofar),
        "heartRate": _heart_rate(facts, sofar),
        "intensityMinutes": {
            "goal": 150,
            "moderate": sofar.intensity[0],
            "vigorous": sofar.intensity[1],
        },
        "stress": _stress(facts, sofar),
        "bodyBattery": _battery(account, facts, sofar),
        "hydration": _hydration(facts, sofar),
        "respiration": _respiration(facts),
        "pulseOx": _pulse_ox(account, facts),
        "jetLag": {"tripName": _trip(account, day)},
    }


def _chronology(account: Account, facts: DayFacts) -> dict[str, Any]:
    span, zones = facts.span, account.zones
    return {
        "startTimestampGmt": text(span.start),
        "startTimestampLocal": text(zones.local(span.start, facts.date)),
        "endTimestampGmt": text(span.until),
        "endTimestampLocal": text(zones.local(span.until)),
        "totalDurationInMillis": span.ms,
    }


def _movement(facts: DayFacts, sofar: Sofar) -> dict[str, Any]:
    return {
        "steps": {"goal": facts.totals.step_goal, "value": sofar.steps,
                  "distanceInMeters": float(sofar.distance)},
        "pushes": {"goal": None, "value": None, "distanceInMeters": None},
        "floorsAscended": {"goal": 10, "value": int(sofar.climbed[0] / FLOOR),
                           "distanceInMeters": round(sofar.climbed[0], 3)},
        "floorsDescended": {"goal": None, "value": int(sofar.climbed[1] / FLOOR),
                            "distanceInMeters": round(sofar.climbed[1], 3)},
    }  # fmt: skip


def eaten(account: Account, day: date) -> int | None:
    """Return the kilocalories that were logged for a day; None without a log."""
    return sum(kcal for _, kcal, _ in account.meals.get(day, [])) or None


def _calories(account: Account, facts: DayFacts, sofar: Sofar) -> dict[str, Any]:
    burned, food = sum(sofar.kcal), eaten(account, facts.date)
    return {
        "burnedResting": sofar.kcal[0],
        "burnedActive": sofar.kcal[1],
        "burnedTotal": burned,
        "consumedGoal": 2200 if food else None,
        "consumedValue": food,
        "consumedRemaining": burned - food if food else None,
    }


def _heart_rate(facts: DayFacts, sofar: Sofar) -> dict[str, Any]:
    levels = facts.levels
    return {
        "minValue": levels.min_hr,
        "maxValue": sofar.max_hr,
        "restingValue": levels.resting_hr,
        "alertCount": levels.alerts,
    }


def _stress(facts: DayFacts, sofar: Sofar) -> dict[str, Any]:
    part = sofar.stress
    total = sum(part.values())
    kinds = {"rest": "rest", "activity": "moving", "uncategorized": "uncategorized",
             "lowStress": "low", "mediumStress": "medium", "highStress": "high"}  # fmt: skip
    return {
        "avgLevel": facts.levels.stress,
        "maxLevel": facts.levels.max_stress,
        **{f"{kind}Proportion": round(part[own] / total, 4) if total else None
           for kind, own in kinds.items()},
        "qualifier": _qualifier(facts).lower(),
        "totalDurationInMillis": 1000 * total,
        **{f"{kind}DurationInMillis": 1000 * part[own] for kind, own in kinds.items()},
    }  # fmt: skip


def _qualifier(facts: DayFacts) -> str:
    return "CALM" if facts.levels.stress < 25 else "BALANCED"


def _battery(account: Account, facts: DayFacts, sofar: Sofar) -> dict[str, Any]:
    return {
        "minValue": min(facts.levels.battery_start, sofar.latest),
        "maxValue": sofar.high,
        "chargedValue": battery.changes(facts)[0],
        "drainedValue": battery.changes(facts)[1],
        "latestValue": sofar.latest,
        "endOfDayValue": sofar.latest if facts.span.share == 1 else None,
        "featureVersion": str(battery.VERSION),
        "dynamicFeedbackEvent": battery.feedback(facts),
        "endOfDayDynamicFeedbackEvent": battery.end_of_day(facts),
        "activityEvents": battery.v2_events(account, facts),
    }


def _hydration(facts: DayFacts, sofar: Sofar) -> dict[str, Any]:
    return {
        "goalInMl": facts.totals.drink_goal,
        "goalInFractionalMl": float(facts.totals.drink_goal),
        "consumedInFractionalMl": float(sofar.drunk),
        "consumedInMl": sofar.drunk,
    }


def _respiration(facts: DayFacts) -> dict[str, Any]:
    levels = facts.levels
    return {
        "avgValue": levels.breath,
        "maxValue": levels.max_breath,
        "minValue": levels.min_breath,
        "latestValue": levels.breath - 1,
        "latestTimestampGmt": text(facts.span.until),
        "algorithmVersion": 200,
    }


def _pulse_ox(account: Account, facts: DayFacts) -> dict[str, Any]:
    levels, latest = facts.levels, facts.span.until - timedelta(minutes=19)
    if not account.profile.newer(facts.date):
        return dict.fromkeys(PULSE_OX)
    return {
        "avgValue": levels.spo2,
        "minValue": levels.min_spo2,
        "latestValue": levels.spo2 - 1,
        "latestTimestampGmt": text(latest),
        "latestTimestampLocal": text(account.zones.local(latest)),
        "avgAltitudeInMeters": levels.altitude,
    }


PULSE_OX: Final = words(
    "avgValue minValue latestValue latestTimestampGmt latestTimestampLocal avgAltitudeInMeters"
)


def _trip(account: Account, day: date) -> str | None:
    away = account.zones.zone(day).key
    return None if away == account.zones.home else f"Trip to {away.rpartition('/')[2]}"


def flat(account: Account, day: date) -> dict[str, Any] | None:
    """Return the flat day: 95 members, durations in seconds; None where there is none."""
    facts = account.day(day)
    if facts is None:
        return None
    sofar = Sofar(account, facts)
    return {
        "userProfileId": account.profile.pk,
        "displayName": account.profile.display_name,
        "userDailySummaryId": account.profile.pk,
        "calendarDate": day.isoformat(),
        "uuid": facts.uuid.replace("-", ""),
        "source": "GARMIN",
        "wellnessDescription": None,
        "lastSyncTimestampGMT": text(facts.span.until) if facts.levels.alerts else None,
        **_flat_times(account, facts, sofar),
        **_flat_movement(account, facts, sofar),
        **_flat_heart(account, facts, sofar),
        **_flat_stress(facts, sofar),
        **_flat_battery(account, facts, sofar),
        **_flat_breath(account, facts, sofar),
        "isJetLagDay": _trip(account, day) is not None,
        "jetLagTripName": _trip(account, day),
    }


def _flat_times(account: Account, facts: DayFacts, sofar: Sofar) -> dict[str, Any]:
    span, zones, totals = facts.span, account.zones, facts.totals
    highly, active = (int(n * span.awake) for n in (totals.highly_active, totals.active))
    return {
        "wellnessStartTimeGmt": text(span.start),
        "wellnessStartTimeLocal": text(zones.local(span.start, facts.date)),
        "wellnessEndTimeGmt": text(span.until),
        "wellnessEndTimeLocal": text(zones.local(span.until)),
        "durationInMilliseconds": span.ms,
        "highlyActiveSeconds": highly,
        "activeSeconds": active,
        "sleepingSeconds": sofar.asleep,
        "sedentarySeconds": max(0, span.ms // 1000 - highly - active - sofar.asleep),
        "includesWellnessData": True,
        "includesActivityData": bool(account.on(facts.date)),
        "includesCalorieConsumedData": eaten(account, facts.date) is not None,
    }


def _flat_movement(account: Account, facts: DayFacts, sofar: Sofar) -> dict[str, Any]:
    burned, food = sum(sofar.kcal), eaten(account, facts.date)
    return {
        "totalKilocalories": float(burned),
        "activeKilocalories": float(sofar.kcal[1]),
        "bmrKilocalories": float(sofar.kcal[0]),
        "consumedKilocalories": float(food) if food else None,
        "remainingKilocalories": float(burned - food) if food else None,
        "netCalorieGoal": 2200 if food else None,
        "totalSteps": sofar.steps,
        "totalDistanceMeters": sofar.distance,
        "wellnessDistanceMeters": sofar.distance,
        "dailyStepGoal": facts.totals.step_goal,
        **_pushes(account, sofar),
        "moderateIntensityMinutes": sofar.intensity[0],
        "vigorousIntensityMinutes": sofar.intensity[1],
        "intensityMinutesGoal": 150,
        "floorsAscendedInMeters": round(sofar.climbed[0], 3),
        "floorsDescendedInMeters": round(sofar.climbed[1], 3),
        "floorsAscended": round(sofar.climbed[0] / FLOOR, 5),
        "floorsDescended": round(sofar.climbed[1] / FLOOR, 5),
        "userFloorsAscendedGoal": 10,
        "hydrationValueInML": float(sofar.drunk) if sofar.drunk else None,
        "hydrationGoalInML": float(facts.totals.drink_goal),
    }


def _pushes(account: Account, sofar: Sofar) -> dict[str, Any]:
    """Return the pushes of a wheelchair; null for those who walk."""
    pushes = bool(account.settings.get("wheelchairModeEnabled"))
    return {
        "dailyPushesGoal": 2600 if pushes else None,
        "totalPushDistance": sofar.distance if pushes else None,
        "totalPushes": sofar.steps if pushes else None,
    }


def _flat_heart(account: Account, facts: DayFacts, sofar: Sofar) -> dict[str, Any]:
    levels = facts.levels
    return {
        "minHeartRate": levels.min_hr,
        "maxHeartRate": sofar.max_hr,
        "restingHeartRate": levels.resting_hr,
        "lastSevenDaysAvgRestingHeartRate": account.days.week_resting_hr(facts.date),
        "minAvgHeartRate": levels.min_hr + 1,
        "maxAvgHeartRate": sofar.max_hr - 2,
        "abnormalHeartRateAlertsCount": levels.alerts,
    }


def _flat_stress(facts: DayFacts, sofar: Sofar) -> dict[str, Any]:
    part = sofar.stress
    total = sum(part.values())
    stress = part["low"] + part["medium"] + part["high"]
    kinds = {"stress": stress, "restStress": part["rest"], "activityStress": part["moving"],
             "uncategorizedStress": part["uncategorized"], "lowStress": part["low"],
             "mediumStress": part["medium"], "highStress": part["high"]}  # fmt: skip
    asleep = min(sofar.asleep, total)
    return {
        "averageStressLevel": facts.levels.stress,
        "maxStressLevel": facts.levels.max_stress,
        "totalStressDuration": total,
        **{f"{kind}Duration": seconds for kind, seconds in kinds.items()},
        **{f"{kind}Percentage": round(100 * seconds / total, 2) if total else None
           for kind, seconds in kinds.items()},
        "stressQualifier": _qualifier(facts),
        "measurableAwakeDuration": total - asleep,
        "measurableAsleepDuration": asleep,
    }  # fmt: skip


def _flat_battery(account: Account, facts: DayFacts, sofar: Sofar) -> dict[str, Any]:
    levels, woken = facts.levels, facts.span.awake > 0
    return {
        "bodyBatteryChargedValue": battery.changes(facts)[0],
        "bodyBatteryDrainedValue": battery.changes(facts)[1],
        "bodyBatteryHighestValue": sofar.high,
        "bodyBatteryLowestValue": min(levels.battery_start, sofar.latest),
        "bodyBatteryMostRecentValue": sofar.latest,
        "bodyBatteryDuringSleep": levels.battery_wake - levels.battery_start if woken else None,
        "bodyBatteryAtWakeTime": levels.battery_wake if woken else None,
        "bodyBatteryVersion": battery.VERSION,
        "bodyBatteryDynamicFeedbackEvent": battery.feedback(facts),
        "endOfDayBodyBatteryDynamicFeedbackEvent": battery.end_of_day(facts),
        "bodyBatteryActivityEventList": battery.flat_events(account, facts),
    }


def _flat_breath(account: Account, facts: DayFacts, sofar: Sofar) -> dict[str, Any]:
    levels, latest = facts.levels, facts.span.until - timedelta(minutes=19)
    known = account.profile.newer(facts.date)
    return {
        "averageSpo2": float(levels.spo2) if known else None,
        "lowestSpo2": levels.min_spo2 if known else None,
        "latestSpo2": levels.spo2 - 1 if known else None,
        "latestSpo2ReadingTimeGmt": text(latest) if known else None,
        "latestSpo2ReadingTimeLocal": text(account.zones.local(latest)) if known else None,
        "averageMonitoringEnvironmentAltitude": levels.altitude,
        "avgWakingRespirationValue": float(levels.breath),
        "highestRespirationValue": float(levels.max_breath),
        "lowestRespirationValue": float(levels.min_breath),
        "latestRespirationValue": float(levels.breath - 1),
        "latestRespirationTimeGMT": text(facts.span.until),
        "respirationAlgorithmVersion": 200 if sofar.steps else None,
    }


def empty_flat(account: Account, day: date) -> dict[str, Any]:
    """Return the flat day without data: who and when, the rest null."""
    return {
        "userProfileId": account.profile.pk,
        "calendarDate": day.isoformat(),
        "totalSteps": None,
        "wellnessStartTimeGmt": None,
        "wellnessEndTimeGmt": None,
        "includesWellnessData": False,
        "includesActivityData": False,
        "includesCalorieConsumedData": False,
    }
