"""``bronze status``: the numbers that the operations tables hold, as a table and as JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.types.json import Jsonb

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    Bronze = Callable[..., Result]


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def insert(connection: psycopg.Connection[Any], table: str, **values: Any) -> None:
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        sql.Identifier("bronze_ops", table),
        sql.SQL(", ").join(map(sql.Identifier, values)),
        sql.SQL(", ").join(map(sql.Placeholder, values)),
    )
    connection.execute(statement, values)


def add_run(connection: psycopg.Connection[Any], stream: str, start: datetime, **more: Any) -> None:
    insert(
        connection,
        "runs",
        loader_id=uuid4(),
        source="toggl",
        account="main",
        stream=stream,
        run_id=more.pop("run_id", "r"),
        started_at=start,
        target_version="1",
        **more,
    )


def add_letter(connection: psycopg.Connection[Any], *, landed: bool, replayed: bool) -> None:
    insert(
        connection,
        "dead_letters",
        run_id="r",
        source="toggl",
        account="main",
        stream="time_entries",
        reason="nan",
        error="NaN",
        message=b"{}",
        message_hash=uuid4().bytes,
        landed=landed,
        replayed_at=datetime.now(UTC) if replayed else None,
    )


@pytest.fixture
def loaded(bronze: Bronze, named: str, now: datetime) -> str:
    """A database with one busy stream and one that is empty."""
    assert bronze("db", "migrate").exit_code == 0
    with psycopg.connect(named, autocommit=True) as connection:
        insert(
            connection, "sources",
            source="toggl", schema_name="public", table_name="bronze_toggl", raw_index="none",
        )  # fmt: skip
        insert(
            connection, "streams",
            source="toggl", account="main", stream="time_entries",
            rows=1_234_567, versions=234_567, last_seen=now - timedelta(days=3),
            first_source_timestamp=datetime(2019, 1, 2, 23, 59),  # noqa: DTZ001 - UTC without zone
            last_source_timestamp=datetime(2026, 11, 22, 0, 1),  # noqa: DTZ001
        )  # fmt: skip
        insert(
            connection, "streams",
            source="toggl", account="main", stream="clients", last_seen=now - timedelta(seconds=9),
        )  # fmt: skip
        add_run(
            connection, "time_entries", now - timedelta(hours=3),
            ended_at=now - timedelta(hours=2), status="success", run_id="first",
            invalid=3, warnings=4, api_rate_limit_info=Jsonb({"remaining": 28, "limit": 30}),
        )  # fmt: skip
        add_run(
            connection, "time_entries", now - timedelta(minutes=9),
            ended_at=now, status="failed", run_id="second", warnings=5,
        )  # fmt: skip
        for landed, replayed in ((False, False), (False, False), (True, False), (False, True)):
            add_letter(connection, landed=landed, replayed=replayed)
    return named


def test_a_database_without_bronze_tables(bronze: Bronze, named: str) -> None:
    assert named
    result = bronze("status")
    assert result.exit_code == 0
    assert result.stdout.endswith(": nothing loaded yet\n")
    assert json.loads(bronze("status", "--format", "json").stdout)["streams"] == []


def test_tables_without_streams(bronze: Bronze, named: str) -> None:
    assert named
    assert bronze("db", "migrate").exit_code == 0
    assert bronze("status").stdout.endswith(": nothing loaded yet\n")


def test_json(bronze: Bronze, loaded: str, now: datetime) -> None:
    document = json.loads(bronze("status", "--format", "json").stdout)
    assert set(document) == {"database", "at", "database_size", "accounts", "streams"}
    assert document["accounts"] == [
        {
            "source": "toggl",
            "account": "main",
            "last_answer": (now - timedelta(seconds=9)).isoformat(),
            "quota": {"remaining": 28, "limit": 30},
            "quota_seen_at": (now - timedelta(hours=2)).isoformat(),
            "key_ends_at": None,
        }
    ]
    assert document["database"].startswith("database ")
    assert str(psycopg.conninfo.conninfo_to_dict(loaded)["password"]) not in str(document)
    clients, entries = document["streams"]
    age = entries.pop("age_seconds")
    assert 7200 <= age < 7260
    assert entries == {
        "source": "toggl",
        "account": "main",
        "stream": "time_entries",
        "rows": 1_234_567,
        "records": 1_000_000,
        "versions": 234_567,
        "last_load": (now - timedelta(hours=2)).isoformat(),
        "first_day": "2019-01-02",
        "last_day": "2026-11-22",
        "invalid": 3,
        "warnings": 9,
        "quality": 1 - 12 / 1_234_567,
        "tombstones": 0,
        "dead_letters": 2,
        "run_id": "second",
        "run_status": "failed",
        "run_started": (now - timedelta(minutes=9)).isoformat(),
        "run_ended": now.isoformat(),
        "run_records_read": 0,
        "run_rows_new": 0,
        "run_rows_changed": 0,
        "run_rows_unchanged": 0,
        "run_tombstones": 0,
        "run_dead_letters": 0,
        "api_rate_limit_info": {"remaining": 28, "limit": 30},
        "days_with_data": 0,
        "days_empty": None,
        "days_missing": None,
        "completeness": None,
        "reconciled_at": None,
        "accuracy": None,
        "missing": None,
        "changed": None,
        "vanished": None,
    }
    assert clients["quality"] is clients["first_day"] is clients["run_id"] is None
    assert clients["last_load"] == (now - timedelta(seconds=9)).isoformat()


def test_the_help_names_every_member_of_the_json(bronze: Bronze, loaded: str) -> None:
    assert loaded
    text = bronze("status", "--help").stdout
    document = json.loads(bronze("status", "--format", "json").stdout)
    members = (*document, *document["streams"][0], *document["accounts"][0])
    assert all(name in text for name in members)


def test_text(bronze: Bronze, loaded: str, now: datetime) -> None:
    assert loaded
    lines = bronze("status").stdout.splitlines()
    assert lines[0].startswith("database ")
    assert lines[2] == "toggl / main"
    table = [re_split(line) for line in lines[3:6]]
    assert table[0] == [
        "stream", "rows", "records", "versions", "last load (UTC)", "age", "first day", "last day",
        "valid", "dead", "last run",
    ]  # fmt: skip
    assert table[1] == [
        "clients", "0", "0", "0", f"{now - timedelta(seconds=9):%Y-%m-%d %H:%M}", "now",
        "-", "-", "-", "0", "-",
    ]  # fmt: skip
    assert table[2] == [
        "time_entries", "1,234,567", "1,000,000", "234,567",
        f"{now - timedelta(hours=2):%Y-%m-%d %H:%M}", "2 h",
        "2019-01-02", "2026-11-22", "99.9%", "2", "failed",
    ]  # fmt: skip
    assert lines[6] == "API quota last seen: limit 30, remaining 28"
    assert 80 <= max(map(len, lines[3:6])) <= 120


def re_split(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


def test_text_keeps_accounts_apart(bronze: Bronze, loaded: str) -> None:
    with psycopg.connect(loaded, autocommit=True) as connection:
        insert(connection, "streams", source="toggl", account="work", stream="clients")
    lines = bronze("status").stdout.splitlines()
    assert lines.index("toggl / work") > lines.index("toggl / main")
    assert lines.count("API quota last seen: limit 30, remaining 28") == 1


def test_it_only_reads(bronze: Bronze, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader role, in a session that may not write at all."""
    monkeypatch.chdir(project)
    assert "bronze_reader" in bronze("db", "migrate", "--roles").stdout
    dsn = bronze("db", "dsn", "--show-password").stdout.strip()
    with psycopg.connect(dsn, autocommit=True) as owner:
        owner.execute("CREATE ROLE dashboard LOGIN PASSWORD 'sekret' IN ROLE bronze_reader")
        owner.execute("ALTER ROLE dashboard SET default_transaction_read_only = on")
        insert(
            owner, "sources",
            source="x", schema_name="public", table_name="bronze_x", raw_index="none",
        )  # fmt: skip
        insert(owner, "streams", source="x", account="main", stream="s", rows=1)
    monkeypatch.setenv(
        "TARGET_BRONZE_POSTGRES_DSN", make_conninfo(dsn, user="dashboard", password="sekret")
    )
    for verb in ("status", "catalog"):
        result = bronze(verb)
        assert (result.exit_code, result.stderr) == (0, "")
        assert "x / main" in result.stdout
    assert "database: " not in bronze("check").stdout  # it answers, and all of it may be read


def test_the_last_run_in_numbers(bronze: Bronze, loaded: str, now: datetime) -> None:
    with psycopg.connect(loaded, autocommit=True) as connection:
        add_run(
            connection, "time_entries", now, ended_at=now, status="success", run_id="third",
            records_read=1_010, rows_new=7, rows_changed=2, rows_unchanged=1_000, tombstones=1,
            dead_letters=1,
        )  # fmt: skip
    lines = bronze("status", "--last-run").stdout.splitlines()
    (entries,) = (line for line in lines if line.startswith("time_entries"))
    assert entries.split()[1:7] == ["1,010", "7", "2", "1,000", "1", "1"]
    (clients,) = (line for line in lines if line.startswith("clients"))
    assert clients.split()[1:7] == ["-"] * 6
    assert lines[-1] == "The last runs: 7 records new, 2 changed, 1 deleted."
    told = json.loads(bronze("status", "--format", "json").stdout)["streams"][1]
    assert (told["run_records_read"], told["run_rows_unchanged"]) == (1_010, 1_000)


@pytest.mark.usefixtures("loaded")
def test_a_last_run_that_wrote_nothing_says_so(bronze: Bronze) -> None:
    last = bronze("status", "--last-run").stdout.splitlines()[-1]
    assert last == "The last runs wrote 0 rows: every record was there already."


@pytest.mark.usefixtures("named")
def test_the_last_run_of_an_empty_database(bronze: Bronze) -> None:
    assert bronze("status", "--last-run").stdout.endswith(": nothing loaded yet\n")
