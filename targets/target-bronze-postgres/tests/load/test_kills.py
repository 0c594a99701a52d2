"""kill -9 at every point of a load, found by what passes between target and server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.contents import check, contents
from tests.messages import record, schema, state
from tests.proxy import Act, Proxy
from tests.waiting import DEADLINE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Fork, Load

RECORDS = 600
BATCH = 100


def messages() -> list[dict[str, Any]]:
    """600 readings of 400 keys in six months; a state says how many stand before it."""
    lines = [schema(bookmark_properties=["at"])]
    for n in range(RECORDS):
        if n % 50 == 0:
            lines.append(state({"n": n}))
        day = f"2024-{1 + n // BATCH:02}-{1 + n % 28:02}"
        second = f"2025-01-01T00:{n // 60:02}:{n % 60:02}Z"
        lines.append(record(id=n % 400, name=f"n{n}", at=day, extracted=second))
    return [*lines, state({"n": RECORDS})]


LINES = messages()
SETTINGS = {"batch_size_rows": BATCH}

Marks = tuple[bytes, ...]
FIRST: list[Marks] = [
    (b"user\0",),
    (b"bronze:migrate",),
    (b"CREATE TABLE bronze_ops.runs",),
    (b"bronze:migrate", b"COMMIT"),
    (b"create_source",),
    (b"create_source", b"COMMIT"),
    (b"bronze_ops.heads WHERE",),
    (b"create_partition_if_not_exists", b"COMMIT"),
    (b"pg_advisory_xact_lock($1)",),
    (b"nextval",),
]
WRITTEN: list[Marks] = [
    (b"FROM STDIN", b"COMMIT"),
    (b"FROM STDIN", b"COPY bronze_ops.heads"),
    (b"FROM STDIN", b"INTO bronze_ops.streams"),
    (b"FROM STDIN", b"INTO bronze_ops.runs"),
    (b"FROM STDIN", b"INTO bronze_ops.days"),
]
MAKING: Marks = (b"create_partition_if_not_exists",)
COMMIT: Marks = (b"INTO bronze_ops.runs", b"COMMIT")


def moments(phase: str, kill: int) -> tuple[Marks, Act, int]:
    """Return what a target sends at a moment of a phase, what then to do, and how often first."""
    match phase:
        case "before the first commit":
            return FIRST[kill % len(FIRST)], Act.HOLD, 1
        case "making partitions":
            act = Act.HOLD if kill % 2 else Act.HOLD_ANSWER
            return MAKING, act, 1 + kill // 2
        case "during COPY":
            return (b"FROM STDIN", b'"n%d"' % (kill * 53)), Act.HOLD, 1
        case "between COPY and COMMIT":
            return WRITTEN[kill % len(WRITTEN)], Act.HOLD, 1 + kill // 3
        case _:  # between COMMIT and STATE
            return COMMIT, Act.HOLD_ANSWER, 1 + kill % (RECORDS // BATCH)


def series() -> list[Any]:
    """Two kills of each phase, and ten more where there is time."""
    return [
        pytest.param((phase, kill), marks=[pytest.mark.extra] if kill > 1 else [])
        for phase in (
            "before the first commit",
            "making partitions",
            "during COPY",
            "between COPY and COMMIT",
            "between COMMIT and STATE",
        )
        for kill in range(12)
    ]


@pytest.fixture(scope="module")
def kept() -> list[Any]:
    """Lives as long as the tests of this module."""
    return []


@pytest.fixture
def clean(kept: list[Any], load: Load, another: Callable[..., str]) -> list[Any]:
    """What one clean load leaves."""
    if not kept:
        dsn = another()
        load(*LINES, dsn=dsn, **SETTINGS)
        kept += contents(dsn)
    return kept


def landed(dsn: str) -> int:
    """Return how many records a run has committed."""
    with psycopg.connect(dsn) as conn:
        found = conn.execute("SELECT to_regclass('bronze_ops.runs') IS NOT NULL").fetchone()
        if found != (True,):
            return 0
        row = conn.execute("SELECT coalesce(sum(records_read), 0) FROM bronze_ops.runs").fetchone()
        return int(row[0]) if row else 0


@pytest.mark.parametrize("moment", series(), ids=lambda m: f"{m[0]}-{m[1]}")
def test_a_kill_loses_and_doubles_nothing(
    load: Load, forked: Fork, proxy: Proxy, clean: list[Any], moment: tuple[str, int]
) -> None:
    phase, kill = moment
    marks, act, nth = moments(phase, kill)
    proxy.arm(*marks, act=act, nth=nth)
    target = forked(*LINES, dsn=proxy.dsn, **SETTINGS)
    assert proxy.reached.wait(DEADLINE), target.log
    target.kill()
    proxy.drop()
    committed = landed(proxy.dsn)
    emitted = max((value["n"] for value in target.states), default=0)
    assert emitted <= committed
    assert committed % BATCH == 0
    if phase == "between COMMIT and STATE":
        assert emitted < committed == nth * BATCH
    for _ in range(2):
        load(*LINES, dsn=proxy.dsn, **SETTINGS)
        check(proxy.dsn)
    assert contents(proxy.dsn) == clean


TIMES: dict[str, Callable[[int], str | None]] = {
    "rising": lambda n: f"2025-01-01T00:00:{n:02}Z",
    "equal": lambda _: "2025-01-01T00:00:00Z",
    "missing": lambda _: None,
}
KILLS: list[tuple[Marks, Act, int]] = [
    ((b"FROM STDIN", b'"n27"'), Act.HOLD, 1),
    (COMMIT, Act.HOLD_ANSWER, 4),
    ((b"FROM STDIN", b"COMMIT"), Act.HOLD, 1),  # of what is new, after four batches that are not
]


@pytest.mark.parametrize("times", TIMES)
def test_a_file_loaded_three_times_with_kills_between_is_one_clean_load(
    load: Load, forked: Fork, proxy: Proxy, another: Callable[..., str], times: str
) -> None:
    """Each key has several contents, also within one batch; none returns to an earlier one."""
    readings = [record(id=n % 8, name=f"n{n}", extracted=TIMES[times](n)) for n in range(50)]
    lines, settings = [schema(), *readings, state({"n": 50})], {"batch_size_rows": 10}
    load(*lines, dsn=(clean := another()), **settings)
    for marks, act, nth in KILLS:
        proxy.arm(*marks, act=act, nth=nth)
        target = forked(*lines, dsn=proxy.dsn, **settings)
        assert proxy.reached.wait(DEADLINE), target.log
        target.kill()
        proxy.drop()
        assert target.states == []
    for _ in range(2):
        load(*lines, dsn=proxy.dsn, **settings)
        check(proxy.dsn)
        assert contents(proxy.dsn) == contents(clean)
