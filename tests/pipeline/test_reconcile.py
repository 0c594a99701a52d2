"""Comparisons with the source: both services over HTTP, the taps, Meltano, the real loader."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.pipeline.conftest import PROGRAMS

if TYPE_CHECKING:
    from tests.pipeline.conftest import Done, Project
    from tests.sandbox import Sandbox


def test_try(project: Project, sandbox: Sandbox, database: str) -> None:
    for tap in ("tap-garmin", "tap-toggl"):
        print(project.pipe(tap)[1].stderr[-300:])
    for source in ("garmin", "toggl"):
        before = len(getattr(sandbox, source).requests)
        done = project.run("bronze", "reconcile", source, "--start", str(date.today() - timedelta(days=60)), "--tap", f"{PROGRAMS}/tap-{source} --config ENV")
        print(done.stdout, done.stderr, done.returncode)
        print("REQUESTS", len(getattr(sandbox, source).requests) - before)
        for r in getattr(sandbox, source).requests[before:]:
            print("  ", r.method if hasattr(r,'method') else '', r.path)
    assert 0
