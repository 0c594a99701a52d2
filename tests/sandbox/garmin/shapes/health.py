"""Food, the menstrual cycle, health snapshots and the user's settings."""

from __future__ import annotations

import uuid
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from tests.sandbox.garmin.dice import Dice
from tests.sandbox.garmin.forms import text, words

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from tests.sandbox.garmin.account import Account

FOODS: Final = (("Porridge", 340), ("Lentil soup", 420), ("Apple", 80), ("Rice and beans", 610))
BRANDED: Final = {"Porridge": "Mill & Sons"}
OWN: Final = {"Rice and beans": "MEAL"}
MEALS: Final = (("BREAKFAST", 8), ("LUNCH", 12), ("DINNER", 19), ("SNACKS", 16))
LOGS: Final = 0.5
"""Share of the days of the last year on which food is logged."""
CYCLE: Final = 28
"""Days of a cycle."""
PERIOD: Final = 5
MICRONUTRIENTS: Final = words(
    "addedSugars calcium cholesterol fiber iron monounsaturatedFat polyunsaturatedFat potassium "
    "saturatedFat sodium sugar transFat vitaminA vitaminC vitaminD"
)
WEEKDAYS: Final = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
SIGNED: Final = 1 << 63


def food_log(account: Account, day: date) -> dict[str, Any] | None:
    """Return what was eaten on a day; None where nothing was logged."""
    eatings = list(_eatings(account, day))
    if not eatings:
        return None
    content = _content(sum(kcal for _, kcal, _, _ in eatings))
    return {
        "mealDate": day.isoformat(),
        "dayStartTime": "00:00:00",
        "dayEndTime": "23:59:59",
        "dailyNutritionContent": content | {"caloriesPercentage": content["calories"] / 22},
        "dailyNutritionGoals": _goals(2200),
        "mealDetails": [_meal(account, day, n, eatings) for n in range(len(MEALS))],
        "loggedFoodsWithServingSizes": [_food(name, kcal) for name, kcal, _, _ in eatings],
    }


def empty_food_log(_account: Account, day: date) -> dict[str, Any]:
    """Return the log of a day on which nothing was logged."""
    return {
        "mealDate": day.isoformat(),
        "dailyNutritionContent": None,
        "dailyNutritionGoals": None,
        "mealDetails": [],
        "loggedFoodsWithServingSizes": [],
    }


def _eatings(account: Account, day: date) -> Iterator[tuple[str, int, datetime, int]]:
    """Yield name, kilocalories, time of the entry and number of the meal."""
    dice, last_year = Dice(account.seed, "food", day), account.today - timedelta(days=365)
    if last_year <= day <= account.today and dice.chance(LOGS):
        for n in range(dice.whole(1, 3)):
            name, kcal = dice.pick(FOODS)
            at = account.zones.at(day, 60 * MEALS[n][1] + dice.whole(0, 50))
            if at <= account.last_sync:
                yield name, kcal, at, n
    for name, kcal, entered in account.meals.get(day, []):
        yield name, kcal, entered, 3


def _content(kcal: int) -> dict[str, Any]:
    return {
        "calories": kcal,
        "carbs": round(kcal * 0.13, 1),
        "protein": round(kcal * 0.04, 1),
        "fat": round(kcal * 0.035, 1),
    }


def _goals(kcal: int) -> dict[str, Any]:
    own = _content(kcal)
    return own | {f"adjusted{name.capitalize()}": value for name, value in own.items()}


def _meal(
    account: Account, day: date, number: int, eatings: list[tuple[str, int, datetime, int]]
) -> dict[str, Any]:
    name, hour = MEALS[number]
    mine = [one for one in eatings if one[3] == number]
    return {
        "meal": {
            "mealId": 1000 + number, "mealIndex": number, "mealName": name.title(),
            "defaultMealName": name, "displayOrder": number, "startTime": f"{hour:02d}:00:00",
            "endTime": f"{hour + 3:02d}:00:00", "goals": _goals(550), "translated": True,
        },
        "loggedFoods": [_logged(account, day, one) for one in mine],
        "mealNutritionContent": _content(sum(kcal for _, kcal, _, _ in mine)),
        "mealNutritionGoals": _goals(550),
    }  # fmt: skip


def _logged(account: Account, day: date, eating: tuple[str, int, datetime, int]) -> dict[str, Any]:
    name, kcal, entered, number = eating
    identity = Dice(account.seed, "log", day, name, entered, number).uuid()
    local = account.zones.local(entered)
    food = _food(name, kcal)
    return {
        "logId": identity, "id": identity, "logTimestamp": text(entered), "logSource": "GCM",
        "logCategory": "REGULAR_LOG", "mealId": 1000 + number, "mealTime": f"{local:%H:%M:%S}",
        "mealDateTimeWithOffset": text(local), "servingQty": 1.0, "type": "FOOD",
        "customMealId": 77 if name in OWN else None, "foodInactive": False, "isFavorite": False,
        "foodImages": food["foodImages"], "foodMetaData": food["foodMetaData"],
        "nutritionContent": food["nutritionContents"][0],
    }  # fmt: skip


def _food(name: str, kcal: int) -> dict[str, Any]:
    dice = Dice("food", name)
    return {
        "isFavorite": False,
        "foodImages": [{"imageType": "SMALL", "imageUrl": "https://images.example.org/food.png"}],
        "foodMetaData": {
            "foodId": str(dice.whole(10**5, 10**7)), "foodName": name,
            "brandName": BRANDED.get(name),
            "foodType": "BRAND" if name in BRANDED else "GENERIC", "customFoodType": OWN.get(name),
            "source": "GARMIN" if name in OWN else "FATSECRET",
            "foodImageUrl": "https://images.example.org/food.png" if name in OWN else None,
            "imageUuid": dice.uuid() if name in OWN else None,
            "languageCode": "en", "regionCode": "US",
        },
        "nutritionContents": [_content(kcal) | {
            "servingId": str(dice.whole(1, 10**6)), "servingUnit": "serving", "numberOfUnits": 1.0,
            "unitHasServing": True,
            **{name: dice.real(0, 30, 2) for name in MICRONUTRIENTS},
        }],
    }  # fmt: skip


def cycle(account: Account, day: date) -> dict[str, Any] | None:
    """Return the cycle that a day belongs to; None where none is tracked."""
    tracked = account.profile.female and account.first_day <= day
    if not tracked or day > account.today + timedelta(days=CYCLE):
        return None
    start = _cycle_start(account, day)
    number, predicted = (day - start).days + 1, start > account.today - timedelta(days=3)
    end = start + timedelta(days=CYCLE - 1)
    phase = 1 if number <= PERIOD else 2 if number < 12 else 3 if number < 17 else 4
    return {
        "startDate": start.isoformat(),
        "endDate": None if end >= account.today else end.isoformat(),
        "cycleType": "REGULAR", "dayInCycle": number, "currentPhase": phase,
        "lengthOfCurrentPhase": 5, "daysUntilNextPhase": max(1, PERIOD - number),
        "periodLength": PERIOD, "predictedCycle": predicted, "predictedCycleLength": CYCLE,
        "predictedOvulationDate": (start + timedelta(days=14)).isoformat(),
        "fertileWindowStart": 12, "lengthOfFertileWindow": 5, "lutealPhaseStart": 17,
        **_pregnancy(account, start),
        "educationContentMod": 3, "feedbackPhrase": "PHASE_FOLLICULAR", "isSkinTempMct": False,
        "overlapCycleList": [{"startDate": start.isoformat(), "periodLength": PERIOD}],
        "analysis": {"cycleTypeAnalysis": _analysis(start), "perimenopauseDetected": False},
    }  # fmt: skip


def _pregnancy(account: Account, start: date) -> dict[str, Any]:
    if not account.quirks.pregnant:
        names = ("dueDate", "deliveryDate", "numberOfWeek")
        return {"pregnancyCycle": False, **dict.fromkeys(names)}
    due = (start + timedelta(days=280)).isoformat()
    return {"pregnancyCycle": True, "dueDate": due, "deliveryDate": due, "numberOfWeek": 4}


def _cycle_start(account: Account, day: date) -> date:
    """Return the first day of the cycle of a day; cycles have a length of 28 days here."""
    since = (day - account.first_day).days - account.cycles_later
    return day - timedelta(days=since % CYCLE)


def _analysis(start: date) -> dict[str, Any]:
    return {
        "cycleStartDate": start.isoformat(), "cycleType": "REGULAR", "cycleVariability": 2,
        "cycleVariabilityClassifier": "NORMAL", "cycleLengthDeviationDays": 1,
        "follicularLengthDeviationDays": 1, "lutealLengthDeviationDays": 0,
        "periodLengthDeviationDays": 1, "hasAmenorrhea": False, "isAtypical": False,
        "medianCycleLength": CYCLE, "medianCycleLengthClassifier": "NORMAL", "prolongedPeriods": 0,
        "prolongedPeriodsClassifier": "NORMAL",
    }  # fmt: skip


def cycle_day(account: Account, day: date) -> dict[str, Any] | None:
    """Return a day's log of the cycle with its summary; None where none is tracked."""
    summary = cycle(account, day)
    if summary is None:
        return None
    dice, bleeding = Dice(account.seed, "cycle", day), summary["dayInCycle"] <= PERIOD
    return {
        "dayLog": {
            "userProfilePk": account.profile.pk, "calendarDate": day.isoformat(),
            "flow": dice.pick(("LIGHT", "MEDIUM", "HEAVY")) if bleeding else None,
            "symptoms": ["CRAMPS"] if dice.chance(0.2) else [],
            "moods": ["CALM"] if dice.chance(0.2) else [], "discharge": [],
            "notes": "slept badly" if dice.chance(0.05) else None,
            "ovulationDay": summary["dayInCycle"] == 14,
            "sexDrive": dice.pick(("HIGH", None)), "sexualActivity": dice.pick(("PROTECTED", None)),
            "hasGlucoseLog": False, "hasBabyMovement": account.quirks.pregnant,
            "babyMovements": [_movement(account, day)] if account.quirks.pregnant else [],
            "reportTimestamp": text(account.zones.local(account.zones.at(day, 1260), day)),
        },
        "daySummary": summary,
        "weightGoals": _weight_goals(account),
    }  # fmt: skip


def _movement(account: Account, day: date) -> dict[str, Any]:
    at = account.zones.local(account.zones.at(day, 1230), day)
    return {"count": 7, "duration": 600, "movementType": "KICK", "startTimestamp": text(at)}


def _weight_goals(account: Account) -> dict[str, Any] | None:
    if not account.quirks.pregnant:
        return None
    return {"weekNum": 4, "lowWeightGoalInGrams": 61000.0, "highWeightGoalInGrams": 63000.0}


def snapshots(account: Account, day: date) -> list[dict[str, Any]]:
    """Return the health snapshots of a day: seldom one."""
    dice = Dice(account.seed, "snapshot", day)
    start = account.zones.at(day, dice.whole(540, 1200)) + timedelta(seconds=dice.whole(0, 59))
    if account.day(day) is None or not dice.chance(0.03) or start > account.last_sync:
        return []
    end, device = start + timedelta(minutes=2), account.profile.device(day)
    local = (account.zones.local(start, day), account.zones.local(end, day))
    return [{
        "userProfilePk": account.profile.pk, "activityUuid": _uuid(dice.uuid()),
        "calendarDate": day.isoformat(), "rulePK": 2, "activityName": "Health Snapshot",
        "notes": "after coffee" if dice.chance(0.3) else None,
        "wellnessActivityType": "HEALTH_MONITORING",
        "startTimestampGMT": text(start), "endTimestampGMT": text(end),
        "startTimestampLocal": text(local[0]), "endTimestampLocal": text(local[1]),
        "summaryTypeDataList": list(_summaries(account, dice)),
        "timeInZoneList": [{"zoneNumber": 1, "millisInZone": 120000, "zoneLowBoundary": 93}],
        "deviceMetaData": {
            "deviceId": str(device.id) if account.quirks.ids_as_text else device.id,
            "deviceTypeId": device.type_id, "deviceVersionId": device.version_id,
            "deviceVersion": device.version, "deviceName": device.name,
        },
    }]  # fmt: skip


def _summaries(account: Account, dice: Dice) -> Iterator[dict[str, Any]]:
    hrv = account.profile.hrv
    means = {"HEART_RATE": account.profile.resting_hr + 8, "STRESS": 25, "RESPIRATION": 14,
             "SPO2": 96, "RMSSD_HRV": hrv, "SDRR_HRV": hrv}  # fmt: skip
    for kind, mean in means.items():
        lowest, most = float(mean - dice.whole(1, 4)), float(mean + dice.whole(1, 4))
        yield {"summaryType": kind, "minValue": lowest, "maxValue": most, "avgValue": float(mean)}


def _uuid(value: str) -> dict[str, Any]:
    """Return a UUID as Garmin's servers break it up: two signed halves."""
    whole = uuid.UUID(value).int
    halves = [(half ^ SIGNED) - SIGNED for half in (whole >> 64, whole & (2 * SIGNED - 1))]
    return {
        "mostSignificantBits": halves[0],
        "leastSignificantBits": halves[1],
        "baseUUID": value,
        "uuid": value,
    }


def settings(account: Account) -> dict[str, Any]:
    """Return the user's settings."""
    return {
        "displayName": account.profile.display_name, "preferredLocale": "en",
        "measurementSystem": "metric",
        "firstDayOfWeek": {"dayId": 3, "dayName": "monday", "sortOrder": 3,
                           "isPossibleFirstDay": True},
        "numberFormat": "decimal_period",
        "timeFormat": _format(33, "time_twenty_four_hr", "HH:mm"),
        "dateFormat": _format(23, "mmddyyyy", "MM/dd/yyyy"),
        "powerFormat": _format(30, "watt", None),
        "heartRateFormat": _format(21, "bpm", None),
        "timeZone": account.zones.home, "hydrationMeasurementUnit": "milliliter",
        "hydrationContainers": [{"name": "Bottle", "volume": 750, "unit": "milliliter"}],
        "glucoseMeasurementUnit": "mmol/L", "golfDistanceUnit": "meter",
        "golfElevationUnit": "meter", "golfSpeedUnit": "meters_per_second",
        "wheelchairModeEnabled": False, "availableTrainingDays": list(WEEKDAYS[::2]),
        "preferredLongTrainingDays": list(WEEKDAYS[5:]),
    } | account.settings  # fmt: skip


def _format(number: int, key: str, shown: str | None) -> dict[str, Any]:
    return {
        "formatId": number, "formatKey": key, "minFraction": 0, "maxFraction": 1,
        "groupingUsed": True, "displayFormat": shown,
    }  # fmt: skip
