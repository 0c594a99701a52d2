"""``stream_maps``: streams renamed, left out, filtered and changed, and maps that do not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.messages import record, schema, state

if TYPE_CHECKING:
    from tests.conftest import Load, Query

USERS = (schema(), *(record(id=n, name=f"n{n}", at="2024-01-01") for n in range(3)))
OTHERS = (schema("others"), record("others", id=7))
FOUND = "SELECT metadata->>'stream', raw_data FROM bronze_x ORDER BY 1, raw_id"


def test_unmapped_streams_stay_as_they_came(load: Load, query: Query) -> None:
    raw = b'{"type":"RECORD","stream":"others","record":{"id":1,"x":1.10,"x":1.50}}\n'
    load(*USERS, *OTHERS, raw, stream_maps={"users": {"name": "name.upper()"}})
    assert query(FOUND) == [
        ("others", {"id": 1, "x": 1.50}),
        ("others", {"id": 7}),
        *(("users", {"id": n, "name": f"N{n}", "at": "2024-01-01"}) for n in range(3)),
    ]


@pytest.mark.parametrize(
    ("users", "landed"),
    [
        pytest.param(
            {"__alias__": "people", "at": "at"},
            [("people", {"id": n, "at": "2024-01-01"}) for n in range(3)],
            id="renamed",
        ),
        pytest.param(
            {"__filter__": "bool(id != 1)", "name": "name"},
            [("users", {"id": n, "name": f"n{n}"}) for n in (0, 2)],
            id="filtered",
        ),
        pytest.param(
            {"twice": "id * 2", "name": None},
            [("users", {"id": n, "twice": n * 2}) for n in range(3)],
            id="computed and dropped members",
        ),
        pytest.param(
            {"__key_properties__": ["name"], "name": "name", "salt": "config['salt']"},
            [("users", {"name": f"n{n}", "salt": "pepper"}) for n in range(3)],
            id="another key and a value of the config",
        ),
        pytest.param(None, [], id="left out"),
        pytest.param("__NULL__", [], id="left out, as Meltano can say it"),
    ],
)
def test_maps(load: Load, query: Query, users: Any, landed: list[Any]) -> None:
    if isinstance(users, dict):
        key = {} if "__key_properties__" in users else {"id": "id"}
        users = {**key, "__else__": None, **users}
    settings = {"stream_maps": {"users": users}, "stream_map_config": {"salt": "pepper"}}
    done = load(*USERS, *OTHERS, state({"n": 1}), **settings)
    assert done.states == [{"n": 1}]
    assert query(FOUND) == sorted([("others", {"id": 7}), *landed], key=lambda row: row[0])


def test_other_streams_can_be_left_out(load: Load, query: Query) -> None:
    load(*USERS, *OTHERS, stream_maps={"others": {"id": "id"}, "__else__": "__NULL__"})
    assert query(FOUND) == [("others", {"id": 7})]


def test_a_stream_can_become_two(load: Load, query: Query) -> None:
    maps = {"users": {"name": None}, "names": {"__source__": "users", "id": "id", "name": "name"}}
    load(*USERS[:2], stream_maps=maps)
    assert [stream for stream, _ in query(FOUND)] == ["names", "users"]


def test_what_is_mapped_keeps_its_provenance_and_its_digits(load: Load, query: Query) -> None:
    about = schema(bronze={"source": "x", "source_timestamp": {"pointer": "/at", "form": "date"}})
    raw = (
        b'{"type":"RECORD","stream":"users","record":{"id":1,"at":"2024-02-29","sum":1.10},'
        b'"time_extracted":"2024-03-01T00:00:00Z","bronze":{"api_response_code":203}}\n'
    )
    load(about, raw, stream_maps={"users": {"name": "'z'"}})
    assert query(
        "SELECT raw_data->>'sum', raw_data->>'name', source_timestamp::text, api_response_code,"
        " lineage_timestamp::text FROM bronze_x"
    ) == [("1.10", "z", "2024-02-29 00:00:00", 203, "2024-03-01 00:00:00")]


def test_a_mapped_input_loaded_again_adds_nothing(load: Load, query: Query) -> None:
    for _ in range(2):
        load(*USERS, stream_maps={"users": {"name": "name.upper()"}})
    assert query("SELECT rows_new, rows_unchanged FROM bronze_ops.runs ORDER BY started_at") == [
        (3, 0),
        (0, 3),
    ]


def test_what_a_map_cannot_read_is_a_dead_letter(load: Load, query: Query) -> None:
    bad = b'{"type":"RECORD","stream":"users","record":{"id":1,"name":NaN}}\n'
    load(USERS[0], bad, USERS[1], stream_maps={"users": {"__alias__": "people", "name": "name"}})
    letters = query("SELECT stream, message, landed FROM bronze_ops.dead_letters")
    assert letters == [("people", bad.strip(), False)]
    assert query("SELECT count(*) FROM bronze_x") == [1]


def full_table(version: int, ids: list[int]) -> list[dict[str, Any]]:
    extracted = f"2024-01-0{version}T00:00:00Z"
    records = [record(id=n, extracted=extracted) | {"version": version} for n in ids]
    end = {"type": "ACTIVATE_VERSION", "stream": "users", "version": version}
    return [schema(), *records, end]


def test_activate_version_follows_a_renamed_stream(load: Load, query: Query) -> None:
    maps = {"users": {"__alias__": "people", "id": "id"}}
    load(*full_table(1, [1, 2]), stream_maps=maps)
    load(*full_table(2, [2]), stream_maps=maps)
    deleted = "SELECT metadata->>'stream', raw_id FROM bronze_x WHERE metadata ? 'deleted'"
    assert query(deleted) == [("people", "1")]


def test_activate_version_of_a_stream_that_is_left_out_is_nothing(load: Load) -> None:
    load(*full_table(1, [1, 2]), stream_maps={"users": None})


@pytest.mark.parametrize(
    ("maps", "line"),
    [
        ({"users": {"name": "name +"}}, "stream_maps does not fit stream 'users': "),
        ({"users": {"name": "nam"}}, "stream_maps fails on a record of stream 'users': "),
        ({"users": {"name": "1 / (id - 1)"}}, "stream_maps fails on a record of stream 'users': "),
        ({"users": {"id": None}}, "stream_maps does not fit stream 'users': "),
        ({"users": 7}, "stream_maps does not fit stream 'users': "),
        ({"__else__": "x"}, "stream_maps: "),
    ],
)
def test_a_map_that_does_not_fit_is_one_clear_line(
    load: Load, maps: dict[str, Any], line: str
) -> None:
    done = load(*USERS, stream_maps=maps, fails=True)
    last = done.stderr.splitlines()[-1]
    assert line in last
    assert "n1" not in last
