"""Which days a source was asked for: told by the tap's STATE, kept with the records before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.messages import as_input, record, schema, state

if TYPE_CHECKING:
    from tests.conftest import Load, Pipe, Query

ASKED = "SELECT stream, asked::text FROM bronze_ops.streams ORDER BY stream"
YEAR = [["2024-01-01", "2024-12-31"]]


def asked(**streams: Any) -> dict[str, Any]:
    """Return a STATE as our taps write it."""
    bookmarks = {name: {"next_day": "2025-01-01", "asked": days} for name, days in streams.items()}
    return state({"bookmarks": bookmarks})


def test_days_add_up_over_states_and_runs(load: Load, query: Query) -> None:
    load(schema(), record(id=1), asked(users=YEAR))
    load(
        *(schema(), record(id=1), asked(users=[["2022-02-03", "2022-02-03"]])),
        asked(users=[["2022-02-03", "2022-02-03"], ["2025-01-01", "2025-01-31"]]),
    )
    assert query(ASKED) == [("users", "{[2022-02-03,2022-02-04),[2024-01-01,2025-02-01)}")]
    load(schema(), record(id=2))  # such as a run that was asked for nothing
    assert query(ASKED) == [("users", "{[2022-02-03,2022-02-04),[2024-01-01,2025-02-01)}")]


def test_days_without_a_record_are_kept_too(load: Load, query: Query) -> None:
    done = load(schema(), schema("empty"), record(id=1), asked(users=YEAR), asked(empty=YEAR))
    assert query(ASKED) == [
        ("empty", "{[2024-01-01,2025-01-01)}"),
        ("users", "{}"),  # only the newest STATE of a batch counts: ours repeat what came before
    ]
    assert done.states[-1]["bookmarks"]["empty"]["asked"] == YEAR
    load(schema("empty"), asked(empty=[["2026-01-01", "2026-01-01"]]))
    assert query(ASKED)[0] == ("empty", "{[2024-01-01,2025-01-01),[2026-01-01,2026-01-02)}")


def test_a_state_alone_late_in_the_run_counts(pipe: Pipe, query: Query) -> None:
    process = pipe(batch_max_seconds=0.1)
    assert process.stdin is not None
    assert process.stdout is not None
    for message in (schema(), record(id=1), asked(users=YEAR), asked(users=[*YEAR, *YEAR])):
        process.stdin.write(as_input(message))
        process.stdin.flush()
        if message["type"] == "STATE":
            assert process.stdout.readline()
            assert query(ASKED) == [("users", "{[2024-01-01,2025-01-01)}")]
    process.communicate()
    assert process.returncode == 0


def test_never_ahead_of_the_records(load: Load, query: Query) -> None:
    # The line that is cut ends the run after what came before it is committed.
    load(
        *(schema(), record(id=1), asked(users=YEAR), record(id=2)),
        b'{"type": "STATE", "value": {"bookmarks": {"users": {"asked": [["2025-01-01", "2025-0',
        fails=True,
    )
    assert query(ASKED) == [("users", "{[2024-01-01,2025-01-01)}")]


def test_a_batch_that_is_not_committed_leaves_no_days(load: Load, query: Query) -> None:
    load(schema(), record(id=1))
    query("ALTER TABLE bronze_ops.days ADD CHECK (day < '2020-01-01')")
    bronze = {"source": "x", "source_timestamp": {"pointer": "/at", "form": "rfc3339"}}
    at = "2024-05-06T07:08:09Z"
    load(schema(bronze=bronze), record(id=2, at=at), asked(users=YEAR), fails=True)
    assert query("SELECT raw_id FROM bronze_x") == ["1"]
    assert query(ASKED) == [("users", "{}")]


@pytest.mark.parametrize(
    "odd",
    [
        7,
        "2024-01-01",
        {"from": "2024-01-01"},
        [["2024-01-01"]],
        [["2024-01-01", "2024-01-31", "2024-02-01"]],
        [["2024-01-31", "2024-01-01"]],
        [["2024-01-01", "2024-02-30"]],
        [["20240101", "20240131"]],
        [["2024-W05-3", "2024-W05-4"]],
        [[1, 2]],
        [["2024-01-01", None]],
        [["2024-01-01", "2024-01-01"]] * 1_001,
        None,
    ],
)
def test_what_is_malformed_is_left_out_with_one_warning(load: Load, query: Query, odd: Any) -> None:
    done = load(
        *(schema(), schema("others"), record(id=1)),
        asked(users=odd, others=odd, strangers=odd),
        record(id=2),
        asked(users=odd, others=YEAR),
        batch_size_rows=1,
    )
    assert query(ASKED) == [("others", "{[2024-01-01,2025-01-01)}"), ("users", "{}")]
    assert done.stderr.count("in a form that is not known") == 1
    assert len(done.states) == 2


@pytest.mark.parametrize(
    "foreign",
    [
        b'{"bookmarks": {"users": {"replication_key_value": "asked"}}}',
        b'{"bookmarks": {"strangers": {"asked": [["2024-01-01", "2024-12-31"]]}}}',
        b'{"bookmarks": ["asked"]}',
        b'{"bookmarks": {"users": ["asked"]}}',
        b'{"asked": []}',
        b'["asked"]',
        b'"asked"',
        b'{"asked": ' + b"[" * 600 + b"]" * 600 + b"}",
    ],
)
def test_foreign_states_tell_nothing(load: Load, query: Query, foreign: bytes) -> None:
    done = load(schema(), record(id=1), b'{"type": "STATE", "value": ' + foreign + b"}\n")
    assert query(ASKED) == [("users", "{}")]
    assert "form that is not known" not in done.stderr
    assert done.stdout.encode() == foreign + b"\n"


def test_days_follow_a_stream_to_where_maps_send_it(load: Load, query: Query) -> None:
    load(
        *(schema(), record(id=1), asked(users=YEAR)),
        stream_maps={"users": {"__alias__": "people", "name": None}},
    )
    assert query(ASKED) == [("people", "{[2024-01-01,2025-01-01)}")]
