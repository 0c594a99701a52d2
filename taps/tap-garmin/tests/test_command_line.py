"""The command line as a user meets it: its lines and its exit status."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
from singer_sdk.exceptions import ConfigValidationError

from tap_garmin.streams import STREAMS
from tap_garmin.tap import TapGarmin

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.garmin import Garmin

    Run = Callable[..., subprocess.CompletedProcess[str]]

ROOT = Path(__file__).resolve().parents[3]


def command(*args: str, ahead: str | None = None) -> list[str]:
    """Return the command line of the tap, its clock moved by so many seconds."""
    moved = ["tests.sandbox.moved", ahead] if ahead else []
    return [sys.executable, "-m", *moved, "tap_garmin", *args]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run the tap's real process in an empty folder, without any setting of the machine's."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TAP_", "TOGGL_", "GARMIN_"))
    }

    def run_tap(*args: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(*args, ahead=variables.pop("ahead", None)),
            cwd=tmp_path,
            env=kept | {"PYTHONPATH": str(ROOT)} | variables,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run_tap


def test_about_names_this_package_and_its_secrets(run: Run) -> None:
    about = json.loads(run("--about", "--format=json").stdout)
    assert (about["name"], about["version"]) == ("tap-garmin", "0.1.0")
    assert about["settings"]["properties"]["api_key"]["secret"] is True
    assert about["settings"]["additionalProperties"] is False


def test_every_form_of_about_lists_the_settings(capsys: pytest.CaptureFixture[str]) -> None:
    for form in ("text", "json", "markdown"):
        TapGarmin.print_about(form)
        assert "api_key" in capsys.readouterr().out


def test_bad_settings_get_a_line_each_and_no_value(run: Run, tmp_path: Path) -> None:
    settings = {"api_kei": "s3cret", "account": 7, "api_key": ["s3cret"]}
    (tmp_path / "c.json").write_text(json.dumps(settings))
    done = run("--config", "c.json")
    assert done.returncode == 1
    assert "Setting 'api_kei' is unknown: did you mean 'api_key'?" in done.stderr
    assert "Setting 'account' must be text." in done.stderr
    assert "Setting 'api_key' must be text." in done.stderr
    assert "s3cret" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("text", "status"), [("{}", 0), ('{"acount": "main"}', 1)])
def test_discovery_needs_no_credentials_but_no_bad_settings_either(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, status: int
) -> None:
    (tmp_path / "c.json").write_text(text)
    with pytest.raises(click.exceptions.Exit) as ended:
        TapGarmin.get_singer_command().make_context(
            "tap-garmin", ["--config", "c.json", "--discover"]
        )
    assert ended.value.exit_code == status
    assert ('"streams"' in capsys.readouterr().out) is (status == 0)


@pytest.mark.parametrize("text", [None, "{", "[]"])
def test_a_settings_file_that_cannot_be_read_is_named(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "c.json").write_text(text)
    with pytest.raises(click.BadParameter, match=r"'c\.json'"):
        TapGarmin.get_singer_command().make_context("tap-garmin", ["--config", "c.json"])


def test_missing_credentials_name_the_variable_and_the_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GARMIN_API_KEY", "")
    with pytest.raises(ConfigValidationError) as caught:
        TapGarmin(config={"api_key": " "})
    (line,) = caught.value.errors
    assert "Setting 'api_key' is missing" in line
    assert "GARMIN_API_KEY=" in line
    assert "https://" in line


def variables(garmin: Garmin) -> dict[str, str]:
    """Return what points the tap to the sandbox."""
    return {
        "TAP_GARMIN_API_URL": garmin.url,
        "GARMIN_API_KEY": garmin.key,
        "TAP_GARMIN_REQUEST_INTERVAL": "0",
        "TAP_GARMIN_START_DATE": "2026-11-01",
        "ahead": f"{garmin.clock.offset().total_seconds():+.6f}",
    }


def trouble(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return what a person reads of trouble."""
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return [line for line in done.stderr.splitlines() if line.startswith("Error:")]


def test_a_run_and_the_one_after_it(run: Run, garmin: Garmin, tmp_path: Path) -> None:
    first = run("--config", "ENV", **variables(garmin))
    assert first.returncode == 0
    messages = [json.loads(line) for line in first.stdout.splitlines()]
    assert len({one["stream"] for one in messages if one["type"] == "RECORD"}) >= 8
    assert garmin.key not in first.stderr + first.stdout
    (tmp_path / "state.json").write_text(json.dumps(messages[-1]["value"]))
    catalog = json.loads(run("--config", "ENV", "--discover", **variables(garmin)).stdout)
    for entry in catalog["streams"]:
        (root,) = (part for part in entry["metadata"] if not part["breadcrumb"])
        root["metadata"]["selected"] = entry["tap_stream_id"] in {"spo2", "steps"}
    (tmp_path / "catalog.json").write_text(json.dumps(catalog))
    garmin.requests.clear()
    options = ("--state", "state.json", "--catalog", "catalog.json")
    second = run("--config", "ENV", *options, **variables(garmin))
    assert second.returncode == 0
    messages = [json.loads(line) for line in second.stdout.splitlines()]
    assert {one["stream"] for one in messages if one["type"] == "SCHEMA"} == {"spo2", "steps"}
    assert sum("/stats/" in asked.path for asked in garmin.requests) == 1


def test_the_connection_test_reads_a_little_of_each_stream(run: Run, garmin: Garmin) -> None:
    done = run("--config", "ENV", "--test", **variables(garmin) | {"TAP_GARMIN_START_DATE": ""})
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    asked = " ".join(f"{one.path} {one.query}" for one in garmin.requests)
    assert min(re.findall(r"\d{4}-\d\d-\d\d", asked)) > "2026-10-01"  # no history
    assert run("--config", "ENV", "--test=schema", **variables(garmin)).returncode == 0


def test_discovery_and_about_need_no_network(run: Run) -> None:
    nowhere = {"TAP_GARMIN_API_URL": "http://127.0.0.1:1"}
    found = json.loads(run("--config", "ENV", "--discover", **nowhere).stdout)
    names = {vars(stream)["name"] for stream in STREAMS}
    assert {entry["tap_stream_id"] for entry in found["streams"]} == names
    assert len(names) == 24
    on = {
        entry["tap_stream_id"]
        for entry in found["streams"]
        for part in entry["metadata"]
        if not part["breadcrumb"] and part["metadata"]["selected-by-default"]
    }
    assert len(on) == 9
    assert "| sweep_deletions" in run("--about", "--format=markdown").stdout


def test_a_wrong_key_and_no_service_are_one_line_each(run: Run, garmin: Garmin) -> None:
    given = variables(garmin) | {"GARMIN_API_KEY": "not-the-right-one"}
    (line,) = trouble(run("--config", "ENV", **given))
    assert "refuses the API key (401)" in line
    assert "not-the-right-one" not in line
    nowhere = variables(garmin) | {"TAP_GARMIN_API_URL": "http://127.0.0.1:1"}
    (line,) = trouble(run("--config", "ENV", **nowhere))
    assert line.startswith("Error: Cannot reach http://127.0.0.1:1: no connection.")


def test_files_that_are_not_there_are_one_line(run: Run) -> None:
    done = run("--config", "ENV", TAP_GARMIN_AUTH_MODE="files", TAP_GARMIN_PATHS="x.zip")
    assert done.returncode == 1
    assert done.stderr.count("Setting 'paths' names nothing that exists: 'x.zip'.") == 1
    assert "Traceback" not in done.stderr


def test_files_are_read_without_a_key(run: Run, tmp_path: Path) -> None:
    (tmp_path / "UDSFile_1_2.json").write_text('[{"calendarDate": "2024-01-01"}]')
    given = {"TAP_GARMIN_AUTH_MODE": "files", "TAP_GARMIN_PATHS": str(tmp_path)}
    done = run("--config", "ENV", **given)
    assert done.returncode == 0
    assert done.stdout.count('"type":"RECORD","stream":"export_daily_summaries"') == 1
    discovered = json.loads(run("--config", "ENV", "--discover", **given).stdout)
    assert len(discovered["streams"]) == 31
    assert run("--config", "ENV", "--test", **given).returncode == 0


def test_a_signal_is_no_success(garmin: Garmin, tmp_path: Path) -> None:
    garmin.faults.slow(30, path="hrv-service")
    given = os.environ | {"PYTHONPATH": str(ROOT)} | variables(garmin)
    line = command("--config", "ENV", ahead=given.pop("ahead"))
    with subprocess.Popen(line, cwd=tmp_path, env=given, stdout=subprocess.PIPE) as process:
        assert process.stdout
        while b'"stream":"hrv"' not in process.stdout.readline():
            pass
        process.terminate()
        assert process.wait(20) == 128 + signal.SIGTERM
