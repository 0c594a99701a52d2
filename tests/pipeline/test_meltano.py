"""What Meltano's users do with this project, by its real command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psycopg
import yaml

if TYPE_CHECKING:
    from tests.pipeline.conftest import Project
    from tests.sandbox import Sandbox

STATE_ID = "dev:tap-toggl-to-target-bronze-postgres"


def counts(dsn: str, source: str) -> dict[str, int]:
    """Return the rows of each stream of a source."""
    query = f"SELECT metadata ->> 'stream', count(*) FROM bronze_{source} GROUP BY 1"
    with psycopg.connect(dsn) as conn:
        return dict(conn.execute(query.encode()).fetchall())


def asked(dsn: str, stream: str) -> list[list[str]]:
    """Return the days that a stream was asked for, first and last of each stretch."""
    query = """
        SELECT lower(days)::text, (upper(days) - 1)::text
        FROM bronze_ops.streams, unnest(asked) AS days WHERE stream = %s ORDER BY 1
    """
    with psycopg.connect(dsn) as conn:
        return [list(row) for row in conn.execute(query, (stream,))]


def runs(dsn: str) -> list[Any]:
    """Return the sums of each run, in their order."""
    with psycopg.connect(dsn) as conn:
        return conn.execute(
            "SELECT sum(records_read)::int, sum(rows_new + rows_changed)::int, min(run_id) "
            "FROM bronze_ops.runs GROUP BY loader_id ORDER BY min(started_at)"
        ).fetchall()


def meltano(project: Project, *args: str, **variables: str) -> str:
    """Run Meltano, which must succeed, and return what it prints."""
    done = project.run("meltano", *args, **variables)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_job_its_state_and_its_repetition(project: Project, database: str) -> None:
    run_id = "00000000-0000-4000-8000-000000000001"
    meltano(project, "run", "toggl", MELTANO_RUN_ID=run_id)
    assert all(counts(database, "toggl").values())
    assert meltano(project, "state", "list").split() == [STATE_ID]
    state = json.loads(meltano(project, "state", "get", STATE_ID))["singer_state"]
    assert set(state["bookmarks"]) >= {"time_entries"}
    for stream in ("time_entries", "time_entries_history"):
        assert asked(database, stream) == state["bookmarks"][stream]["asked"]
    meltano(project, "schedule", "run", "toggl-every-six-hours")
    meltano(project, "run", "--full-refresh", "tap-toggl", "target-bronze-postgres")
    (read, written, first), (_, again, _), (all_read, refreshed, _) = runs(database)
    assert first == run_id
    assert read == written
    assert (again, refreshed) == (0, 0)
    assert all_read >= read * 0.99


def test_jobs_and_schedules_are_listed(project: Project) -> None:
    listed = json.loads(meltano(project, "schedule", "list", "--format=json"))["schedules"]["job"]
    assert [entry["cron_interval"] for entry in listed] == ["0 */6 * * *"] * 2
    assert [entry["job"]["tasks"] for entry in listed] == [
        ["tap-toggl target-bronze-postgres"],
        ["tap-garmin target-bronze-postgres"],
    ]
    jobs = json.loads(meltano(project, "job", "list", "--format=json"))["jobs"]
    assert [job["job_name"] for job in jobs] == ["toggl", "garmin", "all"]


def test_discovery_and_selection(project: Project, database: str) -> None:
    catalog = json.loads(meltano(project, "invoke", "tap-toggl", "--discover"))
    assert "time_entries" in {stream["tap_stream_id"] for stream in catalog["streams"]}
    meltano(project, "select", "tap-toggl", "preferences", "*")
    meltano(project, "select", "tap-toggl", "--exclude", "tags", "name")
    meltano(project, "run", "tap-toggl", "target-bronze-postgres")
    assert {"preferences", "tags", "projects"} < set(counts(database, "toggl"))
    with psycopg.connect(database) as conn:
        found = conn.execute(
            "SELECT metadata ->> 'stream', raw_data ? 'name', raw_data ? 'id' FROM bronze_toggl "
            "WHERE metadata ->> 'stream' IN ('projects', 'tags')"
        )
        assert set(found) == {("projects", True, True), ("tags", False, True)}


def test_settings_bring_streams_and_the_environment_is_in_every_row(
    project: Project, database: str
) -> None:
    variables = {"TAP_TOGGL__SELECT": '["tags.*"]', "TAP_TOGGL_STREAM_GROUPS": '["preferences"]'}
    meltano(
        project, "--environment=prod", "run", "tap-toggl", "target-bronze-postgres", **variables
    )
    assert set(counts(database, "toggl")) == {"preferences", "tags"}
    with psycopg.connect(database) as conn:
        rows = conn.execute("SELECT DISTINCT environment FROM bronze_toggl").fetchall()
    assert rows == [("prod",)]


def test_two_accounts_by_inherit_from_share_no_lineage(
    project: Project, sandbox: Sandbox, database: str
) -> None:
    path = project.folder / "meltano.yml"
    document = yaml.safe_load(path.read_text())
    config = {"account": "partner", "api_key": "$GARMIN_API_KEY_OF_PARTNER"}
    document["plugins"]["extractors"].append(
        {"name": "tap-garmin--partner", "inherit_from": "tap-garmin", "config": config}
    )
    path.write_text(yaml.safe_dump(document))
    unset = project.run("meltano", "run", "tap-garmin--partner", "target-bronze-postgres")
    assert unset.returncode != 0
    assert "Setting 'api_key' is missing" in unset.stderr
    partner = {"GARMIN_API_KEY_OF_PARTNER": sandbox.garmin.key}
    meltano(project, "run", "tap-garmin", "target-bronze-postgres")
    meltano(project, "run", "tap-garmin--partner", "target-bronze-postgres", **partner)
    with psycopg.connect(database) as conn:
        days = conn.execute(
            "SELECT raw_data - '_tap_nothing', count(DISTINCT lineage_id), count(*), "
            "array_agg(DISTINCT metadata ->> 'account') FROM bronze_garmin GROUP BY 1"
        ).fetchall()
    assert days
    assert {(lineages, rows, tuple(accounts)) for _, lineages, rows, accounts in days} == {
        (2, 2, ("main", "partner"))
    }
