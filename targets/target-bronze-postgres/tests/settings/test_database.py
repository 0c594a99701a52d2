"""Which database is taken: the level that names one, whole, and said by which setting."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_bronze_postgres.errors import SettingsError
from target_bronze_postgres.settings import DatabaseTarget, load_settings, resolve_database

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "TARGET_BRONZE_POSTGRES_"
NOWHERE = Path("/nonexistent")


def resolve(
    config: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    cwd: Path = NOWHERE,
) -> DatabaseTarget:
    settings = load_settings(config or {}, environ=environ or {}, cwd=cwd)
    return resolve_database(settings, environ=environ or {}, cwd=cwd)


def complaint(
    config: Mapping[str, Any], environ: Mapping[str, str] | None = None, cwd: Path = NOWHERE
) -> str:
    with pytest.raises(SettingsError) as caught:
        resolve(config, environ, cwd)
    return str(caught.value)


def test_config_is_merged_with_the_targets_own_variables() -> None:
    target = resolve(
        {"host": "db", "database": "lake"},
        {f"{PREFIX}HOST": "other", f"{PREFIX}USER": "bronze", f"{PREFIX}PASSWORD": "sekret"},
    )
    assert target.params == {
        "host": "db",
        "dbname": "lake",
        "user": "bronze",
        "password": "sekret",
    }
    assert target.origin == "config: host"
    assert target.origins["password"] == f"{PREFIX}PASSWORD"
    assert target.label == "database lake on db:5432 as bronze"
    assert target.embedded is None


def test_every_setting_of_a_database_becomes_a_libpq_keyword() -> None:
    config = {
        "host": "h",
        "port": 1,
        "user": "u",
        "password": "p",
        "database": "d",
        "sslmode": "verify-full",
        "sslrootcert": "system",
    }
    expected = {"port": "1", "dbname": "d"} | {k: str(v) for k, v in config.items()}
    del expected["database"]
    assert resolve(config).params == expected


def test_a_level_wins_whole() -> None:
    environ = {
        "PG_HOST": "two",
        "PG_PASS": "sekret",
        "DATABASE_URL": "postgresql://three/x",
        "PGHOST": "three",
    }
    assert resolve({"database": "one"}, environ).params == {"dbname": "one"}
    assert resolve({}, environ).params == {"host": "two", "password": "sekret"}


def test_variables_of_the_project(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PG_HOST=dotenv\nPG_PORT=5433\nPG_DB=lake\nPG_USER=\n")
    target = resolve({}, {"PG_HOST": "environ", "PG_PASS": "sekret", "PG_USER": ""}, tmp_path)
    assert target.params == {
        "host": "environ",
        "port": "5433",
        "dbname": "lake",
        "password": "sekret",
    }
    assert target.origin == "PG_HOST"
    assert target.origins["dbname"] == f"PG_DB in {tmp_path}/.env"


def test_a_name_alone_names_a_database(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PG_DB=lake\n")
    target = resolve({}, {}, tmp_path)
    assert target.origin == f"PG_DB in {tmp_path}/.env"
    assert target.label == "database lake on the local socket"


@pytest.mark.parametrize("name", ["port", "user", "password", "sslmode", "sslrootcert"])
def test_settings_that_name_no_database_are_refused(name: str) -> None:
    value = {"port": 1, "sslmode": "require"}.get(name, "sekret")
    text = complaint({name: value}, {"PG_HOST": "h"})
    assert text == (
        f"config: {name} set, but neither dsn, host nor database: name the database, or unset them"
    )


def test_variables_that_name_no_database_are_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PG_PASS=sekret\n")
    text = complaint({}, {"PG_PORT": "1"}, tmp_path)
    assert text == (
        f"PG_PORT and PG_PASS in {tmp_path}/.env set, but neither PG_HOST nor PG_DB: "
        "name the database, or unset them"
    )


@pytest.mark.parametrize("port", ["5432x", "0", "65536", "-1"])
def test_a_wrong_port_is_named(port: str) -> None:
    assert complaint({}, {"PG_HOST": "h", "PG_PORT": port}) == (
        "PG_PORT must be a whole number from 1 to 65535; it is set by PG_PORT"
    )


def test_a_dsn_is_read_and_completed() -> None:
    config = {"dsn": "postgresql://bronze@db:5433/lake?sslmode=require", "password": "sekret"}
    target = resolve(config)
    assert target.params == {
        "host": "db",
        "port": "5433",
        "dbname": "lake",
        "user": "bronze",
        "sslmode": "require",
        "password": "sekret",
    }
    assert target.origin == "config: dsn"
    assert target.label == "database lake on db:5433 as bronze"
    keywords = resolve({}, {f"{PREFIX}DSN": "host=db dbname='la ke'"})
    assert keywords.params == {"host": "db", "dbname": "la ke"}
    assert keywords.origin == f"{PREFIX}DSN"


@pytest.mark.parametrize("name", ["host", "database"])
def test_a_dsn_beside_a_host_or_database_is_refused(name: str) -> None:
    text = complaint({"dsn": "host=db"}, {PREFIX + name.upper(): "db"})
    assert text == (
        f"both config: dsn and {PREFIX}{name.upper()} name the database: keep one of them"
    )


def test_a_dsn_that_says_otherwise_than_a_setting_is_refused() -> None:
    text = complaint({"dsn": "postgresql://u:sekret@h/d", "password": "sekret2"})
    assert text == "config: dsn and config: password differ in password: keep one of them"
    assert resolve({"dsn": "postgresql://u@h/d", "user": "u"}).params["user"] == "u"


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://u:sekret@[bad",
        "postgresql://u:sekret%zz@h/d",
        "postgresql://u:pa@sekret@h/d",
        "postgresql://u:pa/sekret@h/d",
        "postgresql://u:12/sekret@h/d",
        "postgresql://u:sekret/x@h/d",
        "postgresql://u:pa?@sekret@h/d",
        "postgresql://u:sekret@h/d?passwrod=x",
        "host=h password=a sekret",
        "host=h password=a sekret=b",
        "host=h password='sekret",
        "sekret",
    ],
)
def test_a_malformed_dsn_is_never_quoted(dsn: str) -> None:
    for text in (complaint({"dsn": dsn}), complaint({}, {"DATABASE_URL": dsn})):
        assert "cannot be read: write postgresql://" in text
        assert "sekret" not in text
    assert "config: dsn" in complaint({"dsn": dsn})


@given(st.text(alphabet="a1:/?#@%[]= '\\&,;é", max_size=8))
def test_no_part_of_a_password_is_ever_told(middle: str) -> None:
    for dsn in (
        f"postgresql://u:sekret{middle}sekret@h/d",
        f"postgresql://u:1{middle}sekret@h:5/d",
        f"host=h password=sekret{middle}sekret dbname=d",
    ):
        try:
            target = resolve({"dsn": dsn})
        except SettingsError as error:
            told = str(error)
        else:
            told = f"{target.label} {target!r}"
        assert "sekret" not in told


def test_an_address_of_sqlalchemy_is_recognised() -> None:
    text = complaint({"dsn": "postgresql+psycopg://u:sekret@h/d"})
    assert text == "the address in config: dsn is SQLAlchemy's: start it with postgresql://"


def test_secrets_are_not_shown() -> None:
    assert "sekret" not in repr(resolve({"dsn": "postgresql://u:sekret@h/d"}))


def test_database_url(tmp_path: Path) -> None:
    environ = {"DATABASE_URL": "postgres://u:sekret@h:1/d", "PGHOST": "other"}
    target = resolve({}, environ)
    assert target.params["host"] == "h"
    assert target.origin == "DATABASE_URL"
    assert target.label == "database d on h:1 as u"
    (tmp_path / ".env").write_text("DATABASE_URL=postgres://dotenv/d\n")
    assert resolve({}, {}, tmp_path).params["host"] == "dotenv"


@pytest.mark.parametrize("url", ["mysql://h/d", "sqlite:///x.db"])
def test_the_database_of_another_program_is_not_ours(url: str, tmp_path: Path) -> None:
    assert resolve({}, {"DATABASE_URL": url}, tmp_path).embedded


@pytest.mark.parametrize(
    ("environ", "label"),
    [
        ({"PGSERVICE": "lake"}, "the default database of service lake"),
        ({"PGHOST": "h"}, "the default database on h:5432"),
        ({"PGHOSTADDR": "::1", "PGPORT": "1"}, "the default database on [::1]:1"),
        ({"PGDATABASE": "d", "PGUSER": "u"}, "database d on the local socket as u"),
        ({"PGHOST": "/run/pg", "PGDATABASE": "d"}, "database d on socket /run/pg:5432"),
    ],
)
def test_libpqs_own_variables_are_left_to_libpq(environ: dict[str, str], label: str) -> None:
    target = resolve({}, environ)
    assert target.params == {}
    assert target.origin == next(iter(environ))
    assert target.label == label


def test_libpqs_variables_in_dotenv_are_handed_to_libpq(tmp_path: Path) -> None:
    """Meltano would export them, and a pipe must reach the same database."""
    (tmp_path / ".env").write_text("PGHOST=dotenv\nPGPORT=1\nPGPASSWORD=sekret\nPGDATABASE=d\n")
    target = resolve({}, {"PGDATABASE": "environ"}, tmp_path)
    assert target.params == {"host": "dotenv", "port": "1", "password": "sekret"}
    assert target.label == "database environ on dotenv:1"
    (tmp_path / ".env").write_text("PGHOST=dotenv\nPGSERVICE=lake\n")
    assert resolve({}, {}, tmp_path).params == {"service": "lake"}


def test_libpqs_variables_fill_the_gaps_of_a_label() -> None:
    environ = {"PGPORT": "1", "PGUSER": "u", "PGDATABASE": "d"}
    assert resolve({"host": "h"}, environ).label == "database d on h:1 as u"


def test_pghostaddr_does_not_lead_elsewhere() -> None:
    text = complaint({"host": "h"}, {"PGHOSTADDR": "10.0.0.1"})
    assert text == (
        "PGHOSTADDR would overrule the host that is set by config: host: unset PGHOSTADDR"
    )


def test_a_label_is_one_printable_line() -> None:
    label = resolve({"database": "a\nb\x1b[31m", "host": "hé"}).label
    assert label == "database a?b?[31m on hé:5432"


def test_nothing_named_means_the_embedded_server(tmp_path: Path) -> None:
    (tmp_path / "meltano.yml").touch()
    target = resolve({}, {"PGUSER": "u", "PGSSLMODE": "require", "PGHOST": ""}, tmp_path)
    assert target.embedded is not None
    assert target.embedded.home == tmp_path / "data" / "postgres"
    assert target.label == f"the embedded database in {tmp_path}/data/postgres"
    assert target.origin == "embedded"
    assert list(tmp_path.iterdir()) == [tmp_path / "meltano.yml"]


def test_the_embedded_servers_folder_can_be_set(tmp_path: Path) -> None:
    target = resolve({"embedded_dir": "pg"}, {}, tmp_path)
    assert target.embedded is not None
    assert target.embedded.home == tmp_path / "pg"
    assert target.origin == "config: embedded_dir"


def test_windows_has_no_embedded_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert "does not run on Windows: set PG_HOST" in complaint({})
