"""Archives, links and files that are broken or made to do harm: a warning each, the rest lands."""

from __future__ import annotations

import json
import os
import zipfile
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from tap_garmin.files import archives
from tap_garmin.files.archives import Nested
from tap_garmin.files.limits import Limits
from tap_garmin.files.rows import RowError, rows
from tap_garmin.files.walk import Walk
from tap_garmin.tap import TapGarmin
from tests.sandbox.clock import Clock
from tests.sandbox.garmin.fit import Encoder
from tests.sandbox.garmin.hostile import EVIL, GOOD, HOSTILE, ROWS, bomb, crowded, deep, many_bombs
from tests.tap_runs import Run, Runner

NOW = datetime(2026, 11, 22, 20, tzinfo=UTC)
PLACES = [(65_000, 900), (0, 10), (30_000, 9000), (29_000, 100), (65_530, 99)]
OTHER = '[{"calendarDate": "2025-05-05"}]'
WARNINGS = {
    "bomb": " bytes would become 167772160, more than setting 'max_zip_ratio' allows",
    "many_bombs": "and the archive in all more than setting 'max_zip_ratio' allows",
    "overlapping": f"overlapping.zip!{EVIL}: it lies over another entry",
    "upwards": "its path leads out of the archive",
    "links": f"links.zip!{EVIL}: it is a link",
    "encrypted": f"encrypted.zip!{EVIL}: it is encrypted",
    "wrong_checksum": f"wrong_checksum.zip!{EVIL}: it cannot be read (BadZipFile)",
    "cut": "cut.zip: it is no ZIP archive, or one that is cut or damaged",
    "empty": "empty.zip: it is empty (0 bytes)",
    "foreign": "foreign.zip: it is no ZIP archive, or one that is cut or damaged",
    "deep": "level4.zip: it lies in more archives than setting 'max_zip_depth' allows",
    "crowded": "",
    "large_directory": "large_directory.zip: it is no ZIP archive, or one that is cut or damaged",
    "odd_names": "odd_names.zip!{line\u25a1break.txt, \u25a1[31mred.txt, M\xfcller!.txt}",
}


@pytest.fixture
def run() -> Runner:
    """The tap, for files."""
    return Runner(TapGarmin, Clock(NOW), {"auth_mode": "files"})


def days(done: Run) -> list[str]:
    """Return the days of the summaries that a run read."""
    assert done.failure is None
    return [row["calendarDate"] for row in done.records("export_daily_summaries")]


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_hostile_is_told_and_hides_nothing(
    run: Runner, tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    caplog.set_level("INFO")
    HOSTILE[kind](tmp_path / f"{kind}.zip")
    (tmp_path / "UDSFile_2025-05-05_2025-05-05.json").write_text(OTHER)
    done = run(paths=[str(tmp_path)])
    assert WARNINGS[kind] in caplog.text
    whole = kind not in {"cut", "empty", "foreign", "large_directory"}
    good = ["2024-01-01", "2024-01-02"] if whole else []
    found = days(done)
    if kind == "deep":  # outermost, and three within
        assert {day[:4] for day in found} == {"2000", "2001", "2002", "2003", "2025"}
    elif kind == "overlapping":  # the first of the entries that share bytes is a good one
        assert found == ["2025-05-05", "2023-01-01", *good]
    else:
        assert sorted(found) == sorted(["2025-05-05", *good])
    assert not [line for line in caplog.messages if "\n" in line or "\x1b" in line]


def test_an_archive_in_an_archive_may_be_damaged_on_its_own(
    run: Runner, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "outer.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("inner.zip", b"x" * 99)
        packed.writestr("cut.zip", b"x" * 99)
        packed.writestr(zipfile.ZipInfo(GOOD, (2020, 1, 1, 0, 0, 0)), ROWS)
    # The header of the first entry is damaged, and the month of the last one is none.
    data = bytearray(b"PK\x09\x09" + path.read_bytes()[4:])
    date = data.rindex(GOOD.encode()) - 46 + 14
    data[date : date + 2] = b"\x00\x50"
    path.write_bytes(data)
    assert days(run(paths=[str(path)])) == ["2024-01-01", "2024-01-02"]
    assert "outer.zip!inner.zip: it cannot be unpacked (BadZipFile)" in caplog.text
    assert "outer.zip!cut.zip: it is no ZIP archive" in caplog.text


def test_a_folder_that_cannot_be_read_is_told(
    run: Runner, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "UDSFile_1_2.json").write_text(OTHER)
    (tmp_path / "UDSFile_3_4.json").write_text(OTHER)
    scan, status = os.scandir, Path.stat

    def scandir(path: Path) -> Any:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return scan(path)

    def stat(path: Path, **options: Any) -> os.stat_result:
        if path.name == "UDSFile_3_4.json":
            raise OSError(5, "Input/output error")
        return status(path, **options)

    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.setattr(Path, "stat", stat)
    assert days(run(paths=[str(tmp_path)])) == ["2025-05-05"]
    assert "closed: it cannot be read (Permission denied)" in caplog.text
    assert "UDSFile_3_4.json: it cannot be read (Input/output error)" in caplog.text


def test_a_bomb_takes_neither_memory_nor_time(tmp_path: Path) -> None:
    bomb(tmp_path / "bomb.zip")
    opened = []
    limits = Limits(3, 200_000, 2 * 2**30, 200, 100 * 2**20)
    walk = Walk([str(tmp_path)], limits, lambda path, _: opened.append(path))
    assert [file.path for file in walk.files()] == [f"bomb.zip!{GOOD}"]
    assert opened == ["bomb.zip!bomb_sleepData.json"]


def test_each_limit_is_a_setting(
    run: Runner, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    deep(tmp_path / "deep.zip")
    assert len(days(run(paths=[str(tmp_path)], max_zip_depth=0))) == 2
    assert len(days(run(paths=[str(tmp_path)], max_zip_depth=6))) == 14
    (tmp_path / "deep.zip").unlink()
    crowded(tmp_path / "crowded.zip")
    assert len(days(run(paths=[str(tmp_path)], max_zip_entries=1))) == 2
    assert "crowded.zip: the rest is left out: it has more entries" in caplog.text
    (tmp_path / "crowded.zip").unlink()
    many_bombs(tmp_path / "many.zip", 4)
    caplog.clear()
    assert len(days(run(paths=[str(tmp_path)]))) == 2
    assert "max_zip_ratio" not in caplog.text
    assert len(days(run(paths=[str(tmp_path)], zip_ratio_free_bytes=10**6))) == 2
    assert caplog.text.count("would become 8388608, more than setting 'max_zip_ratio'") == 4
    caplog.clear()
    assert len(days(run(paths=[str(tmp_path)], max_file_bytes=100))) == 2
    assert caplog.text.count("it has 8388608 bytes, more than setting 'max_file_bytes'") == 4


def test_links_lead_to_nowhere_but_the_folder(
    run: Runner, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, outside = tmp_path / "folder", tmp_path / "outside"
    for one in (folder / "in", outside):
        one.mkdir(parents=True)
    (outside / "UDSFile_1_2.json").write_text('[{"calendarDate": "1999-01-01"}]')
    (folder / "in" / "UDSFile_3_4.json").write_text(OTHER)
    (folder / "out").symlink_to(outside)
    (folder / "UDSFile_out.json").symlink_to(outside / "UDSFile_1_2.json")
    (folder / "UDSFile_in.json").symlink_to(folder / "in" / "UDSFile_3_4.json")
    (folder / "nowhere").symlink_to(tmp_path / "nothing")
    (folder / "in" / "loop").symlink_to(folder)
    (folder / "self").symlink_to(folder / "self")
    os.mkfifo(folder / "UDSFile_pipe.json")
    assert days(run(paths=[str(folder)])) == ["2025-05-05"]
    for name in ("out", "UDSFile_out.json"):
        assert f"{name}: it is a link that leads out of the folder" in caplog.text
    for name in ("nowhere", "self"):
        assert f"{name}: it is a link that leads nowhere" in caplog.text
    assert "UDSFile_pipe.json: it is no file and no folder" in caplog.text
    # What the person names is read, link or not.
    assert days(run(paths=[str(folder / "out")])) == ["1999-01-01"]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ('[{"calendarDate": "2024-01-01"}, {"calendarDate": "2024-01-0', 1),
        ('[{"calendarDate": "2024-01-01"}, ' + '{"x": ' * 5000, 1),
        ('[{"calendarDate": "2024-01-01"}, ' + '{"x": ' * 5000 + "1" + "}" * 5000 + "]", 1),
        ("[" * 100_000, 0),
        ('[{"calendarDate": "2024-01-01"}] and more', 1),
        ('[{"calendarDate": "2024-01-01", "x": NaN}]', 0),
        ('[{"calendarDate": "2024-01-01", "x": "\xff"}]', 0),
        ("nothing", 0),
    ],
)
def test_a_broken_file_gives_the_rows_before_the_break(
    run: Runner, tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str, number: int
) -> None:
    (tmp_path / "UDSFile_1_2.json").write_bytes(text.encode("latin-1"))
    assert len(days(run(paths=[str(tmp_path)]))) == number
    assert "UDSFile_1_2.json: it breaks off or is no JSON" in caplog.text
    assert f"after {number} rows that were read" in caplog.text


def test_a_file_of_another_form_is_told(
    run: Runner, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "UDSFile_1_2.json").write_text('{"rows": [5]}')
    (tmp_path / "UDSFile_3_4.json").write_text("[]")
    (tmp_path / "a_gear.json").write_text('[{"others": [{"gearPk": 1}]}]')
    (tmp_path / "UDSFile_5_6.json").write_text("")
    done = run(paths=[str(tmp_path)])
    assert done.records("export_gear") == []
    assert "a_gear.json: it holds no rows of the form that is known" in caplog.text
    assert "UDSFile_3_4.json" not in caplog.text
    assert "UDSFile_5_6.json: it is empty (0 bytes)" in caplog.text


def test_numbers_marks_and_odd_characters_stay(run: Runner, tmp_path: Path) -> None:
    row = '{"calendarDate": "2024-01-01", "x": 1.10, "y": 12345678901234567890, "z": "\\u0000é"}'
    (tmp_path / "UDSFile_1_2.json").write_text(f"\ufeff[{row}]")
    done = run(paths=[str(tmp_path)])
    (line,) = [line for line in done.lines if '"RECORD"' in line]
    assert '"x":1.10,"y":12345678901234567890,"z":"\\u0000\\u00e9"' in line


def test_a_row_that_is_larger_than_any_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tap_garmin.files.rows.LARGEST", 2**20)
    text = b'[{"a": 1}, {"b": "' + b"x" * 2**22 + b'"}]'
    found = rows(BytesIO(text), "x.json", "item")
    assert next(found).value == {"a": 1}
    with pytest.raises(RowError, match="breaks off"):
        next(found)
    many = b"[" + b",".join([b'{"b": "' + b"x" * 2**18 + b'"}'] * 20) + b"]"
    assert sum(1 for _ in rows(BytesIO(many), "x.json", "item")) == 20


@pytest.mark.parametrize(
    ("name", "warning"),
    [
        ("cut.fit", "the file breaks off or is damaged"),
        ("checksum.fit", "the checksum of the file is wrong"),
        ("text.fit", "this is no FIT file"),
        ("empty.fit", "it is empty (0 bytes)"),
        ("ride.gpx", "this is no FIT, GPX or TCX file"),
    ],
)
def test_a_damaged_original_gives_what_it_has(
    run: Runner, tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, warning: str
) -> None:
    good = original()
    damaged = {
        "cut.fit": good[:-300],
        "checksum.fit": good[:-2] + b"\x00\x00",
        "empty.fit": b"",
    }
    (tmp_path / name).write_bytes(damaged.get(name, b"neither one nor the other"))
    (tmp_path / "good.fit").write_bytes(good)
    done = run(paths=[str(tmp_path)])
    assert f"{name}: {warning}" in caplog.text
    records = done.records("export_activity_files") + done.records("export_other_files")
    assert [row["warnings"] for row in records if row["file"] == "good.fit"] == [[]]
    assert len(records) == (1 if name == "empty.fit" else 2)
    for row in records:
        if row["file"] == "cut.fit":
            assert 10 < len(row["messages"]) < 101


def original(records: int = 100) -> bytes:
    """Return a small FIT file of an activity."""
    encoder = Encoder()
    encoder.add("file_id", type=4, manufacturer=1, product=2, time_created=NOW)
    for number in range(records):
        encoder.add("record", timestamp=NOW, heart_rate=100 + number % 50)
    return encoder.bytes()


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_archive_in_an_archive_is_decompressed_twice_at_most(
    tmp_path: Path, compression: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "KEPT", 2**16)
    noise = os.urandom(2**18)
    inner = BytesIO()
    with zipfile.ZipFile(inner, "w") as packed:
        for number in range(40):
            packed.writestr(f"{number}.fit", noise + bytes([number]))
    with zipfile.ZipFile(tmp_path / "outer.zip", "w") as packed:
        packed.writestr("inner.zip", inner.getvalue(), compression)
    passed: list[int] = []
    source = zipfile.ZipExtFile.read

    def counted(file: zipfile.ZipExtFile, size: int = -1) -> bytes:
        found = source(file, size)
        passed.append(len(found) if file.name == "inner.zip" else 0)
        return found

    monkeypatch.setattr(zipfile.ZipExtFile, "read", counted)
    limits = Limits(3, 200_000, 2**31, 200, 2**30)
    walk = Walk([str(tmp_path)], limits, lambda *told: pytest.fail(str(told)))
    for number, file in enumerate(walk.files()):
        with file.open() as opened:
            assert opened.read() == noise + bytes([number])
        assert file.path == f"outer.zip!inner.zip!{number}.fit"
    size = len(inner.getvalue())
    if compression == zipfile.ZIP_STORED:
        assert sum(passed) == 0
    else:
        assert size <= sum(passed) < 2.1 * size


def test_a_nested_archive_is_read_from_any_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "KEPT", 2**12)
    monkeypatch.setattr(archives, "BLOCK", 2**10)
    data = os.urandom(2**16)
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.zip", data)
    with zipfile.ZipFile(packed) as archive:
        nested = Nested(archive.open("inner.zip"), len(data), 2**15)
        direct = Nested(BytesIO(b"before" + data), len(data), 2**15, len(b"before"))
        for stream in (nested, direct):
            for place, size in [
                (65_000, 900),
                (0, 10),
                (30_000, 9000),
                (29_000, 100),
                (65_530, 99),
            ]:
                assert stream.seek(place) == place
                assert stream.read(size) == data[place : place + size]
                assert stream.tell() == min(place + size, len(data))
            assert stream.seek(-5, 2) == len(data) - 5
            assert (stream.read(), stream.read()) == (data[-5:], b"")
            stream.seek(0)
            with pytest.raises(zipfile.BadZipFile, match="directory is too large"):
                stream.read()
            with pytest.raises(OSError, match="before the start"):
                stream.seek(-1)


def test_a_file_larger_than_memory_is_read_as_it_comes(
    run: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tap_garmin.files.streams.IN_MEMORY", 100)
    with zipfile.ZipFile(tmp_path / "export.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("UDSFile_1_2.json", json.dumps([{"calendarDate": "2024-01-01"}] * 99))
        packed.writestr("1.fit", original())
    done = run(paths=[str(tmp_path)])
    assert len(days(done)) == 99
    (row,) = done.records("export_activity_files")
    assert (len(row["messages"]), row["warnings"]) == (101, [])
