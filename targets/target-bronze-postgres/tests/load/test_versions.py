"""What counts as new: the rule itself, and that no replay or kill changes what it leaves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_bronze_postgres.load.versions import Content, Head, Outcome, decide, may_need_history
from tests.messages import record, schema

if TYPE_CHECKING:
    from tests.conftest import Load, Query

Reading = tuple[str, int | None]
"""A content, and the time at which it was extracted."""


@dataclass
class Lineage:
    """The rows of one lineage and its head, as a loader keeps them."""

    rows: list[tuple[Content, int]] = field(default_factory=list)
    head: Head | None = None

    def load(self, readings: list[Reading]) -> None:
        """Load readings as one process does."""
        if self.head is not None:
            self.head.mine = False
        for text, extracted in readings:
            self._read((text.encode(), False), extracted)

    def _read(self, content: Content, extracted: int | None) -> None:
        head = self.head
        needed = head is not None and may_need_history(head, extracted)
        history = {row for row, _ in self.rows} if needed else set()
        outcome = decide(head, content, extracted, history)
        times = (extracted, None if head is None else head.extracted)
        latest = max((time for time in times if time is not None), default=None)
        if outcome is Outcome.UNCHANGED:
            assert head is not None
            head.extracted = latest
            return
        version = 1 if head is None else head.version + 1
        self.rows.append((content, version))
        if outcome is Outcome.LATE:
            assert head is not None
            head.version = version
        else:
            self.head = Head(version, content[0], None, 0, 0, latest, None, True, False)


def after(*runs: list[Reading]) -> tuple[list[tuple[Content, int]], bytes]:
    lineage = Lineage()
    for run in runs:
        lineage.load(run)
    assert lineage.head is not None
    return lineage.rows, lineage.head.content_hash


distinct_times = st.lists(
    st.tuples(st.sampled_from("ABC"), st.integers(0, 20)),
    min_size=1,
    max_size=8,
    unique_by=lambda reading: reading[1],
)
one_content_each = st.lists(
    st.tuples(st.sampled_from("ABCDEF"), st.sampled_from([None, 1])),
    min_size=1,
    max_size=6,
    unique_by=lambda reading: reading[0],
)


@given(st.one_of(distinct_times, one_content_each), st.lists(st.integers(0, 8), max_size=3))
def test_replays_and_kills_leave_what_one_clean_load_leaves(
    readings: list[Reading], kills: list[int]
) -> None:
    killed = [readings[:kill] for kill in kills]
    assert after(*killed, readings, readings) == after(readings)


def test_content_that_returns_later_is_a_version_again() -> None:
    rows, head = after([("A", 1), ("B", 2), ("A", 3)])
    assert [(content[0], version) for content, version in rows] == [(b"A", 1), (b"B", 2), (b"A", 3)]
    assert head == b"A"


def test_a_late_reading_takes_a_number_and_leaves_the_head() -> None:
    rows, head = after([("A", 1), ("C", 3)], [("B", 2)], [("D", 4)])
    assert [(content[0], version) for content, version in rows] == [
        (b"A", 1),
        (b"C", 2),
        (b"B", 3),
        (b"D", 4),
    ]
    assert head == b"D"


@pytest.mark.parametrize("times", [[None] * 3, [5] * 3])
def test_within_a_run_later_lines_are_newer_where_times_do_not_tell(
    times: list[int | None],
) -> None:
    rows, _ = after([*zip("ABA", times, strict=True)])
    assert [version for _, version in rows] == [1, 2, 3]


MEMBERS: list[dict[str, Any]] = [{"id": 1, "name": name} for name in "ABC"]
A, B, C = MEMBERS
T1, T2, T3 = (f"2024-01-01T00:00:0{second}Z" for second in (1, 2, 3))


def versions(query: Query) -> list[Any]:
    return query(
        "SELECT raw_data->>'name', version, metadata ? 'late' FROM bronze_x"
        " WHERE raw_id = '1' ORDER BY version"
    )


def test_the_same_file_twice_writes_nothing(load: Load, query: Query) -> None:
    lines = [schema(), *(record(id=number, extracted=T1) for number in range(50))]
    load(*lines)
    load(*lines)
    assert query("SELECT count(*) FROM bronze_x") == [50]
    counters = "records_read, rows_new, rows_changed, rows_unchanged, dead_letters"
    assert query(f"SELECT {counters} FROM bronze_ops.runs ORDER BY started_at") == [
        (50, 50, 0, 0, 0),
        (50, 0, 0, 50, 0),
    ]


@pytest.mark.parametrize("rows", [1, 2, 100])
def test_a_b_a_is_three_versions_in_batches_of_any_size(
    load: Load, query: Query, rows: int
) -> None:
    lines = [
        schema(),
        *(record(extracted=t, **r) for r, t in ((A, T1), (B, T2), (A, T3))),
    ]
    for _ in range(3):
        load(*lines, batch_size_rows=rows)
        assert versions(query) == [("A", 1, False), ("B", 2, False), ("A", 3, False)]


def test_late_records_keep_the_head(load: Load, query: Query) -> None:
    load(schema(), record(extracted=T1, **A), record(extracted=T3, **C))
    for _ in range(2):
        load(schema(), record(extracted=T2, **B))
        assert versions(query) == [("A", 1, False), ("C", 2, False), ("B", 3, True)]
        assert query("SELECT raw_data->>'name' FROM bronze_x_latest") == ["C"]


def test_an_unchanged_record_moves_the_time_of_its_lineage(load: Load, query: Query) -> None:
    load(schema(), record(extracted=T1, **A))
    load(schema(), record(extracted=T3, **A))
    load(schema(), record(extracted=T2, **B))
    assert versions(query) == [("A", 1, False), ("B", 2, True)]


def test_one_batch_may_hold_late_and_unchanged_versions_of_a_new_lineage(
    load: Load, query: Query
) -> None:
    load(
        schema(),
        record(extracted=T2, **A),
        record(extracted=T1, **B),
        record(extracted=T3, **A),
        record(extracted=T1, **B),
    )
    assert versions(query) == [("A", 1, False), ("B", 2, True)]
    head = "SELECT version, id = (SELECT min(id) FROM bronze_x) FROM bronze_ops.heads"
    assert query(head) == [(2, True)]


@pytest.mark.parametrize("rows", [1, 10])
def test_a_repeated_head_does_not_hide_the_history(load: Load, query: Query, rows: int) -> None:
    load(schema(), record(extracted=T1, **B), record(extracted=T2, **A))
    later = "2024-01-01T00:00:09Z"
    load(schema(), record(extracted=later, **A), record(extracted=T3, **B), batch_size_rows=rows)
    assert versions(query) == [("B", 1, False), ("A", 2, False)]


def test_equal_content_in_other_bytes_is_unchanged(load: Load, query: Query) -> None:
    load(schema(), b'{"type":"RECORD","stream":"users","record":{"id":1,"a":1e0,"b":"\\u00e9"}}\n')
    load(schema(), '{"type":"RECORD","stream":"users","record":{"b":"é", "a":1,"id":1}}\n'.encode())
    assert query("SELECT count(*) FROM bronze_x") == [1]


def test_volatile_members_make_no_versions_and_stay_in_the_row(load: Load, query: Query) -> None:
    about = schema(bronze={"volatile": ["/row", "/deep/row"]})
    load(about, record(id=1, row=1, deep={"row": 1, "x": 1}))
    load(about, record(id=1, row=2, deep={"row": 2, "x": 1}))
    assert query("SELECT raw_data->>'row' FROM bronze_x") == ["1"]
    load(about, record(id=1, row=2, deep={"row": 2, "x": 2}))
    assert query("SELECT count(*) FROM bronze_x") == [2]


def test_a_moved_timestamp_lands_in_its_own_month(load: Load, query: Query) -> None:
    about = schema(bookmark_properties=["at"])
    load(about, record(id=1, at="2024-01-05T00:00:00Z"))
    load(about, record(id=1, at="2024-03-05T00:00:00Z"))
    assert query("SELECT version, tableoid::regclass::text FROM bronze_x ORDER BY 1") == [
        (1, "bronze_x_y2024m01"),
        (2, "bronze_x_y2024m03"),
    ]
    assert query("SELECT version FROM bronze_x_latest") == [2]


def test_times_are_compared_to_the_microsecond(load: Load, query: Query) -> None:
    """A double of seconds has no room for the last digits, least of all in a far year."""
    clocks = [
        f"{year}-12-31T23:59:{n % 60:02}.{(n * 7919 + 123_457) % 999_998 + 1:06}"
        for year in (1970, 2024, 2262, 9998)
        for n in range(25)
    ]

    def readings(name: str, step: int) -> list[dict[str, Any]]:
        return [
            record(id=n, name=name, extracted=f"{clock[:-6]}{int(clock[-6:]) + step:06}Z")
            for n, clock in enumerate(clocks)
        ]

    load(schema(), *readings("A", 0))
    load(schema(), *readings("B", -1))
    counts = "SELECT count(*) FROM bronze_x WHERE metadata ? 'late'"
    assert query(counts) == [100]
    load(schema(), *readings("C", 1))
    assert query(counts) == [100]
    heads = "SELECT raw_data->>'name', count(*) FROM bronze_x_latest GROUP BY 1"
    assert query(heads) == [("C", 100)]


def test_streams_and_accounts_do_not_share_lineages(load: Load, query: Query) -> None:
    lines = [schema("a/b"), schema("a"), record("a/b", id="c"), record("a", id="b/c")]
    load(*lines)
    load(*lines, account="other")
    assert query("SELECT lineage_id FROM bronze_x ORDER BY 1") == [
        "x/main/a%2Fb/c",
        "x/main/a/b%2Fc",
        "x/other/a%2Fb/c",
        "x/other/a/b%2Fc",
    ]
