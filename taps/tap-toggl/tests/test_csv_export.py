"""Exported CSV files: what is read from which file, keys, times, and files that cannot be read."""

from __future__ import annotations

import hashlib
import zipfile
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from tap_toggl import files
from tap_toggl.walltime import form_of
from tests.sandbox.toggl.export import write_export

if TYPE_CHECKING:
    from collections.abc import Callable

    Start = Callable[..., Any]

DATA = Path(__file__).parent / "data"
STREAM = "csv_time_entries"
FILES = {"auth_mode": "files", "csv_time_zone": "Europe/Berlin", "api_token": None}
HEADER = "User,Email,Client,Project,Task,Description,Billable,Start date,Start time,End date,End time,Duration,Tags,Amount ()\n"  # noqa: E501 - one line of a file


def read(start: Start, *paths: Path, **settings: Any) -> Any:
    """Run the tap on files alone."""
    return start().run(**{**FILES, "paths": [str(path) for path in paths]} | settings)


def test_rows_come_as_they_stand_in_the_file(start: Start) -> None:
    run = read(start, DATA)
    assert run.failure is None
    assert run.requests == []
    first, quoted, *_ = run.records(STREAM)
    assert first == {
        "_tap_key": first["_tap_key"],
        "_tap_start": "2026-01-13T09:00:00+01:00",
        "User": "Kim Sample",
        "Email": "kim@example.org",
        "Client": "",
        "Project": "Shop",
        "Task": "",
        "Description": "Plan",
        "Billable": "No",
        "Start date": "2026-01-13",
        "Start time": "09:00:00",
        "End date": "2026-01-13",
        "End time": "10:00:00",
        "Duration": "01:00:00",
        "Tags": "deep",
        "Amount ()": "",
    }
    assert quoted["Description"] == 'with "quotes", and\ntwo lines'
    assert quoted["Tags"] == "no, comma"


def test_equal_rows_have_keys_of_their_own(start: Start) -> None:
    keys = [row["_tap_key"] for row in read(start, DATA).records(STREAM)]
    assert len(set(keys)) == len(keys) == 4
    assert [key.rpartition("-")[2] for key in keys] == ["1", "1", "1", "2"]


def test_hours_that_a_change_of_the_clock_repeats_or_skips(start: Start) -> None:
    starts = [row["_tap_start"] for row in read(start, DATA).records(STREAM)]
    assert starts[1:] == ["2026-03-29T02:30:00+01:00"] + ["2026-10-25T02:30:00+02:00"] * 2


def test_records_say_which_file_they_come_from(start: Start) -> None:
    run = read(start, DATA)
    content = (DATA / "exported.csv").read_bytes()
    (message, *_) = run.of("RECORD", STREAM)
    assert message["bronze"] == {
        "file_path": "exported.csv",
        "file_hash": hashlib.sha256(content).hexdigest(),
        "file_size": len(content),
        "encoding": "utf-8",
    }
    assert run.of("SCHEMA", STREAM)[0]["bronze"]["source_timestamp"]["pointer"] == "/_tap_start"


@pytest.mark.parametrize("profile_formats", [False, True])
@pytest.mark.parametrize("date_format", ["YYYY-MM-DD", "MM/DD/YYYY", "DD.MM.YYYY", "DD-MM-YYYY"])
def test_an_account_s_own_export(
    start: Start, tmp_path: Path, date_format: str, profile_formats: bool
) -> None:
    pipeline = start(years=0.5)
    account = pipeline.toggl.account
    account.preferences["date_format"] = date_format
    write_export(account, tmp_path, profile_formats=profile_formats)
    run = pipeline.run(**{**FILES, "paths": [str(tmp_path)]})
    starts = [datetime.fromisoformat(row["_tap_start"]) for row in run.records(STREAM)]
    wanted = [one.start for one in account.own_entries() if one.stop is not None]
    assert sorted(int(moment.timestamp()) for moment in starts) == wanted
    assert len({row["_tap_key"] for row in run.records(STREAM)}) == len(wanted)


def test_archives_are_read_where_they_lie(start: Start, tmp_path: Path) -> None:
    content = (DATA / "exported.csv").read_bytes()
    inner = BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("years/2026.csv", content)
        archive.writestr("clients.json", "[]")
    with zipfile.ZipFile(tmp_path / "outer.ZIP", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.zip", inner.getvalue())
    run = read(start, tmp_path / "outer.ZIP")
    (origin,) = {str(message["bronze"]): message["bronze"] for message in run.of("RECORD")}.values()
    assert origin["file_path"] == "outer.ZIP!inner.zip!years/2026.csv"
    assert origin["compression_type"] == "zip"
    assert origin["file_size"] == len(content)
    assert len(run.records(STREAM)) == 4


def test_the_same_rows_in_two_files_have_the_same_keys(start: Start, tmp_path: Path) -> None:
    content = (DATA / "exported.csv").read_bytes()
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_bytes(content)
    keys = [row["_tap_key"] for row in read(start, tmp_path).records(STREAM)]
    assert keys[:4] == keys[4:]


def test_files_that_cannot_be_read_do_not_hide_the_others(start: Start, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "b.zip").write_bytes(b"no archive")
    (tmp_path / "c.csv").write_text("Name,Value\n1,2\n")
    (tmp_path / "d.csv").write_text(HEADER + 'Kim,"unfinished')
    (tmp_path / "e.csv").write_bytes((DATA / "exported.csv").read_bytes())
    (tmp_path / "f.csv").write_text("")
    locked = BytesIO()
    with zipfile.ZipFile(locked, "w") as archive:
        archive.writestr("x.csv", HEADER)
    packed = bytearray(locked.getvalue())
    for place in (6, packed.index(b"PK\x01\x02") + 8):
        packed[place] |= 1  # marks the file as encrypted
    (tmp_path / "g.zip").write_bytes(packed)
    run = read(start, tmp_path, tmp_path / "missing.csv")
    assert len(run.records(STREAM)) == 4
    told = (run.failure or "").splitlines()
    assert [line.split(": ", 1)[1].split(" ")[0] for line in told] == [
        "a.csv", "b.zip", "d.csv", "g.zip!x.csv", "Cannot",
    ]  # fmt: skip
    assert "c.csv is skipped" in run.log
    assert "f.csv is skipped" in run.log


def test_a_file_that_is_too_large_is_named(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "LARGEST", 600)
    with zipfile.ZipFile(tmp_path / "big.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("big.csv", HEADER * 9)
    assert "big.zip!big.csv is larger than" in read(start, tmp_path).failure


def test_cells_beyond_the_header_are_kept(start: Start, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(
        "Start date,Start time,Duration\n2026-01-31,09:00:00,1,more\n\n"
    )
    (row,) = read(start, tmp_path).records(STREAM)
    assert row["_tap_more"] == ["more"]


def test_dates_that_could_be_read_in_two_ways_are_not_guessed(start: Start, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("Start date,Start time,Duration\n01/02/2026,09:00:00,1\n")
    run = read(start, tmp_path)
    assert "_tap_start" not in run.records(STREAM)[0]
    assert "x.csv: the form of its dates is not certain" in run.log


def test_forms_of_times() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    found = form_of(["31/01/2026", ""], ["02:05 PM"], berlin)
    assert found is not None
    assert found.rfc3339("31/01/2026", "02:05 PM") == "2026-01-31T14:05:00+01:00"
    assert found.rfc3339("", "02:05 PM") is None
    assert form_of(["2026-01-31"], ["five"], berlin) is None


def test_files_alone_ask_nothing_of_toggl(start: Start) -> None:
    run = start().run("clients", STREAM, **FILES, paths=[str(DATA)])
    assert run.requests == []
    assert run.failure is None
    assert "clients is skipped: setting 'auth_mode' is files." in run.log
    assert len(run.records(STREAM)) == 4


def test_the_zone_of_the_files(start: Start) -> None:
    run = read(start, DATA, csv_time_zone=None)
    assert "Times of CSV files are taken for UTC" in run.log
    assert run.records(STREAM)[0]["_tap_start"] == "2026-01-13T09:00:00+00:00"
    pipeline = start(zone="Asia/Kathmandu")
    run = pipeline.run("me", STREAM, paths=[str(DATA)])
    assert run.records(STREAM)[0]["_tap_start"] == "2026-01-13T09:00:00+05:45"


def test_a_plain_file_that_is_too_large_is_not_read(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "LARGEST", 300)
    (tmp_path / "a.csv").write_text(HEADER * 3)
    (tmp_path / "b.csv").write_bytes((DATA / "exported.csv").read_bytes()[:100])
    run = read(start, tmp_path)
    assert run.failure is not None
    assert "a.csv is larger than" in run.failure
