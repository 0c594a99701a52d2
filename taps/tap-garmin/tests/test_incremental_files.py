"""Exported files again: nothing twice, only what is new, and on from any place after a cut."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tap_garmin.files import disk
from tap_garmin.files import seen as kept
from tap_garmin.files.seen import Seen
from tap_garmin.files.streams import FILE_STREAMS, OriginalStream
from tap_garmin.tap import TapGarmin
from tests.sandbox.clock import Clock
from tests.sandbox.garmin import Garmin
from tests.sandbox.garmin.export import Export, write_export
from tests.sandbox.person import Person
from tests.tap_runs import Run, Runner

if TYPE_CHECKING:
    from pathlib import Path

EVENING = datetime(2026, 11, 22, 20, tzinfo=UTC)
EARLIER = date(2026, 11, 14)
KINDS: Any = FILE_STREAMS


@pytest.fixture(scope="module")
def garmin() -> Garmin:
    """An account of 110 days, with small files."""
    made = Garmin(Clock(EVENING), Person(1, 0.3, EVENING), seed=1, years=0.3)
    made.quirks.record_seconds = 600
    return made


@pytest.fixture(scope="module")
def archive(garmin: Garmin, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of an export that was made a week ago."""
    path = tmp_path_factory.mktemp("exports") / "export.zip"
    write_export(path, Export(garmin.account, EARLIER), most=30)
    return path


@pytest.fixture
def run() -> Runner:
    """The tap, for files."""
    return Runner(TapGarmin, Clock(EVENING), {"auth_mode": "files"})


def lines(*runs: Run) -> set[str]:
    """Return the records of runs, each once."""
    return {line for run in runs for line in run.lines if '"RECORD"' in line[:20]}


def test_the_same_export_again_brings_nothing(run: Runner, archive: Path, tmp_path: Path) -> None:
    first = run(paths=[str(archive)])
    second = run(paths=[str(archive)], state=first.state)
    assert lines(first)
    assert not lines(second)
    assert second.state == first.state
    # Nor does it under another name, deeper, and beside itself.
    with zipfile.ZipFile(tmp_path / "renamed.zip", "w") as packed:
        packed.write(archive, "again.zip")
    assert not lines(run(paths=[str(tmp_path), str(archive)], state=first.state))


def test_the_same_export_twice_in_a_run_is_read_once(
    run: Runner, archive: Path, tmp_path: Path
) -> None:
    shutil.copy(archive, tmp_path / "copy.zip")
    once, twice = run(paths=[str(archive)]), run(paths=[str(archive), str(tmp_path)])
    assert lines(twice) == lines(once)
    assert len(twice.lines) == len(once.lines)
    found = [path for path, _ in disk.files([str(archive), str(archive.parent)], print)]
    assert found == [archive]


def test_a_later_export_brings_only_its_news(
    run: Runner, garmin: Garmin, archive: Path, tmp_path: Path
) -> None:
    first = run(paths=[str(archive)])
    later = tmp_path / "later.zip"
    write_export(later, Export(garmin.account), most=40)
    second = run(paths=[str(later)], state=first.state)
    alone = run(paths=[str(later)])
    for stream in KINDS:
        before, news = first.records(stream.name), second.records(stream.name)
        assert len(news) <= len(alone.records(stream.name))
        if issubclass(stream, OriginalStream):
            assert not {row["file"] for row in before} & {row["file"] for row in news}
            assert len(before) + len(news) == len(alone.records(stream.name))
    # Files of the first hundred days are the same in both.
    days = [row["calendarDate"] for row in second.records("export_daily_summaries")]
    assert min(days) == "2026-11-12"
    assert max(days) == "2026-11-22"
    assert second.records("export_power_zones") == []


@pytest.mark.parametrize("streams", [("export_daily_summaries",), ("export_monitoring_files",)])
def test_a_cut_at_any_place_goes_on(
    run: Runner, archive: Path, streams: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OriginalStream, "every", 2)
    whole = run(*streams, paths=[str(archive)])
    total = len(whole.lines)
    assert sum('"STATE"' in line for line in whole.lines) >= (3 if "files" in streams[0] else 1)
    for place in range(1, total, max(total // 7, 1)):
        cut = run(*streams, paths=[str(archive)], cut_after=place)
        rest = run(*streams, paths=[str(archive)], state=cut.state)
        assert lines(cut, rest) == lines(whole)
        assert rest.state == whole.state
        known = cut.bookmark(streams[0]).get("files")
        assert len(lines(rest)) < len(lines(whole)) or not known


def test_progress_is_told(
    run: Runner, archive: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr("tap_garmin.progress.EVERY", 0)
    monkeypatch.setattr("tap_garmin.files.index.EVERY", 0)
    run("export_monitoring_files", paths=[str(archive)])
    assert "20 files looked at so far." in caplog.text
    assert "files looked at; " in caplog.text
    assert "export_monitoring_files: 1 of 8 files read, 7 left; about" in caplog.text
    assert "export_monitoring_files: 8 files read." in caplog.text


def test_a_stream_that_was_left_out_is_read_later(run: Runner, archive: Path) -> None:
    first = run("export_sleep", paths=[str(archive)])
    second = run(paths=[str(archive)], state=first.state)
    assert first.records("export_sleep")
    assert second.records("export_sleep") == []
    assert second.records("export_daily_summaries")


def test_bookmarks_of_the_api_stay(run: Runner, archive: Path) -> None:
    api: dict[str, Any] = {"bookmarks": {"sleep": {"last_day": "2026-11-20"}}}
    done = run("export_power_zones", paths=[str(archive)], state=api)
    assert done.bookmark("sleep") == {"last_day": "2026-11-20"}
    assert done.bookmark("export_power_zones")["files"]


def test_the_state_is_small_text_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    digests = [os.urandom(32) for _ in range(3000)]
    seen = Seen()
    for digest in digests:
        assert digest not in seen
        seen.add(digest)
    text = seen.text()
    assert len(text) == 32_000
    again = Seen(text)
    assert all(digest in again for digest in digests)
    assert again.text() == text
    monkeypatch.setattr(kept, "MOST", 1000)
    seen.add(os.urandom(32))
    assert len(seen.text()) == 10_668
    assert digests[0] not in seen
    assert digests[-1] in seen


@pytest.mark.parametrize("text", [None, "", 5, "no Base64!", "AAAA"])
def test_a_state_that_cannot_be_read_counts_as_none(text: object) -> None:
    assert Seen(text).text() == ""


def test_all_states_together_grow_with_the_number_of_files() -> None:
    seen, states = Seen(), []
    for _ in range(50_000):
        seen.add(os.urandom(8))
        if seen.is_due(100):
            states.append(len(seen.text()))
    assert 100 < len(states) < 300
    assert sum(states) < 50_000 * 11 * 60


def test_an_older_export_loaded_later_is_told_as_older(
    run: Runner, garmin: Garmin, archive: Path, tmp_path: Path
) -> None:
    write_export(tmp_path / "later.zip", Export(garmin.account), most=0)
    done = run("export_daily_summaries", paths=[str(archive)])
    told = {message["time_extracted"] for message in done.of("export_daily_summaries")}
    assert told == {"2026-11-01T12:00:00+00:00"}
    # A file whose archive tells no time has that of the archive.
    with zipfile.ZipFile(tmp_path / "undated.zip", "w") as packed:
        packed.writestr(zipfile.ZipInfo("UDSFile_1_2.json"), '[{"calendarDate": "2024-01-01"}]')
        packed.writestr(
            zipfile.ZipInfo("UDSFile_3_4.json", (2099, 1, 1, 0, 0, 0)),
            '[{"calendarDate": "2024-01-02"}]',
        )
    os.utime(tmp_path / "undated.zip", (1_700_000_000, 1_700_000_000))
    done = run("export_daily_summaries", paths=[str(tmp_path / "undated.zip")])
    told = {message["time_extracted"] for message in done.of("export_daily_summaries")}
    assert told == {"2023-11-14T22:13:20+00:00"}


@pytest.mark.parametrize(
    ("seconds", "told"), [(2**40, "2026-11-22T20:00:00"), (-(2**40), "1970-01-01T00:00:00+00:00")]
)
def test_a_file_of_an_odd_time_gets_a_plausible_one(
    run: Runner, tmp_path: Path, seconds: int, told: str
) -> None:
    file = tmp_path / "UDSFile_1_2.json"
    file.write_text('[{"calendarDate": "2024-01-01"}]')
    os.utime(file, (seconds, seconds))
    (message,) = run(paths=[str(tmp_path)]).of("export_daily_summaries")
    assert message["time_extracted"].startswith(told)


def test_every_state_holds_integers_and_text_alone(run: Runner, archive: Path) -> None:
    done = run(paths=[str(archive)])
    (bookmarks,) = done.state.values()
    values = [value for bookmark in bookmarks.values() for value in bookmark.values()]
    assert values
    assert {type(value) for value in values} == {str}
    assert len(json.dumps(done.state)) < 6000
