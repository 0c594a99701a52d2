"""The measurements run, their tables say what they should, and RESULTS.md keeps what was not made.

What they measure is asserted nowhere: times belong to ``make bench``.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import results
from benchmarks.figures import (
    Figure,
    as_markdown,
    as_text,
    at_least,
    at_most,
    below,
    median_of,
    ratio_of,
)
from benchmarks.measurements import NAMES

ROOT = Path(__file__).resolve().parent.parent


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", "--no-write", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


SMALL = ("--rows=300", "--runs=1", "--many=300", "--queried=300", "--clients=2")


def small(*names: str) -> dict[str, str]:
    """Measure little, and return the rows of the tables by what was measured."""
    done = bench(f"--only={','.join(names)}", *SMALL)
    assert done.returncode == ("  NO" in done.stdout), done.stderr
    return {line.split("  ")[0]: line for line in done.stdout.splitlines()}


def test_a_small_go_of_loads_and_queries() -> None:
    rows = small("loader", "queries")
    assert "0 rows" in rows["rows that the same input adds"]
    assert "300 rows, 2 clients, 10 answers" in rows["p95: days covered"]
    assert {f"p95: bronze serve, {path}" for path in ("/", "/health", "/metrics")} <= set(rows)
    assert " yes" in rows["scans of bronze tables meanwhile"]


def test_a_small_go_of_backups() -> None:
    rows = small("backup")
    assert "pg_dump" in rows["backup"]
    assert " over " in rows["restore"]


@pytest.mark.extra  # for their length
def test_small_goes_of_growth_disk_and_the_large_record() -> None:
    rows = small("growth", "disk", "large_record")
    assert "only 1 batches" in rows["median of the last 20 batches / batches 11-30"]
    assert "bytes on disk / bytes of input, no GIN" in rows
    assert "a line of 100 MB" in rows["most memory, by meltano run"]


def test_an_unknown_measurement_is_one_clear_line() -> None:
    done = bench("--only=speed")
    assert done.returncode == 2
    assert f"unknown: speed; known are {', '.join(NAMES)}" in done.stderr.splitlines()[-1]


def test_figures_are_medians_with_their_spread_held_to_a_bar() -> None:
    figure = ratio_of("first / copy", [3.0, 8.0, 4.0], [2.0, 4.0, 4.0], at_most(1.4))
    assert figure.cells() == ("first / copy", "1.5 times", "1-2", "≤ 1.4", "NO", "")
    assert median_of("rows", [1234.5], "rows", at_least(3)).cells()[1:5] == (
        *("1,234 rows", "1,234-1,234"),
        *("≥ 3", "yes"),
    )
    assert Figure("p95", 2.0, "s", bar=below(2)).cells()[4] == "NO"
    missing = Figure("peer", None, "s", bar=at_least(2.2), note="not installed")
    assert missing.cells() == ("peer", "-", "", "≥ 2.2", "", "not installed")
    assert as_text([figure]).splitlines()[1].startswith("first / copy  1.5 times")
    assert as_markdown([figure]).splitlines()[2].startswith("| first / copy | 1.5 times |")


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "RESULTS.md"
    monkeypatch.setattr(results, "PATH", path)
    return path


def test_a_go_replaces_its_own_sections_only(page: Path) -> None:
    results.write("loader", "Loads", "old.", [Figure("a", 1, "s")])
    results.write("peers", "Others", "old.", [Figure("b", 2, "s")])
    once = page.read_text()
    results.write("loader", "Loads", "new.", [Figure("a", 3, "s")])
    text = page.read_text()
    assert text.index("## Loads") < text.index("## Others")
    assert "`make bench ONLY=loader`. new." in text
    assert "| a | 3 s |" in text
    assert "| b | 2 s |" in text
    assert text.count("## ") == once.count("## ") == 2
    results.write("loader", "Loads", "old.", [Figure("a", 1, "s")])
    assert page.read_text() == once
