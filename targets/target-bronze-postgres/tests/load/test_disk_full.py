"""A disk that is full: the load waits, and goes on when there is room again."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tests.contents import check
from tests.messages import record, schema, state
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from target_bronze_postgres.embedded import EmbeddedServer
    from tests.conftest import Fork, Load

pytestmark = pytest.mark.extra

LINES = [
    schema(),
    *(record(id=n, name=f"{n} " * 100) for n in range(20_000)),
    state({"n": 20_000}),
]


@pytest.fixture
def disk(own: EmbeddedServer) -> Iterator[Path]:
    """A small file system that the server may write to."""
    place = Path(tempfile.mkdtemp(prefix="bronze-disk-"))
    owner = (own.home / "data").stat()
    options = f"size=64m,mode=0700,uid={owner.st_uid},gid={owner.st_gid}"
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    mount = [*sudo, "mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    try:
        done = subprocess.run(mount, check=False, capture_output=True)
    except FileNotFoundError:
        done = None
    if done is None or done.returncode != 0:
        place.rmdir()
        pytest.skip("needs the right to mount a file system: root, or sudo without a password")
    yield place
    subprocess.run([*sudo, "umount", "-l", str(place)], check=True)
    place.rmdir()


@pytest.fixture
def small(own: EmbeddedServer, disk: Path) -> Iterator[str]:
    """The DSN of a database on that disk."""
    name = sql.Identifier("small_" + disk.name)
    known: Any = own.start()
    with psycopg.connect(autocommit=True, **known) as conn:
        place = sql.Literal(str(disk))
        conn.execute(sql.SQL("CREATE TABLESPACE {} LOCATION {}").format(name, place))
        conn.execute(sql.SQL("CREATE DATABASE {0} TEMPLATE template0 TABLESPACE {0}").format(name))
        yield make_conninfo(**{**known, "dbname": "small_" + disk.name})
        conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
        conn.execute(sql.SQL("DROP TABLESPACE {}").format(name))


def fill(disk: Path, leave: int) -> Path:
    """Take all room but so many bytes."""
    filler = disk / "filler"
    free = shutil.disk_usage(disk).free
    filler.write_bytes(bytes(max(0, free - leave)))
    return filler


def counts(dsn: str) -> Any:
    with psycopg.connect(dsn) as conn:
        return conn.execute(
            "SELECT (SELECT count(*) FROM bronze_x), sum(records_read)::int FROM bronze_ops.runs"
        ).fetchone()


def test_a_full_disk_is_waited_for(load: Load, forked: Fork, disk: Path, small: str) -> None:
    load(schema(), dsn=small)
    filler = fill(disk, leave=4 << 20)
    target = forked(*LINES, dsn=small)
    eventually(lambda: "53100" in target.log)
    assert target.states == []
    filler.unlink()
    assert target.wait() == 0, target.log
    assert target.states == [{"n": 20_000}]
    assert counts(small) == (20_000, 20_000)
    check(small)


def test_a_disk_that_stays_full_is_one_clear_line_and_loses_nothing(
    load: Load, disk: Path, small: str
) -> None:
    load(schema(), dsn=small)
    filler = fill(disk, leave=4 << 20)
    done = load(*LINES, dsn=small, max_retries=1, batch_size_rows=1_000, fails=True)
    assert "53100" in done.stderr.splitlines()[-1]
    assert done.stdout == ""
    filler.unlink()
    assert load(*LINES, dsn=small).states == [{"n": 20_000}]
    rows, _ = counts(small)
    assert rows == 20_000
    check(small)
