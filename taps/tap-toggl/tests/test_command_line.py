"""The command line as a user meets it: its lines and its exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import click
import pytest
from singer_sdk.exceptions import ConfigValidationError

from tap_toggl.tap import TapToggl

if TYPE_CHECKING:
    from collections.abc import Callable
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


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Take away every setting that the machine could bring."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith(("TAP_", "TOGGL_", "GARMIN_")):
            monkeypatch.delenv(name)


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
