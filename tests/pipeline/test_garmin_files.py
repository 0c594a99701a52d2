"""An account export through Meltano: all of it, nothing twice, and a later one's news."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.pipeline.conftest import Project
from tests.sandbox import Sandbox
from tests.sandbox.garmin.export import Export, write_export

if TYPE_CHECKING:
    from pathlib import Path

DAYS = 120
STATE_ID = "dev:tap-garmin-to-target-bronze-postgres"


@pytest.fixture
def sandbox() -> Sandbox:
    """A person with four months of data, whose servers do not run."""
    made = Sandbox(seed=3, years=DAYS / 365.25)
    made.garmin.quirks.record_seconds = 300
    return made


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    """A project whose ``.env`` names the test's database, and no key."""
    return Project(tmp_path / "project", {"TARGET_BRONZE_POSTGRES_DSN": database})


def load(project: Project, path: Path, *args: str) -> None:
    """Load what lies at a path, by the one command of the README."""
    variables = {"TAP_GARMIN_AUTH_MODE": "files", "TAP_GARMIN_PATHS": json.dumps([str(path)])}
    done = project.run("meltano", "run", *args, "tap-garmin", "target-bronze-postgres", **variables)
    assert done.returncode == 0, done.stderr


def loads(dsn: str) -> list[tuple[int, int, int]]:
    """Return what each load read, wrote, and found invalid or dead."""
    with psycopg.connect(dsn) as conn:
        return conn.execute(
            "SELECT sum(records_read)::int, sum(rows_new + rows_changed)::int, "
            "sum(invalid + dead_letters)::int "
            "FROM bronze_ops.runs GROUP BY loader_id ORDER BY min(started_at)"
        ).fetchall()


def test_an_export_lands_once_and_a_later_one_brings_its_news(
    project: Project, sandbox: Sandbox, database: str, tmp_path: Path
) -> None:
    account = sandbox.garmin.account
    earlier = account.today - timedelta(days=10)
    (tmp_path / "exports").mkdir()
    write_export(tmp_path / "exports" / "export.zip", Export(account, earlier), most=25)
    load(project, tmp_path / "exports" / "*.zip")
    load(project, tmp_path / "exports" / "export.zip")
    load(project, tmp_path / "exports", "--full-refresh")
    write_export(tmp_path / "exports" / "later.zip", Export(account), most=35)
    load(project, tmp_path / "exports")
    (first, second, third, later) = loads(database)
    assert first[0] >= first[1] > 1000
    assert second[:2] == (0, 0)
    assert third[:2] == (first[0], 0)
    assert 10 <= later[1] < first[1] / 2
    assert {one[2] for one in (first, second, third, later)} == {0}
    state = json.loads(project.run("meltano", "state", "get", STATE_ID).stdout)
    assert set(state["singer_state"]["bookmarks"]["export_activity_files"]) == {"files", "detail"}
    rows = found(database)
    assert {row["file_path"].partition("!")[0] for row in rows} == {"export.zip", "later.zip"}
    assert {(row["compression_type"], row["encoding"]) for row in rows} == {("zip", "binary")}
    assert all(len(row["file_hash"]) == 64 and row["file_size"] > 50 for row in rows)
    assert {row["validation_status"] for row in rows} == {"valid"}
    assert max(row["day"] for row in rows) <= account.today
    assert min(row["day"] for row in rows) >= account.first_day - timedelta(days=1)
    assert latest_days(database)[-1] == str(account.today)


def found(dsn: str) -> list[dict[str, Any]]:
    """Return what stands beside the original files."""
    with psycopg.connect(dsn, row_factory=dict_row) as conn:
        return conn.execute(
            "SELECT file_path, file_hash, file_size, compression_type, encoding, "
            "validation_status, source_timestamp::date AS day FROM bronze_garmin_files"
        ).fetchall()


def latest_days(dsn: str) -> list[Any]:
    """Return the days that have a summary, in order."""
    with psycopg.connect(dsn) as conn:
        days = conn.execute(
            "SELECT raw_data ->> 'calendarDate' FROM bronze_garmin_latest "
            "WHERE metadata ->> 'stream' = 'export_daily_summaries' ORDER BY 1"
        ).fetchall()
    return [day for (day,) in days]
