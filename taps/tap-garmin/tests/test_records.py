"""Records are what Garmin served, digit for digit, with the time at which they happened."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tap_garmin.streams import STREAMS
from tests.sandbox.garmin.shapes import health

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.sandbox.garmin import Garmin
    from tests.tap_runs import Run, Runner

BY_NAME = {vars(stream)["name"]: stream for stream in STREAMS}
JSON_STREAMS = sorted(BY_NAME.keys() - {"activity_files"})
DAYS: dict[str, Any] = {"start_date": "2026-10-25", "end_date": "2026-11-08"}
AUTUMN = (date(2026, 10, 30), date(2026, 11, 3))  # the clocks of New York go back on 1 November


def exact(text: str | bytes) -> Any:
    """Return JSON with numbers that are equal only if all their digits are."""
    return json.loads(text, parse_float=lambda digits: ("number", Decimal(digits).as_tuple()))


def frozen(records: Iterable[Any]) -> Counter[str]:
    """Return records that can be compared, without what the tap has added."""
    own = ({k: v for k, v in row.items() if not k.startswith("_tap_")} for row in records)
    return Counter(json.dumps(row, sort_keys=True) for row in own)


def rows_of(stream: str, body: Any) -> list[Any]:
    """Return the records of an answer."""
    if stream == "weight_entries":
        return [row for day in body["dailyWeightSummaries"] for row in day["allWeightMetrics"]]
    if stream == "weight_goals":
        return [*body["userGoals"], *body["userGoalRanges"]]
    if isinstance(body, dict) and stream in {"daily_summaries", "hrv"}:
        return list(body["data"] if stream == "daily_summaries" else body["hrvSummaries"])
    return body if isinstance(body, list) else [body]


@pytest.fixture
def keep(monkeypatch: pytest.MonkeyPatch) -> Callable[[Garmin], list[tuple[str, bytes]]]:
    """Keep path and body of every answer that an account gives from now on."""

    def start(garmin: Garmin) -> list[tuple[str, bytes]]:
        served: list[tuple[str, bytes]] = []
        answer = garmin.answer

        def answer_and_keep(request: Any, asked: Any) -> Any:
            response = answer(request, asked)
            if response.status_code == 200:
                served.append((asked.path, response.get_data()))
            return response

        monkeypatch.setattr(garmin, "answer", answer_and_keep)
        return served

    return start


def test_every_record_of_every_stream_is_what_was_served(
    garmin: Garmin, tap: Runner, keep: Callable[[Garmin], list[tuple[str, bytes]]]
) -> None:
    garmin.strange = True
    garmin.account.upload_multisport("2026-11-02")
    served = keep(garmin)
    run = tap(*JSON_STREAMS, **DAYS)
    assert run.failure is None
    emitted: dict[str, list[Any]] = {}
    for line in run.lines:
        message = exact(line)
        if message["type"] == "RECORD":
            emitted.setdefault(message["stream"], []).append(message["record"])
    for stream in JSON_STREAMS:
        path = re.sub(r"\{\w+\}", "[^/]+", str(BY_NAME[stream].api_endpoint))
        bodies = [exact(body) for asked, body in served if re.fullmatch(path, asked)]
        expected = frozen(row for body in bodies for row in rows_of(stream, body))
        found = frozen(emitted[stream])
        assert found, stream
        if stream == "menstrual_cycles":  # a cycle may be asked for twice, and comes once
            assert found <= expected
        else:
            assert found == expected, stream
        assert "strange_decimal" in next(iter(found)), stream


def test_the_key_of_every_record_is_there_and_unique(garmin: Garmin, tap: Runner) -> None:
    garmin.account.upload_multisport("2026-11-02")
    run = tap(*JSON_STREAMS, **DAYS)
    for stream in JSON_STREAMS:
        (schema,) = run.of(stream, "SCHEMA")
        keys = [tuple(row[k] for k in schema["key_properties"]) for row in run.records(stream)]
        assert len(set(keys)) == len(keys) > 0, stream
        assert not [key for key in keys if None in key], stream


def test_the_state_holds_integers_and_text_alone(tap: Runner) -> None:
    def kinds(value: Any) -> set[type]:
        if isinstance(value, (dict, list)):
            members = value.values() if isinstance(value, dict) else value
            return set().union(*map(kinds, members))
        return {type(value)}

    state = tap(*BY_NAME, start_date="2026-11-16").state
    assert kinds(state) == {int, str}
    assert state["bookmarks"].keys() >= BY_NAME.keys() - {"heart_rate_zones", "user_settings"}


def test_what_the_tap_adds_are_keys_from_path_and_envelope(garmin: Garmin, tap: Runner) -> None:
    run = tap(*JSON_STREAMS, **DAYS)
    del garmin
    added = {
        stream: {name for row in run.records(stream) for name in row if name.startswith("_tap_")}
        for stream in JSON_STREAMS
    }
    assert {stream: names for stream, names in added.items() if names} == {
        "activity_workouts": {"_tap_activity_id"},
        "fitness_age": {"_tap_date"},
        "health_snapshots": {"_tap_uuid"},
        "hrv_readings": {"_tap_date"},
        "menstrual_days": {"_tap_date"},
        "weight_goals": {"_tap_list"},
    }


def test_a_record_tells_where_it_comes_from(garmin: Garmin, tap: Runner) -> None:
    run = tap("activities", "hrv_readings", "activity_details", account="second", **DAYS)
    (schema,) = run.of("activities", "SCHEMA")
    assert schema["bronze"]["tap"] == "tap-garmin 0.1.0"
    assert schema["bronze"]["source"] == "garmin"
    assert schema["bronze"]["account"] == "second"
    assert schema["bronze"]["parameters"]["start_date"] == "2026-10-25"
    assert garmin.key not in json.dumps(schema)
    assert schema["bookmark_properties"] == ["startTimeGMT"]
    (detail,) = run.of("activity_details", "SCHEMA")
    assert detail["bronze"]["parent"] == {"stream": "activities", "key": ["/activityId"]}
    message = run.of("hrv_readings")[0]
    day = message["record"]["_tap_date"]
    assert message["bronze"]["api_endpoint"] == f"/hrv-service/hrv/{day}"
    assert message["bronze"]["api_response_code"] == 200
    assert len(message["bronze"]["api_request_id"]) == 32
    assert message["time_extracted"].startswith("2026-11-22T20:0")


def test_a_whole_table_is_told_to_be_whole(garmin: Garmin, tap: Runner) -> None:
    run = tap("heart_rate_zones", "user_settings", "steps", **DAYS)
    for stream in ("heart_rate_zones", "user_settings"):
        (activated,) = run.of(stream, "ACTIVATE_VERSION")
        assert {m["version"] for m in run.of(stream)} == {activated["version"]}
    assert run.of("steps", "ACTIVATE_VERSION") == []
    garmin.faults.garbage(b"[]", path="heartRateZones")
    assert tap("heart_rate_zones").of("heart_rate_zones", "ACTIVATE_VERSION") == []
    garmin.access.closed = {"biometric-service"}
    assert tap("heart_rate_zones").of("heart_rate_zones", "ACTIVATE_VERSION") == []


def test_a_goal_that_ended_is_not_deleted_and_settings_are_asked_for_once(
    garmin: Garmin, tap: Runner
) -> None:
    first = tap("weight_goals", "user_settings")
    garmin.clock.move(timedelta(days=120))
    garmin.requests.clear()
    second = tap("weight_goals", "user_settings", state=first.state)
    assert second.deleted("weight_goals") == []
    assert sum("userprofile/settings" in asked.path for asked in garmin.requests) == 1


def test_nights_in_a_wrapper_come_out_of_it(garmin: Garmin, tap: Runner) -> None:
    plain = tap("sleep", **DAYS).records("sleep")
    garmin.quirks.sleep_wrapped = True
    assert tap("sleep", **DAYS).records("sleep") == plain


def test_fitness_age_comes_as_an_object_or_in_a_list(garmin: Garmin, tap: Runner) -> None:
    plain = tap("fitness_age", **DAYS).records("fitness_age")
    assert plain
    garmin.quirks.fitness_age_in_list = True
    assert tap("fitness_age", **DAYS).records("fitness_age") == plain


@pytest.mark.parametrize(
    "quirk", ["null_members", "ids_as_text", "shuffled_descriptors", "weight_in_kilograms"]
)
def test_array_rows_ids_and_units_are_left_as_they_come(
    garmin: Garmin, tap: Runner, keep: Callable[[Garmin], list[tuple[str, bytes]]], quirk: str
) -> None:
    setattr(garmin.quirks, quirk, True)
    garmin.quirks.level_first = False
    streams = ("body_battery", "weight_entries", "activity_details", "health_snapshots")
    served = keep(garmin)
    run = tap(*streams, **DAYS)
    for stream in streams:
        path = re.sub(r"\{\w+\}", "[^/]+", str(BY_NAME[stream].api_endpoint))
        bodies = [json.loads(body) for asked, body in served if re.fullmatch(path, asked)]
        rows = [row for body in bodies for row in rows_of(stream, body)]
        found = [m["record"] for line in run.lines if (m := json.loads(line))["type"] == "RECORD"
                 and m["stream"] == stream]  # fmt: skip
        assert frozen(found) == frozen(rows)


def instant(run: Run, stream: str, record: dict[str, Any]) -> datetime:
    """Return the time that the SCHEMA points to in a record, as a target reads it."""
    (schema,) = run.of(stream, "SCHEMA")
    told = schema["bronze"]["source_timestamp"]
    value: Any = record
    for name in told["pointer"].split("/")[1:]:
        value = value[name]
    if told["form"] == "epoch_ms":
        return datetime.fromtimestamp(float(value) / 1000, UTC)
    assert told["form"] in {"utc", "date"}
    moment = datetime.fromisoformat(value)
    assert moment.tzinfo is None
    return moment.replace(tzinfo=UTC)


@pytest.mark.parametrize("place", ["home", "journey"])
def test_the_time_of_a_record_is_right_in_utc(
    serve: Callable[..., Garmin], runner_of: Callable[[Garmin], Runner], place: str
) -> None:
    garmin = serve(zone="America/New_York")
    account = garmin.account
    if place == "journey":
        account.travel("Asia/Kathmandu", *AUTUMN)
    for number in range((AUTUMN[1] - AUTUMN[0]).days + 1):
        account.upload_late(AUTUMN[0] + timedelta(days=number))
        account.weigh_in(AUTUMN[0] + timedelta(days=number), 70000)
    streams = (
        "activities", "activity_details", "weight_entries", "sleep", "hrv_readings",
        "daily_summaries", "heart_rate",
    )  # fmt: skip
    run = runner_of(garmin)(*streams, start_date=str(AUTUMN[0]), end_date=str(AUTUMN[1]))
    found = {
        stream: [(row, instant(run, stream, row)) for row in run.records(stream)]
        for stream in streams
    }
    starts = {one.id: one.start for one in account.activities(children=True)}
    for stream in ("activities", "activity_details"):
        assert {at - starts[row["activityId"]] for row, at in found[stream]} == {timedelta(0)}
    weighed = {one.sample_pk: one.at for one in account.weigh_ins()}
    for row, at in found["weight_entries"]:
        assert abs(at - weighed[row["samplePk"]]) < timedelta(seconds=1)
    for row, at in found["sleep"]:
        night = account.night(date.fromisoformat(row["calendarDate"]))
        assert night is not None
        assert abs(at - night.end) < timedelta(seconds=1)
        local = datetime.fromtimestamp(row["sleepEndTimestampLocal"] / 1000, UTC)
        assert local != at  # the trap: a wall clock, written as if it were an instant
    for row, at in found["hrv_readings"]:
        assert at.isoformat()[:16] == row["hrvReadings"][-1]["readingTimeGMT"][:16]
    for stream in ("daily_summaries", "heart_rate"):
        assert all(str(at.date()) == row["calendarDate"] for row, at in found[stream])
    offsets = {
        datetime.fromisoformat(row["startTimeLocal"]) - datetime.fromisoformat(row["startTimeGMT"])
        for row, _ in found["activities"]
    }
    east = {timedelta(hours=5, minutes=45)}
    assert offsets == (east if place == "journey" else {timedelta(hours=-4), timedelta(hours=-5)})


def test_the_legs_of_a_multisport_activity_come_with_their_parent(
    garmin: Garmin, tap: Runner
) -> None:
    parent = garmin.account.upload_multisport("2026-11-02")
    run = tap("activities", **DAYS)
    legs = {one.id for one in garmin.account.activities(children=True) if one.parent_id == parent}
    found = {row["activityId"]: row.get("parentId") for row in run.records("activities")}
    assert {activity for activity, of in found.items() if of == parent} == legs
    assert found[parent] is None
    (schema,) = run.of("activities", "SCHEMA")
    assert schema["bronze"]["parent"] == {"stream": "activities", "key": ["/parentId"]}


def test_a_cycle_comes_once_as_it_stood_on_its_first_day(garmin: Garmin, tap: Runner) -> None:
    run = tap("menstrual_cycles")
    cycles = run.records("menstrual_cycles")
    assert cycles
    assert {row["dayInCycle"] for row in cycles} == {1}
    asked = sum("menstrualcycle/summary" in one.path for one in garmin.requests)
    assert asked <= 2 * len(cycles)
    garmin.clock.move(timedelta(days=1))
    later = tap("menstrual_cycles", state=run.state)
    before = {row["startDate"]: row for row in cycles}
    assert {row["startDate"]: row for row in later.records("menstrual_cycles")}.items() <= (
        before.items()
    )
    assert later.deleted("menstrual_cycles") == []


def test_a_cycle_that_was_predicted_otherwise_is_gone(
    tap: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tap("menstrual_cycles")
    monkeypatch.setattr(health, "CYCLE", 26)
    second = tap("menstrual_cycles", state=first.state)
    old = {row["startDate"] for row in first.records("menstrual_cycles")}
    new = {row["startDate"] for row in second.records("menstrual_cycles")}
    assert {row["startDate"] for row in second.deleted("menstrual_cycles")} == old - new


def test_selection_by_field_takes_a_field_out(garmin: Garmin, tap: Runner) -> None:
    catalog = json.loads(json.dumps(tap._tap(config={"api_key": garmin.key}).catalog_dict))
    for entry in catalog["streams"]:
        for part in entry["metadata"]:
            if not part["breadcrumb"]:
                part["metadata"]["selected"] = entry["tap_stream_id"] == "activities"
            elif part["breadcrumb"][-1] in {"startLatitude", "activityId", "startTimeGMT"}:
                part["metadata"]["selected"] = False
    tap._catalog = lambda *_: catalog  # type: ignore[method-assign] # this one instead
    run = tap("activities", **DAYS)
    assert not any("startLatitude" in row for row in run.records("activities"))
    assert all(row["activityId"] for row in run.records("activities"))
    assert any("startLongitude" in row for row in run.records("activities"))
    assert "startLatitude" not in run.of("activities", "SCHEMA")[0]["schema"]["properties"]


def test_stream_maps_work(garmin: Garmin, tap: Runner) -> None:
    maps = {"steps": {"__alias__": "walks", "calendarDate": "calendarDate", "__else__": None}}
    run = tap("steps", stream_maps=maps, **DAYS)
    del garmin
    assert {tuple(row) for row in run.records("walks")} == {("calendarDate",)}


def test_optional_streams_are_off_until_their_group_is_asked_for(
    garmin: Garmin, tap: Runner
) -> None:
    run = tap(stream_groups=["profile"], **DAYS)
    read = {m["stream"] for m in run.messages if m["type"] == "SCHEMA"}
    assert len(read) == 12
    assert {"user_settings", "heart_rate_zones", "weight_goals"} <= read
    del garmin
