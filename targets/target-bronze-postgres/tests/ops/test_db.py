"""``bronze db``: the embedded server, psql, the address and the tables."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from target_bronze_postgres.ops.db import format_dsn

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

    Bronze = Callable[..., Result]


def test_the_embedded_server_lives_and_stops(
    bronze: Bronze, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    first = bronze("db", "start")
    address = first.stdout.removeprefix("running: ")
    assert re.fullmatch(r"postgresql://bronze@127\.0\.0\.1:\d+/ib_data\?sslmode=disable\n", address)
    assert bronze("db", "dsn").stdout == address
    whole = bronze("db", "dsn", "--show-password").stdout
    with psycopg.connect(whole.strip()) as connection:
        assert connection.info.dbname == "ib_data"

    assert bronze("db", "stop").stdout == "stopped\n"
    again = bronze("db", "stop")
    assert (again.exit_code, again.stdout) == (0, "was not running\n")
    stopped = bronze("db", "dsn")
    assert stopped.exit_code == 1
    assert "is not running: run `bronze db start`" in stopped.stderr
    assert bronze("db", "start").stdout == first.stdout


def test_psql_of_the_embedded_server(
    bronze: Bronze,
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(project)
    # The embedded server has its own psql, and nothing that is meant for other servers counts.
    for name, value in {
        "PATH": "",
        "PGSSLMODE": "require",
        "PGOPTIONS": "-c search_path=x",
        "PGPORT": "1",
    }.items():
        monkeypatch.setenv(name, value)
    result = bronze("db", "psql", "-c", "select current_database()", "-At")
    assert (result.exit_code, capfd.readouterr().out) == (0, "ib_data\n")


@pytest.mark.parametrize("verb", ["start", "stop"])
def test_another_database_is_neither_started_nor_stopped(
    bronze: Bronze, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    monkeypatch.setenv("PG_HOST", "db")
    monkeypatch.setenv("PG_DB", "lake")
    result = bronze("db", verb)
    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: bronze db {verb} is for the embedded server only, and PG_HOST names another "
        "database: database lake on db:5432\n"
    )


@pytest.mark.usefixtures("with_psql")
def test_psql_gets_the_password_by_a_private_file(
    bronze: Bronze, named: str, capfd: pytest.CaptureFixture[str]
) -> None:
    look = r"\! stat -c %a $PGPASSFILE; echo $PGPASSFILE; env; tr '\0' ' ' < /proc/$PPID/cmdline"
    result = bronze("db", "psql", "-At", "-c", "select 1", "-c", look)
    assert result.exit_code == 0
    answer, mode, file, rest = capfd.readouterr().out.split("\n", 3)
    assert (answer, mode) == ("1", "600")
    assert not Path(file).exists()
    assert "PGPASSWORD" not in rest
    # What named the database to us, and to the tests, names it to psql too.
    seen = "\n".join(line for line in rest.splitlines() if "_DSN=" not in line)
    assert str(conninfo_to_dict(named)["password"]) not in seen


@pytest.mark.usefixtures("with_psql")
def test_psqls_exit_status_and_words_pass_through(
    bronze: Bronze, named: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert named
    assert bronze("db", "psql", "-c", "select nonsense").exit_code == 1
    assert 'column "nonsense" does not exist' in capfd.readouterr().err
    assert bronze("db", "psql", "--help").exit_code == 0
    assert "psql is the PostgreSQL interactive terminal" in capfd.readouterr().out


@pytest.mark.usefixtures("with_psql")
def test_psql_follows_libpqs_own_variables(
    bronze: Bronze,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    params = {k: str(v) for k, v in conninfo_to_dict(database).items()}
    for keyword, variable in {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER"}.items():
        monkeypatch.setenv(variable, params[keyword])
    Path(".env").write_text(f"PGDATABASE={params['dbname']}\nPGPASSWORD={params['password']}\n")
    assert bronze("db", "psql", "-Atc", "select current_database()").exit_code == 0
    assert capfd.readouterr().out == f"{params['dbname']}\n"


@pytest.mark.usefixtures("with_psql")
def test_a_password_with_signs_of_the_file(
    bronze: Bronze,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with psycopg.connect(database, autocommit=True) as owner:
        role = f"r_{owner.info.dbname}"
        password = r"a:b\c\:d e"
        owner.execute(
            psycopg.sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                psycopg.sql.Identifier(role), psycopg.sql.Literal(password)
            )
        )
        dsn = make_conninfo(database, user=role, password=password)
        monkeypatch.setenv("TARGET_BRONZE_POSTGRES_DSN", dsn)
        assert bronze("db", "psql", "-Atc", "select user").exit_code == 0
        owner.execute(psycopg.sql.SQL("DROP ROLE {}").format(psycopg.sql.Identifier(role)))
    assert capfd.readouterr().out == f"{role}\n"


def test_without_a_password_psql_finds_its_own(
    bronze: Bronze,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    psql = tmp_path / "psql"
    psql.write_text('#!/bin/sh\necho "$PGHOST,$PGPASSFILE,$PGSERVICE,$*"\n')
    psql.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PG_HOST", "db")
    monkeypatch.setenv("PGPASSFILE", "/home/me/.pgpass")
    monkeypatch.setenv("PGSERVICE", "elsewhere")
    assert bronze("db", "psql", "-x", "a b").exit_code == 0
    assert capfd.readouterr().out == "db,/home/me/.pgpass,,-x a b\n"


def test_no_psql(bronze: Bronze, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PG_HOST", "db")
    monkeypatch.setenv("PATH", "/nonexistent")
    result = bronze("db", "psql")
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: there is no psql on PATH: install PostgreSQL's client programs\n"
    )


@pytest.mark.usefixtures("with_psql")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 1), (signal.SIGTERM, 143)])
def test_signals_reach_psql(
    command: tuple[str, ...], named: str, tmp_path: Path, number: signal.Signals, status: int
) -> None:
    process = subprocess.Popen(
        [*command, "db", "psql", "-c", "select pg_sleep(60)"],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )
    try:
        wait_for_sleep(named)
        assert len(list(tmp_path.glob("bronze-*"))) == 1
        if number is signal.SIGINT:
            os.killpg(process.pid, number)  # as a terminal does
        else:
            process.send_signal(number)
        _, errors = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == status
    assert "Traceback" not in errors
    assert not list(tmp_path.glob("bronze-*"))


def wait_for_sleep(dsn: str) -> None:
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND state = 'active' AND query LIKE 'select pg_sleep%'"
    )
    deadline = time.monotonic() + 20
    with psycopg.connect(dsn, autocommit=True) as connection:
        while connection.execute(query).fetchone() != (1,):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_an_address_hides_secrets_unless_asked(
    bronze: Bronze, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = "host=db port=5433 user='a b' password='s:e@k/ret' dbname='la?ke' sslmode=require"
    monkeypatch.setenv("TARGET_BRONZE_POSTGRES_DSN", f"{params} sslpassword=sekret")
    assert bronze("db", "dsn").stdout == ("postgresql://a%20b@db:5433/la%3Fke?sslmode=require\n")
    assert bronze("db", "dsn", "--show-password").stdout == (
        "postgresql://a%20b:s%3Ae%40k%2Fret@db:5433/la%3Fke?sslmode=require&sslpassword=sekret\n"
    )


def test_an_address_from_libpqs_own_variables(
    bronze: Bronze, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"PGHOST": "/run/pg", "PGDATABASE": "lake", "PGPASSWORD": "sekret"}.items():
        monkeypatch.setenv(name, value)
    assert bronze("db", "dsn").stdout == "postgresql:///lake?host=/run/pg\n"


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)
HOSTS = st.sampled_from(
    ["db", "127.0.0.1", "::1", "fe80::1%eth0", "/run/my pg", "a,b", "@abstract"]
)


@given(
    st.fixed_dictionaries(
        {"host": HOSTS},
        optional={
            "port": st.sampled_from(["5432", "1,2"]),
            "user": TEXTS,
            "password": TEXTS,
            "dbname": TEXTS,
            "options": TEXTS,
        },
    )
)
def test_every_address_says_what_it_was_made_of(params: dict[str, Any]) -> None:
    assert conninfo_to_dict(format_dsn(params, password=True)) == params


def test_migrate_makes_the_tables_once(bronze: Bronze, named: str) -> None:
    assert bronze("db", "migrate").stdout.startswith("001_bronze_ops\n")
    assert bronze("db", "migrate").stdout == "up to date\n"
    with psycopg.connect(named) as connection:
        assert connection.execute("SELECT count(*) FROM bronze_ops.streams").fetchone() == (0,)
