# ruff: noqa: INP001 - Airflow reads it as a file
"""Airflow 3: a DAG for each Meltano schedule.

Put this file into Airflow's folder of DAGs (a link does). It asks `meltano schedule list`, so a new
schedule is a new DAG. Airflow needs an environment of its own, and the project's folder:

    LAKEHOUSE_PROJECT     folder with meltano.yml; without it, the nearest one above this file
    LAKEHOUSE_MELTANO     meltano's program; without it, .venv/bin/meltano of the project
    MELTANO_ENVIRONMENT   Meltano's environment; without it, the project's default
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

# Airflow must not share the project's environment, where mypy runs.
from airflow.providers.standard.operators.bash import BashOperator  # type: ignore[import-not-found] # not in .venv
from airflow.sdk import DAG  # type: ignore[import-not-found] # not in .venv

RETRIES = 3
RETRY_DELAY = timedelta(minutes=5)
LONGEST_RUN = timedelta(hours=2)


def project_folder() -> Path:
    """Return the Meltano project."""
    if named := os.environ.get("LAKEHOUSE_PROJECT"):
        return Path(named)
    here = Path(__file__).resolve().parent
    return next((folder for folder in here.parents if (folder / "meltano.yml").is_file()), here)


PROJECT = project_folder()
PROGRAMS = PROJECT / ".venv" / "bin"
MELTANO = os.environ.get("LAKEHOUSE_MELTANO", str(PROGRAMS / "meltano"))


def read_schedules() -> list[tuple[dict[str, Any], list[str]]]:
    """Return Meltano's schedules, each with the words that run it."""
    listed = subprocess.run(
        [MELTANO, "schedule", "list", "--format=json"],
        cwd=PROJECT,
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    found = json.loads(listed.stdout)["schedules"]
    jobs = [(one, ["run", one["job"]["name"]]) for one in found["job"]]
    return jobs + [(one, ["elt", *one["elt_args"]]) for one in found["elt"]]


def make_dag(schedule: dict[str, Any], words: list[str]) -> DAG:
    """Return the DAG of one schedule.

    `meltano run` rather than `meltano schedule run`: when Airflow stops a task, the former waits
    for tap and target, which commits what it has. A retry is another run of the same pipeline and
    has a run id of its own.
    """
    command = (
        f"umask 077 && MELTANO_RUN_ID=$({shlex.quote(str(PROGRAMS / 'python'))} "
        f"-c 'import uuid; print(uuid.uuid4())') exec {shlex.join([MELTANO, *words])}"
    )
    with DAG(
        dag_id=f"meltano_{re.sub('[^A-Za-z0-9_.-]', '_', schedule['name'])}",
        description=f"Meltano schedule {schedule['name']}",
        schedule=schedule["cron_interval"],
        start_date=datetime(2024, 1, 1, tzinfo=UTC),
        catchup=False,  # the STATE says what is missing
        max_active_runs=1,
        default_args={"retries": RETRIES, "retry_delay": RETRY_DELAY},
        tags=["meltano", "bronze"],
    ) as dag:
        BashOperator(
            task_id="run",
            bash_command=f"{command} ",  # what ends in .sh would be taken for a template's file
            cwd=str(PROJECT),
            env=schedule.get("env") or {},
            append_env=True,
            execution_timeout=LONGEST_RUN,
        )
    return dag


for _schedule, _words in read_schedules():
    _dag = make_dag(_schedule, _words)
    globals()[_dag.dag_id] = _dag
