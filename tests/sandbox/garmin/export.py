"""The account export: what Garmin sends to a person who asks for all their data.

A ZIP archive of JSON files by folder, and in it ZIP archives of thousands of FIT files. Nothing of
it is published; names, shapes and units are those that exports of many people show. Units and names
differ from the API's: centimetres, milliseconds, kilojoules, other names.
"""

from __future__ import annotations

import json
import zipfile
from datetime import date, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from tests.sandbox.garmin.dice import Dice
from tests.sandbox.garmin.files import fit
from tests.sandbox.garmin.forms import ms, text
from tests.sandbox.garmin.measures import measures
from tests.sandbox.garmin.wellness import wellness_files
from tests.sandbox.garmin.zones import ONE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from tests.sandbox.garmin.account import Account
    from tests.sandbox.garmin.activities import Activity
    from tests.sandbox.garmin.days import DayFacts

Row = dict[str, Any]

PERIOD: Final = 100
"""Days of a file; the last one comes again in the next file."""
OF_ACTIVITIES: Final = 1000
OF_ORIGINALS: Final = 1000
"""Files of an archive of originals."""
ROOT: Final = "DI_CONNECT"
FITNESS, WELLNESS, METRICS, AGGREGATOR = (
    f"{ROOT}/DI-Connect-{name}" for name in ("Fitness", "Wellness", "Metrics", "Aggregator")
)
UPLOADED: Final = f"{ROOT}/DI-Connect-Uploaded-Files"
KILOJOULES: Final = 4.19
SEVERAL: Final = (6, 18)
"""Hours at which a watch works its metrics out anew."""


class Export:
    """The export that an account would get now: its JSON files, and its FIT files.

    Args:
        account: Whose.
        last: The last day that it holds; the account's today without it.
    """

    def __init__(self, account: Account, last: date | None = None) -> None:
        """Make nothing yet."""
        self._account, self._pk = account, account.profile.pk
        self._mail = account.profile.full_name.split()[0].lower() + "@example.org"
        self._last = last or account.today

    def tables(self) -> Iterator[tuple[str, Any]]:
        """Yield path and content of each JSON file."""
        yield from self._activities()
        yield from self._fitness()
        yield from self._days()
        yield from self._body()
        for first, last in self._periods():
            yield from self._metrics(first, last)
        yield from self._person()

    def originals(self) -> Iterator[tuple[str, bytes]]:
        """Yield name and content of each FIT file, by day."""
        for day in self._all_days():
            for one in self._account.on(day):
                yield f"{self._mail}_{one.id}.fit", fit(self._account, one)
            for name, data in wellness_files(self._account, day):
                yield f"{self._mail}_{name}", data

    def rows(self) -> dict[str, list[Row]]:
        """Return all rows by the stem of their file's name, as they stand in the files."""
        found: dict[str, list[Row]] = {}
        for path, content in self.tables():
            parts = path.rpartition("/")[2].removesuffix(".json").split("_")
            words = [part for part in parts if part[0].isalpha() and "@" not in part]
            stem = next((word for word in reversed(words) if word != "latest"), "profile")
            found.setdefault(stem, []).extend(_rows(content))
        return found

    # What it holds

    def _all_days(self) -> Iterator[date]:
        """Yield the days, the first one first."""
        day = self._account.first_day
        while day <= self._last:
            yield day
            day += ONE

    def _periods(self) -> Iterator[tuple[date, date]]:
        """Yield first and last day of each file; neighbours share a day."""
        first = self._account.first_day
        while first <= self._last:
            yield first, min(first + timedelta(days=PERIOD), self._last)
            first += timedelta(days=PERIOD)

    def _facts(self, first: date, last: date) -> Iterator[DayFacts]:
        for number in range((last - first).days + 1):
            if (facts := self._account.day(first + number * ONE)) is not None:
                yield facts

    def _activities(self) -> Iterator[tuple[str, Any]]:
        all_of = [one for one in self._account.activities() if one.day <= self._last]
        for start in range(0, max(len(all_of), 1), OF_ACTIVITIES):
            some = [self._activity(one) for one in all_of[start : start + OF_ACTIVITIES]]
            number = start // OF_ACTIVITIES * (OF_ACTIVITIES + 1)
            path = f"{FITNESS}/{self._mail}_{number}_summarizedActivities.json"
            yield path, [{"summarizedActivitiesExport": some}]

    def _activity(self, one: Activity) -> Row:
        whole = measures(one)
        found = {
            "activityId": one.id, "uuidMsb": one.id * 31, "name": one.name,
            "activityType": one.type_key, "userProfileId": self._pk, "timeZoneId": 124,
            "beginTimestamp": ms(one.start), "eventTypeId": 9,
            "startTimeGmt": float(ms(one.start)), "startTimeLocal": float(ms(one.wall)),
            "duration": one.duration * 1000, "elapsedDuration": one.elapsed * 1000,
            "movingDuration": one.duration * 990, "distance": one.distance * 100,
            "avgSpeed": one.distance / one.elapsed / 10, "avgHr": whole["averageHR"],
            "maxHr": whole["maxHR"], "calories": whole["calories"] * KILOJOULES,
            "lapCount": 1, "favorite": one.favorite, "pr": False, "decoDive": False,
            "parent": False, "elevationCorrected": False, "purposeful": False,
        }  # fmt: skip
        return found | {f"hrTimeInZone_{zone}": 60000.0 * zone for zone in range(6)}

    def _fitness(self) -> Iterator[tuple[str, Any]]:
        runs = list(islice((one for one in self._account.activities() if one.distance), 3))
        records = [
            {
                "personalRecordId": 4_000_000 + number, "activityId": one.id,
                "personalRecordType": "Best 1km Run", "value": 250.5 + number,
                "prStartTimeGMT": f"{one.start:%a %b %d %H:%M:%S} GMT {one.start:%Y}",
                "createdDate": f"{one.uploaded:%a %b %d %H:%M:%S} GMT {one.uploaded:%Y}",
                "current": True, "confirmed": True,
            }
            for number, one in enumerate(runs)
        ]  # fmt: skip
        gear = {"gearPk": 777, "uuid": "f00d", "displayName": "Shoes", "maximumMeters": 800000.0}
        used = [{"activityId": one.id, "gearPk": 777} for one in runs]
        stem = f"{FITNESS}/{self._mail}"
        yield f"{stem}_personalRecord.json", [{"personalRecords": records}]
        yield f"{stem}_gear.json", [{"gearDTOS": [gear], "gearActivityDTOs": {"777": used}}]
        yield f"{stem}_workout.json", [{"workoutId": 5, "workoutName": "Hills"}]

    def _days(self) -> Iterator[tuple[str, Any]]:
        for first, last in self._periods():
            facts = list(self._facts(first, last))
            uds = [self._day(one) for one in facts]
            drinks = [self._drink(one) for one in facts if one.totals.drunk]
            yield f"{AGGREGATOR}/UDSFile_{first}_{last}.json", uds
            yield f"{AGGREGATOR}/HydrationLogFile_{first}_{last}.json", drinks
            stem = f"{WELLNESS}/{first}_{last}_{self._pk}"
            yield f"{stem}_sleepData.json", list(self._nights(first, last))
            yield f"{stem}_healthStatusData.json", [self._health(one) for one in facts]

    def _day(self, facts: DayFacts) -> Row:
        levels, totals = facts.levels, facts.totals
        stress = [
            {"type": kind, "averageStressLevel": level, "stressDuration": 60 * level}
            for kind, level in (("TOTAL", levels.stress), ("AWAKE", levels.stress), ("ASLEEP", -1))
        ]
        return {
            "userProfilePK": self._pk, "calendarDate": str(facts.date),
            "uuid": {"uuid": facts.uuid}, "totalSteps": totals.steps,
            "dailyStepGoal": totals.step_goal,
            "totalDistanceMeters": totals.distance, "activeKilocalories": float(totals.active_kcal),
            "wellnessStartTimeGmt": text(facts.span.start),
            "restingHeartRate": levels.resting_hr + 1,
            "currentDayRestingHeartRate": levels.resting_hr,
            "minHeartRate": levels.min_hr, "maxHeartRate": levels.max_hr,
            "allDayStress": {"userProfilePK": self._pk, "aggregatorList": stress},
            "bodyBattery": {
                "chargedValue": 40, "drainedValue": 44,
                "bodyBatteryStatList": [
                    {"bodyBatteryStatType": "HIGHEST", "statsValue": levels.battery_wake},
                    {"bodyBatteryStatType": "LOWEST", "statsValue": levels.battery_end},
                ],
            },
            "respiration": {"avgWakingRespirationValue": float(levels.breath)},
            "hydration": {"valueInML": totals.drunk, "goalInML": totals.drink_goal},
        }  # fmt: skip

    def _drink(self, facts: DayFacts) -> Row:
        return {
            "userProfilePK": self._pk, "calendarDate": str(facts.date),
            "timestampLocal": f"{facts.date}T12:00:00.0",
            "persistedTimestampGMT": text(facts.span.until), "hydrationSource": "GARMIN_GCM",
            "valueInML": float(facts.totals.drunk), "capped": False,
            "uuid": {"uuid": f"drink-{facts.uuid}"},
        }  # fmt: skip

    def _nights(self, first: date, last: date) -> Iterator[Row]:
        yield {"retro": False}  # a row without a date, as there are some
        for number in range((last - first).days + 1):
            if (night := self._account.night(first + number * ONE)) is not None:
                yield {
                    "sleepStartTimestampGMT": text(night.start),
                    "sleepEndTimestampGMT": text(night.end), "calendarDate": str(night.date),
                    "sleepWindowConfirmationType": night.confirmation.upper(),
                    "deepSleepSeconds": night.deep, "lightSleepSeconds": night.light,
                    "remSleepSeconds": night.rem, "awakeSleepSeconds": night.awake,
                    "unmeasurableSeconds": night.unmeasurable, "retro": False,
                    "averageRespiration": float(night.breath), "avgSleepStress": night.stress,
                    "sleepScores": {"overallScore": night.score},
                    "spo2SleepSummary": {"averageSPO2": float(night.spo2)}, "napList": [],
                }  # fmt: skip

    def _health(self, facts: DayFacts) -> Row:
        values = {"HRV": self._account.profile.hrv, "HR": facts.levels.resting_hr}
        metrics = [
            {"type": kind, "value": float(value), "baselineLowerLimit": value - 5.5,
             "baselineUpperLimit": value + 5.25, "status": "IN_RANGE", "percentage": 51.0}
            for kind, value in values.items()
        ]  # fmt: skip
        return {
            "calendarDate": str(facts.date), "metrics": [*metrics, {"type": "SKIN_TEMP_C"}],
            "createTimestampUTC": text(facts.span.until),
            "updateTimestampUTC": text(facts.span.until), "outliersCount": 0,
        }  # fmt: skip

    def _body(self) -> Iterator[tuple[str, Any]]:
        stem, profile = f"{WELLNESS}/{self._pk}", self._account.profile
        zones = {"trainingMethod": "HR_MAX", "maxHeartRateUsed": profile.max_hr, "zone1Floor": 90}
        weighed = self._account.weigh_ins(self._account.first_day, self._last)
        yield f"{stem}_userBioMetrics.json", [
            {
                "metaData": {
                    "userProfilePK": self._pk, "calendarDate": f"{one.day}T00:00:00.0",
                    "sequence": one.sample_pk,
                },
                "version": one.sample_pk, "height": profile.height * 100,
                "weight": {"weight": one.grams, "timestampGMT": text(one.at)},
            }
            for one in weighed
        ]  # fmt: skip
        latest = {"lactateThresholdHeartRate": 171, "lactateThresholdSpeed": 0.325}
        yield f"{stem}_bioMetrics_latest.json", [latest]
        yield f"{stem}_userBioMetricProfileData.json", [{"userProfilePK": self._pk, "weight": 7e4}]
        yield f"{stem}_heartRateZones.json", [zones | {"sport": "DEFAULT"}]
        yield f"{stem}_powerZones.json", [{"sport": "CYCLING", "functionalThresholdPower": 250.0}]
        yield f"{stem}_fitnessAgeData.json", [
            {"asOfDateGmt": f"{first}T00:00:00.0", "createTimestamp": f"{first}T05:00:00.0",
             "chronologicalAge": 40, "currentBioAge": 35.5, "bmi": 22.4, "biometricVo2Max": 48.75}
            for first, _ in self._periods()
        ]  # fmt: skip
        for number, (first, last) in enumerate(self._periods()):
            yield (
                f"{WELLNESS}/BloodPressureFile_{first}_{last}.json",
                [self._pressure(first, number)],
            )

    def _pressure(self, day: date, number: int) -> Row:
        at = datetime.combine(day, datetime.min.time()) + timedelta(hours=8, minutes=58)
        # Some exports have the time as text, others as a list.
        written = [*at.timetuple()[:6], 806000000] if number % 2 else text(at)
        meta = {"userProfilePK": self._pk, "calendarDate": written, "sequence": ms(at)}
        return {
            "version": ms(at), "metaData": meta, "biometricSourceType": 2,
            "bloodPressure": {"systolic": 117, "diastolic": 72, "pulse": 61},
        }  # fmt: skip

    def _metrics(self, first: date, last: date) -> Iterator[tuple[str, Any]]:
        for stem, make in MEASURED.items():
            path = f"{METRICS}/{stem}_{first:%Y%m%d}_{last:%Y%m%d}_{self._pk}.json"
            days = [facts.date for facts in self._facts(first, last)]
            yield path, [row for day in days for row in self._measured(day, make)]
        vo2max = [
            {"userProfilePK": self._pk, "activityId": one.id, "calendarDate": str(one.day),
             "sport": "RUNNING", "vo2MaxValue": 48.5, "timestampGmt": text(one.end)}
            for day in (facts.date for facts in self._facts(first, last))
            for one in self._account.on(day)
        ]  # fmt: skip
        yield f"{METRICS}/ActivityVo2Max_{first:%Y%m%d}_{last:%Y%m%d}_{self._pk}.json", vo2max

    def _measured(self, day: date, make: Callable[[date, datetime], Row]) -> Iterator[Row]:
        """Yield a day's values: they are worked out twice."""
        base = {"userProfilePK": self._pk, "deviceId": self._account.profile.device(day).id}
        dice = Dice(self._account.seed, "metrics", day)
        for hour in SEVERAL:
            at = self._account.zones.start(day) + timedelta(hours=hour, seconds=dice.whole(0, 99))
            yield base | make(day, at)

    def _person(self) -> Iterator[tuple[str, Any]]:
        names = dict(
            zip(("firstName", "lastName"), self._account.profile.full_name.split(), strict=True)
        )
        yield f"{ROOT}/DI-Connect-User/user_profile.json", names | {"emailAddress": self._mail}
        yield f"{ROOT}/DI-Connect-User/{self._mail}-social-profile.json", {"displayName": "me"}
        yield f"{ROOT}/DI-GOLF/Golf-SCORECARD.json", {"data": [{"id": 9, "strokes": 88}]}


def _midnight(day: date) -> int:
    return ms(datetime.combine(day, datetime.min.time()))


MEASURED: Final[dict[str, Callable[[date, datetime], Row]]] = {
    "MetricsAcuteTrainingLoad": lambda day, at: {
        "calendarDate": _midnight(day), "timestamp": ms(at), "acwrStatus": "OPTIMAL",
        "acwrPercent": 52, "dailyTrainingLoadAcute": 411, "dailyTrainingLoadChronic": 399,
        "dailyAcuteChronicWorkloadRatio": 1.1,
    },
    "TrainingReadinessDTO": lambda day, at: {
        "calendarDate": str(day), "timestamp": text(at), "level": "HIGH", "score": 81,
        "hrvWeeklyAverage": 511, "recoveryTime": 600, "validSleep": True,
    },
    "MetricsMaxMetData": lambda day, at: {
        "calendarDate": str(day), "updateTimestamp": text(at), "sport": "RUNNING",
        "subSport": "GENERIC", "vo2MaxValue": 48.5, "maxMet": 13.857, "maxMetCategory": 1,
        "calibratedData": True,
    },
    "RunRacePredictions": lambda day, at: {
        "calendarDate": str(day), "timestamp": text(at), "raceTime5K": 1402, "raceTime10K": 2931,
        "raceTimeHalf": 6611, "raceTimeMarathon": 14012,
    },
    "TrainingHistory": lambda day, at: {
        "calendarDate": str(day), "timestamp": text(at), "sport": "RUNNING",
        "trainingStatus": "PRODUCTIVE", "fitnessLevelTrend": "INCREASING",
        "weeklyTrainingLoadSum": 399,
    },
    "EnduranceScore": lambda day, at: {
        "calendarDate": _midnight(day), "timestamp": ms(at), "overallScore": 6100,
        "classification": 3,
    },
    "HillScore": lambda day, at: {
        "calendarDate": _midnight(day), "timestamp": ms(at), "overallScore": 51,
        "strengthScore": 40, "enduranceScore": 55,
    },
}  # fmt: skip
"""What makes the values of a day, by the stem of the file."""


def _rows(content: Any) -> list[Row]:
    """Return the rows of a file that is a list, one that wraps a list, or one object."""
    for wrapper in content if isinstance(content, list) else [content]:
        for member in ("summarizedActivitiesExport", "personalRecords", "gearDTOS", "data"):
            if member in wrapper:
                found: list[Row] = wrapper[member]
                return found
    return content if isinstance(content, list) else [content]


def write_export(
    path: Path,
    export: Export,
    *,
    compression: int = zipfile.ZIP_DEFLATED,
    most: int | None = None,
    originals: Iterable[tuple[str, bytes]] | None = None,
) -> None:
    """Write the archive of an export, piece by piece.

    Args:
        path: Where to.
        export: What it holds.
        compression: How the archives of originals are packed: deflated, or stored.
        most: Originals at most; all without it.
        originals: Other ones than the export's.
    """
    files = islice(export.originals() if originals is None else originals, most)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in export.tables():
            packed.writestr(_entry(name), json.dumps(content))
        packed.writestr(_entry(f"{ROOT}/DI-Connect-Device/watch.png"), b"\x89PNG")
        part = 0
        while some := list(islice(files, OF_ORIGINALS)):
            part += 1
            name = f"{UPLOADED}/UploadedFiles_0-_Part{part}.zip"
            with (
                packed.open(_entry(name, compression), "w") as file,
                zipfile.ZipFile(file, "w") as inner,
            ):
                for own, data in some:
                    inner.writestr(_entry(own), data)


def unpack(path: Path, folder: Path) -> None:
    """Unpack an export, as a person would: archives in it stay."""
    with zipfile.ZipFile(path) as packed:
        packed.extractall(folder)


def _entry(name: str, compression: int = zipfile.ZIP_DEFLATED) -> zipfile.ZipInfo:
    """Return an entry of the day on which the export was made."""
    found = zipfile.ZipInfo(name, (2026, 11, 1, 12, 0, 0))
    found.compress_type = compression
    return found
