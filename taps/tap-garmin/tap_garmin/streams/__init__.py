"""The streams, a module a family: ranges of days, single days, activities, whole tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from . import daily, ranges
from .activities import Activities
from .details import ActivityDetails, ActivityWorkouts
from .files import ActivityFiles
from .tables import HeartRateZones, UserSettings

if TYPE_CHECKING:
    from .base import GarminStream

__all__ = ["GROUPS", "STREAMS"]

STREAMS: Final[tuple[type[GarminStream], ...]] = (
    Activities,
    ActivityDetails,
    ActivityFiles,
    ActivityWorkouts,
    HeartRateZones,
    UserSettings,
    daily.DailySummariesFlat,
    daily.FitnessAge,
    daily.FoodLog,
    daily.HeartRate,
    daily.HrvReadings,
    daily.MenstrualCycles,
    daily.MenstrualDays,
    daily.Spo2,
    ranges.BodyBattery,
    ranges.DailySummaries,
    ranges.HealthSnapshots,
    ranges.Hrv,
    ranges.Hydration,
    ranges.Sleep,
    ranges.Steps,
    ranges.Stress,
    ranges.WeightEntries,
    ranges.WeightGoals,
)
GROUPS: Final = {
    group: sorted(vars(stream)["name"] for stream in STREAMS if stream.group == group)
    for group in sorted({stream.group for stream in STREAMS if stream.group})
}
"""Streams that are off by default, by group."""
