"""Through pgbouncer in transaction mode: a connection is another's between two transactions."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.contents import check
from tests.messages import record, schema, state
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Fork, Load, Query

    Pool = Callable[[int], str]

pytestmark = pytest.mark.extra

INI = """
[databases]
* = host={host} port={port} user={user} password='{password}'
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {size}
logfile = {folder}/log
pidfile = {folder}/pid
"""


@pytest.fixture
def pool(database: str) -> Iterator[Pool]:
    """Start a pgbouncer with so many connections to the server, and return its DSN."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.skip("needs pgbouncer")
    with ExitStack() as stack:

        def start(size: int) -> str:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bronze-pool-")))
            folder.chmod(0o777)
            with socket.create_server(("127.0.0.1", 0)) as free:
                listen = free.getsockname()[1]
            known = {"password": "", **conninfo_to_dict(database)}
            text = INI.format(listen=listen, size=size, folder=folder, **known)
            (folder / "ini").write_text(text)
            other = {"user": "nobody", "extra_groups": []} if os.geteuid() == 0 else {}
            process = subprocess.Popen([program, "-q", str(folder / "ini")], **other)  # type: ignore[call-overload] # user or nothing
            stack.callback(process.wait)
            stack.callback(process.terminate)
            eventually(lambda: listens(listen))
            return make_conninfo(database, host="127.0.0.1", port=listen)

        yield start


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return False
    return True


def lines(loader: int) -> list[dict[str, object]]:
    """Records of keys that all loaders share, over a year."""
    found = [
        record(id=n, at=f"2024-{1 + n % 12:02}-01", name=loader, extracted=f"2025-01-0{loader}")
        for n in range(60)
    ]
    return [schema(bookmark_properties=["at"]), *found, state({"n": loader})]


@pytest.mark.parametrize("size", [1, 20])
def test_one_loader(load: Load, query: Query, database: str, pool: Pool, size: int) -> None:
    dsn = pool(size)
    for unchanged in (0, 60):
        assert load(*lines(1), dsn=dsn, batch_size_rows=10).states == [{"n": 1}]
        assert query("SELECT sum(rows_unchanged)::int FROM bronze_ops.runs") == [unchanged]
    with psycopg.connect(database) as conn:
        found = conn.execute("SELECT count(*) FROM bronze_x").fetchone()
    assert found == (60,)
    check(database)


def test_loaders_that_share_connections(
    forked: Fork, query: Query, database: str, pool: Pool
) -> None:
    dsn = pool(4)
    targets = [forked(*lines(n), dsn=dsn, batch_size_rows=7) for n in range(1, 6)]
    for number, target in enumerate(targets, 1):
        assert target.wait() == 0, target.log
        assert target.states == [{"n": number}]
    assert query("SELECT count(*) FROM bronze_x") == [300]
    check(database)
