"""What holds for every run of the tests, however it is started and whatever it lacks."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from target_bronze_postgres.embedded import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Generator

Query = Callable[..., list[Any]]


def pytest_configure() -> None:
    """Let Ctrl-C reach what the tests start: a job in the background of a shell ignores it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn the skip of an extra test into a failure where all tools must be there.

    An extra test may skip for want of a tool; with ``REQUIRE_EXTRA=1`` its skip is a failure.
    """
    report = yield
    required = os.environ.get("REQUIRE_EXTRA") == "1" and "extra" in item.keywords
    if required and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"REQUIRE_EXTRA=1 allows no skip: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Parameters of a superuser on a server for this run: BRONZE_TEST_DSN's, or an embedded one."""
    if dsn := os.environ.get("BRONZE_TEST_DSN"):
        yield {name: str(value) for name, value in conninfo_to_dict(dsn).items()}
        return
    embedded = EmbeddedServer(tmp_path_factory.mktemp("server") / "postgres")
    yield embedded.start()
    embedded.stop()


@contextmanager
def _fresh(server: dict[str, str]) -> Iterator[str]:
    """Make a database of this run, yield its DSN, drop it."""
    name = sql.Identifier(f"test_{(unique := uuid.uuid4().hex)}")
    with psycopg.connect(autocommit=True, **server) as conn:  # type: ignore[arg-type] # all text
        conn.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(name))
        yield make_conninfo(**{**server, "dbname": f"test_{unique}"})
        conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


@pytest.fixture
def database(server: dict[str, str]) -> Iterator[str]:
    """The DSN of a fresh, empty database."""
    with _fresh(server) as dsn:
        yield dsn


@pytest.fixture
def other_database(server: dict[str, str]) -> Iterator[str]:
    """The DSN of a second one, to compare with."""
    with _fresh(server) as dsn:
        yield dsn


@pytest.fixture
def query(database: str) -> Query:
    """Run SQL in the test's database and return its rows; a row of one column is its value."""

    def run(text: str, *parameters: Any) -> list[Any]:
        with psycopg.connect(database, autocommit=True) as conn:
            cursor = conn.execute(text.encode(), parameters or None)
            rows = cursor.fetchall() if cursor.description else []
        return [row[0] if len(row) == 1 else row for row in rows]

    return run
