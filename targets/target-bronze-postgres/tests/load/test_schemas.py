"""Schemas and keys that change within a stream, and schemas that are broken or point elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.messages import record, schema, state

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Load, Query


@pytest.mark.parametrize("rows", [1, 2, 100])
def test_a_schema_holds_for_the_records_after_it(load: Load, query: Query, rows: int) -> None:
    strict = {"type": "object", "properties": {"id": {}, "name": {"type": "integer"}}}
    load(
        schema(schema={"type": "object", "properties": {"id": {}}}),
        *(record(id=1, name="a"), record(id=2, name="b", new=1)),
        schema(schema=strict),
        *(record(id=3, name="c"), record(id=4, name=5), record(id=1, name="a")),
        schema(schema={}, bronze={"source_timestamp": {"pointer": "/at", "form": "date"}}),
        record(id=5, at="2024-02-29"),
        batch_size_rows=rows,
    )
    found = "raw_id, validation_status, quality_metrics->'unknown_fields', source_timestamp::text"
    assert query(f"SELECT {found} FROM bronze_x ORDER BY raw_id") == [
        ("1", "valid", 1, None),
        ("2", "valid", 2, None),
        ("3", "invalid", 0, None),
        ("4", "valid", 0, None),
        ("5", "valid", 0, "2024-02-29 00:00:00"),
    ]
    assert query("SELECT schema, unknown_fields FROM bronze_ops.streams") == [({}, ["name", "new"])]
    assert query("SELECT records_read, rows_new, rows_unchanged FROM bronze_ops.runs") == [
        (6, 5, 1)
    ]


@pytest.mark.parametrize("rows", [1, 100])
def test_a_key_holds_for_the_records_after_it(load: Load, query: Query, rows: int) -> None:
    lines = [
        *(schema(key_properties=["id"]), record(id=1, part=1), record(id=1, part=2)),
        *(schema(key_properties=["id", "part"]), record(id=1, part=1), record(id=1, part=2)),
        *(schema(key_properties=[]), record(id=1, part=1), record(id=1, part=1)),
        *(schema(key_properties=["id"]), record(id=1, part=2)),
    ]
    for _ in range(2):
        load(*lines, batch_size_rows=rows)
        found = query("SELECT lineage_id, version, raw_id FROM bronze_x ORDER BY 1, 2")
        assert found[1:] == [
            ("x/main/users/1", 1, "1"),
            ("x/main/users/1", 2, "1"),
            ("x/main/users/1/1", 1, "[1,1]"),
            ("x/main/users/1/2", 1, "[1,2]"),
        ]
        assert found[0][1:] == (1, None)
        assert query("SELECT key_properties FROM bronze_ops.streams") == [["id"]]


@pytest.mark.parametrize(
    "odd",
    ["0", '""', "false", '"0"', '"false"', "0.0", "-0", "[]", "{}", "[null]", '" "', '"null"'],
)
def test_a_falsy_key_is_a_key(load: Load, query: Query, odd: str) -> None:
    lines = [
        f'{{"type":"RECORD","stream":"users","record":{{"id":{odd},"n":{n}}}}}\n'.encode()
        for n in (1, 2)
    ]
    load(schema(schema={}), *lines)
    assert query("SELECT version, validation_status, raw_id IS NULL FROM bronze_x ORDER BY 1") == [
        (1, "valid", False),
        (2, "valid", False),
    ]


@pytest.mark.parametrize(
    "members", ['"n":1', '"id":null,"n":1', '"id":1,"id":null,"n":1', '"Id":1,"n":1']
)
def test_a_null_key_is_none(load: Load, query: Query, members: str) -> None:
    line = f'{{"type":"RECORD","stream":"users","record":{{{members}}}}}\n'.encode()
    for _ in range(2):
        load(schema(schema={}), record(id=7), line, line.replace(b'"n":1', b'"n":2'), record(id=8))
        assert query(
            "SELECT version, validation_status, count(*) FROM bronze_x GROUP BY 1, 2 ORDER BY 2"
        ) == [(1, "invalid", 2), (1, "valid", 2)]


def broken(address: str) -> list[Any]:
    """Return schemas that nothing can be held against, or that point to an address."""
    return [
        {"type": "nonsense"},
        {"properties": {"id": {"pattern": "("}}},
        {"$ref": "#/definitions/missing"},
        {"$ref": address},
        {"properties": {"id": {"$ref": f"{address}#/definitions/x"}}},
        {"$schema": address},
    ]


@pytest.mark.parametrize("number", range(6))
def test_a_broken_schema_costs_no_record_and_reads_nothing_elsewhere(
    load: Load, query: Query, tmp_path: Path, number: int
) -> None:
    # Whoever read it would find that no record fits.
    (tmp_path / "schema.json").write_text('{"not": {}, "definitions": {"x": {"not": {}}}}')
    body = broken((tmp_path / "schema.json").as_uri())[number]
    done = load(schema(schema=body), record(id=1), record(id=2), state({"n": 2}))
    assert done.states == [{"n": 2}]
    found = query("SELECT validation_status, error_message, quality_checks FROM bronze_x")
    assert [row[0] for row in found] == ["warning", "warning"]
    assert all(row[1].startswith("the schema is broken: ") for row in found)
    assert {"key": True, "text": True, "schema": None} in [row[2] for row in found]
    assert query("SELECT schema FROM bronze_ops.streams") == [body]


def test_every_reason_has_its_path_and_nothing_is_dropped(load: Load, query: Query) -> None:
    body = {
        "type": "object",
        "required": ["id", "name", "at"],
        "additionalProperties": False,
        "properties": {
            "id": {"type": "integer", "maximum": 10},
            "name": {"type": "string", "maxLength": 3, "pattern": "^a"},
            "list": {"items": {"properties": {"a/b~c": {"enum": [1]}}}},
        },
    }
    lines = [
        record(id=11, name="toolong", list=[{}, {"a/b~c": 2}], more=1),
        record(id="x"),
        {"type": "RECORD", "stream": "users", "record": [1]},
    ]
    load(schema(schema=body), *lines)
    rows = query(
        "SELECT validation_status, error_message, quality_score::text, quality_checks->'schema'"
        " FROM bronze_x ORDER BY id"
    )
    assert [row[0] for row in rows] == ["invalid"] * 3
    assert [sorted(part.partition(":")[0] for part in row[1].split("; ")) for row in rows] == [
        ["/", "/", "/id", "/list/1/a~1b~0c", "/name", "/name"],
        ["/", "/", "/id"],
        ["/", "the key (id) is missing or null in a part"],
    ]
    assert [row[2:] for row in rows] == [("0.6667", False), ("0.6667", False), ("0.3333", False)]
    assert "toolong" not in rows[0][1]
