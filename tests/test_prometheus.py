"""The alert rules, held against the metrics that there are and by Prometheus' own promtool."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from target_bronze_postgres.ops.limits import LIMITS
from target_bronze_postgres.ops.serve.metrics import FAMILIES

FOLDER = Path(__file__).parent.parent / "orchestrate" / "prometheus"


def rules() -> list[dict[str, Any]]:
    """Return every rule."""
    document = yaml.safe_load((FOLDER / "bronze.rules.yml").read_text(encoding="utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def test_every_rule_asks_for_a_metric_that_there_is() -> None:
    known = {family.name: family.labels for family in FAMILIES}
    for rule in rules():
        (name,) = re.findall(r"\bbronze_\w+", rule["expr"])
        text = rule["expr"] + rule["annotations"]["summary"]
        labels = re.findall(r"\$labels\.(\w+)", text) + re.findall(r"(\w+)=", text)
        assert set(labels) <= set(known[name]), rule["alert"]
        assert rule["labels"]["severity"] in {"info", "warning", "critical"}


def test_every_metric_with_a_limit_has_a_rule() -> None:
    asked = {name for rule in rules() for name in re.findall(r"\bbronze_\w+", rule["expr"])}
    told = {family.name for family in FAMILIES}
    # What is left says how much there is, or when: no amount of it is wrong.
    assert told - asked == {
        "bronze_database_size_bytes",
        "bronze_last_answer_timestamp_seconds",
        "bronze_last_load_timestamp_seconds",
        "bronze_last_run_timestamp_seconds",
        "bronze_records",
        "bronze_rows",
    }


def test_the_figures_are_the_defaults_of_the_limits() -> None:
    default = {x.name: x.parse(x.default) for x in LIMITS if x.default}
    figures = {
        "BronzeRunLong": default["run_time"].total_seconds(),
        "BronzeIncomplete": default["completeness"],
        "BronzeInaccurate": default["accuracy"],
        "BronzeQualityLow": default["quality"],
        "BronzeDiskLow": default["free_disk"],
        "BronzeMemoryLow": default["free_memory"],
    }
    found = {r["alert"]: float(r["expr"].split()[-1]) for r in rules() if r["alert"] in figures}
    assert found == figures
    (key,) = (rule["expr"] for rule in rules() if rule["alert"] == "BronzeKeyEnds")
    assert key.endswith(f"< {default['key_life'].days} * 86400")


@pytest.mark.extra
@pytest.mark.parametrize(
    "command",
    [
        ("check", "rules", "bronze.rules.yml"),
        ("check", "config", "prometheus.yml"),
        ("test", "rules", "bronze.rules.test.yml"),
    ],
)
def test_promtool_finds_nothing_wrong(command: tuple[str, ...]) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is missing: apt install prometheus")
    done = subprocess.run(
        ["promtool", *command], cwd=FOLDER, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
