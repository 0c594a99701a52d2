"""Misfits are told with their paths and without values; a schema can neither read nor hang."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from target_bronze_postgres.record import canonical
from target_bronze_postgres.record.validation import Validator, known_fields

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "hunter2-secret"


def reasons(schema: Any, record: Any) -> list[str]:
    """Return the misfits of a record; its text or its value may be given."""
    validator = Validator(schema)
    assert validator.broken is None
    value = canonical.decode(record.encode()) if isinstance(record, str) else record
    found = validator.reasons(value)
    assert validator.is_valid(value) == (not found)
    return found


def test_reasons_name_the_path() -> None:
    schema = {
        "properties": {
            "id": {"type": "integer"},
            "list": {"items": {"properties": {"a/b~": {"type": "string"}}}},
        },
        "required": ["id", "name"],
    }
    assert sorted(reasons(schema, {"id": "x", "list": [{}, {"a/b~": 1}]})) == [
        '/: "name" is a required property',
        '/id: value is not of type "integer"',
        '/list/1/a~1b~0: value is not of type "string"',
    ]
    assert reasons(schema, {"id": 1, "name": None, "list": []}) == []


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "integer"},
        {"const": "x"},
        {"enum": ["x", "y"]},
        {"maxLength": 3},
        {"pattern": "^[0-9]+$"},
        {"not": {"type": "string"}},
        {"anyOf": [{"type": "integer"}, {"maxLength": 2}]},
        {"oneOf": [{"type": "string"}, {"minLength": 2}]},
        {"allOf": [{"type": "integer"}]},
        {"if": {"type": "string"}, "then": {"maxLength": 1}},
    ],
    ids=lambda schema: list(schema)[-1],
)
def test_reasons_hide_values(schema: dict[str, Any]) -> None:
    for draft in ({}, {"$schema": "https://json-schema.org/draft/2020-12/schema"}):
        found = reasons({"properties": {"a": schema}, **draft}, {"a": SECRET})
        assert [reason.partition(":")[0] for reason in found] == ["/a"]
        assert SECRET not in found[0]


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"maximum": 3}, 4711),
        ({"multipleOf": 2}, 4711),
        ({"uniqueItems": True}, [4711, 4711]),
        ({"contains": {"type": "string"}}, [4711]),
        ({"items": {"maximum": 3}}, [4711]),
        ({"maxItems": 1}, [4711, 4712]),
        ({"maxProperties": 0}, {"x": 4711}),
        ({"additionalProperties": {"type": "string"}}, {"x": 4711}),
        ({"type": "string"}, {"x": [4711]}),
    ],
    ids=lambda part: next(iter(part)) if isinstance(part, dict) else None,
)
def test_reasons_hide_numbers(schema: dict[str, Any], value: Any) -> None:
    found = reasons({"properties": {"a": schema}}, {"a": value})
    assert found
    assert "4711" not in "".join(found)


def test_a_reason_has_a_bounded_length() -> None:
    found = reasons({"properties": {"a": {"enum": ["x" * 10_000]}}}, {"a": SECRET})
    assert [len(reason) for reason in found] == [1_000]


def test_every_misfit_is_told() -> None:
    schema = {"additionalProperties": {"type": "integer"}}
    record = {f"m{number}": "x" for number in range(300)}
    assert len(reasons(schema, record)) == 300


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "foo"},
        {"type": 5},
        {"properties": 5},
        {"properties": {"a": 5}},
        {"required": "id"},
        {"pattern": "("},
        {"patternProperties": {"[": {}}},
        {"minLength": -1},
        {"multipleOf": 0},
        {"items": "x"},
        {"$ref": "#/definitions/missing"},
        {"$ref": 5},
        {"$ref": "other.json"},
        {"$schema": "https://example.com/no-draft"},
        {"$schema": 5},
    ],
    ids=json.dumps,
)
def test_broken_schemas(schema: dict[str, Any]) -> None:
    validator = Validator(schema)
    assert validator.broken is not None
    assert validator.broken.startswith("the schema is broken: ")
    assert "\n" not in validator.broken
    assert not validator.is_valid({})


def test_a_schema_that_is_too_deep_is_broken_or_works() -> None:
    schema: dict[str, Any] = {"type": "integer"}
    for _ in range(400):
        schema = {"items": schema}
    validator = Validator(schema)
    assert validator.broken is not None or validator.is_valid([])


@pytest.mark.parametrize(("schema", "valid"), [(True, True), (False, False), ({}, True)])
def test_trivial_schemas(schema: Any, valid: bool) -> None:
    assert Validator(schema).is_valid({"a": 1}) == valid
    assert Validator(schema).broken is None


def test_without_a_draft_it_is_draft_7() -> None:
    ranges = {"minimum": 5, "exclusiveMinimum": True}
    four = {"$schema": "http://json-schema.org/draft-04/schema#", **ranges}
    assert not Validator(four).is_valid(5)
    assert Validator(four).is_valid(6)
    assert Validator(ranges).broken is not None  # in draft 7 it is a number
    tuples = {"prefixItems": [{"type": "integer"}]}
    newest = {"$schema": "https://json-schema.org/draft/2020-12/schema", **tuples}
    assert not Validator(newest).is_valid(["x"])
    assert Validator(tuples).is_valid(["x"])


def test_formats_are_not_asserted() -> None:
    assert reasons({"properties": {"at": {"format": "date-time"}}}, {"at": "tomorrow"}) == []


def test_definitions_and_recursion_inside_of_the_schema() -> None:
    tree = {
        "definitions": {
            "tree": {"properties": {"kids": {"items": {"$ref": "#/definitions/tree"}}}}
        },
        "$ref": "#/definitions/tree",
    }
    assert reasons(tree, {"kids": [{"kids": []}]}) == []
    schema = {"properties": {"a": {"$ref": "#"}, "b": {"type": "integer"}}}
    assert reasons(schema, {"a": {"a": {"b": "x"}}}) == ['/a/a/b: value is not of type "integer"']


def with_reference(address: str) -> list[dict[str, Any]]:
    """Return schemas that point to an address in every way."""
    return [
        {"$ref": address},
        {"properties": {"a": {"$ref": f"{address}#/definitions/x"}}},
        {"$id": address, "properties": {"a": {"$ref": "other"}}},
        {"$schema": address},
        {"$schema": "https://json-schema.org/draft/2020-12/schema", "$dynamicRef": address},
        {"$schema": "https://json-schema.org/draft/2020-12/schema", "$ref": address},
    ]


def test_no_host_is_asked(tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text("true")
    # A process of its own: who asked inside of this one would hold the lock that an answer needs.
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1"]
    server = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with server:
        try:
            assert server.stdout
            port = server.stdout.readline().partition(" port ")[2].split()[0]
            for schema in with_reference(f"http://127.0.0.1:{port}/schema.json"):
                validator = Validator(schema)
                assert validator.broken is not None
                assert not validator.is_valid({"a": 1})
        finally:
            server.terminate()
        assert server.stderr
        assert "schema.json" not in server.stderr.read()  # where it logs requests


def test_no_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "schema.json"
    file.write_text('{"const": "hunter2-secret"}')
    for schema in with_reference(file.as_uri()):
        validator = Validator(schema)
        assert validator.broken is not None  # whoever read it would have a schema that compiles
        assert SECRET not in validator.broken


@pytest.mark.parametrize(
    "pattern",
    [
        "^(a+)+$",
        "^(?=(a+)+$)b",
        r"(a*)*\1$",
        r"^(a|a)*\1b$",
        r"^(?:a?){30}a{30}$",
        r"(?<!b)(a+)+\1$",
    ],
)
def test_catastrophic_patterns_end(pattern: str) -> None:
    schema = {"properties": {"a": {"pattern": pattern}}}
    started = time.monotonic()
    found = reasons(schema, {"a": "a" * 2_000 + "!"})
    assert [reason.partition(":")[0] for reason in found] in ([], ["/a"])
    names = {"patternProperties": {pattern: {"type": "integer"}}}
    Validator(names).is_valid({"a" * 2_000 + "!": 1})
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("schema", "record"),
    [
        ({"maximum": 10}, str(2**70)),
        ({"maximum": 10}, "1" * 40 + "." + "1" * 40),
        ({"multipleOf": 0.01}, "0.015"),
        ({"const": 9007199254740993}, str(2**53)),
        ({"type": "string"}, "1e400"),
        ({"type": "integer"}, "1e-400"),
    ],
)
def test_numbers_keep_their_digits(schema: dict[str, Any], record: str) -> None:
    found = reasons({"properties": {"a": schema}}, f'{{"a": {record}}}')
    assert [reason.partition(":")[0] for reason in found] == ["/a"]


@pytest.mark.parametrize(
    ("schema", "record"),
    [
        ({"type": "integer"}, str(2**70)),
        ({"type": "integer"}, "1e0"),
        ({"type": "number"}, "1e400"),
        ({"multipleOf": 0.01}, "1.13"),
        ({"minimum": 10}, "7" * 5_000),
        ({"enum": [1]}, "1e0"),
    ],
)
def test_numbers_that_fit(schema: dict[str, Any], record: str) -> None:
    assert reasons({"properties": {"a": schema}}, f'{{"a": {record}}}') == []


@pytest.mark.parametrize("schema", [{"maximum": 10}, {"type": "string"}, {"enum": [1]}])
@pytest.mark.parametrize("digits", [4_301, 131_072])
def test_a_misfit_of_thousands_of_digits(schema: dict[str, Any], digits: int) -> None:
    record = canonical.decode(b'{"a": ' + b"7" * digits + b"}")
    found = reasons({"properties": {"a": schema}}, record)
    assert found == ["/: does not fit; no path, since a value is too deep or a number too long"]


def test_a_misfit_of_hundreds_of_levels() -> None:
    value: Any = Decimal(1)
    for _ in range(498):
        value = [value]
    schema = {"properties": {"a": {"type": "string"}, "b": {"type": "string"}}}
    assert reasons(schema, {"a": value}) == [
        "/: does not fit; no path, since a value is too deep or a number too long"
    ]
    assert reasons({"properties": {"a": {"type": "array"}}}, {"a": value}) == []


@pytest.mark.parametrize(
    ("schema", "fields"),
    [
        ({"properties": {"a": {}, "b": {}}}, {"a", "b"}),
        ({"properties": {}}, set()),
        ({}, None),
        ({"properties": 5}, None),
        (True, None),
        ([], None),
    ],
)
def test_known_fields(schema: Any, fields: set[str] | None) -> None:
    assert known_fields(schema) == fields
