"""Where each setting comes from, what it becomes, and what is said of a wrong one."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from singer_sdk.helpers import capabilities

from target_bronze_postgres.errors import SettingsError
from target_bronze_postgres.settings import CONFIG_JSONSCHEMA, load_settings
from target_bronze_postgres.settings.resolve import SDK_SETTINGS, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "TARGET_BRONZE_POSTGRES_"


def load(
    config: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    cwd: Path = Path("/nonexistent"),
) -> Settings:
    return load_settings(config or {}, environ=environ or {}, cwd=cwd)


def complaint(config: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        load(config, environ)
    return str(caught.value)


def test_defaults_are_those_that_the_schema_declares() -> None:
    settings = load()
    assert settings.default_target_schema == "public"
    assert settings.account == "main"
    assert (settings.batch_size_rows, settings.batch_size_bytes) == (10_000, 16_777_216)
    assert settings.batch_max_seconds == 30
    assert settings.max_retries == 8
    assert settings.validate_records is True
    assert settings.raw_index == "jsonb_ops"
    assert settings.plausible_from == date(1970, 1, 1)
    assert settings.plausible_days_ahead == 366
    assert (settings.source, settings.environment, settings.dsn) == (None, None, None)
    assert settings.embedded_dir is None
    assert settings.origins == {}


def test_every_declared_setting_is_a_field() -> None:
    fields = set(Settings.__dataclass_fields__)
    assert fields == {*CONFIG_JSONSCHEMA["properties"], "origins"}


def test_every_setting_has_a_title_and_says_its_default() -> None:
    for name, schema in CONFIG_JSONSCHEMA["properties"].items():
        assert schema["title"], name
        if not name.startswith("stream_map"):
            assert "efault" in schema["description"], name


def test_secrets_are_marked_and_not_shown() -> None:
    secret = {n for n, s in CONFIG_JSONSCHEMA["properties"].items() if s.get("secret")}
    assert secret == {"dsn", "password"}
    settings = load({"dsn": "host=h password=sekret", "stream_map_config": {"salt": "sekret"}})
    assert "sekret" not in repr(settings)


def test_nothing_but_the_declared_settings_is_let_in() -> None:
    assert CONFIG_JSONSCHEMA["additionalProperties"] is False


def test_config_wins_over_environment_over_dotenv_over_default(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        f"{PREFIX}ACCOUNT=dotenv\n{PREFIX}SOURCE=dotenv\n{PREFIX}ENVIRONMENT=dotenv\n"
    )
    environ = {f"{PREFIX}ACCOUNT": "environ", f"{PREFIX}SOURCE": "environ"}
    settings = load({"account": "config"}, environ, tmp_path)
    assert (settings.account, settings.source, settings.environment) == (
        "config",
        "environ",
        "dotenv",
    )
    assert settings.origins == {
        "account": "config: account",
        "source": f"{PREFIX}SOURCE",
        "environment": f"{PREFIX}ENVIRONMENT in {tmp_path}/.env",
    }


def test_empty_is_unset_at_every_level(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"{PREFIX}ACCOUNT=\n")
    assert load({"account": ""}, {f"{PREFIX}ACCOUNT": ""}, tmp_path).account == "main"
    assert load({"account": None}, {f"{PREFIX}ACCOUNT": "environ"}).account == "environ"


def test_the_nearest_dotenv_upwards_is_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"{PREFIX}ACCOUNT=far\n")
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert load(cwd=inner).account == "far"
    (tmp_path / "a" / ".env").write_text(f"{PREFIX}ACCOUNT=near\n")
    assert load(cwd=inner).account == "near"


def test_the_dotenv_of_meltanos_project_goes_first(tmp_path: Path) -> None:
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    for folder in (project, elsewhere):
        folder.mkdir()
        (folder / ".env").write_text(f"{PREFIX}ACCOUNT={folder.name}\n")
    environ = {"MELTANO_PROJECT_ROOT": str(project)}
    assert load(environ=environ, cwd=elsewhere).account == "project"
    (project / ".env").unlink()
    assert load(environ=environ, cwd=elsewhere).account == "elsewhere"


def test_a_dotenv_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"PG_PASS=\xff\n")
    with pytest.raises(SettingsError, match=r"/\.env is not UTF-8 text"):
        load(cwd=tmp_path)


def test_a_dotenv_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    # Unlike a mode of 000, this holds for root too: a file whose first byte cannot be read.
    (tmp_path / ".env").symlink_to("/proc/self/mem")
    with pytest.raises(SettingsError, match=r"/\.env cannot be read \(.+\): let this user read it"):
        load(cwd=tmp_path)


def test_a_dotenv_of_windows_is_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"\xef\xbb\xbf" + f"{PREFIX}ACCOUNT=me\r\n".encode())
    assert load(cwd=tmp_path).account == "me"


def test_the_process_environment_is_the_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(f"{PREFIX}ACCOUNT", "process")
    (tmp_path / ".env").write_text(f"{PREFIX}SOURCE=folder\n")
    settings = load_settings({})
    assert (settings.account, settings.source) == ("process", "folder")


def test_environment_is_meltanos_unless_set() -> None:
    meltano = {"MELTANO_ENVIRONMENT": "prod"}
    assert load(environ=meltano).environment == "prod"
    assert load({"environment": "mine"}, meltano).environment == "mine"


def test_text_of_the_environment_becomes_the_settings_type(tmp_path: Path) -> None:
    environ = {
        f"{PREFIX}BATCH_SIZE_ROWS": "5",
        f"{PREFIX}BATCH_MAX_SECONDS": "0.5",
        f"{PREFIX}VALIDATE_RECORDS": "False",
        f"{PREFIX}PLAUSIBLE_FROM": "1999-12-31",
        f"{PREFIX}STREAM_MAPS": '{"a": null}',
        f"{PREFIX}EMBEDDED_DIR": "pg",
    }
    settings = load(environ=environ, cwd=tmp_path)
    assert settings.batch_size_rows == 5
    assert settings.batch_max_seconds == 0.5
    assert settings.validate_records is False
    assert settings.plausible_from == date(1999, 12, 31)
    assert settings.stream_maps == {"a": None}
    assert settings.embedded_dir == tmp_path / "pg"


def test_a_path_in_dotenv_starts_where_the_file_lies(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"{PREFIX}EMBEDDED_DIR=pg\n")
    (tmp_path / "inner").mkdir()
    assert load(cwd=tmp_path / "inner").embedded_dir == tmp_path / "pg"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("batch_size_rows", "many", "a whole number of at least 1"),
        ("batch_size_rows", "1.5", "a whole number of at least 1"),
        ("batch_size_rows", 2.5, "a whole number of at least 1"),
        ("batch_size_rows", True, "a whole number of at least 1"),
        ("batch_size_rows", 0, "a whole number of at least 1"),
        ("batch_size_rows", [1], "a whole number of at least 1"),
        ("batch_size_rows", float("inf"), "a whole number of at least 1"),
        ("max_retries", "-1", "a whole number of at least 0"),
        ("port", 70000, "a whole number from 1 to 65535"),
        ("batch_max_seconds", "0", "a number greater than 0"),
        ("batch_max_seconds", "nan", "a number greater than 0"),
        ("batch_max_seconds", "inf", "a number greater than 0"),
        ("validate_records", "perhaps", "true or false"),
        ("validate_records", 2, "true or false"),
        ("raw_index", "btree", "one of jsonb_ops, jsonb_path_ops, none"),
        ("sslmode", "on", "one of disable, allow, prefer, require, verify-ca, verify-full"),
        ("plausible_from", "yesterday", "a date such as 2024-12-31"),
        ("plausible_from", 1970, "a date such as 2024-12-31"),
        ("stream_maps", "[1]", "a JSON object"),
        ("stream_maps", "{", "a JSON object"),
        ("account", 5, "text"),
        ("password", "sek\0ret", "text"),
        ("dsn", "postgresql://u:sek\udcffret@h/d", "text"),
        ("default_target_schema", "ß" * 32, "text of at most 63 bytes"),
    ],
)
def test_a_wrong_value_is_named_with_what_it_must_be(name: str, value: Any, expected: str) -> None:
    assert complaint({name: value}) == f"{name} must be {expected}; it is set by config: {name}"
    if isinstance(value, str) and "\0" not in value:
        variable = PREFIX + name.upper()
        assert (
            complaint({}, {variable: value})
            == f"{name} must be {expected}; it is set by {variable}"
        )


def test_all_problems_come_in_one_message() -> None:
    text = complaint({"port": "x", "hsot": "h", "load_method": "upsert"}, {f"{PREFIX}SSLMODE": "x"})
    assert [part.split()[0] for part in text.split("; ") if "set by" not in part] == [
        "hsot",
        "load_method",
        "port",
        "sslmode",
    ]


def test_a_secrets_value_is_never_in_the_message() -> None:
    text = complaint({"password": ["sekret"], "dsn": {"sekret": 1}, "pasword": "sekret"})
    assert "sekret" not in text
    assert "pasword is not a setting: did you mean password?" in text


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("hots", "host"),
        ("batch_size", "batch_size_rows"),
        ("dbname", "database"),
        ("sqlalchemy_url", "dsn"),
        ("username", "user"),
    ],
)
def test_an_unknown_setting_is_answered_with_the_nearest(wrong: str, right: str) -> None:
    assert complaint({wrong: 1}) == f"{wrong} is not a setting: did you mean {right}?"


def test_an_unknown_setting_without_likeness() -> None:
    assert complaint({"zzz": 1}) == "zzz is not a setting: take it out of the config"


@pytest.mark.parametrize(
    "name",
    [
        "add_record_metadata",
        "load_method",
        "flattening_enabled",
        "flattening_max_depth",
        "batch_config",
        "faker_config",
        "hard_delete",
        "process_activate_version_messages",
    ],
)
def test_what_the_sdk_gives_other_targets_is_refused_plainly(name: str) -> None:
    assert name in SDK_SETTINGS
    assert "that this target does not have" in complaint({name: True})


def test_what_the_sdk_gives_other_targets_is_what_this_sdk_declares() -> None:
    declared = (
        capabilities.ADD_RECORD_METADATA_CONFIG,
        capabilities.TARGET_LOAD_METHOD_CONFIG,
        capabilities.ACTIVATE_VERSION_CONFIG,
        capabilities.TARGET_HARD_DELETE_CONFIG,
        capabilities.FLATTENING_CONFIG,
        capabilities.BATCH_CONFIG,
        capabilities.STREAM_MAPS_CONFIG,
    )
    names = {name for schema in declared for name in schema["properties"]}
    assert names - CONFIG_JSONSCHEMA["properties"].keys() == SDK_SETTINGS


def test_settings_are_read_without_the_sdk_which_is_slow_to_import() -> None:
    code = "import sys, target_bronze_postgres.ops.cli; sys.exit('singer_sdk' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_stream_maps_are_objects() -> None:
    settings = load({"stream_maps": {"users": {"email": None}}, "stream_map_config": {"a": 1}})
    assert settings.stream_maps == {"users": {"email": None}}
    assert settings.stream_map_config == {"a": 1}


def test_a_misspelt_variable_is_answered(tmp_path: Path) -> None:
    wrong = f"{PREFIX}PASSWROD"
    expected = f"{wrong} is not a setting: did you mean {PREFIX}PASSWORD?"
    assert complaint({}, {wrong: "sekret"}) == expected
    (tmp_path / ".env").write_text(f"{wrong}=sekret\n")
    with pytest.raises(SettingsError, match="PASSWROD is not a setting"):
        load(cwd=tmp_path)


def test_variables_of_the_sdk_and_of_meltano_are_no_misspelling() -> None:
    environ = {
        f"{PREFIX}LOGLEVEL": "DEBUG",
        f"{PREFIX}_SELECT": "x",
        f"{PREFIX}STREAM_MAPS_USERS": "x",
        f"{PREFIX}STREAM_MAPS_": "x",
    }
    assert load(environ=environ) == load()


def test_settings_survive_json() -> None:
    """The schema is what ``--about --format=json`` prints."""
    assert json.loads(json.dumps(CONFIG_JSONSCHEMA)) == CONFIG_JSONSCHEMA
