"""Settings: what empty, text and wrong values become, and which lines tell of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from singer_sdk.exceptions import ConfigValidationError

from tap_toggl import configuration
from tap_toggl.settings import zone_problems
from tap_toggl.tap import TapToggl

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA: dict[str, Any] = TapToggl.config_jsonschema
TapToggl.append_builtin_config(SCHEMA)


def test_variables_become_settings_of_their_types(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("X_QUOTA_MAX_WAIT=7\nX_ACCOUNT=file\n")
    monkeypatch.setenv("X_ACCOUNT", "12")
    monkeypatch.setenv("X_REQUEST_INTERVAL", "0.25")
    monkeypatch.setenv("X_STREAM_GROUPS", "organization, paid_plan")
    monkeypatch.setenv("X_USER_AGENT", "")
    found = configuration.from_variables(SCHEMA, "X_")
    assert configuration.prepared(found, SCHEMA) == {
        "account": "12",
        "request_interval": 0.25,
        "quota_max_wait": 7,
        "stream_groups": ["organization", "paid_plan"],
    }


def test_a_list_may_be_json() -> None:
    given = {"stream_groups": '["organization"]'}
    assert configuration.prepared(given, SCHEMA) == {"stream_groups": ["organization"]}


def test_empty_means_unset_and_defaults_are_filled_in() -> None:
    settings = configuration.prepared({"account": " ", "start_date": "", "end_date": None}, SCHEMA)
    assert settings == {}
    assert configuration.problems(settings, SCHEMA) == []
    assert settings["account"] == "main"


@pytest.mark.parametrize(
    ("setting", "value", "expected"),
    [
        ("request_interval", "soon", "a number"),
        ("request_interval", "NaN", "a number"),
        ("request_interval", "-1", "0 or more"),
        ("request_interval", "1e400", "3600 or less"),
        ("quota_max_wait", "1.5", "a whole number"),
        ("stream_groups", "nonsense", "one of personal, organization, "),
        ("mode", "company", "one of personal, workspace"),
        ("auth_mode", "oauth", "one of api_token, files"),
        ("lookback_days", "0", "1 or more"),
        ("lookback_days", "89", "88 or less"),
        ("reread_days", "365", "364 or less"),
        ("reread_every_days", "0", "1 or more"),
        ("stream_maps", "text", "an object"),
        ("api_url", "http://api.example", "https, or http to this machine"),
        ("api_url", "https://user:pass@api.example", "scheme and host alone"),
        ("api_url", "https://api.example/path", "scheme and host alone"),
        ("api_url", "https://api.example:port", "scheme and host alone"),
        ("api_url", "api.example", "scheme and host alone"),
        ("start_date", "yesterday", "a date such as"),
        ("api_token", "two\nlines", "one line of plain letters"),
        ("api_token", "arrow \N{RIGHTWARDS ARROW}", "one line of plain letters"),
        ("user_agent", "caf\N{LATIN SMALL LETTER E WITH ACUTE}", "one line of plain letters"),
    ],
)
def test_a_wrong_value_is_named_with_what_it_must_be(
    setting: str, value: str, expected: str
) -> None:
    settings = configuration.prepared({setting: value}, SCHEMA)
    (line,) = configuration.problems(settings, SCHEMA)
    assert line.startswith(f"Setting '{setting}")
    assert expected in line
    assert value not in line


def test_a_setting_without_likeness_points_to_the_list() -> None:
    (line,) = configuration.problems({"zzz": 1}, SCHEMA)
    assert line == "Setting 'zzz' is unknown: take it out, or see --about for a list."


def test_a_rule_without_words_of_its_own_points_to_the_list() -> None:
    schema = {"properties": {"name": {"type": "string", "maxLength": 1}}}
    (line,) = configuration.problems({"name": "long"}, schema)
    assert line == "Setting 'name' must be as --about says (rule maxLength)."


def test_the_period_must_not_end_before_it_starts() -> None:
    settings = {"start_date": "2024-02-01", "end_date": "2024-01-31T23:00:00Z"}
    assert configuration.problems(settings, SCHEMA) == [
        "Setting 'end_date' must not be before 'start_date'."
    ]


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080", "http://[::1]", "http://localhost/"])
def test_this_machine_may_stand_in_for_the_service(url: str) -> None:
    assert configuration.problems({"api_url": url}, SCHEMA) == []


@pytest.mark.parametrize(("name", "count"), [("Europe/Berlin", 0), ("Berlin", 1), ("../etc", 1)])
def test_the_zone_of_files_must_exist(name: str, count: int) -> None:
    assert len(list(zone_problems({"csv_time_zone": name}))) == count


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("settings", [{}, {"auth_mode": "files"}, {"paths": ["x.csv"]}])
def test_there_must_be_something_to_read_from(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigValidationError) as caught:
        TapToggl(config=settings)
    assert "Setting 'api_token' is missing" in caught.value.errors[0]


@pytest.mark.usefixtures("bare")
def test_files_need_no_token() -> None:
    tap = TapToggl(config={"auth_mode": "files", "paths": ["x.csv"], "csv_time_zone": "UTC"})
    assert "api_token" not in tap.config


def test_the_token_comes_from_the_nearest_env_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    below = tmp_path / "below"
    below.mkdir()
    (tmp_path / ".env").write_text("TOGGL_API_KEY=from-file\n")
    monkeypatch.delenv("TOGGL_API_KEY", raising=False)
    monkeypatch.chdir(below)
    assert TapToggl().config["api_token"] == "from-file"
    assert TapToggl(config={"api_token": "given"}).config["api_token"] == "given"
