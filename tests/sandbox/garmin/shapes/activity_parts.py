"""Parts that rows of the search and details of activities have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.sandbox.garmin.dice import Dice, Draw, single
from tests.sandbox.garmin.measures import measures

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.sandbox.garmin.activities import Activity
    from tests.sandbox.garmin.profile import Profile

EVENTS: Final = {"uncategorized": 9, "race": 1, "training": 4, "fitness": 5, "transportation": 8}
PRIVACY: Final = {"public": 1, "private": 2, "subscribers": 3, "groups": 4}
IMAGES: Final = "https://s3.example.org/garmin-connect/profile"
SPLIT_KINDS: Final = {
    "run": ("INTERVAL_ACTIVE", "RWD_RUN", "RWD_WALK"),
    "snow": ("SURF_ACTIVE", "RUN_ACTIVE"),
    "climbing": ("CLIMB_ACTIVE", "CLIMB_REST"),
    "climb": ("ASCENT_SPLIT", "DESCENT_SPLIT"),
    "game": ("INTERVAL_ACTIVE",),
    "pack": ("INTERVAL_ACTIVE", "INTERVAL_REST"),
    "open": ("INTERVAL_ACTIVE",),
    **dict.fromkeys(
        ("pool", "strength", "dive", "rope", "wheelchair", "e_bike", "multi"), ("INTERVAL_ACTIVE",)
    ),
    "workout": ("INTERVAL_WARMUP", "INTERVAL_ACTIVE", "INTERVAL_COOLDOWN"),
}
"""Kinds of splits, by the group of measures that an activity has."""
SPLITS: Final[Mapping[str, Mapping[str, Draw]]] = {
    "run": {
        "avgStepFrequency": (140, 178, 4), "maxStepFrequency": (179, 230, 0),
        "avgStanceTimePercent": (30, 40, 2),
    },
    "climbing": {
        "numClimbSends": (0, 9, None), "numFalls": (0, 4, None), "maxDuration": (60, 400, 1),
    },
    "snow": {"numFalls": (0, 1, None), "avgDistanceToMaxSpeed": (20, 300, 1)},
    "pack": {"avgPackWeight": (2000, 9000, None), "maxPackWeight": (9000, 15000, None)},
    "game": {
        "gamesWon": (0, 9, None), "avgReactionTime": (0.2, 0.5, 3),
        "minReactionTime": (0.1, 0.2, 3),
    },
}  # fmt: skip
"""Measures that only splits have, named alike in the search and in the detail."""


def activity_type(one: Activity) -> dict[str, Any]:
    """Return the kind of an activity."""
    return {
        "typeId": one.sport.type_id,
        "typeKey": one.sport.key,
        "parentTypeId": one.sport.parent_type_id,
        "isHidden": False,
        "restricted": False,
        "trimmable": True,
    }


def event_type(one: Activity) -> dict[str, Any]:
    """Return the kind of event."""
    return {"typeId": EVENTS.get(one.event_key, 6), "typeKey": one.event_key, "sortOrder": 10}


def privacy(one: Activity) -> dict[str, Any]:
    """Return who may see an activity."""
    return {"typeId": PRIVACY.get(one.privacy, 2), "typeKey": one.privacy}


def images(profile: Profile) -> dict[str, str]:
    """Return the addresses of the owner's picture."""
    return {
        size: f"{IMAGES}/{profile.display_name}-{size.lower()}.png"
        for size in ("Large", "Medium", "Small")
    }


def display_units() -> dict[str, Any]:
    """Return the units that the watch shows."""
    return {
        "distanceDisplayMeasure": "metric",
        "elevationDisplayMeasure": "metric",
        "speedDisplayMeasure": "metric",
        "verticalSpeedDisplayMeasure": "metric",
    }


def laps(one: Activity) -> int:
    """Return the number of laps."""
    return max(1, int(one.distance // 1000) if one.distance else int(one.duration // 900))


def splits(one: Activity) -> list[dict[str, Any]]:
    """Return the splits of an activity, with what the search and the detail both say of them."""
    dice = one.dice("splits")
    kinds = [(group, kind) for group in one.sport.measures for kind in SPLIT_KINDS.get(group, ())]
    return [_split(one, dice, group, kind, 1 / len(kinds)) for group, kind in kinds]


def _split(one: Activity, dice: Dice, group: str, kind: str, share: float) -> dict[str, Any]:
    whole = measures(one)
    found: dict[str, Any] = {
        "splitType": kind,
        "noOfSplits": dice.whole(1, 28),
        "duration": round(one.duration * share, 3),
        "distance": round(one.distance * share, 2),
        "averageSpeed": whole.get("averageSpeed", 0.0),
        "maxSpeed": whole.get("maxSpeed", 0.0),
        "maxElevationGain": single(dice.real(0, 40, 1)),
        "averageElevationGain": single(dice.real(0, 20, 1)),
        "maxDistance": round(one.distance * share),
        "maxDistanceWithPrecision": round(one.distance * share, 2),
        "elevationLoss": single(dice.real(0, 90, 0)),
        "numClimbSends": 0,
        "numFalls": 0,
    }
    found |= {name: dice.draw(how) for name, how in SPLITS.get(group, {}).items()}
    if group == "climbing":
        found |= {"mode": "ADVANCED", "maxGradeValue": {"valueKey": "6a", "scale": "FRENCH"}}
    return found
