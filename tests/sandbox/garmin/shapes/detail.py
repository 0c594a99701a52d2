"""The detail of an activity, and the workouts it followed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.sandbox.garmin.fields import fields, with_nulls
from tests.sandbox.garmin.forms import text
from tests.sandbox.garmin.measures import measures
from tests.sandbox.garmin.profile import place
from tests.sandbox.garmin.shapes import activity_parts as parts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.sandbox.garmin.account import Account
    from tests.sandbox.garmin.activities import Activity
    from tests.sandbox.garmin.dice import Dice, Draw

SPLITS: Final[Mapping[str, Mapping[str, Draw]]] = {
    "run": {
        "gctAirTimeRatio": (60, 90, 1), "maxAcceleration": (1, 3, 2),
        "avgStepLength": (700, 1200, 1), "avgForce": (0, 1, 0), "maxForce": (0, 1, 0),
        "normalizedForce": (0, 1, 0),
        "maxStepLength": (1200, 1400, 1), "minStanceTime": (190, 230, 1),
        "avgStanceTime": (231, 280, 1),
    },
    "snow": {
        "avgMaxAcceleration": (1, 3, 2), "avgMaxSpeed": (8, 16, 2),
        "weightedMeanBestFiveMaxSpeedOverTenSeconds": (8, 16, 2),
        "maxPisteDifficulty": ["GREEN", "BLUE", "RED", "BLACK"],
    },
    "climbing": {"numClimbsAttempted": (3, 12, None), "numClimbsCompleted": (1, 9, None)},
    "workout": {"averagePowerTarget": (150, 240, 0)},
    "open": {
        "swimStraightnessScore": (60, 99, None), "swimStraightnessExtraDistance": (5, 90, 1),
    },
}  # fmt: skip
"""Measures of splits that the search does not have."""
FORMATS: Final = {"fit": 7, "gpx": 3, "tcx": 4}


def detail(account: Account, one: Activity) -> dict[str, Any]:
    """Return the detail of one activity or leg."""
    found: dict[str, Any] = {
        "activityId": one.id,
        "activityUUID": {"uuid": one.dice("uuid").uuid()},
        "activityName": one.name,
        "userProfileId": account.profile.pk,
        "isMultiSportParent": bool(one.child_ids),
        "activityTypeDTO": parts.activity_type(one),
        "eventTypeDTO": parts.event_type(one),
        "accessControlRuleDTO": parts.privacy(one),
        "timeZoneUnitDTO": _zone(one),
        "metadataDTO": _metadata(account, one),
        "summaryDTO": _summary(one),
        "locationName": place(one.zone)[0],
        "splitSummaries": [_split(one, split) for split in parts.splits(one)],
        "deviceDisplayUnitsDTO": parts.display_units(),
    } | _optional(account, one)
    return with_nulls("ActivitySummary", found) if account.quirks.null_members else found


def workouts(one: Activity) -> list[dict[str, Any]]:
    """Return the workouts that an activity followed: mostly none, seldom two."""
    dice = one.dice("workouts")
    is_planned = {"workout", "multi"} & set(one.sport.measures)
    if not is_planned and not dice.chance(0.1):
        return []
    return [_workout(one, dice, index) for index in range(1 + dice.chance(0.1))]


def _optional(account: Account, one: Activity) -> dict[str, Any]:
    dice = one.dice("detail")
    found: dict[str, Any] = {}
    parent = account.activity(one.parent_id) if one.parent_id else None
    if one.description is not None:
        found["description"] = one.description
    if parent:
        found |= {"parentId": parent.id, "parentName": parent.name}
    if "dive" in one.sport.measures:
        found["diveInfo"] = _dive(dice)
    if "game" in one.sport.measures:
        found["videoGameInfo"] = {"name": "Racer", "type": "GENERIC_PLACEMENT_RESULT"}
    return found


def _zone(one: Activity) -> dict[str, Any]:
    number = sum(one.zone.encode()) % 300
    return {"unitId": number, "unitKey": one.zone, "factor": 0.0, "timeZone": one.zone}


def _metadata(account: Account, one: Activity) -> dict[str, Any]:
    dice = one.dice("metadata")
    kind = account.quirks.files.get(one.id)
    form = kind if kind in FORMATS else "fit"
    legs = [leg for number in one.child_ids if (leg := account.activity(number))]
    return {
        "isOriginal": True,
        "fileFormat": {"formatId": FORMATS[str(form)], "formatKey": form},
        "lastUpdateDate": text(one.updated.replace(microsecond=0)),
        "uploadedDate": text(one.uploaded.replace(microsecond=0)),
        "videoUrl": "https://video.example.org/race" if one.event_key == "race" else None,
        "userInfoDto": _user(account),
        "childIds": [leg.id for leg in legs],
        "childActivityTypes": [leg.sport.key for leg in legs],
        "sensors": _sensors(dice) if dice.chance(0.2) else None,
        "activityImages": [_image(dice)] if dice.chance(0.03) else [],
        "manufacturer": "GARMIN",
        "lapCount": parts.laps(one),
        **_e_bike("e_bike" in one.sport.measures),
        "hasRunPowerWindData": "run" in one.sport.measures,
        "calendarEventInfo": _event() if one.event_key == "race" else None,
        "isWheelchair": "wheelchair" in one.sport.measures,
        "specializedWorkoutCategories": ["LONG_RUN"] if dice.chance(0.05) else [],
        "hasMultiDayActivities": False,
        "personalRecord": one.dice("flags").chance(0.03),
        "gcj02": False,
        "runPowerWindDataEnabled": "run" in one.sport.measures,
        "trimmed": one.trimmed,
        "manualActivity": False,
        "elevationCorrected": False,
        "autoCalcCalories": False,
        "favorite": one.favorite,
    }


def _user(account: Account) -> dict[str, Any]:
    profile = account.profile
    pictures = {f"profileImageUrl{size}": url for size, url in parts.images(profile).items()}
    return {
        "userProfilePk": profile.pk, "displayname": profile.display_name,
        "fullname": profile.full_name, **pictures, "userPro": False,
    }  # fmt: skip


def _sensors(dice: Dice) -> list[dict[str, Any]]:
    return [{
        "manufacturer": "GARMIN", "serialNumber": dice.whole(3 * 10**9, 4 * 10**9),
        "sku": "006-B4130-00", "fitProductNumber": 4130, "sourceType": "ANTPLUS",
        "antplusDeviceType": "HEART_RATE", "localDeviceType": None, "bodyLocation": None,
        "softwareVersion": 5.3, "batteryStatus": "GOOD", "bleDeviceType": None,
        "productName": "HRM-Pro", "batteryLevel": dice.whole(20, 100),
    }, {
        "sourceType": "BLUETOOTH", "bleDeviceType": "CONNECTED_GPS", "localDeviceType": "GPS",
        "bodyLocation": "LEFT_WRIST",
    }]  # fmt: skip


def _image(dice: Dice) -> dict[str, Any]:
    url = f"https://images.example.org/{dice.uuid()}"
    return {
        "url": f"{url}.jpg", "smallUrl": f"{url}-s.jpg", "mediumUrl": f"{url}-m.jpg",
        "expirationTimestamp": 4102444800000,
    }  # fmt: skip


def _event() -> dict[str, Any]:
    return {
        "completionTargetValue": 10000.0, "completionTargetUnitType": "distance",
        "customGoalValue": 2700.0, "customGoalUnitType": "time",
    }  # fmt: skip


def _e_bike(is_one: bool) -> dict[str, Any]:
    mode = {"ebikeAssistMode": 2, "ebikeAssistModeName": "TOUR"}
    return {
        "eBikeMaxAssistModes": 4 if is_one else None,
        "eBikeBatteryUsage": 31 if is_one else None,
        "eBikeBatteryRemaining": 64 if is_one else None,
        "eBikeAssistModeInfoDTOList": [mode] if is_one else None,
    }


def _summary(one: Activity) -> dict[str, Any]:
    return {"startTimeLocal": text(one.wall), "startTimeGMT": text(one.start), **measures(one)}


def _split(one: Activity, split: dict[str, Any]) -> dict[str, Any]:
    """Return a split: most measures of the whole, its own distance and time, and more."""
    dice = one.dice("split")
    known = fields("SplitSummary")
    whole = {name: value for name, value in _summary(one).items() if name in known}
    for group in one.sport.measures:
        whole |= dice.draw_all(SPLITS.get(group, {}))
    whole |= {"messageIndex": 0, "totalExerciseReps": 0}
    return whole | {name: value for name, value in split.items() if name in known}


def _dive(dice: Dice) -> dict[str, Any]:
    metres, bar = {"unitKey": "meter"}, {"unitKey": "bar"}
    return {
        "weight": 6.0, "weightUnit": {"unitKey": "kilogram"}, "exposureSuit": "WET_SUIT",
        "suitThickness": 5.0, "visibility": float(dice.whole(5, 25)), "visibilityUnit": metres,
        "surfaceCondition": "CALM", "current": "LIGHT", "entryType": "BOAT",
        "equipments": "COMPUTER", "buddy": "Jo", "totalSurfaceTime": dice.whole(60, 900),
        "diveSettings": {
            "name": "Single-Gas", "model": 0, "gfLow": 40, "gfHigh": 85, "waterType": 1,
            "waterDensity": 1025.0, "ccrLowSetpointSwitchMode": 0, "ccrLowSetpoint": 0.7,
            "ccrLowSetpointDepth": 6.0, "ccrHighSetpointSwitchMode": 0, "ccrHighSetpoint": 1.2,
            "ccrHighSetpointDepth": 20.0,
        },
        "diveGases": [{
            "heliumContent": 0, "oxygenContent": 21, "status": 1, "gasIndex": 0, "volume": 1400.0,
            "volumeUnit": {"unitKey": "liter"}, "tankType": "ALUMINUM",
            "tankStartingPressure": 200.0, "tankStartingPressureUnit": bar,
            "tankEndingPressure": float(dice.whole(50, 110)), "tankEndingPressureUnit": bar,
            "tankSize": 12.0, "tankSizeUnit": {"unitKey": "liter"},
            "sacRate": dice.real(0.8, 1.4, 2), "gasMode": 0,
        }],
    }  # fmt: skip


def _workout(one: Activity, dice: Dice, index: int) -> dict[str, Any]:
    reps = dice.pick(("warmup", "interval", "recovery", "cooldown"))
    return {
        "index": index,
        "workoutName": dice.pick(("Base", "Tempo", "Threshold", "5 x 1 km")),
        "timeCreated": text(one.start.replace(hour=3, minute=0, second=0)),
        "sport": one.sport.key.upper(),
        "manufacturer": "GARMIN",
        "multisportSet": 1 if one.child_ids else None,
        "workoutPhrase": f"{reps.upper()}_PHRASE",
        "steps": [_step(one, dice, n) for n in range(dice.whole(2, 5))],
    }


def _step(one: Activity, dice: Dice, index: int) -> dict[str, Any]:
    lifts = "strength" in one.sport.measures
    return {
        "stepIndex": index, "name": dice.pick(("Main set", None)),
        "intensity": dice.pick(("WARMUP", "ACTIVE", "REST")),
        "durationType": "REPS" if lifts else "TIME", "durationValue": float(60 * dice.whole(2, 20)),
        "targetType": "OPEN" if lifts else "HEART_RATE", "targetValue": dice.pick((2.0, None)),
        "targetValueLow": None if lifts else 120.0, "targetValueHigh": None if lifts else 145.0,
        "notes": dice.pick(("easy", "hold", None)),
        "equipmentType": "BARBELL" if lifts else None,
        "exerciseCategory": "SQUAT" if lifts else None,
        "exerciseName": "BARBELL_BACK_SQUAT" if lifts else None,
        "exerciseWeightValue": float(dice.whole(20, 90)) if lifts else None,
        "weightDisplayUnit": "kilogram" if lifts else None,
    }  # fmt: skip
