"""Which JSON file of an account export is which stream: a table.

Garmin documents none of it; names and members are those that exports of many people show. Files
are told by their names, since Garmin moves the folders. Units and names differ from the Personal
API's, and stay as they are: therefore each family is a stream of its own.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from .rows import Row

__all__ = ["FAMILIES", "FIT_STREAMS", "ORIGINALS", "OTHER_FIT", "Family"]

Form = Literal["utc", "date", "epoch_ms"]
ROW: Final = r"(item)?"
"""Where rows stand: in a list, or the whole file is one."""
MONTHS: Final = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
SNAPSHOT: Final = ("_tap_row",)
"""Key of what an export holds once, without an id: the number of the row in its file."""


@dataclass(frozen=True)
class Family:
    """Files of one kind.

    ``file`` matches a whole name; a group ``kind`` in it becomes ``_tap_file``. ``rows`` matches a
    whole path within the file.
    """

    stream: str
    file: str
    key: tuple[str, ...]
    time: tuple[str, Form] | None = None
    """Pointer to a row's time, and its form."""
    rows: str = ROW
    wrapper: str | None = None
    """A list in a row, which then is no row itself, but holds some; there are exports of both."""
    key_of: tuple[str, ...] = ()
    """Pointers to what makes up ``_tap_key``; a row that has none of them is told by a hash."""
    added: Callable[[Row], dict[str, Any]] | None = None
    """Makes further members that begin with ``_tap_``."""

    def holds(self, name: str) -> bool:
        """Tell whether a file is of this family, by its name."""
        return self._match(name) is not None

    def _match(self, name: str) -> re.Match[str] | None:
        """Return how a file's name matches."""
        return re.fullmatch(self.file, name, re.IGNORECASE)

    def records(self, row: Row) -> Iterator[dict[str, Any]]:
        """Yield a row, or those that it wraps, as records."""
        wrapped = row.value.get(self.wrapper) if self.wrapper else None
        if not isinstance(wrapped, list):
            yield self._record(row)
            return
        for number, value in enumerate(wrapped):
            if isinstance(value, dict):
                yield self._record(replace(row, number=number, value=value))

    def _record(self, row: Row) -> dict[str, Any]:
        """Return a row as a record: what it holds, and the members that are added."""
        found = dict(row.value)
        if "_tap_file" in self.key and (name := self._match(row.file)):
            found["_tap_file"] = name["kind"]
        if "_tap_row" in self.key:
            found["_tap_row"] = row.number
        if self.key_of:
            found["_tap_key"] = _key(row.value, self.key_of)
        return found | (self.added(row) if self.added else {})


def _key(value: Mapping[str, Any], pointers: tuple[str, ...]) -> str:
    """Return what tells a row from others, as text."""
    parts = [str(part) for part in (_at(value, one) for one in pointers) if part is not None]
    if parts:
        return "/".join(parts)
    text = json.dumps(value, sort_keys=True, default=str)
    return "#" + hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _at(value: Any, pointer: str) -> Any:
    """Return what stands at a pointer; None if nothing does."""
    for part in pointer[1:].split("/"):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _text_time(row: Row) -> dict[str, Any]:
    """Return the time of a personal record, which is ``Sat Apr 11 16:00:00 GMT 2026``."""
    words = str(row.value.get("prStartTimeGMT")).split()
    try:
        _, month, day, clock, _, year = words
        moment = f"{year}-{MONTHS.index(month) + 1:02}-{int(day):02}T{clock}"
        return {"_tap_start_time": datetime.fromisoformat(moment).isoformat()}
    except ValueError:
        return {}


def _measured_on(row: Row) -> dict[str, Any]:
    """Return the day of a measurement, whose time is text, or a list ``[y, m, d, h, min, ...]``."""
    found = _at(row.value, "/metaData/calendarDate")
    try:
        day = date(*found[:3]) if isinstance(found, list) else date.fromisoformat(str(found)[:10])
    except (TypeError, ValueError):
        return {}
    return {"_tap_date": day.isoformat()}


def _gear(row: Row) -> dict[str, Any]:
    """Return the gear that an activity is listed under."""
    return {"_tap_gear": row.path[-2]}


def _period(stem: str) -> str:
    """Return the pattern of a file of a period: ``stem_20240101_20240410_1234567.json``."""
    return rf"{stem}_.*\.json"


def _named(stem: str) -> str:
    """Return the pattern of a file whose name ends so: ``1234567_stem.json``."""
    return rf"(.*_)?{stem}\.json"


def _within(member: str) -> str:
    """Return where the rows of a list stand that is a member of the file, or of its only item."""
    return rf"(item/)?{member}/item"


DAY: Final = ("/calendarDate", "date")
"""A day, as text."""
MEASURED: Final = ("/calendarDate", "/timestamp", "/deviceId", "/sport", "/subSport")
"""What tells the values of a day apart: a device works them out anew, several times a day."""

FAMILIES: Final[tuple[Family, ...]] = (
    # DI-Connect-Fitness
    Family(
        "export_activities",
        _named("summarizedActivities"),
        ("activityId",),
        ("/beginTimestamp", "epoch_ms"),
        _within("summarizedActivitiesExport"),
    ),
    Family(
        "export_personal_records",
        _named("personalRecord"),
        ("personalRecordId",),
        ("/_tap_start_time", "utc"),
        wrapper="personalRecords",
        added=_text_time,
    ),
    Family("export_gear", _named("gear"), ("gearPk",), None, _within("gearDTOS")),
    Family(
        "export_gear_activities",
        _named("gear"),
        ("_tap_gear", "activityId"),
        None,
        r"(item/)?gearActivityDTOs/[^/]+/item",
        added=_gear,
    ),
    Family(
        "export_workouts",
        _named("workouts?"),
        ("_tap_key",),
        key_of=("/workoutId",),
    ),
    # DI-Connect-Aggregator
    Family("export_daily_summaries", _period("UDSFile"), ("calendarDate",), DAY),
    Family(
        "export_hydration",
        _period("HydrationLogFile"),
        ("_tap_key",),
        DAY,
        key_of=("/uuid/uuid",),
    ),
    # DI-Connect-Wellness
    Family(
        "export_sleep",
        _named("sleepData"),
        ("_tap_key",),  # some rows have no date
        ("/sleepEndTimestampGMT", "utc"),
        key_of=("/calendarDate",),
    ),
    Family("export_health_status", _named("healthStatusData"), ("calendarDate",), DAY),
    Family(
        "export_fitness_age",
        _named("fitnessAgeData"),
        ("_tap_key",),
        ("/asOfDateGmt", "utc"),
        key_of=("/asOfDateGmt", "/createTimestamp"),
    ),
    Family(
        "export_biometrics",
        _named("userBioMetrics"),
        ("_tap_key",),
        ("/_tap_date", "date"),
        key_of=("/metaData/calendarDate", "/metaData/sequence"),
        added=_measured_on,
    ),
    Family("export_biometrics_current", _named("bioMetrics_latest"), SNAPSHOT),
    Family("export_biometrics_profile", _named("userBioMetricProfileData"), SNAPSHOT),
    Family("export_heart_rate_zones", _named("heartRateZones"), ("sport",)),
    Family("export_power_zones", _named("powerZones"), ("sport",)),
    Family(
        "export_blood_pressure",
        _period("BloodPressureFile"),
        ("_tap_key",),
        ("/_tap_date", "date"),
        key_of=("/metaData/sequence",),
        added=_measured_on,
    ),
    # DI-Connect-Metrics
    Family(
        "export_acute_training_load",
        _period("MetricsAcuteTrainingLoad"),
        ("_tap_key",),
        ("/timestamp", "epoch_ms"),
        key_of=MEASURED,
    ),
    Family(
        "export_training_readiness",
        _period("TrainingReadinessDTO"),
        ("_tap_key",),
        ("/timestamp", "utc"),
        key_of=MEASURED,
    ),
    Family(
        "export_max_met",
        _period("MetricsMaxMetData"),
        ("_tap_key",),
        DAY,
        key_of=(*MEASURED, "/updateTimestamp"),
    ),
    Family(
        "export_activity_vo2max",
        _period("ActivityVo2Max"),
        ("_tap_key",),
        DAY,
        key_of=("/activityId", *MEASURED),
    ),
    Family(
        "export_race_predictions",
        _period("RunRacePredictions"),
        ("_tap_key",),
        ("/timestamp", "utc"),
        key_of=MEASURED,
    ),
    Family(
        "export_training_history",
        _period("TrainingHistory"),
        ("_tap_key",),
        ("/timestamp", "utc"),
        key_of=MEASURED,
    ),
    Family(
        "export_endurance_score",
        _period("EnduranceScore"),
        ("_tap_key",),
        ("/calendarDate", "epoch_ms"),
        key_of=MEASURED,
    ),
    Family(
        "export_hill_score",
        _period("HillScore"),
        ("_tap_key",),
        ("/calendarDate", "epoch_ms"),
        key_of=MEASURED,
    ),
    # DI-GOLF, DI-Connect-User
    Family(
        "export_golf",
        r"golf-(?P<kind>.*)\.json",
        ("_tap_file", "_tap_key"),
        wrapper="data",
        key_of=("/id",),
    ),
    Family(
        "export_profile",
        r"(.*[_-])?(?P<kind>user_profile|user_settings|social-profile)\.json",
        ("_tap_file",),
    ),
)

FIT_STREAMS: Final[Mapping[str | int | None, str]] = {
    "activity": "export_activity_files",
    "monitoring_a": "export_monitoring_files",
    "monitoring_b": "export_monitoring_files",
    "monitoring_daily": "export_monitoring_files",
    44: "export_metrics_files",
    49: "export_sleep_files",
}
"""Streams of FIT files, by the type that a file gives itself; two have no name in the profile."""
OTHER_FIT: Final = "export_other_files"
"""Stream of FIT files of all other types: settings, courses, workouts, what is damaged."""
ORIGINALS: Final = (".gpx", ".tcx")
"""Endings of other files that a person may have uploaded as an activity."""
