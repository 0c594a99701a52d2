"""Comparisons with the source: both services over HTTP, the taps, Meltano, the real loader."""

from __future__ import annotations

import json
import re
import shlex
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.pipeline.conftest import PROGRAMS, ROOT
from tests.sandbox import Options
from tests.sandbox.toggl.quota import organization_bucket

if TYPE_CHECKING:
    from datetime import date

    from tests.pipeline.conftest import Done, Project
    from tests.sandbox import Sandbox

ROWS = """
    SELECT lineage_id, version, raw_data::text, source_timestamp::text, partition_key::text,
           validation_status, raw_id, metadata - 'time_extracted' - 'stream_version'
    FROM bronze_{} ORDER BY 1, 2
"""


def ask(dsn: str, query: str) -> list[Any]:
    with psycopg.connect(dsn, autocommit=True, options="-c timezone=UTC") as conn:
        cursor = conn.execute(query.encode())
        return cursor.fetchall() if cursor.description else []


def before(days: int) -> date:
    return datetime.now(UTC).date() - timedelta(days=days)


def direct(source: str) -> tuple[str, str]:
    """The tap's own command: Meltano takes some seconds."""
    return "--tap", f"{shlex.quote(str(PROGRAMS / f'tap-{source}'))} --config ENV"


def reconcile(
    project: Project, source: str, first: date, *options: str, **variables: str
) -> tuple[Done, dict[str, Any]]:
    """Compare, and return the report too."""
    days = ("--start", str(first), "--format", "json")
    done = project.run("bronze", "reconcile", source, *days, *options, **variables)
    return done, json.loads(done.stdout) if done.stdout else {}


def differing(report: dict[str, Any]) -> dict[str, tuple[int, int, int]]:
    """What is missing, changed, vanished, of streams where something is."""
    numbers = {
        line["stream"]: (line["missing"], line["changed"], line["vanished"])
        for line in report["streams"]
    }
    return {stream: found for stream, found in numbers.items() if any(found)}


def allow(sandbox: Sandbox, requests: int) -> None:
    """Set all hourly quotas of Toggl."""
    names = ["user", *map(organization_bucket, sandbox.toggl.account.organizations)]
    sandbox.toggl.quota.limits.update(dict.fromkeys(names, requests))


def promised(done: Done) -> int:
    """The requests that the first line says."""
    found = re.search(r"about (\d+) requests", done.stderr)
    assert found, done.stderr
    return int(found[1])


def test_a_month_that_was_dropped_comes_back_through_meltano(
    project: Project, sandbox: Sandbox, database: str
) -> None:
    project.pipe("tap-garmin")
    rows = ask(database, ROWS.format("garmin"))
    month = f"{before(40):%Y-%m}"
    partition = f"bronze_garmin_y{before(40):%Ym%m}"
    (lost,) = ask(database, f"SELECT count(*)::int FROM {partition}")[0]
    assert lost > 50
    ask(database, f"DROP TABLE {partition}")
    asked = len(sandbox.garmin.requests)
    done, report = reconcile(project, "garmin", before(60))
    assert done.returncode == 1, done.stderr
    assert len(sandbox.garmin.requests) - asked == promised(done)
    assert "meltano invoke tap-garmin reads " in done.stderr
    assert report["heads_without_row"] == {month: lost}
    missing = sum(line["missing"] for line in report["streams"])
    assert 0 < missing <= lost
    first = before(40).replace(day=1)
    done, report = reconcile(project, "garmin", first, "--fix")
    assert (done.returncode, report["differences_left"]) == (0, 0), done.stderr
    assert ask(database, ROWS.format("garmin")) == rows
    rebuilt = project.run("bronze", "rebuild-heads", "garmin").stdout
    assert rebuilt.endswith("every head and every counter was right: nothing was changed\n")
    done = project.run("bronze", "reconcile", "garmin", "--start", str(first), *direct("garmin"))
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1].startswith("Nothing is wrong: ")


def test_changed_and_deleted_behind_the_taps_back(
    project: Project, sandbox: Sandbox, database: str
) -> None:
    allow(sandbox, 1_000)
    project.pipe("tap-toggl")
    _, report = reconcile(project, "toggl", before(60), *direct("toggl"))
    assert (differing(report), report["whole"]) == ({}, True)
    (changed,), (deleted,) = ask(
        database,
        "SELECT raw_id::bigint FROM bronze_toggl WHERE metadata->>'stream' = 'time_entries'"
        f" AND source_timestamp < '{before(20)}' ORDER BY source_timestamp DESC LIMIT 2",
    )
    sandbox.toggl.account.edit_entry(changed, description="edited", touch=False)
    sandbox.toggl.account.delete_entry(deleted)
    done, report = reconcile(project, "toggl", before(60), *direct("toggl"))
    assert done.returncode == 1
    both = {"time_entries": (0, 1, 1), "time_entries_history": (0, 1, 1)}
    assert differing(report) == both
    for line in report["streams"]:
        if line["stream"] in both:
            prefix = f"toggl/main/{line['stream']}/"
            assert line["examples"] == {
                "changed": [f"{prefix}{changed}"],
                "vanished": [f"{prefix}{deleted}"],
            }
    done, report = reconcile(project, "toggl", before(60), *direct("toggl"), "--fix", "--deletions")
    assert (done.returncode, differing(report)) == (0, both)
    assert ask(
        database,
        "SELECT DISTINCT raw_data->>'description' FROM bronze_toggl_latest "
        f"WHERE raw_id = '{changed}'",
    ) == [("edited",)]
    assert ask(
        database,
        "SELECT DISTINCT metadata->>'deleted_by' FROM bronze_toggl "
        f"WHERE raw_id = '{deleted}' AND version = 2",
    ) == [("sweep",)]
    _, report = reconcile(project, "toggl", before(60), *direct("toggl"))
    assert (differing(report), report["differences_left"]) == ({}, 0)


@pytest.mark.parametrize("options", [Options(entries_per_day=12)])
def test_it_stops_at_the_quota_and_goes_on(
    project: Project, sandbox: Sandbox, database: str
) -> None:
    toggl = sandbox.toggl
    allow(sandbox, 1_000)
    project.pipe("tap-toggl")
    (gone,) = ask(
        database,
        "SELECT raw_id::bigint FROM bronze_toggl WHERE metadata->>'stream' = 'time_entries_history'"
        " ORDER BY source_timestamp DESC OFFSET 50 LIMIT 1",
    )[0]
    toggl.account.delete_entry(gone)
    allow(sandbox, 14)
    script, offset = project.folder / "tap.sh", project.folder / "offset"
    python = shlex.quote(str(PROGRAMS / "python"))
    script.write_text(
        f"PYTHONPATH={shlex.quote(str(ROOT))} exec {python} -m tests.sandbox.moved "
        '"$(cat offset)" tap_toggl --config ENV "$@"\n'
    )
    statuses, reports = [], []
    for hour in range(12):
        sandbox.clock.move(timedelta(hours=1.1))
        offset.write_text(f"+{(hour + 1) * 3_960}")
        done, report = reconcile(project, "toggl", before(80), "--tap", f"sh {script}")
        statuses.append(done.returncode)
        reports.append(report)
        if report["whole"]:
            break
    assert len(reports) > 1
    assert [report["whole"] for report in reports] == [False] * (len(reports) - 1) + [True]
    assert statuses[-1] == 1
    assert 0 not in statuses
    assert not toggl.requests_by_bucket(refused=True)
    assert differing(reports[-1])["time_entries_history"] == (0, 0, 1)
    assert "Going on with the comparison of " in done.stderr
    open_rows = "SELECT count(*) FROM bronze_ops.reconciliations WHERE ended_at IS NULL"
    assert ask(database, open_rows) == [(0,)]


def test_cost(project: Project, sandbox: Sandbox) -> None:
    wanted = {
        "TAP_GARMIN_STREAM_GROUPS": '["day_samples", "profile", "activity_details"]',
        "TAP_TOGGL_STREAM_GROUPS": '["personal", "organization", "timeline"]',
    }
    allow(sandbox, 1_000)
    for source in ("garmin", "toggl"):
        project.pipe(f"tap-{source}", **wanted)
        for days in (3, 40):
            server = getattr(sandbox, source)
            asked = len(server.requests)
            done, report = reconcile(
                project, source, before(days), *direct(source), "--afresh", **wanted
            )
            assert report, done.stderr
            took = len(server.requests) - asked
            assert abs(promised(done) - took) <= 0.1 * took, (source, days, took, done.stderr[:900])
