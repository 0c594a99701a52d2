"""What a watch measures in an activity, by the names that the activity's detail uses.

Units are those of the detail: metres, seconds, metres a second, watts, kilocalories, milliseconds
of ground contact, centimetres of stride. Numbers come in single precision from the watch, and show
it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from tests.sandbox.garmin.dice import Dice, Draw, single
from tests.sandbox.garmin.profile import place

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.sandbox.garmin.activities import Activity

AEROBIC: Final = ["MAINTAINING_AEROBIC_BASE_7", "IMPROVING_AEROBIC_FITNESS_2", "RECOVERY_5",
                  "MINOR_AEROBIC_BENEFIT_0", "HIGHLY_IMPROVING_AEROBIC_FITNESS_3"]  # fmt: skip
ANAEROBIC: Final = ["NO_ANAEROBIC_BENEFIT_0", "MAINTAINING_ANAEROBIC_BASE_1"]
LABELS: Final = ["AEROBIC_BASE", "RECOVERY", "TEMPO", "LACTATE_THRESHOLD", "VO2MAX"]

GROUPS: Final[Mapping[str, Mapping[str, Draw]]] = {
    "heart": {
        "bmrCalories": (20, 120, 0), "minHR": (72, 100, 0),
        "trainingEffect": (1.0, 4.6, 1), "anaerobicTrainingEffect": (0, 2.4, 1),
        "aerobicTrainingEffectMessage": AEROBIC, "anaerobicTrainingEffectMessage": ANAEROBIC,
        "trainingEffectLabel": LABELS, "activityTrainingLoad": (8, 260, 3),
        "moderateIntensityMinutes": (0, 60, None), "vigorousIntensityMinutes": (0, 90, None),
        "differenceBodyBattery": (-24, -1, None), "waterEstimated": (80, 1900, 0),
    },
    "ground": {
        "elevationGain": (3, 400, 0), "elevationLoss": (3, 400, 0), "minElevation": (2, 90, 1),
        "maxElevation": (95, 480, 1), "avgElevation": (91, 94, 1),
        "minActivityLapDuration": (3, 400, 3),
    },
    "climb": {
        "avgVerticalSpeed": (0, 0.2, 3), "maxVerticalSpeed": (0.3, 1.4, 3),
        "avgElapsedDurationVerticalSpeed": (0, 0.2, 3),
    },
    "run": {
        "averageRunCadence": (140, 178, 4), "maxRunCadence": (179, 230, 0),
        "maxLapAvgRunCadence": (170, 190, 2), "groundContactTime": (210, 320, 1),
        "groundContactBalanceLeft": (48.2, 51.8, 2), "strideLength": (80, 130, 2),
        "verticalOscillation": (6.2, 10.5, 2), "verticalRatio": (6, 10.5, 2),
        "avgGradeAdjustedSpeed": (2, 3.6, 3), "impactLoad": (900, 24000, 0),
        "stepSpeedLoss": (2, 12, 2), "stepSpeedLossPercent": (1, 5, 2),
        "steps": (2000, 14000, None),
        "lactateThresholdHeartRate": (160, 176, 0), "lactateThresholdSpeed": (0.28, 0.38, 4),
    },
    "power": {
        "averagePower": (120, 260, 0), "maxPower": (290, 760, 0), "minPower": (0, 20, 0),
        "normalizedPower": (140, 285, 0), "totalWork": (60, 900, 4),
    },
    "stamina": {
        "beginPotentialStamina": (80, 100, 0), "endPotentialStamina": (40, 79, 0),
        "minAvailableStamina": (10, 79, 0), "recoveryHeartRate": (18, 45, None),
        "directWorkoutFeel": (25, 100, None), "directWorkoutRpe": (10, 90, None),
    },
    "breath": {
        "minRespirationRate": (12, 18, 2), "maxRespirationRate": (35, 50, 2),
        "avgRespirationRate": (22, 34, 2),
    },
    "weather": {
        "averageTemperature": (8, 26, 6), "maxTemperature": (27, 34, 0),
        "minTemperature": (-4, 7, 0),
    },
    "workout": {
        "directWorkoutFeel": (25, 100, None), "directWorkoutRpe": (10, 90, None),
        "directWorkoutComplianceScore": (40, 100, None), "perceivedWorkoutEffort": (10, 90, None),
        "targetDuration": (1200, 3600, 0), "targetDistance": (3000, 15000, 0),
        "targetAverageSpeed": (2.4, 3.4, 3),
    },
    "bike": {
        "averageBikeCadence": (70, 94, 0), "maxBikeCadence": (100, 128, 0),
        "maxPowerTwentyMinutes": (180, 310, 0), "functionalThresholdPower": (220, 280, 0),
        "directFunctionalThresholdPower": (220, 280, 0), "trainingStressScore": (20, 240, 1),
        "intensityFactor": (0.5, 1.02, 3), "surfaceTypeUnpavedPercentage": (0, 60, 1),
        "carbonOffset": (300, 6000, 1),
    },
    "pedals": {
        "leftBalance": (48, 52, 2), "rightBalance": (48, 52, 2),
        "leftTorqueEffectiveness": (70, 85, 1), "rightTorqueEffectiveness": (70, 85, 1),
        "leftPedalSmoothness": (18, 26, 1), "rightPedalSmoothness": (18, 26, 1),
        "standingCount": (0, 30, None), "seatedTime": (1000, 9000, 1), "standingTime": (10, 900, 1),
        "maxSeatedPower": (300, 700, 0), "maxStandingPower": (400, 900, 0),
        "averageSeatedPower": (120, 240, 0), "averageStandingPower": (200, 380, 0),
        "maxSeatedCadence": (100, 125, 0), "maxStandingCadence": (80, 110, 0),
        "averageSeatedCadence": (75, 92, 0), "averageStandingCadence": (55, 75, 0),
        **{f"{side}PowerPhase{part}": (lowest, lowest + 40, 4)
           for side in ("left", "right")
           for part, lowest in (("Start", 5), ("End", 200), ("ArcLength", 190), ("ArcCenter", 90),
                                ("PeakStart", 50), ("PeakEnd", 110), ("PeakArcLength", 50),
                                ("PeakArcCenter", 80))},
        "leftPlatformCenterOffset": (-6, 6, 1), "rightPlatformCenterOffset": (-6, 6, 1),
        "riderPosition": (0, 3, None),
    },
    "fuel": {
        "caloriesEstimated": (200, 1800, 0), "caloriesConsumed": (0, 800, 0),
        "waterConsumed": (0, 1500, 0),
    },
    "trail": {
        "flow": (2, 20, 4), "avgFlow": (2, 20, 4), "grit": (5, 60, 4), "avgGrit": (5, 60, 4),
        "jumpCount": (0, 14, None),
    },
    "e_bike": {"avgEbikeAssistLevelPercent": (20, 80, 1)},
    "solar": {"gainSolarActivityTime": (0, 1800, 0), "avgSolarChargePercent": (0, 70, 1)},
    "swim": {
        "averageSwimCadence": (20, 32, 0), "maxSwimCadence": (33, 46, 0),
        "averageStrokeDistance": (1.6, 2.6, 4), "strokeDistance": (1.6, 2.6, 4),
        "distancePerStroke": (1.6, 2.6, 4), "averageStrokeCadence": (20, 32, 0),
        "strokeCadence": (20, 32, 0), "maxStrokeCadence": (33, 61, 0),
        "averageSWOLF": (36, 60, 0), "minSWOLF": (30, 36, 0),
        "totalNumberOfStrokes": (300, 2400, None),
    },
    "pool": {
        "numberOfActiveLengths": (20, 160, None), "averageStrokes": (9, 16, 1),
        "minimumStrokes": (6, 9, 0),
    },
    "pack": {"beginPackWeight": (2000, 15000, 0), "packWeightCalories": (20, 300, None)},
    "oxygen": {
        "avgSpo2": (90, 97, None), "minSpo2": (82, 90, None), "maxSpo2": (97, 100, None),
    },
    "floors": {"floorsClimbed": (2, 60, 0), "floorsDescended": (2, 60, 0)},
    "strength": {
        "totalExerciseReps": (60, 260, None), "totalReps": (60, 260, None),
        "totalSets": (6, 40, None), "activeSets": (6, 24, None), "maxLapRepCount": (8, 20, None),
        "averageGforce": (0.8, 1.4, 3), "maxGforce": (1.8, 4.2, 3),
    },
    "force": {"avgForce": (0, 60, 1), "maxForce": (70, 180, 1), "normalizedForce": (0, 60, 1)},
    "stress": {
        "avgStress": (12, 60, 3), "startStress": (10, 60, 3), "endStress": (10, 60, 3),
        "differenceStress": (-30, 30, 3), "maxStress": (61, 98, 0),
    },
    "snow": {},
    "climbing": {},
    "open": {},
    "dive": {
        "maxDepth": (8, 30, 2), "averageDepth": (5, 8, 2), "surfaceInterval": (600, 9000, 0),
        "startCns": (0, 4, 0), "endCns": (5, 20, 0), "startN2": (0, 10, 0), "endN2": (11, 40, 0),
        "bottomTime": (900, 2400, 1), "maxBottomTime": (900, 2400, 1),
        "diveAlert": ["ndlReached", "ascentCritical"], "isDecoDive": [True, False],
        "decoDive": [True, False], "diveCount": (1, 3, None),
    },
    "apnea": {
        "longestPoolApneaInterval": (30, 120, 1), "poolApneaBreathHoldDuration": (90, 900, 1),
    },
    "rope": {"avgJumpRopeCadence": (90, 120, 1), "maxJumpRopeCadence": (121, 160, 1)},
    "wheelchair": {"avgWheelchairCadence": (50, 80, 1), "maxWheelchairCadence": (81, 120, 1)},
    "game": {},
    "multi": {"startTimeGMTDoubleValue": (0, 0, 1)},
}  # fmt: skip
"""Values that depend on nothing but the kind of activity."""
LIVING: Final = {"averageHR": (112, 158), "maxHR": (160, 189)}


@lru_cache(maxsize=4096)
def measures(one: Activity) -> Mapping[str, Any]:
    """Return all measures of an activity, without its times."""
    dice = one.dice("measures")
    drawn: dict[str, Any] = {}
    for group in one.sport.measures:
        drawn |= dice.draw_all(GROUPS[group])
    found = {name: _measured(value) for name, value in drawn.items()}
    found |= {name: float(dice.whole(*span)) for name, span in LIVING.items()}
    return found | _moved(one, dice) | _derived(one, found)


def _measured(value: Any) -> Any:
    return single(value) if isinstance(value, float) else value


def _moved(one: Activity, dice: Dice) -> dict[str, Any]:
    """Return distance, times, speeds and places."""
    moving = round(one.duration * dice.real(0.96, 1, 4), 0)
    found: dict[str, Any] = {
        "duration": one.duration,
        "elapsedDuration": one.elapsed,
        "movingDuration": moving,
        "calories": float(round(one.duration / 60 * dice.real(6, 12))),
    }
    if one.distance:
        found |= {
            "distance": one.distance,
            "averageSpeed": single(round(one.distance / one.duration, 3)),
            "averageMovingSpeed": one.distance / moving,
            "maxSpeed": single(round(one.distance / one.duration * dice.real(1.2, 1.9, 3), 3)),
        }
    return found | (_places(one, dice) if one.sport.route else {})


def _places(one: Activity, dice: Dice) -> dict[str, Any]:
    _, latitude, longitude, _ = place(one.zone)
    start = (latitude + dice.real(-0.05, 0.05, 6), longitude + dice.real(-0.05, 0.05, 6))
    return {
        "startLatitude": start[0],
        "startLongitude": start[1],
        "endLatitude": start[0] + dice.real(-0.002, 0.002, 6),
        "endLongitude": start[1] + dice.real(-0.002, 0.002, 6),
    }


def _derived(one: Activity, found: dict[str, Any]) -> dict[str, Any]:
    """Return what follows from other measures or has a form of its own."""
    more: dict[str, Any] = {}
    if "pool" in one.sport.measures:
        more |= {"poolLength": 2500.0, "unitOfPoolLength": {"unitKey": "meter"}}
    if "startTimeGMTDoubleValue" in found:
        more["startTimeGMTDoubleValue"] = one.start.timestamp() * 1000
    return more
