"""Activity files: FIT in parts, GPX and TCX as text, damaged files as far as they go."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from tap_garmin import parts as cutting
from tap_garmin.archive import files as unpacked
from tap_garmin.fit import SAMPLES, FitFile, _json
from tests.sandbox.garmin.files import activity_file

if TYPE_CHECKING:
    from tests.sandbox.garmin import Garmin
    from tests.tap_runs import Run, Runner

PERIOD: dict[str, Any] = {"start_date": "2026-11-16", "end_date": "2026-11-18"}


def of(run: Run, activity: int) -> list[dict[str, Any]]:
    """Return the parts of an activity's file."""
    return [row for row in run.records("activity_files") if row["_tap_activity_id"] == activity]


def named(part: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the fields of the messages of a name."""
    return [message["fields"] for message in part["messages"] if message["name"] == name]


def some(garmin: Garmin) -> Any:
    """Return an activity of the period that covers a distance."""
    (one,) = garmin.account.on(date(2026, 11, 16))
    return one


def test_a_fit_file_comes_with_names_values_and_units_in_file_order(
    garmin: Garmin, tap: Runner
) -> None:
    one = some(garmin)
    run = tap("activity_files", **PERIOD)
    assert run.failure is None
    (part,) = of(run, one.id)
    assert part["_tap_part"] == 0
    assert part["format"] == "fit"
    assert part["is_last"] is True
    assert part["warnings"] == []
    names = [message["name"] for message in part["messages"]]
    assert names[0] == "file_id"
    assert names[-1] == "activity"
    assert names.index("record") < names.index("lap") < names.index("session")
    (session,) = named(part, "session")
    start = f"{one.start:%Y-%m-%dT%H:%M:%SZ}"
    assert session["start_time"] == start
    assert float(session["total_timer_time"]) == pytest.approx(one.duration, abs=0.001)
    assert float(session["total_distance"]) == pytest.approx(one.distance, abs=0.01)
    assert session["sport"]
    assert part["units"]["session"]["total_distance"] == "m"
    assert part["units"]["record"]["heart_rate"] == "bpm"
    assert part["units"]["record"]["position_lat"] == "semicircles"
    assert part["units"]["record"]["doughnuts_earned"] == "doughnuts"  # a developer field
    assert all(isinstance(record["heart_rate"], int) for record in named(part, "record"))
    assert [name for name in names if name.startswith("unknown_")]
    # The local time of the watch is a wall clock, and says so by having no zone.
    (activity,) = named(part, "activity")
    assert activity["timestamp"].endswith("Z")
    assert not activity["local_timestamp"].endswith("Z")
    row = next(r for r in tap("activities").records("activities") if r["activityId"] == one.id)
    assert activity["local_timestamp"][:13] > row["startTimeLocal"].replace(" ", "T")[:10]


def test_a_file_tells_where_it_comes_from_and_goes_to_a_source_of_its_own(
    garmin: Garmin, tap: Runner
) -> None:
    one = some(garmin)
    run = tap("activity_files", **PERIOD)
    (schema,) = run.of("activity_files", "SCHEMA")
    assert schema["bronze"]["source"] == "garmin_files"
    assert schema["bronze"]["raw_index"] == "none"
    assert schema["bronze"]["source_timestamp"] == {"pointer": "/_tap_start_time", "form": "utc"}
    archive = zipfile.ZipFile(io.BytesIO(activity_file(garmin.account, one)))
    (name,) = archive.namelist()
    data = archive.read(name)
    (told,) = [
        m["bronze"] for m in run.of("activity_files") if m["record"]["_tap_activity_id"] == one.id
    ]
    assert told["file_path"] == f"{one.id}.zip!{name}"
    assert told["file_hash"] == hashlib.sha256(data).hexdigest()
    assert told["file_size"] == len(data)
    assert told["compression_type"] == "zip"
    assert told["api_endpoint"] == f"/download-service/files/activity/{one.id}"


def test_a_summary_leaves_out_what_comes_by_the_second(garmin: Garmin, tap: Runner) -> None:
    one = some(garmin)
    (whole,) = of(tap("activity_files", **PERIOD), one.id)
    (part,) = of(tap("activity_files", fit_detail="summary", **PERIOD), one.id)
    kept = [message for message in whole["messages"] if message["name"] not in SAMPLES]
    assert part["messages"] == kept
    assert len(kept) < len(whole["messages"])


def test_a_large_file_comes_in_parts(
    garmin: Garmin, tap: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = some(garmin)
    (whole,) = of(tap("activity_files", **PERIOD), one.id)
    monkeypatch.setattr(cutting, "LARGEST", 20_000)
    monkeypatch.setattr(cutting, "HEAD", 2_000)
    run = tap("activity_files", **PERIOD)
    parts = of(run, one.id)
    assert len(parts) > 3
    assert [part["_tap_part"] for part in parts] == list(range(len(parts)))
    assert [part["is_last"] for part in parts] == [False] * (len(parts) - 1) + [True]
    assert [message for part in parts for message in part["messages"]] == whole["messages"]
    assert all(len(json.dumps(part, default=float).encode()) <= 20_000 for part in parts)
    for part in parts:
        for message in part["messages"]:
            units = part["units"].get(message["name"], {}) | message.get("units", {})
            whole_units = whole["units"].get(message["name"], {})
            assert {n: units.get(n) for n in message["fields"]} == {
                n: whole_units.get(n) for n in message["fields"]
            }
    monkeypatch.undo()
    # A trimmed recording is read again; the parts that it has no more are gone.
    garmin.account.edit_activity(one.id, trim_seconds=600)
    again = tap("activity_files", state=run.state, **PERIOD)
    assert [part["_tap_part"] for part in of(again, one.id)] == [0]
    assert [row["_tap_part"] for row in again.deleted("activity_files")] == list(
        range(1, len(parts))
    )


def test_only_a_recording_that_was_trimmed_is_read_again(garmin: Garmin, tap: Runner) -> None:
    one = some(garmin)
    streams = ("activity_files", "activity_details", "activity_workouts")
    first = tap(*streams, **PERIOD)
    garmin.account.edit_activity(one.id, name="Renamed")
    garmin.requests.clear()
    second = tap(*streams, state=first.state, **PERIOD)
    assert second.records("activity_files") == []
    assert [row["activityName"] for row in second.records("activity_details")] == ["Renamed"]
    assert sum("search" in asked.path for asked in garmin.requests) == 1  # for all three
    garmin.account.delete_activity(one.id)
    third = tap(*streams, state=second.state, **PERIOD)
    assert third.deleted("activity_files") == [{"_tap_activity_id": one.id, "_tap_part": 0}]
    assert third.deleted("activity_details") == [{"activityId": one.id}]


@pytest.mark.parametrize(
    ("kind", "warning"),
    [
        ("broken", ""),  # its bytes may well be messages, with nonsense in them
        ("cut", "breaks off"),
        ("checksum", "checksum of the file is wrong"),
    ],
)
def test_a_damaged_file_gives_what_it_has_and_a_warning(
    garmin: Garmin,
    tap: Runner,
    caplog: pytest.LogCaptureFixture,
    kind: str,
    warning: str,
) -> None:
    one = some(garmin)
    (whole,) = of(tap("activity_files", **PERIOD), one.id)
    garmin.quirks.files[one.id] = kind  # type: ignore[assignment] # one of its literals
    run = tap("activity_files", **PERIOD)
    assert run.failure is None
    (part,) = of(run, one.id)
    assert len(part["messages"]) > len(whole["messages"]) / 2
    count = 10 if kind == "broken" else len(part["messages"])
    assert part["messages"][:count] == whole["messages"][:count]
    assert part["warnings"]
    assert warning in " ".join(part["warnings"])
    assert part["warnings"][0] in caplog.text
    others = [row for row in run.records("activity_files") if row["_tap_activity_id"] != one.id]
    assert all(row["warnings"] == [] for row in others)


@pytest.mark.parametrize("kind", ["gpx", "tcx"])
def test_what_was_uploaded_as_text_comes_as_text(
    garmin: Garmin, tap: Runner, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    one = some(garmin)
    garmin.quirks.files[one.id] = kind  # type: ignore[assignment] # one of its literals
    archive = zipfile.ZipFile(io.BytesIO(activity_file(garmin.account, one)))
    text = archive.read(archive.namelist()[0]).decode()
    monkeypatch.setattr(cutting, "LARGEST", 20_000)
    monkeypatch.setattr(cutting, "HEAD", 2_000)
    parts = of(tap("activity_files", **PERIOD), one.id)
    assert {part["format"] for part in parts} == {kind}
    assert "".join(part["text"] for part in parts) == text
    assert [part["is_last"] for part in parts] == [False] * (len(parts) - 1) + [True]


@pytest.mark.parametrize("kind", ["empty", "missing"])
def test_an_activity_without_a_file_is_no_error_and_asked_for_once(
    garmin: Garmin, tap: Runner, kind: str
) -> None:
    one = some(garmin)
    garmin.quirks.files[one.id] = kind  # type: ignore[assignment] # one of its literals
    run = tap("activity_files", **PERIOD)
    assert run.failure is None
    assert of(run, one.id) == []
    assert run.records("activity_files")
    garmin.requests.clear()
    tap("activity_files", state=run.state, **PERIOD)
    assert not [asked for asked in garmin.requests if "download-service" in asked.path]


def test_the_file_of_a_multisport_activity_comes_once(garmin: Garmin, tap: Runner) -> None:
    parent = garmin.account.upload_multisport("2026-11-17")
    run = tap("activity_files", start_date="2026-11-17", end_date="2026-11-17")
    (part,) = of(run, parent)
    legs = {one.id for one in garmin.account.activities(children=True) if one.parent_id == parent}
    assert len(named(part, "session")) == len(legs) > 1
    assert not legs & {row["_tap_activity_id"] for row in run.records("activity_files")}


def test_a_file_of_another_person_is_left_out_and_a_closed_area_skipped(
    garmin: Garmin, tap: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    owners = b'{"message": "Only owner of activity allowed", "error": "UnauthorizedException"}'
    garmin.faults.status(403, body=owners, path="download-service", count=1)
    run = tap("activity_files", **PERIOD)
    assert run.failure is None
    assert run.records("activity_files")
    assert "skipped" not in caplog.text
    garmin.access.closed = {"download-service"}
    assert tap("activity_files", **PERIOD).records("activity_files") == []
    assert "activity_files: skipped" in caplog.text


def test_a_damaged_archive_and_foreign_bytes_are_told() -> None:
    (file,) = unpacked("1.zip", b"PK\x03\x04 and no more")
    assert (file.path, file.compression) == ("1.zip", None)
    assert "archive is damaged" in str(file.warning)
    assert file.provenance()["file_size"] == len(file.data)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("folder/", "")
        archive.writestr("folder/a.fit", b"0123456789" * 10)
    damaged = packed.getvalue().replace(b"0123456789", b"012345678X", 1)
    (file,) = unpacked("1.zip", damaged)
    assert file.path == "1.zip!folder/a.fit"
    assert "cannot be unpacked" in str(file.warning)
    (bare,) = unpacked("1.zip", b"no archive")
    assert (bare.path, bare.data, bare.warning) == ("1.zip", b"no archive", None)


def test_what_is_no_known_format_says_so() -> None:
    (content,) = cutting.as_text(io.BytesIO(b"\xff\xfe nothing"))
    assert content["format"] is None
    assert content["warnings"] == ["this is no FIT, GPX or TCX file"]
    (empty,) = cutting.as_text(io.BytesIO())
    assert empty["is_last"] is True


@pytest.mark.parametrize("data", [b"", b"\x0e", b"\x0e\x20\x00\x00\xff\xff\x00\x00.FIT"])
def test_next_to_nothing_gives_a_warning_or_nothing(data: bytes) -> None:
    fit = FitFile(io.BytesIO(data))
    assert list(fit.messages()) == []
    expected = ["the file breaks off or is damaged"] if data else []
    assert [warning.partition(" (")[0] for warning in fit.warnings] == expected


def test_values_of_fit_become_json() -> None:
    assert _json((1, None, b"\x01\xff", float("nan"), 1.5)) == [1, None, "01ff", "nan", 1.5]
