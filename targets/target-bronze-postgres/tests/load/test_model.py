"""The whole loader against a simple model: random inputs, replays, kills and ACTIVATE_VERSIONs."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contents import check
from tests.messages import record, schema, state
from tests.proxy import Act, Proxy

if TYPE_CHECKING:
    from tests.conftest import Load

STREAMS = ("u", "w")
ABOUT = {
    "source": "x",
    "source_timestamp": {"pointer": "/at", "form": "date"},
    "deleted": "/gone",
    "volatile": ["/row"],
}


class Reading(NamedTuple):
    """A RECORD: ``content`` 0 to 2, with ``gone`` by its pointer or by its message."""

    stream: str
    key: int
    content: int
    time: int | None
    version: int | None
    gone: str
    odd: str
    row: int


class Activate(NamedTuple):
    """An ACTIVATE_VERSION."""

    stream: str
    version: int


Message = Reading | Activate | int  # an int is a STATE

streams = st.sampled_from(STREAMS)
versions = st.sampled_from([1, 1, 2, 2, 3])
readings = st.builds(
    Reading,
    streams,
    st.integers(0, 1),
    st.integers(0, 2),
    st.sampled_from([None, *range(10)]),
    st.one_of(versions, versions, st.none()),
    st.sampled_from(["", "", "", "", "pointer", "message"]),
    st.sampled_from(["", "", "", "", "", "nul", "nan"]),
    st.integers(0, 1),
)
activations = st.builds(Activate, streams, versions)
messages = st.lists(
    st.one_of(readings, readings, readings, activations, st.integers(0, 99)),
    min_size=10,
    max_size=25,
)


class Run(NamedTuple):
    """A load of the first ``length`` messages; ``cut`` is the batch at whose COMMIT it is cut."""

    length: int
    rows: int
    cut: int | None
    heard: bool


runs = st.lists(
    st.builds(
        Run,
        st.integers(1, 25),
        st.sampled_from([1, 2, 3, 100]),
        st.one_of(st.none(), st.integers(1, 4)),
        st.booleans(),
    ),
    min_size=1,
    max_size=3,
)


@dataclass
class Head:
    """The newest version of a lineage."""

    content: tuple[Any, ...]
    deleted: bool
    time: int | None
    run: int
    seen: int | None


Lineage = tuple[str, int]
Row = tuple[tuple[Any, ...], bool, bool]
"""Content, whether it is a tombstone, whether it is late."""


@dataclass
class Model:
    """What bronze should hold, by the rules alone."""

    rows: dict[Lineage, list[Row]] = field(default_factory=lambda: defaultdict(list))
    heads: dict[Lineage, Head] = field(default_factory=dict)
    runs: int = 0

    def load(self, lines: list[Message], run: Run) -> list[int]:
        """Load as one process does, as far as it gets; return the states that it emits."""
        self.runs += 1
        states: list[int] = []
        for number, (batch, whole) in enumerate(batches(lines[: run.length], run.rows), 1):
            if number == run.cut and whole and not run.heard:
                break
            for message in batch:
                if isinstance(message, Reading):
                    self._read(message)
                elif isinstance(message, Activate):
                    before = lines[: run.length]
                    self._activate(message, before[: position(before, message)])
            if number == run.cut and whole:
                break
            states += [message for message in batch if isinstance(message, int)]
        return [n for i, n in enumerate(states) if i == 0 or states[i - 1] != n]

    def _read(self, reading: Reading) -> None:
        lineage = (reading.stream, reading.key)
        head = self.heads.get(lineage)
        content = (reading.content, reading.gone == "pointer", reading.odd == "nul")
        deleted = bool(reading.gone)
        if reading.odd == "nan":
            touch(head, reading)
        elif head is None:
            self.rows[lineage].append((content, deleted, False))
            self.heads[lineage] = Head(content, deleted, reading.time, self.runs, reading.version)
        elif (content, deleted) == (head.content, head.deleted):
            touch(head, reading)
        else:
            self._change(lineage, head, reading, content, deleted)

    def _change(
        self,
        lineage: Lineage,
        head: Head,
        reading: Reading,
        content: tuple[Any, ...],
        deleted: bool,
    ) -> None:
        timed = reading.time is not None and head.time is not None
        earlier = timed and reading.time < head.time  # type: ignore[operator] # both are numbers
        later = timed and reading.time > head.time  # type: ignore[operator] # likewise
        known = any(row[:2] == (content, deleted) for row in self.rows[lineage])
        if later or (head.run == self.runs and not earlier):
            known = False
        if known or earlier:
            if not known:
                self.rows[lineage].append((content, deleted, True))
            touch(head, reading)
            return
        self.rows[lineage].append((content, deleted, False))
        self.heads[lineage] = Head(
            content, deleted, latest(head.time, reading.time), self.runs, reading.version
        )

    def _activate(self, message: Activate, before: list[Message]) -> None:
        stream = [m for m in before if isinstance(m, Reading) and m.stream == message.stream]
        if all(reading.version != message.version for reading in stream):
            return
        now = latest(*(reading.time for reading in stream))
        for lineage, head in self.heads.items():
            newer = head.time is not None and now is not None and head.time > now
            if (
                lineage[0] == message.stream
                and not head.deleted
                and head.seen != message.version
                and not newer
            ):
                self.rows[lineage].append((head.content, True, False))
                head.deleted, head.run, head.time = True, self.runs, latest(head.time, now)


def position(lines: list[Message], message: Message) -> int:
    """Return where this very message stands."""
    return next(n for n, other in enumerate(lines) if other is message)


def latest(*times: int | None) -> int | None:
    """Return the latest of the times that there are."""
    return max((time for time in times if time is not None), default=None)


def touch(head: Head | None, reading: Reading) -> None:
    """Remember that a record was seen."""
    if head is not None:
        head.time = latest(head.time, reading.time)
        head.seen = head.seen if reading.version is None else reading.version


def batches(lines: list[Message], rows: int) -> list[tuple[list[Message], bool]]:
    """Split messages as the loader does; a rest that holds no record is not whole."""
    found: list[tuple[list[Message], bool]] = []
    batch: list[Message] = []
    versions: set[Activate] = set()
    for message in lines:
        batch.append(message)
        if isinstance(message, Reading) and message.version is not None:
            versions.add(Activate(message.stream, message.version))
        count = sum(isinstance(m, Reading) for m in batch)
        if (isinstance(message, Activate) and message in versions) or (
            isinstance(message, Reading) and count == rows
        ):
            found.append((batch, True))
            batch = []
    rest = any(isinstance(m, Reading) for m in batch) or not found
    return [*found, (batch, rest)] if batch or not found else found


def line(message: Message) -> dict[str, Any] | bytes:
    """Return the line of a message."""
    if isinstance(message, int):
        return state({"n": message})
    if isinstance(message, Activate):
        return {"type": "ACTIVATE_VERSION", **message._asdict()}
    members: dict[str, Any] = {"id": message.key, "n": message.content, "row": message.row}
    members["at"] = f"2024-0{1 + message.content}-01"
    if message.gone == "pointer":
        members["gone"] = "yes"
    if message.odd:
        members["x"] = "a\0" if message.odd == "nul" else float("nan")
    time = None if message.time is None else f"2024-12-31T00:00:0{message.time}Z"
    found = record(message.stream, time, **members)
    if message.version is not None:
        found["version"] = message.version
    if message.gone == "message":
        found["bronze"] = {"deleted_at": "2024-12-31"}
    return found


TABLES = "runs, heads, streams, days, dead_letters".replace(", ", ", bronze_ops.")
FOUND = """
    SELECT metadata->>'stream', (raw_data->>'id')::int, (raw_data->>'n')::int, raw_data ? 'gone',
           raw_data ? 'x', metadata ? 'deleted', metadata ? 'late'
    FROM bronze_x ORDER BY lineage_id, version
"""
READ = "SELECT coalesce(sum(records_read)::int, 0), coalesce(sum(dead_letters)::int, 0)"


def rows_of(dsn: str) -> dict[Lineage, list[Row]]:
    """Return what bronze holds, as the model does."""
    found: dict[Lineage, list[Row]] = defaultdict(list)
    with psycopg.connect(dsn) as conn:
        for stream, key, *content, deleted, late in conn.execute(FOUND.encode()):
            found[stream, key].append((tuple(content), deleted, late))
    return found


def compare(
    load: Load, database: str, proxy: Proxy, lines: list[Message], loads: list[Run]
) -> None:
    """Do the same loads with the target and with the model, and compare what they leave."""
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute(f"TRUNCATE bronze_x, bronze_ops.{TABLES}".encode())
    model = Model()
    schemas = [schema(name, bronze=ABOUT) for name in STREAMS]
    for run in [*loads, Run(len(lines), 100, None, False)]:
        expected = model.load(lines, run)
        parts = batches(lines[: run.length], run.rows)
        cut = run.cut is not None and run.cut <= len(parts) and parts[run.cut - 1][1]
        if cut:
            act = Act.CUT_ANSWER if run.heard else Act.CUT
            proxy.arm(b"INTO bronze_ops.runs", b"COMMIT", act=act, nth=run.cut or 0)
        done = load(
            *schemas,
            *map(line, lines[: run.length]),
            dsn=proxy.dsn,
            batch_size_rows=run.rows,
            max_retries=0,
            fails=cut,
        )
        assert [value["n"] for value in done.states] == expected
        assert rows_of(database) == {key: rows for key, rows in model.rows.items() if rows}
        check(database)
    with psycopg.connect(database) as conn:
        whole = conn.execute(
            f"{READ} FROM bronze_ops.runs WHERE started_at ="
            " (SELECT max(started_at) FROM bronze_ops.runs)".encode()
        ).fetchone()
    readings = [message for message in lines if isinstance(message, Reading)]
    assert whole == (len(readings), sum(reading.odd == "nan" for reading in readings))


CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@pytest.fixture
def opened(load: Load, proxy: Proxy) -> Proxy:
    """A proxy before a database with the tables of the streams."""
    load(*(schema(name, bronze=ABOUT) for name in STREAMS))
    return proxy


@settings(max_examples=20, deadline=None, suppress_health_check=CHECKS)
@given(messages, runs)
def test_any_loads_and_kills_leave_what_the_rules_say(
    load: Load, database: str, opened: Proxy, lines: list[Message], loads: list[Run]
) -> None:
    compare(load, database, opened, lines, loads)


def test_a_letter_of_a_list_does_not_keep_others_alive(
    load: Load, database: str, opened: Proxy
) -> None:
    """Found by the test above."""
    seen, letter = Reading("u", 0, 0, None, 1, "", "", 0), Reading("u", 1, 0, None, 2, "", "nan", 0)
    lines: list[Message] = [seen, letter, Activate("u", 2)]
    compare(load, database, opened, lines, [Run(1, 1, None, heard=False)])


@pytest.mark.extra  # for its length
@settings(max_examples=150, deadline=None, suppress_health_check=CHECKS)
@given(messages, runs)
def test_many_more_loads_and_kills(
    load: Load, database: str, opened: Proxy, lines: list[Message], loads: list[Run]
) -> None:
    compare(load, database, opened, lines, loads)
