"""The sandbox's account export: its form, its units, and that it is the same each time."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import fitfast
import pytest

from tests.sandbox import Sandbox
from tests.sandbox.garmin.export import Export, unpack, write_export
from tests.sandbox.garmin.hostile import HOSTILE

ROOT = Path(__file__).resolve().parent.parent
NOW = "2026-11-22T20:00:00+00:00"
YEARS = 0.1


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export, written by hand."""
    path = tmp_path_factory.mktemp("exports") / "export.zip"
    command = [sys.executable, "-m", "tests.sandbox", "export", str(path)]
    options = ["--years", str(YEARS), "--now", NOW]
    subprocess.run([*command, *options], cwd=ROOT, check=True)
    return path


def content(archive: Path, ending: str) -> Any:
    """Return the JSON of the first file of an ending."""
    with zipfile.ZipFile(archive) as packed:
        name = next(name for name in sorted(packed.namelist()) if name.endswith(ending))
        return json.loads(packed.read(name))


def test_it_has_the_folders_and_names_of_real_ones(archive: Path) -> None:
    with zipfile.ZipFile(archive) as packed:
        assert packed.testzip() is None
        names = packed.namelist()
    folders = {name.split("/")[1] for name in names}
    assert folders >= {
        "DI-Connect-Fitness",
        "DI-Connect-Aggregator",
        "DI-Connect-Wellness",
        "DI-Connect-Metrics",
        "DI-Connect-Uploaded-Files",
    }
    stems = ("UDSFile_2026", "_sleepData.json", "_0_summarizedActivities.json", "TrainingHistory_")
    for stem in stems:
        assert any(stem in name for name in names), stem


def test_its_units_are_not_those_of_the_api(archive: Path) -> None:
    (wrapper,) = content(archive, "_summarizedActivities.json")
    (found, *_) = wrapper["summarizedActivitiesExport"]
    sandbox = Sandbox(1, years=YEARS, now=datetime.fromisoformat(NOW))
    (one,) = [one for one in sandbox.garmin.account.activities() if one.id == found["activityId"]]
    assert found["distance"] == one.distance * 100  # centimetres
    assert isinstance(found["startTimeGmt"], float)
    assert isinstance(found["activityType"], str)
    assert found["duration"] == one.duration * 1000  # milliseconds
    days = content(archive, "UDSFile_2026-10-16_2026-11-22.json")
    assert {one["type"] for one in days[0]["allDayStress"]["aggregatorList"]} == {
        "TOTAL",
        "AWAKE",
        "ASLEEP",
    }
    (first, second, *_) = content(archive, "_sleepData.json")
    assert first == {"retro": False}
    assert second["sleepWindowConfirmationType"].isupper()


def test_its_fit_files_are_sound_and_of_all_types(archive: Path) -> None:
    with zipfile.ZipFile(archive) as packed:
        (name,) = [name for name in packed.namelist() if name.endswith("_Part1.zip")]
        inner = zipfile.ZipFile(io.BytesIO(packed.read(name)))
    kinds = set()
    for one in inner.namelist()[:120]:
        found = fitfast.parse(inner.read(one))
        kinds.add(found["file_id"][0]["type"])
    assert len(kinds) == 5


def test_it_is_the_same_each_time(archive: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.sandbox", "export", str(tmp_path / "again.zip")]
    subprocess.run([*command, "--years", str(YEARS), "--now", NOW], cwd=ROOT, check=True)
    assert (tmp_path / "again.zip").read_bytes() == archive.read_bytes()
    unpack(archive, tmp_path / "unpacked")
    assert (tmp_path / "unpacked" / "DI_CONNECT").is_dir()


def test_archives_of_originals_are_stored_or_deflated(tmp_path: Path) -> None:
    originals = [(f"{number}.fit", b"x" * 1000) for number in range(1500)]
    sandbox = Sandbox(1, years=0.02)
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        path = tmp_path / f"{compression}.zip"
        export = Export(sandbox.garmin.account)
        write_export(path, export, compression=compression, originals=originals, most=1200)
        with zipfile.ZipFile(path) as packed:
            parts = [entry for entry in packed.infolist() if entry.filename.endswith(".zip")]
            assert [part.compress_type for part in parts] == [compression] * 2
            inner = zipfile.ZipFile(io.BytesIO(packed.read(parts[1])))
        assert inner.namelist() == [f"{number}.fit" for number in range(1000, 1200)]


def test_what_is_hostile_has_a_good_file_where_it_can(tmp_path: Path) -> None:
    sound = set()
    for kind, write in HOSTILE.items():
        write(tmp_path / f"{kind}.zip")
        if zipfile.is_zipfile(tmp_path / f"{kind}.zip"):
            sound.add(kind)
    assert set(HOSTILE) - sound == {"cut", "empty", "foreign"}
