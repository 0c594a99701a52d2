"""Rows of the activity search: 230 members, of which each kind of activity has some."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from tests.sandbox.garmin.dice import Draw, single
from tests.sandbox.garmin.fields import with_nulls
from tests.sandbox.garmin.forms import ms, spaced, words
from tests.sandbox.garmin.measures import measures
from tests.sandbox.garmin.profile import place
from tests.sandbox.garmin.shapes import activity_parts as parts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.sandbox.garmin.account import Account
    from tests.sandbox.garmin.activities import Activity
    from tests.sandbox.garmin.dice import Dice

NAMES: Final = {
    "averageRunningCadenceInStepsPerMinute": "averageRunCadence",
    "maxRunningCadenceInStepsPerMinute": "maxRunCadence",
    "averageBikingCadenceInRevPerMinute": "averageBikeCadence",
    "maxBikingCadenceInRevPerMinute": "maxBikeCadence",
    "averageSwimCadenceInStrokesPerMinute": "averageSwimCadence",
    "maxSwimCadenceInStrokesPerMinute": "maxSwimCadence",
    "averageSwolf": "averageSWOLF",
    "activeLengths": "numberOfActiveLengths",
    "avgPower": "averagePower",
    "normPower": "normalizedPower",
    "aerobicTrainingEffect": "trainingEffect",
    "max20MinPower": "maxPowerTwentyMinutes",
    "avgLeftBalance": "leftBalance",
    "avgVerticalOscillation": "verticalOscillation",
    "avgGroundContactTime": "groundContactTime",
    "avgGroundContactBalance": "groundContactBalanceLeft",
    "avgStrideLength": "strideLength",
    "avgVerticalRatio": "verticalRatio",
    "lactateThresholdBpm": "lactateThresholdHeartRate",
    "getlactateThresholdSpeed": "lactateThresholdSpeed",
    "maxFtp": "functionalThresholdPower",
    "strokes": "totalNumberOfStrokes",
    "avgStrokeCadence": "averageStrokeCadence",
    "avgStrokes": "averageStrokes",
    "minStrokes": "minimumStrokes",
    "avgStepSpeedLoss": "stepSpeedLoss",
    "avgStepSpeedLossPercent": "stepSpeedLossPercent",
    "avgSeatedPower": "averageSeatedPower",
    "avgStandingPower": "averageStandingPower",
}
"""Measures that the search calls otherwise than the detail."""
SCALED: Final = {
    "avgStrokeDistance": ("averageStrokeDistance", 100.0),
    "maxDepth": ("maxDepth", 100.0),
    "avgDepth": ("averageDepth", 100.0),
    "surfaceInterval": ("surfaceInterval", 1000.0),
}
"""Measures in other units: centimetres and milliseconds."""
ONLY_DETAIL: Final = frozenset(
    words(
        "minHR averageMovingSpeed averageTemperature minPower totalWork standingCount "
        "startTimeGMTDoubleValue strokeDistance distancePerStroke strokeCadence minSWOLF "
        "directFunctionalThresholdPower totalExerciseReps maxLapRepCount averageGforce maxGforce "
        "diveAlert perceivedWorkoutEffort directWorkoutFeel directWorkoutRpe targetDuration "
        "directWorkoutComplianceScore targetDistance targetAverageSpeed recoveryHeartRate "
        "beginPotentialStamina endPotentialStamina minAvailableStamina gainSolarActivityTime "
        "avgSolarChargePercent avgEbikeAssistLevelPercent avgElapsedDurationVerticalSpeed "
        "surfaceTypeUnpavedPercentage riderPosition avgSpo2 minSpo2 maxSpo2 "
        "leftTorqueEffectiveness "
        "rightTorqueEffectiveness leftPedalSmoothness rightPedalSmoothness maxSeatedCadence "
        "maxStandingCadence averageSeatedCadence averageStandingCadence"
    )
)
DETAIL_NAMES: Final = ONLY_DETAIL | {
    name for name in (*NAMES.values(), *(old for old, _ in SCALED.values()))
    if name not in {"leftBalance", "maxDepth", "surfaceInterval"}
}  # fmt: skip
EXTRA: Final[Mapping[str, Mapping[str, Draw]]] = {
    "run": {
        "vO2MaxValue": (42, 56, 0), "avgDoubleCadence": (140, 178, 4),
        "maxDoubleCadence": (179, 230, 0), "avgFractionalCadence": (0, 0.9, 4),
        "maxFractionalCadence": (0, 0.9, 4),
    },
    "bike": {"excludeFromPowerCurveReports": [False, False, True]},
    "dive": {"diveNumber": (1, 60, None), "qualifyingDive": [True]},
}  # fmt: skip
SPLITS: Final[Mapping[str, Mapping[str, Draw]]] = {
    "run": {
        "avgStepLength": (0.7, 1.2, 3), "verticalRatio": (6, 10.5, 2),
        "verticalOscillation": (6.2, 10.5, 2), "avgGroundContactBalanceLeft": (48, 52, 2),
        "avgGroundContactTime": (210, 320, 1),
    },
    "game": {
        "avgStress": (20, 60, 1), "avgStressWin": (20, 60, 1), "avgStressLoss": (20, 60, 1),
        "avgStressDraw": (20, 60, 1), "gamesNotWon": (0, 9, None), "gamesAverageWon": (0, 1, 2),
    },
}  # fmt: skip
"""Measures of splits that the detail does not have."""
BEST: Final = {
    "run": (100, 400, 1000, 1609, 5000, 10000, 21098, 42195),
    "bike": (40000,),
    "swim": (91, 457, 914, 750, 1500, 1508),
}
"""Distances (m) of which the best times are given, by group of measures."""
POWER_CURVE: Final = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 18000)
"""Seconds of which the best mean power is given."""


def search_row(account: Account, one: Activity) -> dict[str, Any]:
    """Return the row of one activity; members without a value are left out."""
    row = _identity(one) | _owner(account) | _flags(one) | _measures(one)
    return with_nulls("SummarizedActivity", row) if account.quirks.null_members else row


def _identity(one: Activity) -> dict[str, Any]:
    found: dict[str, Any] = {
        "activityId": one.id,
        "activityName": one.name,
        "startTimeLocal": spaced(one.wall),
        "startTimeGMT": spaced(one.start),
        "endTimeGMT": spaced(one.end),
        "beginTimestamp": ms(one.start),
        "activityType": parts.activity_type(one),
        "eventType": parts.event_type(one),
        "privacy": parts.privacy(one),
        "sportTypeId": one.sport.sport_type_id,
        "activityUUID": one.dice("uuid").uuid(),
        "locationName": place(one.zone)[0],
        "manufacturer": "GARMIN",
        "lapCount": parts.laps(one),
        "deviceDisplayUnitsDTO": parts.display_units(),
    }
    optional = {"description": one.description, "parentId": one.parent_id}
    return found | {name: value for name, value in optional.items() if value is not None}


def _owner(account: Account) -> dict[str, Any]:
    profile = account.profile
    pictures = {f"ownerProfileImageUrl{size}": url for size, url in parts.images(profile).items()}
    return {
        "ownerId": profile.pk,
        "ownerDisplayName": profile.display_name,
        "ownerFullName": profile.full_name,
        **pictures,
    }


def _flags(one: Activity) -> dict[str, Any]:
    dice = one.dice("flags")
    record = dice.chance(0.03)
    twice = {
        "favorite": one.favorite, "pr": record, "parent": bool(one.child_ids),
        "autoCalcCalories": False, "elevationCorrected": dice.chance(0.05),
        "manualActivity": dice.chance(0.01), "decoDive": False,
    }  # fmt: skip
    names = {"pr": "isPR", "decoDive": "isDecoDive"}
    again = {
        names.get(name, f"is{name[0].upper()}{name[1:]}"): value for name, value in twice.items()
    }
    return {
        **again, **twice,
        "hasPolyline": one.sport.route, "hasImages": False, "hasVideo": False,
        "hasSeedFirstbeatProfile": False, "qualifyingDive": False,
        **_social(dice),
    }  # fmt: skip


def _social(dice: Dice) -> dict[str, Any]:
    """Return what friends did: seldom anything."""
    if not dice.chance(0.02):
        return {"summarizedDiveInfo": {"summarizedDiveGases": []}}
    friend = {"userProfilePk": 1, "displayname": "friend", "fullname": "A Friend", "userPro": False,
              **{f"profileImageUrl{size}": "https://s3.example.org/f.png"
                 for size in ("Large", "Medium", "Small")}}  # fmt: skip
    return {
        "numberOfActivityLikes": 1, "numberOfActivityComments": 1,
        "likedByUser": False, "commentedByUser": False,
        "activityLikeDisplayNames": ["friend"], "activityLikeFullNames": ["A Friend"],
        "activityLikeProfileImageUrls": ["https://s3.example.org/f.png"],
        "activityLikeAuthors": [friend], "requestorRelationship": "SELF",
        "comments": [_comment(dice, friend)],
    }  # fmt: skip


def _comment(dice: Dice, friend: dict[str, Any]) -> dict[str, Any]:
    return {
        "conversationCommentUuid": dice.uuid(), "conversationCommentPk": dice.whole(1, 10**6),
        "conversationUuid": dice.uuid(), "activityCommentPk": dice.whole(1, 10**6),
        "authorSocProfilePk": 1, "authorUserProfilePk": 1, "authorDisplayName": "friend",
        "authorFullName": "A Friend", "authorImageUrl": "https://s3.example.org/f.png",
        "body": "Chapeau!", "activityId": 0, "activityCommentLikeCount": 1,
        "requestorCanEdit": False, "requestorCanDelete": True, "authorPro": False,
        "createDate": "2026-01-01T10:00:00.0", "lastUpdatedDate": "2026-01-01T10:00:00.0",
        "activityCommentLikedByUser": False, "activityCommentLikeDisplayNames": ["friend"],
        "activityCommentLikeFullNames": ["A Friend"], "groupPk": dice.whole(1, 10**6),
        "activityCommentLikeAuthors": [friend],
    }  # fmt: skip


def _measures(one: Activity) -> dict[str, Any]:
    whole, dice = measures(one), one.dice("row")
    found = {name: value for name, value in whole.items() if not _in_detail_only(name)}
    found |= {name: whole[old] for name, old in NAMES.items() if old in whole}
    found |= {name: whole[old] * by for name, (old, by) in SCALED.items() if old in whole}
    for name in ("distance", "duration", "elapsedDuration"):
        if name in found:
            found[name] = single(found[name])
    if "strokes" in found:
        found["strokes"] = float(found["strokes"])
    for group in one.sport.measures:
        found |= dice.draw_all(EXTRA.get(group, {}))
    found |= _zones(one, dice) | _bests(one, dice) | _sets(one, dice) | _rare(one, dice)
    return found | {"splitSummaries": [_minimal(one, split) for split in parts.splits(one)]}


@cache
def _in_detail_only(name: str) -> bool:
    return name in DETAIL_NAMES or "PowerPhase" in name or name.endswith("CenterOffset")


def _zones(one: Activity, dice: Dice) -> dict[str, float]:
    """Return seconds in zones of heart rate and of power."""
    found = {
        f"hrTimeInZone_{n}": round(one.duration * dice.real(0, 0.3, 4), 3) for n in range(1, 6)
    }
    if "power" in one.sport.measures:
        found |= {
            f"powerTimeInZone_{n}": round(one.duration * dice.real(0, 0.2, 4), 3)
            for n in range(1, 8)
        }
    return found


def _bests(one: Activity, dice: Dice) -> dict[str, float]:
    """Return best times over distances and best power over times, as far as the activity goes."""
    found: dict[str, float] = {}
    for group in one.sport.measures:
        for metres in BEST.get(group, ()):
            if metres <= one.distance:
                pace = one.duration / one.distance
                found[f"fastestSplit_{metres}"] = single(metres * pace * dice.real(0.85, 0.99, 4))
    if "pedals" in one.sport.measures:
        found |= {f"maxAvgPower_{s}": 900 - 12 * n * n // 4 for n, s in enumerate(POWER_CURVE)
                  if s <= one.duration}  # fmt: skip
    return found


def _sets(one: Activity, dice: Dice) -> dict[str, Any]:
    if "strength" not in one.sport.measures:
        return {}
    names = (("BENCH_PRESS", "BARBELL_BENCH_PRESS"), ("SQUAT", "BARBELL_BACK_SQUAT"))
    return {"summarizedExerciseSets": [
        {
            "category": category, "subCategory": kind, "reps": dice.whole(10, 60),
            "volume": 1000 * dice.whole(300, 4000), "duration": float(dice.whole(60, 400) * 1000),
            "sets": dice.whole(2, 6), "maxWeight": 1000 * dice.whole(20, 110),
            "peakPower": dice.real(200, 700, 1), "concentricMeanVelocity": dice.real(300, 900, 1),
        }
        for category, kind in names
    ]}  # fmt: skip


def _rare(one: Activity, dice: Dice) -> dict[str, Any]:
    """Return members of single kinds of activities."""
    groups = one.sport.measures
    found: dict[str, Any] = {}
    if "game" in groups:
        found |= {"gameName": "Racer", "gameType": "GENERIC_PLACEMENT_RESULT"}
    if "dive" in groups:
        found["summarizedDiveInfo"] = dive_info(dice)
    if "pack" in groups and dice.chance(0.1):
        found["multiDayActivityUUIDs"] = [dice.uuid()]
    if one.event_key == "race":
        found["videoUrl"] = "https://video.example.org/race"
    return found


def dive_info(dice: Dice) -> dict[str, Any]:
    """Return what the search says of a dive."""
    return {
        "weight": float(dice.whole(4, 9)), "weightUnit": {"unitKey": "kilogram"},
        "visibility": float(dice.whole(5, 25)), "visibilityUnit": {"unitKey": "meter"},
        "surfaceCondition": "CALM", "current": "LIGHT", "waterType": 1, "waterDensity": 1025.0,
        "summarizedDiveGases": [
            {"heliumContent": 0, "oxygenContent": 21, "gasIndex": 0, "gasMode": 0}
        ],
        "totalSurfaceTime": dice.whole(60, 900),
    }  # fmt: skip


def _minimal(one: Activity, split: dict[str, Any]) -> dict[str, Any]:
    """Return a split as the search has it: its distances and speeds are single precision."""
    dice = one.dice("minimal")
    for group in one.sport.measures:
        split |= dice.draw_all(SPLITS.get(group, {}))
    found = dict(split, totalAscent=single(split["averageElevationGain"] * split["noOfSplits"]))
    return found | {"distance": single(split["distance"]), "duration": single(split["duration"])}
