"""Deletions: by a member of the record, by one of the message, and by ACTIVATE_VERSION."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.contents import check
from tests.messages import record, schema

if TYPE_CHECKING:
    from tests.conftest import Load, Query

T1, T2, T3, T4 = (f"2024-01-0{day}T00:00:00Z" for day in (1, 2, 3, 4))
SCHEMA = schema(
    bronze={
        "deleted": "/deleted_at",
        "source_timestamp": {"pointer": "/at", "form": "rfc3339"},
    }
)
DAY = "2023-05-06T07:08:09Z"


def rows(query: Query) -> list[Any]:
    return query(
        "SELECT version, metadata->>'deleted', metadata->>'deleted_by', source_timestamp::text,"
        " partition_key::text FROM bronze_x WHERE raw_id = '1' ORDER BY version"
    )


ALIVE = (1, None, None, "2023-05-06 07:08:09", "2023-05-06")
DEAD = (2, "true", "source", "2023-05-06 07:08:09", "2023-05-06")


@pytest.mark.parametrize("members", [{"at": DAY}, {}])
def test_a_deleted_record_is_the_next_version(
    load: Load, query: Query, members: dict[str, Any]
) -> None:
    load(SCHEMA, record(id=1, at=DAY, deleted_at=None, extracted=T1))
    gone = record(id=1, deleted_at=T2, extracted=T2, **members)
    load(SCHEMA, gone)
    load(SCHEMA, gone)
    assert rows(query) == [ALIVE, DEAD]
    assert query("SELECT count(*) FROM bronze_x_latest") == [0]
    assert query("SELECT tombstones FROM bronze_ops.runs ORDER BY started_at") == [0, 1, 0]
    assert query("SELECT sum(records)::int FROM bronze_ops.days") == [1]


def test_a_record_may_come_and_go_in_one_batch(load: Load, query: Query) -> None:
    load(
        SCHEMA,
        record(id=1, at=DAY, extracted=T1),
        record(id=1, deleted_at=T2, extracted=T2),
    )
    assert rows(query) == [ALIVE, DEAD]


def test_the_message_may_say_that_a_record_is_gone(load: Load, query: Query) -> None:
    alive = record(id=1, at=DAY, extracted=T1)
    gone = record(id=1, at=DAY, extracted=T2) | {"bronze": {"deleted_at": T2}}
    load(SCHEMA, alive)
    load(SCHEMA, gone)
    load(SCHEMA, gone)
    load(SCHEMA, alive)
    assert rows(query) == [ALIVE, DEAD]


def test_what_is_seen_again_later_lives_again(load: Load, query: Query) -> None:
    gone = record(id=1, at=DAY, extracted=T2) | {"bronze": {"deleted_at": T2}}
    load(SCHEMA, record(id=1, at=DAY, extracted=T1))
    load(SCHEMA, gone)
    load(SCHEMA, record(id=1, at=DAY, extracted=T3))
    assert [row[:2] for row in rows(query)] == [(1, None), (2, "true"), (3, None)]
    assert query("SELECT version FROM bronze_x_latest") == [3]


def full_table(version: int, ids: list[int], extracted: str) -> list[dict[str, Any]]:
    """What a full-table stream writes: its records, and the message that closes the list."""
    lines = [
        record(id=number, at=DAY, extracted=extracted) | {"version": version} for number in ids
    ]
    return [SCHEMA, *lines, activate(version)]


def activate(version: int) -> dict[str, Any]:
    return {"type": "ACTIVATE_VERSION", "stream": "users", "version": version}


def test_a_list_that_lost_one_of_a_hundred_buries_exactly_one(load: Load, query: Query) -> None:
    first = full_table(1, list(range(100)), T1)
    second = full_table(2, list(range(1, 100)), T2)
    load(*first)
    load(*second)
    load(*second)
    load(*first)
    tombstones = query(
        "SELECT raw_id, version, metadata->>'deleted_by', partition_key::text, raw_data->>'at'"
        " FROM bronze_x WHERE metadata ? 'deleted'"
    )
    assert tombstones == [("0", 2, "activate_version", "2023-05-06", DAY)]
    assert query("SELECT count(*) FROM bronze_x") == [101]
    assert query("SELECT rows, versions FROM bronze_ops.streams") == [(101, 1)]
    assert query("SELECT sum(tombstones)::int FROM bronze_ops.runs") == [1]


def test_what_the_list_has_again_lives_again(load: Load, query: Query) -> None:
    load(*full_table(1, [1, 2], T1))
    load(*full_table(2, [2], T2))
    load(*full_table(3, [1, 2], T3))
    assert query("SELECT raw_id, version FROM bronze_x_latest ORDER BY 1") == [("1", 3), ("2", 1)]


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([SCHEMA, activate(2)], id="no record came before"),
        pytest.param([SCHEMA, activate(2), *full_table(2, [2], T2)[1:-1]], id="at the start"),
        pytest.param(full_table(2, [2], T2)[:-1], id="the tap was cut off"),
        pytest.param(
            [SCHEMA, record(id=2, extracted=T2) | {"version": 1}, activate(2)], id="other version"
        ),
    ],
)
def test_a_list_that_was_not_read_to_its_end_buries_nothing(
    load: Load, query: Query, lines: list[dict[str, Any]]
) -> None:
    load(*full_table(1, [1, 2], T1))
    load(*lines)
    assert query("SELECT count(*) FROM bronze_x WHERE metadata ? 'deleted'") == [0]


def test_a_stream_in_partitions_as_the_sdk_sends_it_buries_nothing(
    load: Load, query: Query
) -> None:
    """SCHEMA and ACTIVATE_VERSION stand before each partition, always with the same version."""
    for version, extracted in ((1, T1), (2, T2)):
        lines = full_table(version, [1, 2, 3], extracted)
        start = [schema(), lines[-1]]
        load(*start, lines[1], *start, lines[2], *start, *start, lines[3])
    assert query("SELECT count(*), max(version) FROM bronze_x") == [(3, 1)]


def test_our_taps_may_end_with_an_empty_partition(load: Load, query: Query) -> None:
    load(*full_table(1, [1, 2], T1))
    *lines, end = full_table(2, [1], T2)
    load(*lines, SCHEMA, end)
    assert query("SELECT raw_id FROM bronze_x WHERE metadata ? 'deleted'") == ["2"]


def test_other_accounts_are_not_buried(load: Load, query: Query) -> None:
    load(*full_table(1, [1, 2], T1), account="a")
    load(*full_table(2, [2], T2), account="b")
    assert query("SELECT count(*) FROM bronze_x_latest") == [3]


def test_an_older_list_that_is_loaded_again_buries_nothing(load: Load, query: Query) -> None:
    load(*full_table(1, [1], T1))
    load(*full_table(2, [1, 2], T2))
    load(*full_table(1, [1], T1))
    assert query("SELECT count(*) FROM bronze_x") == [2]


def test_what_could_not_be_stored_is_not_gone(load: Load, query: Query) -> None:
    load(*full_table(1, [1, 2], T1))
    *lines, end = full_table(2, [1], T2)
    bad = b'{"type":"RECORD","stream":"users","record":{"id":2,"x":NaN},"version":2}\n'
    load(*lines, bad, end)
    assert query("SELECT count(*) FROM bronze_x") == [2]
    nameless = bad.replace(b'"id":2', b'"id":NaN').replace(b'"version":2', b'"version":3')
    done = load(*full_table(3, [1], T3)[:-1], nameless, activate(3))
    assert "key cannot be read" in done.stderr
    assert query("SELECT count(*) FROM bronze_x") == [2]


@pytest.mark.parametrize(
    "odd",
    [
        b'{"x":NaN,"id":%d}',
        b'{"id":%d,"x":"caf\xe9"}',
        b'{"\\u0069d":%d,"x":1e999999}',
        b'{"id":%d,"x":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    ],
    ids=lambda odd: str(odd[:20]),
)
def test_what_can_never_be_stored_does_not_keep_the_others_alive(
    load: Load, query: Query, odd: bytes
) -> None:
    load(*full_table(1, [1, 2, 3], T1))
    *lines, end = full_table(2, [1], T2)
    bad = b'{"type":"RECORD","stream":"users","version":2,"record":' + odd + b"}\n"
    # The second is there already, the fourth never was.
    load(*lines, bad % 2, bad % 4, end)
    assert query("SELECT raw_id FROM bronze_x WHERE metadata ? 'deleted'") == ["3"]


def test_a_schema_in_between_changes_nothing(load: Load, query: Query) -> None:
    load(*full_table(1, [1, 2], T1))
    *lines, end = full_table(2, [1], T2)
    load(*lines, schema(schema={"title": "new"}, bronze=SCHEMA["bronze"]), end)
    assert query("SELECT raw_id FROM bronze_x WHERE metadata ? 'deleted'") == ["2"]


def test_a_tombstone_without_its_time_lies_where_the_record_lay(load: Load, query: Query) -> None:
    odd = record(id=1, at="1900-01-01T00:00:00Z", extracted=T1)
    gone = [record(id=1, deleted_at=day, extracted=day) for day in (T2, T3)]
    for lines in ([odd], gone[:1], gone[1:]):
        load(SCHEMA, *lines)
    load(SCHEMA, odd, *gone, account="one batch")
    places = (
        "SELECT DISTINCT source_timestamp::text, partition_key::text, metadata->>'partition_by'"
        " FROM bronze_x"
    )
    assert query("SELECT count(*) FROM bronze_x") == [6]
    assert query(places) == [("1900-01-01 00:00:00", "2024-01-01", "extracted_at")]


def test_a_pointer_that_the_tap_gains_is_heeded(load: Load, query: Query) -> None:
    line = record(id=1, gone="yes", extracted=T1)
    load(schema(), line)
    load(schema(bronze={"deleted": "/gone"}), line | {"time_extracted": T2})
    assert query("SELECT version, metadata ? 'deleted' FROM bronze_x ORDER BY 1") == [
        (1, False),
        (2, True),
    ]


def test_a_tombstone_of_an_odd_row_is_odd_too(load: Load, query: Query, database: str) -> None:
    load(schema(), record(id=1), record(id="no integer"), record(id=3, name="a\0b"))
    load(schema(), record(id=1) | {"version": 2}, activate(2))
    counters = "SELECT invalid, warnings, tombstones FROM bronze_ops.runs ORDER BY started_at"
    assert query(counters) == [(1, 1, 0), (1, 1, 2)]
    check(database)
