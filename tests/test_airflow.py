"""The file of DAGs in a real Airflow 3, which has an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Query

pytestmark = pytest.mark.extra

ROOT = Path(__file__).parent.parent
PROGRAMS = Path(sys.executable).parent
WANTED = "apache-airflow>=3.1,<4"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lakehouse" / "airflow-3"
ODD = "a b $c 'd'"
PROJECT: dict[str, Any] = {
    "version": 1,
    "default_environment": "dev",
    "send_anonymous_usage_stats": False,
    "elt": {"buffer_size": 268_435_456},
    "environments": [{"name": "dev"}],
    "plugins": {
        "extractors": [
            {"name": "tap-demo", "namespace": "tap_demo", "executable": "./tap-demo"},
        ],
        "loaders": [
            {
                "name": "target-bronze-postgres",
                "namespace": "target_bronze_postgres",
                "executable": str(PROGRAMS / "target-bronze-postgres"),
            }
        ],
    },
    "jobs": [{"name": "demo", "tasks": ["tap-demo target-bronze-postgres"]}],
    "schedules": [
        {
            "name": "demo-hourly",
            "interval": "@hourly",
            "job": "demo",
            "env": {"TOLD": "100% $HOME"},
        },
        {"name": "demo by hand", "interval": "@once", "job": "demo"},
    ],
}
TAP = """#!/bin/sh
printf '%s\\n%s\\n' "$(umask)" "$TOLD" >seen
exec cat '{messages}'
"""
SHOW = """
import json

from airflow.dag_processing.dagbag import DagBag

bag = DagBag({folder!r})
assert not bag.import_errors, bag.import_errors
print("DAGS " + json.dumps({{
    name: [
        dag.schedule, dag.catchup, dag.max_active_runs,
        [[t.task_id, t.retries, t.retry_delay.total_seconds()] for t in dag.tasks],
    ]
    for name, dag in bag.dags.items()
}}))
"""


@pytest.fixture(scope="module")
def airflow() -> Path:
    """Airflow's programs, installed once into the user's cache."""
    programs = CACHE / "bin"
    if not (programs / "airflow").exists():
        subprocess.run([sys.executable, "-m", "venv", str(CACHE)], check=True)
        install = [str(PROGRAMS / "uv"), "pip", "install", "--quiet", "--system-certs"]
        done = subprocess.run(
            [*install, "--python", str(programs / "python"), WANTED],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            pytest.skip(f"Airflow 3 cannot be installed: {done.stderr.strip().splitlines()[-1:]}")
    return programs


@pytest.fixture
def environment(tmp_path: Path, database: str) -> dict[str, str]:
    """A project in an odd folder, a home for Airflow, and nothing of the person who runs tests."""
    project = tmp_path / ODD
    project.mkdir()
    (project / "meltano.yml").write_text(json.dumps(PROJECT))
    (project / "tap-demo").write_text(TAP.format(messages=ROOT / "tests" / "data" / "demo.singer"))
    (project / "tap-demo").chmod(0o755)
    (project / ".venv").symlink_to(PROGRAMS.parent)
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TZ") if name in os.environ}
    return kept | {
        "HOME": str(tmp_path),
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "orchestrate" / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "LAKEHOUSE_PROJECT": str(project),
        "TARGET_BRONZE_POSTGRES_DSN": database,
    }


def run(environment: dict[str, str], *command: str | Path) -> str:
    """Run a command; return what it printed."""
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_dag_for_each_schedule_and_a_run_of_one(
    airflow: Path, environment: dict[str, str], query: Query
) -> None:
    run(environment, airflow / "airflow", "db", "migrate")
    folder = str(ROOT / "orchestrate" / "dags")
    shown = run(environment, airflow / "python", "-c", SHOW.format(folder=folder))
    (line,) = (line for line in shown.splitlines() if line.startswith("DAGS "))
    assert json.loads(line.removeprefix("DAGS ")) == {
        "meltano_demo-hourly": ["0 * * * *", False, 1, [["run", 3, 300.0]]],
        "meltano_demo_by_hand": [None, False, 1, [["run", 3, 300.0]]],
    }
    run(environment, airflow / "airflow", "dags", "reserialize")
    told = run(environment, airflow / "airflow", "dags", "test", "meltano_demo-hourly")
    assert "state=success" in told.replace("'", "")
    seen = (Path(environment["LAKEHOUSE_PROJECT"]) / "seen").read_text().splitlines()
    assert seen == ["0077", "100% $HOME"]
    ((runs, loaded),) = query("SELECT count(DISTINCT run_id), sum(rows_new) FROM bronze_ops.runs")
    assert runs == 1
    assert loaded > 0
    (number,) = query("SELECT DISTINCT run_id FROM bronze_ops.runs")
    assert str(uuid.UUID(number)) == number
