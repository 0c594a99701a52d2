"""Exported files: the JSON families, FIT files of all types, folders, what is of no known kind."""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any

import fitfast
import pytest

from tap_garmin.files.families import FAMILIES
from tap_garmin.files.streams import FILE_STREAMS
from tap_garmin.fit import FileId, FitFile
from tap_garmin.tap import TapGarmin
from tests.sandbox.clock import Clock
from tests.sandbox.garmin import Garmin
from tests.sandbox.garmin.export import Export, unpack, write_export
from tests.sandbox.person import Person
from tests.tap_runs import Run, Runner

EVENING = datetime(2026, 11, 22, 20, tzinfo=UTC)
KINDS: Any = FILE_STREAMS
STEMS = {
    "export_activities": "summarizedActivities",
    "export_personal_records": "personalRecord",
    "export_gear": "gear",
    "export_workouts": "workout",
    "export_daily_summaries": "UDSFile",
    "export_hydration": "HydrationLogFile",
    "export_sleep": "sleepData",
    "export_health_status": "healthStatusData",
    "export_fitness_age": "fitnessAgeData",
    "export_biometrics": "userBioMetrics",
    "export_biometrics_current": "bioMetrics",
    "export_biometrics_profile": "userBioMetricProfileData",
    "export_heart_rate_zones": "heartRateZones",
    "export_power_zones": "powerZones",
    "export_blood_pressure": "BloodPressureFile",
    "export_acute_training_load": "MetricsAcuteTrainingLoad",
    "export_training_readiness": "TrainingReadinessDTO",
    "export_max_met": "MetricsMaxMetData",
    "export_activity_vo2max": "ActivityVo2Max",
    "export_race_predictions": "RunRacePredictions",
    "export_training_history": "TrainingHistory",
    "export_endurance_score": "EnduranceScore",
    "export_hill_score": "HillScore",
    "export_golf": "Golf-SCORECARD",
}
"""Stem of the files of each stream that holds rows as they are."""


@pytest.fixture(scope="module")
def export() -> Export:
    """What an account with 146 days would get."""
    garmin = Garmin(Clock(EVENING), Person(1, 0.4, EVENING), seed=1, years=0.4)
    garmin.quirks.record_seconds = 60
    return Export(garmin.account)


@pytest.fixture(scope="module")
def archive(export: Export, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of that export, with some originals of each type."""
    path = tmp_path_factory.mktemp("exports") / "export.zip"
    write_export(path, export, most=20)
    return path


@pytest.fixture(scope="module")
def run() -> Runner:
    """The tap, for files; no server is started."""
    return Runner(TapGarmin, Clock(EVENING), {"auth_mode": "files"})


@pytest.fixture(scope="module")
def whole(archive: Path, run: Runner) -> Run:
    """A run that read all of it."""
    return run(paths=[str(archive)])


def as_read(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows as a reader of their file has them."""
    found: list[dict[str, Any]] = json.loads(json.dumps(rows), parse_float=Decimal)
    return found


def bare(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record without what the tap added."""
    return {name: value for name, value in record.items() if not name.startswith("_tap_")}


def test_every_family_comes_as_it_stands_in_its_files(export: Export, whole: Run) -> None:
    done = whole
    assert done.failure is None
    written = export.rows()
    for stream, stem in STEMS.items():
        records = done.records(stream)
        assert [bare(record) for record in records] == as_read(written[stem]), stream
        assert records
    assert {row["_tap_file"] for row in done.records("export_profile")} == {
        "user_profile",
        "social-profile",
    }
    used = done.records("export_gear_activities")
    assert {row["_tap_gear"] for row in used} == {"777"}
    assert {family.stream for family in FAMILIES} - set(STEMS) == {
        "export_profile",
        "export_gear_activities",
    }


def test_every_record_has_its_key_and_its_time(whole: Run) -> None:
    kinds = {stream.name: stream for stream in KINDS}
    for name, kind in kinds.items():
        rows = whole.records(name)
        keys = Counter(tuple(str(row[part]) for part in kind.primary_keys) for row in rows)
        assert all(part not in {"None", ""} for key in keys for part in key), name
        # Neighbouring files share a day; all else comes once.
        doubled = [key for key, number in keys.items() if number > 1]
        assert len(doubled) <= len(keys) / 20 + 2, name
        if kind.source_timestamp:
            member = kind.source_timestamp["pointer"][1:]
            timed = [row for row in rows if row.get(member) is not None]
            assert len(timed) >= len(rows) - 2, name  # some nights have neither


def test_times_that_no_database_reads_are_told_anew(whole: Run) -> None:
    for row in whole.records("export_personal_records"):
        told = datetime.strptime(row["prStartTimeGMT"] + " +0000", "%a %b %d %H:%M:%S GMT %Y %z")
        assert row["_tap_start_time"] == told.isoformat().removesuffix("+00:00")
    pressures = whole.records("export_blood_pressure")
    assert {type(row["metaData"]["calendarDate"]) for row in pressures} == {str, list}
    assert all(datetime.fromisoformat(row["_tap_date"]) for row in pressures)


def test_times_that_make_no_sense_are_left_alone(run: Runner, tmp_path: Path) -> None:
    records = [{"personalRecordId": 1, "prStartTimeGMT": "Sat Foo 11 16:00:00 GMT 2026"}, 7]
    (tmp_path / "a_personalRecord.json").write_text(json.dumps({"personalRecords": records}))
    readings = [{"metaData": {"sequence": 1, "calendarDate": [2025, 13, 1]}}, {"metaData": None}]
    (tmp_path / "BloodPressureFile_1_2.json").write_text(json.dumps(readings))
    done = run(paths=[str(tmp_path)])
    assert [bare(row) for row in done.records("export_personal_records")] == records[:1]
    assert [bare(row) for row in done.records("export_blood_pressure")] == readings
    keys = [row["_tap_key"] for row in done.records("export_blood_pressure")]
    assert keys[0] == "1"
    assert keys[1].startswith("#")
    assert not [row for row in done.messages if "_tap_date" in row.get("record", {})]


def test_rows_without_a_date_are_told_by_their_contents(whole: Run) -> None:
    keys = [row["_tap_key"] for row in whole.records("export_sleep")]
    assert len({key for key in keys if key.startswith("#")}) == 1
    assert sum(key.startswith("2026-") for key in keys) > 100


def test_the_originals_come_by_their_own_type_with_where_they_lay(
    export: Export, whole: Run
) -> None:
    kinds = {"activity": 4, "monitoring": 32, "sleep": 49, "metrics": 44, "other": 2}
    originals = dict(islice(export.originals(), 20))
    found = []
    for kind, number in kinds.items():
        for message in whole.of(f"export_{kind}_files"):
            record, told = message["record"], message["bronze"]
            data = originals[record["file"]]
            own = record["messages"][0]["fields"]
            assert record["messages"][0]["name"] == "file_id"
            assert own["type"] in {number, "activity", "monitoring_b", "settings"}
            assert record["_tap_file_hash"] == told["file_hash"] == hashlib.sha256(data).hexdigest()
            assert told["file_size"] == len(data)
            assert told["file_path"] == (
                "export.zip!DI_CONNECT/DI-Connect-Uploaded-Files/UploadedFiles_0-_Part1.zip!"
                + record["file"]
            )
            assert (told["compression_type"], told["encoding"]) == ("zip", "binary")
            assert record["_tap_time_created"] == own["time_created"]
            assert message["time_extracted"] == "2026-11-01T12:00:00+00:00"
            found.append(record["file"])
    assert sorted(found) == sorted(originals)
    (schema,) = whole.of("export_activity_files", "SCHEMA")
    assert schema["bronze"]["source"] == "garmin_files"
    assert schema["bronze"]["raw_index"] == "none"
    assert schema["key_properties"] == ["_tap_file_hash", "_tap_part"]


def test_a_row_tells_where_it_lay(archive: Path, whole: Run) -> None:
    with zipfile.ZipFile(archive) as packed:
        (name,) = [one for one in packed.namelist() if one.endswith("_workout.json")]
        data = packed.read(name)
    (message,) = whole.of("export_workouts")
    assert message["bronze"] == {
        "file_path": f"export.zip!{name}",
        "file_hash": hashlib.sha256(data).hexdigest(),
        "file_size": len(data),
        "compression_type": "zip",
        "encoding": "utf-8",
    }


def test_message_counts_are_those_of_a_second_decoder(export: Export) -> None:
    originals = [data for _, data in islice(export.originals(), 20)]
    assert len({FileId.of(data).kind for data in originals}) == 5
    for data in originals:
        ours = Counter(message.name for message in FitFile(BytesIO(data)).messages())
        assert ours == fitfast.message_counts(data)
        assert sum(ours.values()) == fitfast.count(data)[0] >= 2


def test_a_summary_leaves_out_what_comes_by_the_second(
    archive: Path, run: Runner, whole: Run
) -> None:
    short = run("export_activity_files", paths=[str(archive)], fit_detail="summary")
    assert len(whole.records("export_activity_files")) == len(
        short.records("export_activity_files")
    )
    names = {m["name"] for row in short.records("export_activity_files") for m in row["messages"]}
    assert "session" in names
    assert "record" not in names
    # What was read in less detail is read again in more.
    again = run("export_activity_files", state=short.state, paths=[str(archive)])
    assert again.records("export_activity_files") == whole.records("export_activity_files")


def test_an_unpacked_export_gives_the_same_rows(
    archive: Path, run: Runner, whole: Run, tmp_path: Path
) -> None:
    unpack(archive, tmp_path / "unpacked")
    loose = run(paths=[str(tmp_path / "unpacked")])
    for stream in KINDS:
        assert _sorted(loose.records(stream.name)) == _sorted(whole.records(stream.name))
    (told,) = [message["bronze"] for message in loose.of("export_workouts")]
    assert told["file_path"].startswith("DI_CONNECT/DI-Connect-Fitness/")
    assert told["compression_type"] == "none"


def _sorted(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(row, default=str, sort_keys=True) for row in rows)


def test_folders_patterns_and_single_files_are_read(
    export: Export, run: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fit" / "2026").mkdir(parents=True)
    for name, data in islice(export.originals(), 12):
        (tmp_path / "fit" / "2026" / name.upper()).write_bytes(data)
    (tmp_path / "fit" / "ride.gpx").write_text("<gpx><trk/></gpx>")
    (tmp_path / "fit" / "[odd] name.tcx").write_text("<TrainingCenterDatabase/>")
    monkeypatch.setenv("HOME", str(tmp_path))
    first = run(paths=[str(tmp_path / "fit")])
    files = [row["file"] for s in KINDS for row in first.records(s.name)]
    assert len(files) == 14
    formats = Counter(row["format"] for row in first.records("export_activity_files"))
    assert formats["gpx"] == formats["tcx"] == 1
    some = run(paths=["~/fit/2026/*.FIT", "~/fit/[odd] name.tcx", "~/fit/**/ride.gpx", "~/fit"])
    again = [row["file"] for s in KINDS for row in some.records(s.name)]
    assert sorted(again) == sorted(files)


def test_what_is_of_no_known_kind_is_counted_and_listed(
    run: Runner, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    folder = tmp_path / "export"
    folder.mkdir()
    for name in ("a.png", "Nobody_knows.json", "._b_sleepData.json", "Makefile"):
        (folder / name).write_text("x")
    assert run(paths=[str(folder)]).failure is None
    assert "4 files are of no known kind and were not read" in caplog.text
    assert "{._b_sleepData.json, Makefile, Nobody_knows.json, a.png}" in caplog.text
    assert "Setting 'paths' holds no file that can be read" in caplog.text


def test_the_readme_names_every_stream_with_its_key_and_its_files() -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    told = {
        name: (files, re.findall(r"`(\w+)`", keys or "`_tap_file_hash``_tap_part`"))
        for name, files, keys in re.findall(
            r"(?m)^\| `(export_\w+)` \| ([^|]*) \|(?: ([^|]*) \|)?$", readme
        )
    }
    assert set(told) == {stream.name for stream in KINDS}
    for stream in KINDS:
        files, keys = told[stream.name]
        assert tuple(keys) == stream.primary_keys
        for pattern in re.findall(r"`([^`]*)`", files):
            assert stream.family.holds(pattern.replace("*", "x")), pattern


def test_no_network_and_no_key_are_needed(
    run: Runner, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr("socket.socket.connect", refuse)
    done = run(paths=[str(archive)])
    assert done.failure is None
    assert {m["stream"] for m in done.messages if m["type"] == "SCHEMA"} == {
        stream.name for stream in KINDS
    }
