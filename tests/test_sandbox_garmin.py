"""The sandbox's Garmin: access, limits, shapes, files, quirks, and what changes between runs."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import zipfile
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fitdecode  # type: ignore[import-untyped] # it has no types
import pytest
import requests

from tests.sandbox import Clock, Person
from tests.sandbox.garmin import Garmin
from tests.sandbox.garmin.fields import fields, is_record
from tests.sandbox.garmin.questions import Refusal
from tests.sandbox.garmin.sports import BY_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
NOW = datetime(2026, 3, 10, 20, 0, tzinfo=UTC)
BERLIN = 8
"""The seed of a woman who lives in Berlin and is at home in February and March 2026."""
TOKEN = "/personalapitoken-service/personal-api/personal-api-key/token"
SEARCH = "/activitylist-service/activities/search/activities"
DAYS = "/usersummary-service/v2/dailysummaries"
SLEEP = "/sleep-service/sleep/dailySleepSummariesByDate"
BATTERY = "/wellness-service/wellness/bodyBattery/reports/daily"
ONE = timedelta(days=1)
DAY = date(2026, 2, 20)


def made(seed: int = BERLIN, years: float = 0.3, now: datetime = NOW, **options: Any) -> Garmin:
    clock = Clock(now)
    return Garmin(clock, Person(seed, years, clock.now()), seed, years, **options)


@pytest.fixture
def garmin() -> Iterator[Garmin]:
    with made() as started:
        yield started


@pytest.fixture(scope="module")
def rich() -> Garmin:
    """A year with many activities; tests only look at it."""
    return made(years=1, activities=900)


def token(garmin: Garmin) -> requests.Response:
    headers = {"Authorization": f"ApiKey {garmin.key}", "Accept": "*/*"}
    return requests.post(garmin.url + TOKEN, headers=headers, timeout=10)


def get(
    garmin: Garmin, path: str, accept: str = "application/json", **query: Any
) -> requests.Response:
    headers = {"Authorization": f"Bearer {token(garmin).text.strip()}", "Accept": accept}
    return requests.get(garmin.url + path, headers=headers, params=query, timeout=10)


def span(first: date, days: int) -> dict[str, str]:
    return {"startDate": f"{first}", "endDate": f"{first + (days - 1) * ONE}"}


def claims(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text.split(".")[1] + "=="))
    return found


def refused(garmin: Garmin, path: str, **query: Any) -> tuple[int, Any]:
    with pytest.raises(Refusal) as caught:
        garmin.look(path, **query)
    return caught.value.status, caught.value.body


# Access


def test_a_key_is_exchanged_for_a_token_of_a_day(garmin: Garmin) -> None:
    answer = token(garmin)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    found = claims(answer.text)
    assert found["exp"] - found["iat"] == 24 * 3600
    assert abs(found["iat"] - garmin.clock.now().timestamp()) < 5
    assert found["scope"] == ["PERSONAL_API_FITNESS_READ", "PERSONAL_API_WELLNESS_READ"]
    assert requests.get(garmin.url + TOKEN, timeout=10).status_code == 405


def test_a_token_ends_with_the_key(garmin: Garmin) -> None:
    garmin.access.key_ends = garmin.clock.now() + timedelta(hours=3)
    found = claims(token(garmin).text)
    assert 3 * 3600 - 5 < found["exp"] - found["iat"] <= 3 * 3600
    garmin.clock.move(timedelta(hours=3, seconds=1))
    assert token(garmin).status_code == 401


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_bad_key_is_refused(garmin: Garmin, status: int) -> None:
    garmin.access.refusal = status
    garmin.access.revoke_key()
    answer = token(garmin)
    assert answer.status_code == status
    assert set(answer.json()) == {"error", "message", "errorId"}
    garmin.access.renew_key()
    assert token(garmin).status_code == 200


def test_a_token_that_ended_or_was_revoked_is_refused(garmin: Garmin) -> None:
    headers = {"Authorization": f"Bearer {token(garmin).text}"}
    url = garmin.url + "/userprofile-service/userprofile/settings"
    assert requests.get(url, headers=headers, timeout=10).status_code == 200
    garmin.access.revoke_tokens()
    assert requests.get(url, headers=headers, timeout=10).status_code == 401
    headers = {"Authorization": f"Bearer {token(garmin).text}"}
    garmin.clock.move(timedelta(hours=24, seconds=1))
    assert requests.get(url, headers=headers, timeout=10).status_code == 401
    assert requests.get(url, timeout=10).status_code == 401
    assert [asked.refused for asked in garmin.requests].count("token") == 3
    assert garmin.access.exchanges == 2


def test_an_area_outside_the_scope_is_refused(garmin: Garmin) -> None:
    garmin.access.scopes = ["PERSONAL_API_WELLNESS_READ"]
    assert get(garmin, SEARCH, limit=1).status_code == 403
    assert get(garmin, DAYS, **span(DAY, 1)).status_code == 200
    garmin.access.closed.add("usersummary-service")
    assert get(garmin, DAYS, **span(DAY, 1)).status_code == 403


def test_a_text_can_stand_around_the_token(garmin: Garmin) -> None:
    garmin.access.token_text = '"{}"\n'
    assert re.fullmatch(r'"[\w.-]+"\n', token(garmin).text)


# Limits


@pytest.mark.parametrize(
    ("query", "status", "noted"),
    [({"limit": 40}, 200, 0), ({"limit": 45}, 200, 1), ({"limit": 46}, 500, 1), ({}, 500, 1),
     ({"limit": 0}, 400, 0), ({"limit": "x"}, 400, 0), ({"limit": 1, "start": -1}, 400, 0)],
)  # fmt: skip
def test_pages_are_limited(garmin: Garmin, query: dict[str, Any], status: int, noted: int) -> None:
    assert get(garmin, SEARCH, **query).status_code == status
    assert len(garmin.over_limit) == noted


RANGES = {
    SLEEP: 31,
    BATTERY: 31,
    "/hrv-service/hrv/daily/{first}/{last}": 365,
    "/usersummary-service/stats/stress/daily/{first}/{last}": 28,
    "/usersummary-service/stats/steps/daily/{first}/{last}": 28,
    "/usersummary-service/stats/hydration/daily/{first}/{last}": 31,
    "/weight-service/weight/range/{first}/{last}": 366,
}


@pytest.mark.parametrize("path", RANGES)
def test_ranges_are_limited(garmin: Garmin, path: str) -> None:
    most = RANGES[path]
    for days, status in ((most, 200), (most + 1, 400), (0, 400)):
        query = span(NOW.date() - days * ONE, days)
        url = path.format(first=query["startDate"], last=query["endDate"])
        answer = get(garmin, url, **({} if "{" in path else query))
        assert answer.status_code == status
        assert status == 200 or answer.json() == {}
    assert [found.why for found in garmin.over_limit] == [f"{most + 1} days, {most} are allowed"]


def test_days_of_the_second_version_fail_beyond_ninety(garmin: Garmin) -> None:
    found = [
        get(garmin, DAYS, **span(DAY - 100 * ONE, days)).status_code for days in (31, 32, 90, 91)
    ]
    assert found == [200, 200, 200, 500]
    assert [over.query["endDate"] for over in garmin.over_limit] == [
        span(DAY - 100 * ONE, days)["endDate"] for days in (32, 90, 91)
    ]


@pytest.mark.parametrize(
    ("path", "status"),
    [("/metrics-service/metrics/trainingreadiness/2026-02-20", 404), ("/nowhere", 404),
     ("/activity-service/activity/1", 404), ("/activity-service/activity/x", 404),
     ("/activity-service/activity/1/workouts", 404), ("/download-service/files/activity/1", 404),
     ("/weight-service/weight/all/2026-02-20/2026-02-21", 400), (DAYS, 400),
     (f"{DAYS}?startDate=2026-02-30&endDate=2026-03-01", 400), ("/hrv-service/hrv/tomorrow", 400),
     (f"{SEARCH}?limit=1&startDate=2026-02-02&endDate=2026-02-01", 400),
     ("/periodichealth-service/menstrualcycle/dayview/2026-02-20", 400),
     (f"{BATTERY}?startDate=2026-02-01&endDate=2026-02-01&chunks=0", 400)],
)  # fmt: skip
def test_what_cannot_be_answered_has_a_body_that_says_so(
    garmin: Garmin, path: str, status: int
) -> None:
    answer = get(garmin, path, accept="*/*")
    assert answer.status_code == status
    assert "message" in answer.json()


def test_data_are_only_read(garmin: Garmin) -> None:
    headers = {"Authorization": f"Bearer {token(garmin).text}"}
    assert requests.delete(garmin.url + SEARCH, headers=headers, timeout=10).status_code == 405


@pytest.mark.parametrize("form", ["seconds", "date", "none"])
def test_too_many_requests_in_a_second_are_refused(garmin: Garmin, form: Any) -> None:
    garmin.quirks.most_in_a_second, garmin.quirks.retry_after = 2, form
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {token(garmin).text}"
        url = f"{garmin.url}/userprofile-service/userprofile/settings"
        garmin.clock.move(timedelta(seconds=5))
        answers = [session.get(url, timeout=10) for _ in range(12)]
        garmin.clock.move(timedelta(seconds=2))
        assert session.get(url, timeout=10).status_code == 200
    assert [answer.status_code for answer in answers[:2]] == [200, 200]
    assert answers[2].status_code == 429
    after = answers[2].headers.get("Retry-After")
    if form == "seconds":
        assert after == "14"
    elif form == "date":
        assert after is not None
        wait = parsedate_to_datetime(after) - garmin.clock.now() + timedelta(seconds=2)
        assert timedelta(seconds=8) < wait <= timedelta(seconds=14)
    else:
        assert after is None


# Days and ranges without data


def test_there_is_no_content_without_hrv_and_cycle() -> None:
    assert refused(made(), "/hrv-service/hrv/2020-01-01") == (204, None)
    assert refused(made(), "/hrv-service/hrv/daily/2019-01-01/2019-12-31") == (204, None)
    man = made(seed=4)
    assert refused(man, "/periodichealth-service/menstrualcycle/summary/2026-02-20") == (204, None)
    assert made().look("/periodichealth-service/menstrualcycle/summary/2026-02-20")["startDate"]


@pytest.mark.parametrize("kind", ["bare", "null", "{}", "nothing"])
def test_a_day_without_data_has_several_forms(garmin: Garmin, kind: Any) -> None:
    garmin.quirks.empty_day = kind
    answer = get(garmin, "/sleep-service/sleep/dailySleep", date="2030-01-01")
    if kind == "nothing":
        assert (answer.status_code, answer.content) == (204, b"")
    elif kind == "bare":
        found = answer.json()
        assert found["id"] is None
        assert found["deviceRemCapable"] is False
        assert found["calendarDate"] == "2030-01-01"
    else:
        assert answer.json() == (None if kind == "null" else {})


def test_ranges_leave_days_without_data_out_or_send_nulls() -> None:
    garmin = made()
    garmin.account.hold_back(DAY)
    path = f"/usersummary-service/stats/steps/daily/{DAY}/{DAY}"
    assert garmin.look(path) == []
    garmin.quirks.null_lists = True
    assert garmin.look(path) is None
    assert garmin.look(DAYS, **span(DAY, 1)) == {"data": None}
    assert garmin.look(f"/hrv-service/hrv/daily/{DAY}/{DAY}")["hrvSummaries"] is None
    garmin.quirks.empty_days_in_ranges = "nulls"
    assert garmin.look(path)[0]["totalSteps"] is None
    assert garmin.look(BATTERY, **span(DAY, 1))[0]["bodyBatteryValuesArray"][0][1] is None
    stress = garmin.look(f"/usersummary-service/stats/stress/daily/{DAY}/{DAY}")
    assert stress[0]["values"]["overallStressLevel"] == -1


# Shapes

EXTRA = {
    "ActivityType": {"isHidden", "restricted", "trimmable"},
    "EventType": {"sortOrder"},
    "TimeZoneUnit": {"factor"},
}
"""Members that recorded answers have and the published types have not."""
NEVER = {
    ("UserDailySummary", "wellnessDescription"),
    ("DailySleep", "sleepQualityTypePK"),
    ("DailySleep", "sleepResultTypePK"),
    ("DailySleep", "kidSleepNote"),
    ("UserDailyHydration", "sweatLossInML"),
}
"""Members that are always null, for an adult with this kind of key."""
TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,3})?")
PATTERNS = {"date": re.compile(r"\d{4}-\d\d-\d\d"), "UUID": re.compile("[0-9a-f-]{32,36}"),
            "GarminTime": re.compile(r"\d\d:\d\d:\d\d"), "utc": TIME, "local": TIME}  # fmt: skip
PLAIN: dict[str, tuple[type, ...]] = {
    "int": (int,), "float": (int, float), "str": (str,), "bool": (bool,),
    "utc": (int,), "local": (int,), "list[array row]": (list,),
}  # fmt: skip


class Shapes:
    """Compares values with the published types; remembers which members had a value."""

    def __init__(self) -> None:
        """Start with nothing seen."""
        self.seen: set[tuple[str, str]] = set()
        self.wrong: set[str] = set()

    def check(self, kind: str, value: Any, path: str) -> None:
        """Compare one value; null is always right."""
        if value is None or self._is_plain(kind, value):
            return
        if is_record(kind) and isinstance(value, dict):
            self._check_record(kind, value, path)
        elif kind.startswith("list[") and isinstance(value, list):
            for item in value:
                self.check(kind[5:-1], item, f"{path}[]")
        else:
            self.wrong.add(f"{path} is no {kind}: {value!r}")

    @staticmethod
    def _is_plain(kind: str, value: Any) -> bool:
        pattern = PATTERNS.get(kind)
        if pattern and isinstance(value, str):
            return pattern.fullmatch(value) is not None
        return type(value) in PLAIN.get(kind, ())

    def _check_record(self, kind: str, value: dict[str, Any], path: str) -> None:
        known = fields(kind)
        unknown = value.keys() - known - EXTRA.get(kind, set())
        self.wrong |= {f"{path}.{name} is unknown" for name in unknown}
        for name, item in value.items():
            if name in known:
                self.seen |= {(kind, name)} if item is not None else set()
                self.check(known[name], item, f"{path}.{name}")


def answers(garmin: Garmin) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield record type, path and query of what the shapes are looked at in."""
    account = garmin.account
    activities = account.activities(children=True)
    for start in range(0, len(activities), 45):
        page = {"start": start, "limit": 45, "excludeChildren": "false"}
        yield "list[SummarizedActivity]", SEARCH, page
    for one in activities[::-3]:
        yield "ActivitySummary", f"/activity-service/activity/{one.id}", {}
        yield "list[ActivityWorkout]", f"/activity-service/activity/{one.id}/workouts", {}
    for month in range(14):
        first = account.first_day + 28 * month * ONE
        yield from ranges(first, first + 27 * ONE)
    for n in range(0, 360, 5):
        yield from days(account.today - n * ONE)
    zones = "/biometric-service/heartRateZones/v2"
    yield "list[HeartRateZones]", zones, {"generateDefaults": "true"}
    yield "UserSettings", "/userprofile-service/userprofile/settings", {}


def ranges(first: date, last: date) -> Iterator[tuple[str, str, dict[str, Any]]]:
    query = {"startDate": first, "endDate": last}
    yield "UserDailySummaryV2List", DAYS, query
    yield "list[DailySleep]", SLEEP, query
    yield "list[BodyBatteryDailyReport]", BATTERY, query | {"chunks": 3}
    stats = "/usersummary-service/stats"
    yield "HrvDailySummary", f"/hrv-service/hrv/daily/{first}/{last}", {}
    yield "list[MultiValueWellnessChartItem]", f"{stats}/stress/daily/{first}/{last}", {}
    yield "list[StepsDailyStat]", f"{stats}/steps/daily/{first}/{last}", {}
    yield "list[UserDailyHydration]", f"{stats}/hydration/daily/{first}/{last}", {}
    yield "WeightRange", f"/weight-service/weight/range/{first}/{last}", {"includeAll": "true"}
    yield "UserGoalsRange", f"/goal-service/goal/user/effective/weightgoal/{first}/{last}", {}
    snapshots = f"/wellnessactivity-service/activity/summary/range/{first}/{last}"
    yield "list[WellnessActivitySummary]", snapshots, {}


def days(day: date) -> Iterator[tuple[str, str, dict[str, Any]]]:
    cycle = "/periodichealth-service/menstrualcycle"
    yield "UserDailySummary", "/usersummary-service/usersummary/daily", {"calendarDate": day}
    yield "DailySleep", "/sleep-service/sleep/dailySleep", {"date": day}
    yield "HrvChart", f"/hrv-service/hrv/{day}", {}
    yield "DailyHeartRate", "/wellness-service/wellness/dailyHeartRate", {"date": day}
    yield "DailySpO2AndAcclimation", f"/wellness-service/wellness/daily/spo2acclimation/{day}", {}
    yield "FitnessAge", f"/fitnessage-service/fitnessage/v2/{day}", {}
    yield "DailyNutritionSummary", f"/nutrition-service/food/logs/{day}", {}
    yield "MenstrualCycleSummary", f"{cycle}/summary/{day}", {}
    yield "DetailedMenstrualCycleDay", f"{cycle}/dayview/{day}", {"todayDate": day}


def versatile() -> Garmin:
    """Return an account that has everything: each sport, a journey, a pregnancy, a wheelchair."""
    garmin = made(years=1, activities=100)
    account = garmin.account
    garmin.quirks.pregnant = True
    account.travel("Asia/Tokyo", "2026-02-14", "2026-02-16")
    account.edit_settings(wheelchairModeEnabled=True)
    account.edit_night("2026-02-10")
    account.eat("2026-03-10", "Rice and beans", 610)
    for number, sport in enumerate(sorted(BY_KEY) * 12):
        account.upload_late(account.first_day + (number % 360) * ONE, sport)
    return garmin


def test_every_published_member_is_served_with_its_type() -> None:
    garmin, shapes = versatile(), Shapes()
    for kind, path, query in answers(garmin):
        try:
            shapes.check(kind, garmin.look(path, **query), path)
        except Refusal as refusal:
            shapes.wrong |= set() if refusal.status == 204 else {f"{path}: {refusal.status}"}
    assert sorted(shapes.wrong) == []
    everything = {(kind, name) for kind in KINDS for name in fields(kind)}
    assert sorted(everything - shapes.seen - NEVER) == []


def kinds() -> set[str]:
    """Return all record types: those of answers and those in them."""
    found = json.loads((ROOT / "tests/sandbox/garmin/fields.json").read_text())
    assert len(found) == 109
    assert sum(map(len, found.values())) == 1608
    return set(found)


KINDS = kinds()


def test_times_have_their_two_forms(rich: Garmin) -> None:
    row = rich.look(SEARCH, limit=1, sortOrder="asc")[0]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", row["startTimeGMT"])
    start = datetime.fromisoformat(row["startTimeGMT"]).replace(tzinfo=UTC)
    assert row["beginTimestamp"] == start.timestamp() * 1000
    found = rich.look(f"/activity-service/activity/{row['activityId']}")
    assert found["summaryDTO"]["startTimeGMT"] == row["startTimeGMT"].replace(" ", "T") + ".0"
    assert found["timeZoneUnitDTO"]["timeZone"] == "Europe/Berlin"
    assert row["activityId"] > 2**31


def test_a_night_adds_up_and_its_local_times_are_wall_clocks(rich: Garmin) -> None:
    for night in rich.look(SLEEP, **span(DAY, 14)):
        window = (night["sleepEndTimestampGMT"] - night["sleepStartTimestampGMT"]) // 1000
        parts = ("deep", "light", "rem")
        assert night["id"] == night["sleepStartTimestampGMT"]
        assert night["sleepTimeSeconds"] == sum(night[f"{part}SleepSeconds"] for part in parts)
        rest = night["awakeSleepSeconds"] + night["unmeasurableSleepSeconds"]
        assert window == night["sleepTimeSeconds"] + rest
        assert night["sleepEndTimestampLocal"] - night["sleepEndTimestampGMT"] == 3_600_000


def test_a_weigh_in_has_grams_and_a_wall_clock(rich: Garmin) -> None:
    path = f"/weight-service/weight/range/{DAY - 60 * ONE}/{DAY}"
    found = rich.look(path, includeAll="true")
    assert [day["summaryDate"] for day in found["dailyWeightSummaries"]] == sorted(
        (day["summaryDate"] for day in found["dailyWeightSummaries"]), reverse=True
    )
    entries = [one for day in found["dailyWeightSummaries"] for one in day["allWeightMetrics"]]
    assert len(entries) > 15
    assert all(one["weight"] > 40000 for one in entries)
    assert all(one["date"] - one["timestampGMT"] == 3_600_000 for one in entries)
    assert found["previousDateWeight"]["samplePk"] < entries[-1]["samplePk"]
    assert max(day["numOfWeightEntries"] for day in found["dailyWeightSummaries"]) == 2
    weights = [round(one["weight"] / 1000, 1) for one in entries]
    assert [one["weightDelta"] for one in entries[:-1]] == [
        (later - earlier) * 1000 for later, earlier in pairwise(weights)
    ]
    latest = rich.look(path)["dailyWeightSummaries"]
    assert all(day["allWeightMetrics"] == [] for day in latest)


def test_weights_can_be_kilograms_as_published() -> None:
    garmin = made()
    garmin.quirks.weight_in_kilograms = True
    found = garmin.look(f"/weight-service/weight/range/{DAY - 60 * ONE}/{DAY}", includeAll="true")
    assert found["dailyWeightSummaries"][0]["maxWeight"] < 200


def test_the_latest_weigh_in_is_compared_with_the_day_before() -> None:
    garmin = made()
    garmin.account.weigh_in("2026-02-18", 70000)
    garmin.account.weigh_in("2026-02-19", 71000, hour=5)
    last = garmin.account.weigh_in("2026-02-19", 71200, hour=23.9)
    path = "/weight-service/weight/range/2026-02-19/2026-02-19"
    (found,) = garmin.look(path, includeAll="true")["dailyWeightSummaries"]
    assert found["latestWeight"]["samplePk"] == last
    assert found["allWeightMetrics"][0]["samplePk"] == last
    assert found["latestWeight"]["weightDelta"] != found["allWeightMetrics"][0]["weightDelta"]


def test_rows_follow_their_descriptors() -> None:
    garmin = made()
    orders = []
    for level_first in (True, False):
        garmin.quirks.level_first = level_first
        report = garmin.look(BATTERY, **span(DAY, 1), chunks=24)[0]
        names = [
            one["bodyBatteryValueDescriptorKey"]
            for one in report["bodyBatteryValueDescriptorDTOList"]
        ]
        orders.append(names)
        rows = [dict(zip(names, row, strict=True)) for row in report["bodyBatteryValuesArray"]]
        assert len(rows) == 24
        assert all(0 <= row["bodyBatteryLevel"] <= 100 for row in rows)
    assert orders[0] != orders[1]
    garmin.quirks.shuffled_descriptors = True
    shuffled = garmin.look(BATTERY, **span(DAY, 1))[0]["bodyBatteryValueDescriptorDTOList"]
    assert [one["bodyBatteryValueDescriptorIndex"] for one in shuffled] == [3, 2, 1, 0]


def test_heart_rate_has_a_row_every_two_minutes_of_the_day() -> None:
    garmin = made()
    found = garmin.look("/wellness-service/wellness/dailyHeartRate", date=DAY)
    times = [row[0] for row in found["heartRateValues"]]
    assert len(times) == 720
    assert {after - before for before, after in pairwise(times)} == {120_000}
    garmin.quirks.archived_after = 10
    archived = garmin.look("/wellness-service/wellness/dailyHeartRate", date=DAY)
    assert archived["heartRateValues"] is None


# The activity search


def everyone(garmin: Garmin, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while page := garmin.look(SEARCH, start=len(found), limit=40, **query):
        found += page
    return found


def test_pages_bring_every_activity_once(rich: Garmin) -> None:
    assert len(rich.look(SEARCH, limit=40)) == 40
    found = everyone(rich, sortOrder="asc")
    starts = [row["startTimeLocal"] for row in found]
    assert starts == sorted(starts)
    assert [row["startTimeLocal"] for row in everyone(rich)] == starts[::-1]
    assert len({row["activityId"] for row in found}) == len(found)
    assert {row["activityId"] for row in found} == set(rich.everything("activities")["activities"])
    yesterday = f"{rich.account.today - ONE}"
    assert len([row for row in found if row["startTimeLocal"][:10] <= yesterday]) == 900


def test_legs_of_a_multisport_activity_are_hidden(rich: Garmin) -> None:
    parents = [row for row in everyone(rich) if row["parent"]]
    assert parents
    detail = rich.look(f"/activity-service/activity/{parents[0]['activityId']}")
    legs = detail["metadataDTO"]["childIds"]
    assert len(legs) == 5
    assert not set(legs) & {row["activityId"] for row in everyone(rich)}
    day = parents[0]["startTimeLocal"][:10]
    shown = everyone(rich, excludeChildren="false", startDate=day, endDate=day)
    found = [row for row in shown if row["activityId"] in legs]
    assert {row["parentId"] for row in found} == {parents[0]["activityId"]}
    leg = rich.look(f"/activity-service/activity/{legs[0]}")
    assert leg["parentName"] == parents[0]["activityName"]
    assert leg["summaryDTO"]["startTimeGMT"] == detail["summaryDTO"]["startTimeGMT"]


@pytest.mark.parametrize(
    ("query", "holds"),
    [
        ({"activityType": "running"}, lambda row: row["activityType"]["parentTypeId"] in {1, 17}),
        ({"activitySubType": "trail_running"}, lambda row: row["activityType"]["typeId"] == 6),
        ({"excludedActivitySubType": "running"}, lambda row: row["activityType"]["typeId"] != 1),
        ({"eventType": "race"}, lambda row: row["eventType"]["typeKey"] == "race"),
        ({"search": "POOL"}, lambda row: "Pool" in row["activityName"]),
        ({"favorite": "1"}, lambda row: row["favorite"]),
        ({"minDistance": "50000"}, lambda row: row["distance"] >= 50000),
        ({"maxDuration": "900"}, lambda row: row["duration"] <= 900),
        ({"requiredField": "maxDepth"}, lambda row: "maxDepth" in row),
        ({"startDate": "2026-01-01", "endDate": "2026-01-02"},
         lambda row: row["startTimeLocal"][:10] in {"2026-01-01", "2026-01-02"}),
    ],
)  # fmt: skip
def test_filters_hold(rich: Garmin, query: dict[str, str], holds: Any) -> None:
    found = rich.look(SEARCH, limit=45, **query)
    assert all(map(holds, found))
    assert not all(map(holds, rich.look(SEARCH, limit=45)))
    assert found or "favorite" in query


def test_equal_starts_come_in_any_order() -> None:
    garmin = made()
    first = garmin.account.upload_late(DAY)
    second = garmin.account.upload_late(DAY, "walking", same_start_as=first)
    orders = set()
    garmin.quirks.equal_starts_shuffled = True
    for _ in range(40):
        garmin.clock.move(timedelta(seconds=1))
        rows = garmin.look(SEARCH, limit=40, startDate=DAY, endDate=DAY)
        orders.add(tuple(row["activityId"] for row in rows if row["activityId"] in {first, second}))
    assert len(orders) == 2


# Files


DAMAGES: tuple[Any, ...] = ("broken", "cut")


def archive(garmin: Garmin, number: int) -> tuple[str, bytes]:
    path = f"/download-service/files/activity/{number}"
    answer = get(garmin, path, accept="application/zip, application/octet-stream")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/x-zip-compressed"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as found:
        (name,) = found.namelist()
        assert found.getinfo(name).date_time == (1980, 1, 1, 0, 0, 0)
        return name, found.read(name)


def messages(data: bytes) -> list[Any]:
    strict = {
        "check_crc": fitdecode.CrcCheck.RAISE,
        "error_handling": fitdecode.ErrorHandling.RAISE,
    }
    with fitdecode.FitReader(io.BytesIO(data), **strict) as reader:
        return [frame for frame in reader if isinstance(frame, fitdecode.FitDataMessage)]


def test_an_activity_has_a_fit_file(garmin: Garmin) -> None:
    one = garmin.account.activity(garmin.account.upload_late(DAY))
    assert one
    name, data = archive(garmin, one.id)
    assert name == f"{one.id}_ACTIVITY.fit"
    found = messages(data)
    counts = Counter(message.name for message in found)
    assert counts["record"] == int(one.elapsed / 5)
    assert counts["lap"] == int(one.distance // 1000)
    assert counts["unknown_65289"] == counts["session"] == counts["file_id"] == 1
    session = next(message for message in found if message.name == "session")
    assert session.get_value("start_time") == one.start
    assert session.get_value("total_distance") == pytest.approx(one.distance, abs=0.01)
    record = next(message for message in found if message.name == "record")
    assert record.get_field("doughnuts_earned").units == "doughnuts"
    assert record.get_value("position_lat") * 180 / 2**31 == pytest.approx(52.5, abs=0.2)
    activity = found[-1]
    offset = activity.get_value("local_timestamp") - activity.get_value("timestamp")
    assert offset == timedelta(hours=1)


def test_a_multisport_file_has_a_session_for_each_leg(garmin: Garmin) -> None:
    parent = garmin.account.upload_multisport(DAY)
    found = messages(archive(garmin, parent)[1])
    sports = [one.get_value("sport") for one in found if one.name == "session"]
    assert sports == ["swimming", "transition", "cycling", "transition", "running"]
    assert archive(garmin, parent + 1)[0] == f"{parent}_ACTIVITY.fit"


def test_files_may_be_damaged_or_of_another_kind(garmin: Garmin) -> None:
    number = garmin.account.upload_late(DAY, "yoga")
    whole = archive(garmin, number)[1]
    for kind in DAMAGES:
        garmin.quirks.files[number] = kind
        with pytest.raises(fitdecode.FitError):
            messages(archive(garmin, number)[1])
    garmin.quirks.files[number] = "checksum"
    damaged = archive(garmin, number)[1]
    assert damaged[:-2] == whole[:-2]
    with pytest.raises(fitdecode.FitCRCError):
        messages(damaged)
    others: dict[Any, bytes] = {"gpx": b"<gpx ", "tcx": b"<TrainingCenterDatabase "}
    for kind, start in others.items():
        garmin.quirks.files[number] = kind
        name, data = archive(garmin, number)
        assert name == f"activity_{number}.{kind}"
        assert start in data
        detail = garmin.look(f"/activity-service/activity/{number}")
        assert detail["metadataDTO"]["fileFormat"]["formatKey"] == kind
    path = f"/download-service/files/activity/{number}"
    garmin.quirks.files[number] = "empty"
    assert zipfile.ZipFile(io.BytesIO(get(garmin, path, accept="*/*").content)).namelist() == []
    garmin.quirks.files[number] = "missing"
    assert get(garmin, path, accept="*/*").status_code == 404


def test_a_download_needs_its_type_accepted(garmin: Garmin) -> None:
    path = f"/download-service/files/activity/{garmin.account.upload_late(DAY, 'yoga')}"
    assert get(garmin, path, accept="application/octet-stream").status_code == 406
    assert get(garmin, path, accept="application/zip").status_code == 200


def test_files_are_the_same_each_time_and_may_be_large(garmin: Garmin) -> None:
    number = garmin.account.upload_late(DAY)
    first = archive(garmin, number)[1]
    assert archive(garmin, number)[1] == first
    garmin.quirks.record_seconds = 1
    assert len(archive(garmin, number)[1]) > 4 * len(first)


# What changes by itself


def night(garmin: Garmin, day: date) -> dict[str, Any]:
    rows: list[dict[str, Any]] = garmin.look(SLEEP, **span(day, 1))
    return rows[0] if rows else {}


def test_today_grows_until_the_last_sync() -> None:
    garmin = made(now=datetime(2026, 3, 10, 6, 30, tzinfo=UTC))
    steps = {}
    for _ in range(66):
        garmin.clock.move(timedelta(minutes=15))
        if garmin.account.today != NOW.date():
            break
        row = garmin.look(DAYS, **span(NOW.date(), 1))["data"][0]
        steps[garmin.account.last_sync] = row["movement"]["steps"]["value"]
        end = row["wellnessChronology"]["endTimestampGmt"]
        assert datetime.fromisoformat(end[:19]).replace(tzinfo=UTC) == garmin.account.last_sync
    assert len(steps) == 5
    assert list(steps.values()) == sorted(steps.values())
    assert steps[max(steps)] > steps[sorted(steps)[1]] > 0


def test_a_night_is_a_placeholder_then_computed_then_final() -> None:
    garmin = made(now=datetime(2026, 3, 9, 23, 5, tzinfo=UTC))
    seen: dict[str, dict[str, Any]] = {}
    for _ in range(48):
        garmin.clock.move(timedelta(minutes=30))
        found = night(garmin, NOW.date())
        if found:
            seen.setdefault(found["sleepWindowConfirmationType"], found)
    assert list(seen) == ["unconfirmed", "enhanced_confirmed", "enhanced_confirmed_final"]
    assert seen["unconfirmed"]["sleepTimeSeconds"] == 7 * 3600
    assert "sleepScores" not in seen["unconfirmed"]
    scores = [seen[phase]["sleepScores"]["overall"]["value"] for phase in list(seen)[1:]]
    assert scores[0] != scores[1]
    garmin.quirks.placeholder_nights = False
    garmin.clock.set(datetime(2026, 3, 10, 0, 30, tzinfo=UTC))
    assert night(garmin, NOW.date()) == {}


def test_without_a_sync_nothing_changes_but_what_is_entered() -> None:
    garmin = made()
    garmin.account.stop_syncing()
    before = garmin.everything()
    garmin.clock.move(timedelta(days=2))
    assert garmin.everything() == before
    garmin.account.sync()
    after = garmin.everything()
    assert max(after["steps"]) == "2026-03-12"
    assert max(before["steps"]) == "2026-03-10"
    garmin.account.go_on_syncing()
    garmin.clock.move(timedelta(days=1))
    assert max(garmin.everything("steps")["steps"]) == "2026-03-13"


def test_some_days_come_a_day_late() -> None:
    account = made(years=2).account
    first = account.first_day
    found = [first + n * ONE for n in range(700) if not account.syncs.on(first + n * ONE)]
    assert 3 < len(found) < 40


# What a test changes


def changed(before: Any, after: Any) -> set[tuple[str, Any]]:
    """Return name and key of every record that is new, gone or other."""
    return {
        (name, key)
        for name in before
        for key in before[name].keys() | after[name].keys()
        if before[name].get(key) != after[name].get(key)
    }


@pytest.fixture
def still() -> Garmin:
    """An account in which nothing changes by itself."""
    found = made()
    found.account.stop_syncing()
    return found


def test_an_activity_is_edited(still: Garmin) -> None:
    one = still.account.activities()[-3]
    before, detail = still.everything(), still.look(f"/activity-service/activity/{one.id}")
    still.account.edit_activity(one.id, name="Renamed", type_key="walking", privacy="public")
    still.clock.move(timedelta(hours=1))
    assert changed(before, still.everything()) >= {("activities", one.id)}
    after = still.look(f"/activity-service/activity/{one.id}")
    assert after["activityName"] == "Renamed"
    assert after["activityTypeDTO"]["typeKey"] == "walking"
    old, new = (each["metadataDTO"]["lastUpdateDate"] for each in (detail, after))
    assert old < new == f"{NOW:%Y-%m-%dT%H:%M}" + new[16:]
    still.account.edit_activity(one.id, trim_seconds=60)
    trimmed = still.look(f"/activity-service/activity/{one.id}")
    assert trimmed["metadataDTO"]["trimmed"] is True
    assert trimmed["summaryDTO"]["duration"] == pytest.approx(one.duration - 60)
    assert trimmed["activityName"] == "Renamed"


def test_an_activity_is_uploaded_late(still: Garmin) -> None:
    before = still.everything()
    number = still.account.upload_late("2026-01-05", "cycling")
    assert number > max(before["activities"])
    row = still.everything("activities")["activities"][number]
    assert row["startTimeLocal"].startswith("2026-01-05 ")
    assert row["activityType"]["typeKey"] == "cycling"
    assert changed(before, still.everything()) >= {("activities", number)}
    assert still.account.upload_late("2026-01-05") > number


def test_an_activity_is_deleted_with_its_legs(still: Garmin) -> None:
    parent = still.account.upload_multisport("2026-01-05")
    legs = still.look(f"/activity-service/activity/{parent}")["metadataDTO"]["childIds"]
    still.account.delete_activity(parent)
    assert parent not in still.everything("activities")["activities"]
    for number in (parent, *legs):
        assert refused(still, f"/activity-service/activity/{number}")[0] == 404
        assert refused(still, f"/download-service/files/activity/{number}")[0] == 404
    with pytest.raises(KeyError, match="There is no activity"):
        still.account.delete_activity(parent)


def test_days_sync_late(still: Garmin) -> None:
    before = still.everything()
    still.account.hold_back(DAY, "2026-02-21")
    held = still.everything()
    assert changed(before, held) == {
        (name, day)
        for name in (
            "daily_summaries",
            "sleep",
            "hrv",
            "stress",
            "steps",
            "hydration",
            "body_battery",
        )
        for day in ("2026-02-20", "2026-02-21")
    }
    assert all("2026-02-20" not in held[name] for name in ("steps", "sleep", "hrv"))
    still.account.sync_late(DAY, "2026-02-21")
    assert changed(before, still.everything()) <= {
        (name, day) for name in ("hrv", "sleep") for day in ("2026-02-20", "2026-02-21")
    }
    middle = still.everything()
    still.account.sync_late("2026-02-22")
    assert changed(middle, still.everything()) == {
        ("daily_summaries", "2026-02-22"), ("steps", "2026-02-22"),
    }  # fmt: skip


def test_nights_are_recomputed_edited_and_lost(still: Garmin) -> None:
    day, key = date(2026, 3, 5), "2026-03-05"
    before = still.everything()
    still.account.recompute_night(day)
    recomputed = still.everything()
    assert changed(before, recomputed) == {("sleep", key), ("hrv", key)}
    assert before["sleep"][key]["id"] == recomputed["sleep"][key]["id"]
    assert before["sleep"][key]["remSleepSeconds"] != recomputed["sleep"][key]["remSleepSeconds"]
    still.account.edit_night(day, minutes=30)
    edited = still.everything("sleep")["sleep"][key]
    assert edited["id"] == recomputed["sleep"][key]["id"] - 30 * 60_000
    assert edited["sleepWindowConfirmationType"] == "manually_confirmed"
    still.account.lose_night(day)
    lost = still.everything("hrv", "sleep")
    assert key not in lost["hrv"]
    assert key not in lost["sleep"]
    empty = still.look("/sleep-service/sleep/dailySleep", date=day)
    assert empty["sleepTimeSeconds"] is None


def test_weigh_ins_are_added_replaced_and_deleted(still: Garmin) -> None:
    before = still.everything()
    added = still.account.weigh_in(DAY, 71000, hour=21)
    second = still.account.weigh_in(DAY, 71300, hour=21.5)
    assert added != second
    entry = still.everything("weight_entries")["weight_entries"][added]
    assert (entry["weight"], entry["calendarDate"], entry["sourceType"]) == (
        71000,
        f"{DAY}",
        "MANUAL",
    )
    replaced = still.account.replace_weigh_in(added, 70500)
    after = still.everything("weight_entries")["weight_entries"]
    assert added not in after
    assert after[replaced]["weight"] == 70500
    assert after[replaced]["timestampGMT"] == entry["timestampGMT"]
    still.account.delete_weigh_in(replaced)
    still.account.delete_weigh_in(second)
    assert changed(before, still.everything()) == set()


def test_drinks_food_settings_and_cycles_are_entered(still: Garmin) -> None:
    before = still.everything()
    still.account.drink(DAY, 400)
    assert changed(before, still.everything()) == {
        ("hydration", f"{DAY}"),
        ("daily_summaries", f"{DAY}"),
    }
    log = f"/nutrition-service/food/logs/{DAY}"
    eaten = still.look(log)["loggedFoodsWithServingSizes"]
    still.account.eat(DAY, "Apple", 80)
    assert len(still.look(log)["loggedFoodsWithServingSizes"]) == len(eaten) + 1
    still.account.edit_settings(timeZone="gmt")
    assert still.look("/userprofile-service/userprofile/settings")["timeZone"] == "gmt"
    cycle = f"/periodichealth-service/menstrualcycle/summary/{DAY}"
    start = still.look(cycle)["startDate"]
    still.account.move_cycles(2)
    assert still.look(cycle)["startDate"] != start


def test_something_can_happen_between_two_pages(garmin: Garmin) -> None:
    late: list[int] = []

    def upload(asked: Any) -> None:
        if asked.query.get("start") == "40" and not late:
            late.append(garmin.account.upload_late(garmin.account.first_day))

    garmin.on_request = upload
    pages = [get(garmin, SEARCH, start=n, limit=40, sortOrder="asc").json() for n in (0, 40)]
    assert pages[1][0] == pages[0][-1]
    assert garmin.requests[-1].notes["rule"] == SEARCH


# Zones


def test_days_have_their_hours_where_clocks_change() -> None:
    garmin = made(years=1, now=datetime(2026, 4, 2, 12, tzinfo=UTC))
    hours = {}
    for day in (date(2025, 10, 26), date(2026, 3, 29), date(2026, 3, 30)):
        (found,) = garmin.look(DAYS, **span(day, 1))["data"]
        hours[day.day] = found["wellnessChronology"]["totalDurationInMillis"] / 3_600_000
    assert hours == {26: 25, 29: 23, 30: 24}
    (battery,) = garmin.look(BATTERY, **span(date(2026, 3, 29), 1))
    assert battery["startTimestampGMT"] == "2026-03-28T23:00:00.0"
    assert battery["endTimestampGMT"] == "2026-03-29T22:00:00.0"
    assert battery["endTimestampLocal"] == "2026-03-30T00:00:00.0"


def test_a_traveller_is_a_day_ahead_and_in_other_zones() -> None:
    garmin = made(now=datetime(2026, 3, 10, 18, 0, tzinfo=UTC))
    garmin.account.travel("Pacific/Auckland", "2026-03-08", "2026-03-20")
    garmin.account.sync()
    assert garmin.account.today == date(2026, 3, 11)
    days = {
        row["calendarDate"]: row for row in garmin.look(DAYS, **span(date(2026, 3, 5), 10))["data"]
    }
    assert max(days) == "2026-03-11"
    start = days["2026-03-11"]["wellnessChronology"]["startTimestampGmt"]
    assert start == "2026-03-10T11:00:00.0"
    assert days["2026-03-11"]["jetLag"]["tripName"] == "Trip to Auckland"
    number = garmin.account.upload_late("2026-03-11")
    row = garmin.everything("activities")["activities"][number]
    offset = datetime.fromisoformat(row["startTimeLocal"]) - datetime.fromisoformat(
        row["startTimeGMT"]
    )
    assert offset == timedelta(hours=13)
    detail = garmin.look(f"/activity-service/activity/{number}")
    assert detail["timeZoneUnitDTO"]["timeZone"] == "Pacific/Auckland"
    assert garmin.look("/userprofile-service/userprofile/settings")["timeZone"] == "Europe/Berlin"


# Quirks


def test_days_can_come_twice() -> None:
    garmin = made()
    garmin.quirks.duplicate_days = 1
    rows = garmin.look(DAYS, **span(DAY, 10))["data"]
    counts = Counter(row["calendarDate"] for row in rows)
    assert set(counts.values()) == {2}
    whole = garmin.everything("daily_summaries")["daily_summaries"]
    fuller = [row == whole[row["calendarDate"]] for row in rows]
    assert sum(fuller) == len(rows) / 2
    firsts = set(fuller[::2])
    assert firsts == {True, False}
    garmin.quirks.sleep_wrapped = True
    assert {len(row) for row in garmin.look(SLEEP, **span(DAY, 3))} == {1}


def test_forms_that_only_some_saw() -> None:
    garmin = made()
    fitness = f"/fitnessage-service/fitnessage/v2/{DAY}"
    live = garmin.look(fitness)
    garmin.quirks.fitness_age_in_list = True
    assert garmin.look(fitness) == [live]
    garmin.quirks.sleep_wrapped, garmin.quirks.sleep_times = True, "text"
    found = night(garmin, DAY)["dailySleepDTO"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d", found["sleepEndTimestampGMT"])
    assert isinstance(found["id"], int)
    garmin.quirks.ids_as_text = True
    assert isinstance(night(garmin, DAY)["dailySleepDTO"]["sleepNeed"]["deviceId"], str)
    assert len(garmin.look(SEARCH, limit=1)[0]) < 150
    garmin.quirks.null_members = True
    row = garmin.look(SEARCH, limit=1)[0]
    assert len(row) >= 230
    detail = garmin.look(f"/activity-service/activity/{row['activityId']}")
    assert detail["diveInfo"] is None
    assert detail["summaryDTO"]["maxDepth"] is None


def test_strange_members_are_in_every_record() -> None:
    garmin = made(years=0.2)
    garmin.strange = True
    for name, records in garmin.everything().items():
        assert records, name
        assert all("strange_decimal" in record for record in records.values()), name
    with garmin:
        text = get(garmin, SEARCH, limit=1).text
    assert '"strange_decimal":0.1234567890123456789012345678901234567890' in text
    kept = ("/userprofile-service/userprofile/settings", f"/hrv-service/hrv/{DAY}",
            f"/nutrition-service/food/logs/{DAY + 2 * ONE}",
            "/activity-service/activity/" + str(garmin.account.activities()[-1].id))  # fmt: skip
    assert all("strange_decimal" in garmin.look(path) for path in kept)


# The generator

DIGEST = """
import hashlib, json, sys
from datetime import UTC, datetime
from tests.sandbox import Clock, Person
from tests.sandbox.garmin import Garmin
clock = Clock(datetime(2026, 3, 10, 20, 0, tzinfo=UTC))
garmin = Garmin(clock, Person(8, 0.3, clock.now()), 8, 0.3)
print(hashlib.sha256(json.dumps(garmin.everything(), sort_keys=True).encode()).hexdigest())
"""


def digest(garmin: Garmin) -> str:
    return hashlib.sha256(json.dumps(garmin.everything(), sort_keys=True).encode()).hexdigest()


def test_data_depend_on_the_seed_alone() -> None:
    garmin = made()
    for n in range(50, 0, -7):  # another order than the days'
        garmin.look(BATTERY, **span(DAY - n * ONE, 3))
        garmin.look(f"/hrv-service/hrv/daily/{DAY - n * ONE}/{DAY}")
    expected = digest(garmin)
    for zone, seed in (("Pacific/Apia", "1"), ("America/Caracas", "2")):
        environ = {**os.environ, "TZ": zone, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", DIGEST], cwd=ROOT, env=environ, capture_output=True, text=True,
            check=True, timeout=60,
        )  # fmt: skip
        assert done.stdout.strip() == expected


def test_two_people_have_other_data_on_the_same_days() -> None:
    one, other = made(), made(seed=7)
    first, second = one.everything(), other.everything()
    assert one.key != other.key
    assert one.account.profile.pk != other.account.profile.pk
    assert not first["activities"].keys() & second["activities"].keys()
    assert not first["weight_entries"].keys() & second["weight_entries"].keys()
    common = first["daily_summaries"].keys() & second["daily_summaries"].keys()
    assert len(common) > 90
    assert all(first["daily_summaries"][day] != second["daily_summaries"][day] for day in common)


def test_ten_years_have_their_days_and_activities() -> None:
    garmin = made(years=10, activities=3000)
    account = garmin.account
    assert (account.today - account.first_day).days + 1 == 3653
    yesterday = account.today - ONE
    assert len([one for one in account.activities() if one.day <= yesterday]) == 3000
    assert len(account.weigh_ins()) > 1000
    assert refused(garmin, f"/hrv-service/hrv/daily/{account.first_day}/{account.first_day}") == (
        204,
        None,
    )
    known = [account.day(account.first_day + n * ONE) for n in range(3653)]
    assert 3500 < len([day for day in known if day]) < 3653
