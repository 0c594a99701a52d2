"""Settings: what empty, text and wrong values become, and which lines tell of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from singer_sdk.exceptions import ConfigValidationError

from tap_garmin import configuration
from tap_garmin.tap import TapGarmin

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA: dict[str, Any] = TapGarmin.config_jsonschema
TapGarmin.append_builtin_config(SCHEMA)


def test_variables_become_settings_of_their_types(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("X_QUOTA_MAX_WAIT=7\nX_ACCOUNT=file\n")
    monkeypatch.setenv("X_ACCOUNT", "12")
    monkeypatch.setenv("X_REQUEST_INTERVAL", "0.25")
    monkeypatch.setenv("X_STREAM_GROUPS", "activity_details, activity_files")
    monkeypatch.setenv("X_SWEEP_DELETIONS", "true")
    monkeypatch.setenv("X_USER_AGENT", "")
    found = configuration.from_variables(SCHEMA, "X_")
    assert configuration.prepared(found, SCHEMA) == {
        "account": "12",
        "request_interval": 0.25,
        "quota_max_wait": 7,
        "stream_groups": ["activity_details", "activity_files"],
        "sweep_deletions": True,
    }


def test_a_list_may_be_json() -> None:
    given = {"stream_groups": '["activity_details"]'}
    assert configuration.prepared(given, SCHEMA) == {"stream_groups": ["activity_details"]}


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
        ("stream_groups", "nonsense", "one of activity_details, "),
        ("fit_detail", "some", "one of summary, all"),
        ("sweep_deletions", "maybe", "true or false"),
        ("stream_maps", "text", "an object"),
        ("api_url", "http://api.example", "https, or http to this machine"),
        ("api_url", "https://user:pass@api.example", "scheme and host alone"),
        ("api_url", "https://api.example/path", "scheme and host alone"),
        ("api_url", "https://api.example:port", "scheme and host alone"),
        ("api_url", "api.example", "scheme and host alone"),
        ("start_date", "yesterday", "a date such as"),
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


def test_files_need_no_key_and_a_path_that_exists(tmp_path: Path) -> None:
    (tmp_path / "export.zip").write_bytes(b"")
    TapGarmin(config={"auth_mode": "files", "paths": [str(tmp_path / "*.zip")]})
    for paths, told in (
        ([], "Setting 'paths' is missing: with auth_mode 'files' it names what you exported"),
        (["there", str(tmp_path)], "Setting 'paths' names nothing that exists: 'there'."),
    ):
        with pytest.raises(ConfigValidationError) as caught:
            TapGarmin(config={"auth_mode": "files", "paths": paths})
        (line,) = caught.value.errors
        assert line.startswith(told)


def test_each_way_in_has_streams_of_its_own(tmp_path: Path) -> None:
    names = {
        mode: set(
            TapGarmin(config={"auth_mode": mode, "api_key": "k", "paths": [str(tmp_path)]}).streams
        )
        for mode in ("api_key", "files")
    }
    assert not names["api_key"] & names["files"]
    assert all(name.startswith("export_") for name in names["files"])


def test_company_credentials_are_pointed_to_the_personal_key(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    TapGarmin(config={"api_key": "given"})
    assert "companies only" not in caplog.text
    monkeypatch.setenv("GARMIN_CLIENT_SECRET", "s3cret")
    TapGarmin(config={"api_key": "given"})
    assert "companies only" in caplog.text
    assert "personalApiToken" in caplog.text
    assert "s3cret" not in caplog.text
