"""The command line as a user meets it: its lines and its exit status."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import click
import pytest
from singer_sdk.exceptions import ConfigValidationError

from tap_toggl.streams import NAMES
from tap_toggl.tap import TapToggl
from tests.sandbox import Options, Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Run = Callable[..., subprocess.CompletedProcess[str]]


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
            [sys.executable, "-m", "tap_toggl", *args],
            cwd=tmp_path,
            env=kept | variables,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run_tap


def test_about_names_this_package_and_its_secrets(run: Run) -> None:
    about = json.loads(run("--about", "--format=json").stdout)
    assert (about["name"], about["version"]) == ("tap-toggl", "0.1.0")
    assert about["settings"]["properties"]["api_token"]["secret"] is True
    assert about["settings"]["additionalProperties"] is False


def test_every_form_of_about_lists_the_settings(capsys: pytest.CaptureFixture[str]) -> None:
    for form in ("text", "json", "markdown"):
        TapToggl.print_about(form)
        assert "api_token" in capsys.readouterr().out


def test_bad_settings_get_a_line_each_and_no_value(run: Run, tmp_path: Path) -> None:
    settings = {"api_tokn": "s3cret", "account": 7, "api_token": ["s3cret"]}
    (tmp_path / "c.json").write_text(json.dumps(settings))
    done = run("--config", "c.json")
    assert done.returncode == 1
    assert "Setting 'api_tokn' is unknown: did you mean 'api_token'?" in done.stderr
    assert "Setting 'account' must be text." in done.stderr
    assert "Setting 'api_token' must be text." in done.stderr
    assert "s3cret" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(("text", "status"), [("{}", 0), ('{"acount": "main"}', 1)])
def test_discovery_needs_no_credentials_but_no_bad_settings_either(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, status: int
) -> None:
    (tmp_path / "c.json").write_text(text)
    with pytest.raises(click.exceptions.Exit) as ended:
        TapToggl.get_singer_command().make_context(
            "tap-toggl", ["--config", "c.json", "--discover"]
        )
    assert ended.value.exit_code == status
    assert ('"streams"' in capsys.readouterr().out) is (status == 0)


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("text", [None, "{", "[]"])
def test_a_settings_file_that_cannot_be_read_is_named(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "c.json").write_text(text)
    with pytest.raises(click.BadParameter, match=r"'c\.json'"):
        TapToggl.get_singer_command().make_context("tap-toggl", ["--config", "c.json"])


@pytest.mark.usefixtures("bare")
def test_missing_credentials_name_the_variable_and_the_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TOGGL_API_KEY", "")
    with pytest.raises(ConfigValidationError) as caught:
        TapToggl(config={"api_token": " "})
    (line,) = caught.value.errors
    assert "Setting 'api_token' is missing" in line
    assert "TOGGL_API_KEY=" in line
    assert "https://" in line


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Serve some weeks of a person's time."""
    options = Options(entries_per_day=3, workspaces=1)
    with Sandbox(1, years=0.1, toggl=options, with_garmin=False) as found:
        yield found


def lines(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return what a person reads of trouble."""
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return [line for line in done.stderr.splitlines() if line.startswith("Error:")]


def test_a_run_and_the_one_after_it(run: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    first = run("--config", "ENV", **sandbox.environ())
    assert first.returncode == 0
    messages = [json.loads(line) for line in first.stdout.splitlines()]
    assert {one["stream"] for one in messages if one["type"] == "RECORD"} >= {
        "me", "workspaces", "projects", "time_entries", "time_entries_history",
    }  # fmt: skip
    (tmp_path / "state.json").write_text(json.dumps(messages[-1]["value"]))
    catalog = json.loads(run("--config", "ENV", "--discover", **sandbox.environ()).stdout)
    (tmp_path / "catalog.json").write_text(json.dumps(catalog))
    options = ("--state", "state.json", "--catalog", "catalog.json")
    second = run("--config", "ENV", *options, **sandbox.environ())
    assert second.returncode == 0
    assert [one.path for one in sandbox.toggl.requests if "/search/" in one.path] != []
    assert sandbox.toggl.requests[-1].path == "/api/v9/me/time_entries"


def test_the_connection_test_reads_a_little_of_each_stream(run: Run, sandbox: Sandbox) -> None:
    done = run("--config", "ENV", "--test", **sandbox.environ())
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert "rates of workspace" in done.stderr
    assert run("--config", "ENV", "--test=schema", **sandbox.environ()).returncode == 0


def test_discovery_and_about_need_no_network(run: Run) -> None:
    nowhere = {"TAP_TOGGL_API_URL": "http://127.0.0.1:1"}
    found = json.loads(run("--config", "ENV", "--discover", **nowhere).stdout)
    assert {stream["tap_stream_id"] for stream in found["streams"]} == set(NAMES)
    assert "| quota_reserve |" in run("--about", "--format=markdown").stdout


def test_a_wrong_token_and_no_service_are_one_line_each(run: Run, sandbox: Sandbox) -> None:
    given = sandbox.environ() | {"TOGGL_API_KEY": "not-the-right-one"}
    (line,) = lines(run("--config", "ENV", **given))
    assert "https://track.toggl.com/profile" in line
    assert "not-the-right-one" not in line
    nowhere = sandbox.environ() | {"TAP_TOGGL_API_URL": "http://127.0.0.1:1"}
    (line,) = lines(run("--config", "ENV", **nowhere))
    assert line.startswith("Error: Cannot reach http://127.0.0.1:1: no connection.")


def test_a_signal_is_no_success(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.toggl.faults.slow(30, path="/me/clients")
    given = os.environ | sandbox.environ()
    command = [sys.executable, "-m", "tap_toggl", "--config", "ENV"]
    with subprocess.Popen(command, cwd=tmp_path, env=given, stdout=subprocess.PIPE) as process:
        assert process.stdout
        while b'"stream":"clients"' not in process.stdout.readline():
            pass
        process.terminate()
        assert process.wait(20) == 128 + signal.SIGTERM


@pytest.mark.parametrize(
    ("redirection", "line"),
    [
        (">&-", "Nothing reads this tap's messages any more"),
        ("| head -n 2 >/dev/null", "Nothing reads this tap's messages any more"),
        (">/dev/full", "Cannot write this tap's messages: No space left on device."),
    ],
)
def test_messages_that_nobody_takes_are_told(
    sandbox: Sandbox, tmp_path: Path, redirection: str, line: str
) -> None:
    done = subprocess.run(
        [
            "bash",
            "-o",
            "pipefail",
            "-c",
            f'"$0" -m tap_toggl --config ENV {redirection}',
            sys.executable,
        ],
        cwd=tmp_path,
        env=os.environ | sandbox.environ(),
        capture_output=True,
        text=True,
        check=False,
    )
    (told,) = lines(done)
    assert line in told
