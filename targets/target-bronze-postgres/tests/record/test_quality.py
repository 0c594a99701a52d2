"""What is counted of a record, and the verdict over its checks."""

from __future__ import annotations

from typing import Any

import pytest

from target_bronze_postgres.record import quality
from target_bronze_postgres.record.quality import Checks
from target_bronze_postgres.record.validation import Validator

SCHEMA = {"properties": {"id": {"type": "integer"}, "name": {"type": "string"}}, "required": ["id"]}


def test_a_record_without_checks_is_valid() -> None:
    checks = Checks()
    assert (checks.status, checks.message, checks.results) == ("valid", None, {})


def test_a_sound_record() -> None:
    checks = Checks()
    checks.judge_schema(Validator(SCHEMA), {"id": 1, "name": "x"})
    checks.judge_key(["id"], whole=True)
    checks.passed("text")
    assert (checks.status, checks.message) == ("valid", None)
    assert checks.results == {"schema": True, "key": True, "text": True}


def test_every_reason_is_in_the_message() -> None:
    checks = Checks()
    checks.judge_schema(Validator(SCHEMA), {"name": 5})
    assert checks.status == "invalid"
    assert checks.results == {"schema": False}
    assert sorted((checks.message or "").split("; ")) == [
        '/: "id" is a required property',
        '/name: value is not of type "string"',
    ]


def test_a_missing_key_names_its_parts() -> None:
    checks = Checks()
    checks.judge_key(["id", "day"], whole=False)
    assert checks.status == "invalid"
    assert checks.message == "the key (id, day) is missing or null in a part"
    assert checks.results == {"key": False}


def test_oddities_are_warnings() -> None:
    checks = Checks()
    checks.failed("text", "NUL was replaced")
    checks.skipped("schema", "the schema is broken")
    assert checks.status == "warning"
    assert checks.message == "NUL was replaced; the schema is broken"
    assert checks.results == {"text": False, "schema": None}


@pytest.mark.parametrize("odd_first", [True, False])
def test_invalid_outweighs_a_warning(odd_first: bool) -> None:
    checks = Checks()
    if odd_first:
        checks.failed("text", "odd")
    checks.judge_key(["id"], whole=False)
    if not odd_first:
        checks.failed("text", "odd")
    assert checks.status == "invalid"
    assert set((checks.message or "").split("; ")) == {
        "odd",
        "the key (id) is missing or null in a part",
    }


@pytest.mark.parametrize(
    ("record", "known", "counts", "unknown"),
    [
        ({}, frozenset("ab"), (0, 0, 0), set()),
        ({"a": None, "b": 0, "c": "", "d": None}, frozenset("ab"), (4, 2, 2), {"c", "d"}),
        ({"a": None}, frozenset(), (1, 1, 1), {"a"}),
        ({"a": None}, None, (1, 1, 0), set()),
        ({"a": False}, frozenset("ab"), (1, 0, 0), set()),
        ([None], frozenset("a"), (0, 0, 0), set()),
        ("x", None, (0, 0, 0), set()),
    ],
)
def test_counts(
    record: Any, known: frozenset[str] | None, counts: tuple[int, int, int], unknown: set[str]
) -> None:
    assert quality.count(record, known) == (counts, frozenset(unknown))
