"""The road through a major upgrade of the embedded server, by the command line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from target_bronze_postgres.embedded import EmbeddedServer, swap
from tests.messages import as_input, record, schema
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OLDEST = Path("/usr/lib/postgresql/15/bin")
ROWS = "SELECT b::text FROM bronze_x AS b ORDER BY 1"
OWN = """
    SELECT o::text, current_setting('work_mem'), pg_has_role('reader', 'bronze_reader', 'MEMBER')
    FROM own AS o
"""

pytestmark = pytest.mark.extra


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A cluster of PostgreSQL 15 with bronze rows, a table of the user's own, and a role."""
    if not OLDEST.is_dir():
        pytest.skip("needs PostgreSQL 15's programs (Debian: apt install postgresql-15)")
    (tmp_path / "meltano.yml").touch()
    home = tmp_path / "data" / "postgres"
    server = EmbeddedServer(home, bin_dir=OLDEST)
    conninfo = psycopg.conninfo.make_conninfo(**server.start())
    messages = as_input(schema(), *(record(id=n, name="x" * n) for n in range(200))).decode()
    old = {"TARGET_BRONZE_POSTGRES_EMBEDDED_BIN_DIR": str(OLDEST)}
    done = run(
        tmp_path, "target_bronze_postgres", stdin=messages, TARGET_BRONZE_POSTGRES_SOURCE="x", **old
    )
    assert done.returncode == 0, done.stderr
    assert bronze(tmp_path, "db", "migrate", "--roles", **old).returncode == 0
    with psycopg.connect(conninfo, autocommit=True) as conn:
        conn.execute("CREATE ROLE reader LOGIN PASSWORD 'secret'")
        conn.execute("GRANT bronze_reader TO reader")
        conn.execute("CREATE TABLE own AS SELECT 1 AS mine")
        conn.execute("ALTER DATABASE ib_data SET work_mem = '7MB'")
    server.stop()
    yield home
    for folder in (home, home / "upgrade" / "old", home / "upgrade" / "new"):
        if folder.is_dir():
            EmbeddedServer(folder).stop()


def run(
    folder: Path, module: str, *args: str, stdin: str = "", **variables: str
) -> subprocess.CompletedProcess[bytes]:
    """Run one of the programs in a folder that names no database."""
    return subprocess.run(
        [sys.executable, "-m", module, *args],
        cwd=folder,
        env=environ(folder) | variables,
        input=stdin.encode(),
        capture_output=True,
        check=False,
    )


def bronze(folder: Path, *args: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    return run(folder, "target_bronze_postgres.ops.cli", *args, **variables)


def environ(folder: Path) -> dict[str, str]:
    foreign = ("PG", "DATABASE_URL", "TARGET_", "MELTANO_")
    kept = {n: v for n, v in os.environ.items() if not n.startswith(foreign)}
    return kept | {"HOME": str(folder)}


def ask(home: Path, query: str, **params: Any) -> list[Any]:
    parameters = EmbeddedServer(home).parameters() | params
    with psycopg.connect(psycopg.conninfo.make_conninfo(**parameters)) as conn:
        return conn.execute(query.encode()).fetchall()


def old_rows(home: Path) -> list[Any]:
    server = EmbeddedServer(home, bin_dir=OLDEST)
    server.start()
    rows = ask(home, ROWS)
    server.stop()
    return rows


def test_all_comes_along(home: Path, tmp_path: Path) -> None:
    rows = old_rows(home)
    refused = bronze(tmp_path, "status")
    assert refused.returncode == 1
    assert b"bronze db upgrade --old-bin-dir" in refused.stderr
    done = bronze(tmp_path, "db", "upgrade", "--old-bin-dir", str(OLDEST))
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().splitlines() == [
        "stopping the server; from PostgreSQL 15 to 18",
        "copying roles",
        *(f"{step} database {name}" for name in ("ib_data", "postgres")
          for step in ("copying", "comparing")),
        "putting the new cluster into its place",
        f"done: the server runs; data.15 in {home} may be removed",
    ]  # fmt: skip
    assert ask(home, "SHOW server_version_num")[0][0].startswith("18")
    assert ask(home, ROWS) == rows
    assert ask(home, OWN) == [("(1)", "7MB", True)]
    assert ask(home, "SELECT count(id) FROM bronze_x", user="reader", password="secret") == [(200,)]
    assert (home / "data.15" / "PG_VERSION").read_text().strip() == "15"
    assert not (home / "upgrade").exists()
    again = bronze(tmp_path, "db", "upgrade", "--old-bin-dir", str(OLDEST))
    assert again.stdout == b"the data are of this version already: nothing to do\n"
    messages = as_input(schema(), record(id=1, name="x"), record(id=1000)).decode()
    source = {"TARGET_BRONZE_POSTGRES_SOURCE": "x"}
    loaded = run(tmp_path, "target_bronze_postgres", stdin=messages, **source)
    assert b"1 new, 0 changed, 1 unchanged" in loaded.stderr


def test_a_kill_in_the_middle(home: Path, tmp_path: Path) -> None:
    rows = old_rows(home)
    command = [sys.executable, "-m", "target_bronze_postgres.ops.cli", "db", "upgrade",
               "--old-bin-dir", str(OLDEST)]  # fmt: skip
    process = subprocess.Popen(command, cwd=tmp_path, env=environ(tmp_path),
                               stdout=subprocess.PIPE, text=True)  # fmt: skip
    assert process.stdout
    for line in process.stdout:
        if line.startswith("copying database"):
            process.kill()
            break
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()
    assert (home / "data" / "PG_VERSION").read_text().strip() == "15"
    refused = bronze(tmp_path, "db", "start")
    assert refused.returncode == 1
    done = bronze(tmp_path, "db", "upgrade", "--old-bin-dir", str(OLDEST))
    assert done.returncode == 0, done.stderr
    assert ask(home, ROWS) == rows


@pytest.mark.parametrize("moment", ["between", "after both"])
def test_a_kill_while_the_folders_are_swapped(
    home: Path, tmp_path: Path, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever starts the server next finishes it."""
    from target_bronze_postgres.embedded.upgrade import Upgrade  # noqa: PLC0415

    rows = old_rows(home)
    upgrade = Upgrade(home, OLDEST, None, lambda _: None, lambda *_: None)
    assert upgrade._take_over()
    assert swap.is_ready(home)
    (home / "data").rename(home / "data.15")
    if moment == "after both":
        (home / "upgrade" / "new" / "data").rename(home / "data")
    monkeypatch.chdir(tmp_path)
    started = bronze(tmp_path, "db", "start")
    assert started.returncode == 0, started.stderr
    assert ask(home, ROWS) == rows
    assert (home / "data.15" / "PG_VERSION").read_text().strip() == "15"
    assert not (home / "upgrade").exists()


def test_wrong_programs(home: Path, tmp_path: Path) -> None:
    newest = EmbeddedServer(home).bin_dir
    wrong = bronze(tmp_path, "db", "upgrade", "--old-bin-dir", str(newest))
    assert wrong.returncode == 1
    assert b"was made by PostgreSQL 15, and " in wrong.stderr
    assert wrong.stderr.endswith(b"name the bin folder of PostgreSQL 15\n")


def test_what_the_database_refuses(
    home: Path, tmp_path: Path, stop_after: Callable[[EmbeddedServer], EmbeddedServer]
) -> None:
    rows = old_rows(home)
    wait = eventually
    server = stop_after(EmbeddedServer(home, bin_dir=OLDEST))
    server.start()
    assert wait(server.is_running)
    other = bronze(tmp_path, "db", "upgrade", "--old-bin-dir", str(OLDEST),
                   PG_HOST="127.0.0.1", PG_DB="x")  # fmt: skip
    assert b"bronze db upgrade is for the embedded server only" in other.stderr
    assert ask(home, ROWS) == rows
