"""The server is killed or restarted in the middle of a load: the target recovers by itself."""

from __future__ import annotations

import os
import signal
import uuid
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tests.contents import check
from tests.messages import record, schema, state
from tests.proxy import Act, Proxy
from tests.waiting import DEADLINE

if TYPE_CHECKING:
    from target_bronze_postgres.embedded import EmbeddedServer
    from tests.conftest import Fork

RECORDS = 500
LINES = [
    schema(bookmark_properties=["at"]),
    *(record(id=n, name=f"n{n}", at=f"2024-{1 + n // 100:02}-01") for n in range(RECORDS)),
    state({"n": RECORDS}),
]
MOMENTS: list[tuple[tuple[bytes, ...], Act, int]] = [
    ((b"FROM STDIN", b"COMMIT"), Act.HOLD_ANSWER, 2),
    ((b"FROM STDIN", b'"n150"'), Act.HOLD, 1),
    ((b"user\0",), Act.HOLD, 1),
    ((b"user\0",), Act.HOLD, 2),
    ((b"CREATE TABLE bronze_ops.heads",), Act.HOLD, 1),
    ((b"bronze:migrate", b"COMMIT"), Act.HOLD, 1),
    ((b"create_source",), Act.HOLD_ANSWER, 1),
    ((b"bronze_ops.heads WHERE",), Act.HOLD, 2),
    ((b"create_partition_if_not_exists",), Act.HOLD, 1),
    ((b"create_partition_if_not_exists",), Act.HOLD_ANSWER, 4),
    ((b"pg_advisory_xact_lock($1)",), Act.HOLD, 3),
    ((b"nextval",), Act.HOLD, 1),
    ((b"FROM STDIN", b'"n0"'), Act.HOLD, 1),
    ((b"FROM STDIN", b'"n499"'), Act.HOLD, 1),
    ((b"COPY bronze_ops.heads",), Act.HOLD_ANSWER, 1),
    ((b"INTO bronze_ops.streams",), Act.HOLD, 2),
    ((b"INTO bronze_ops.runs",), Act.HOLD_ANSWER, 3),
    ((b"FROM STDIN", b"COMMIT"), Act.HOLD, 1),
    ((b"FROM STDIN", b"COMMIT"), Act.HOLD, 5),
    ((b"UPDATE bronze_ops.runs", b"COMMIT"), Act.HOLD_ANSWER, 1),
]
NUMBERS = [pytest.param(n, marks=[pytest.mark.extra] if n > 1 else []) for n in range(len(MOMENTS))]


def restart(server: EmbeddedServer, *, by_kill: bool) -> None:
    """End the server, by kill -9 or as its owner would, and start it again."""
    if by_kill:
        pid = int((server.home / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
    else:
        server.stop()


@pytest.mark.parametrize("number", NUMBERS)
def test_a_restart_loses_and_doubles_nothing(
    forked: Fork, own: EmbeddedServer, number: int
) -> None:
    known: Any = own.start()
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(autocommit=True, **known) as conn:
        conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    dsn = make_conninfo(**{**known, "dbname": name})
    marks, act, nth = MOMENTS[number]
    with Proxy(dsn) as proxy:
        proxy.arm(*marks, act=act, nth=nth)
        target = forked(*LINES, dsn=proxy.dsn, batch_size_rows=100)
        assert proxy.reached.wait(DEADLINE), target.log
        restart(own, by_kill=number % 2 == 0)
        proxy.drop()
        before = target.states
        assert before == ([{"n": RECORDS}] if b"UPDATE bronze_ops.runs" in marks else [])
        own.start()
        assert target.wait() == 0, target.log
    assert target.states == [{"n": RECORDS}]
    assert "try 2 follows" in target.log
    check(dsn)
    with psycopg.connect(dsn) as conn:
        found = "SELECT (SELECT count(*) FROM bronze_x), sum(records_read)::int, max(status)"
        assert conn.execute(f"{found} FROM bronze_ops.runs".encode()).fetchone() == (
            RECORDS,
            RECORDS,
            "success",
        )
