"""The pauses of the schedules of ``meltano.yml``."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from target_bronze_postgres.errors import SettingsError
from target_bronze_postgres.ops import timetable
from target_bronze_postgres.ops.timetable import longest_pause

if TYPE_CHECKING:
    from pathlib import Path

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("expression", "hours"),
    [
        ("0 */6 * * *", 6),
        ("*/5 * * * *", 1 / 12),
        ("0 8 * * MON-FRI", 72),
        ("*/15 8-20 * * 1-5", 2 * 24 + 11.25),
        ("0 0 1 * *", 31 * 24),
        ("0 3 * * 0", 7 * 24),
    ],
)
def test_the_longest_pause(expression: str, hours: float) -> None:
    assert longest_pause(expression) == hours * HOUR


PROJECT = """
include_paths: [more/*.yml]
plugins:
  extractors:
  - name: tap-toggl
  - name: tap-toggl--partner
    inherit_from: tap-toggl
    config: {account: partner}
  - name: tap-toggl--variable
    inherit_from: tap-toggl
    config: {account: $ACCOUNT}
  loaders:
  - name: target-x
jobs:
- name: both
  tasks:
  - tap-toggl target-x
  - [tap-toggl--partner a-mapper target-x]
schedules:
- name: often
  interval: 0 */6 * * *
  job: both
- name: daily
  interval: "@daily"
  job: both
- name: never
  interval: "@manual"
  job: both
- name: old
  interval: "@hourly"
  extractor: tap-toggl--variable
  loader: target-x
"""


def test_pauses_by_tap_and_account(tmp_path: Path) -> None:
    (tmp_path / "meltano.yml").write_text(PROJECT)
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "x.yml").write_text(
        "plugins: {extractors: [{name: tap-x}]}\n"
        "schedules: [{name: x, interval: '@weekly', extractor: tap-x, loader: target-x}]\n"
    )
    found = timetable.load()
    assert found.pause("tap-toggl", "main") == HOUR  # the account of a variable may be any
    assert found.pause("tap-toggl", "partner") == 6 * HOUR
    assert found.pause("tap-x", "main") == 7 * 24 * HOUR
    assert found.pause("tap-y", "main") is None


@pytest.mark.parametrize("text", ["", "jobs:", "plugins: 5", "schedules: [x]"])
def test_a_project_that_schedules_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "meltano.yml").write_text(text)
    assert timetable.load().pause("tap-x", "main") is None


def test_an_interval_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "meltano.yml").write_text("schedules: [{name: x, interval: now and then}]")
    with pytest.raises(SettingsError) as error:
        timetable.load()
    assert str(error.value) == (
        f"{tmp_path / 'meltano.yml'}: the interval of schedule x is no cron expression: mend it"
    )
