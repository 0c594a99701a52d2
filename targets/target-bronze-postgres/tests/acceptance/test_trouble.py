"""Whatever is wrong with settings or database: one clear line, no secret, no traceback."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.acceptance.conftest import SECRET
from tests.messages import record, schema, state

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.acceptance.conftest import Role, Run
    from tests.conftest import Done, Load, Query

LINES = (schema(), record(id=1, name=SECRET), state({"n": 1}))


@pytest.fixture
def refused(target: Run) -> Callable[..., str]:
    """Run the target with a config that cannot work, and return its one ERROR line."""

    def run(**config: Any) -> str:
        done = target({"source": "x", "max_retries": 1, **config}, *LINES)
        check(done)
        errors = [line for line in done.stderr.splitlines() if "| ERROR " in line]
        assert errors == done.stderr.splitlines()[-1:]
        return errors[0].rpartition("| ")[2]

    return run


@pytest.fixture
def bronze_refused(bronze: Run) -> Callable[..., str]:
    """Run ``bronze status`` with a config that cannot work, and return its one line."""

    def run(**config: Any) -> str:
        done = bronze({"source": "x", **config}, "status")
        check(done)
        (line,) = done.stderr.splitlines()
        return line.removeprefix("Error: ")

    return run


def check(done: Done) -> None:
    assert (done.returncode, done.stdout) == (1, "")
    assert SECRET not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"password": SECRET}, "wrong password, or no such role: mend user and password"),
        ({"dbname": "nowhere"}, "the database nowhere does not exist: make it with `createdb now"),
        ({"port": "closed"}, "connection refused, no PostgreSQL listens there: start it, or mend"),
    ],
)
def test_no_connection(
    refused: Callable[..., str],
    bronze_refused: Callable[..., str],
    database: str,
    change: dict[str, str],
    line: str,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = str(listener.getsockname()[1])
    changes = {name: closed if value == "closed" else value for name, value in change.items()}
    dsn = make_conninfo(database, **changes)
    for message in (refused(dsn=dsn), bronze_refused(dsn=dsn)):
        assert message.startswith("cannot connect to database ")
        assert "(set by config: dsn)" in message
        assert line in message


@pytest.mark.parametrize(
    ("config", "line"),
    [
        ({"pasword": SECRET}, "pasword is not a setting: did you mean password?"),
        ({"port": SECRET, "host": "h"}, "port must be a whole number from 1 to 65535; it is set"),
        ({"dsn": f"postgresql://u:{SECRET}/@h/d"}, "the address in config: dsn cannot be read"),
    ],
)
def test_wrong_settings(
    refused: Callable[..., str],
    bronze_refused: Callable[..., str],
    config: dict[str, str],
    line: str,
) -> None:
    assert refused(**config).startswith(line)
    assert bronze_refused(**config).startswith(line)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f'{{"password": "{SECRET}"', "is not JSON, line 1: mend the file"),
        (f'["{SECRET}"]', "is not a JSON object: write the settings between { and }"),
    ],
)
def test_a_config_file_that_cannot_be_used(target: Run, text: str, line: str) -> None:
    done = target(text, *LINES)
    check(done)
    (only,) = done.stderr.splitlines()
    assert only.endswith(line)


def test_no_source(refused: Callable[..., str], database: str) -> None:
    line = refused(dsn=database, source=None)
    assert "Stream 'users' does not say which source it is from: set `source`" in line


def test_a_role_that_may_only_connect(
    refused: Callable[..., str], bronze_refused: Callable[..., str], role: Role, load: Load
) -> None:
    dsn = role()
    line = refused(dsn=dsn)
    assert "may not make them: run `bronze db migrate` as the owner of the database" in line
    load(schema(), record(id=1))
    assert "run `bronze db migrate --roles` as their owner, then GRANT" in refused(dsn=dsn)
    line = bronze_refused(dsn=dsn)
    assert "permission denied for schema bronze_ops: ask its owner to GRANT the right" in line


def test_a_role_that_may_only_insert(
    refused: Callable[..., str], role: Role, load: Load, query: Query
) -> None:
    load(schema(), record(id=0))
    tables = "GRANT INSERT ON ALL TABLES IN SCHEMA {schema} TO {{role}}"
    usage = "GRANT USAGE ON SCHEMA bronze_ops, public TO {role}"
    dsn = role("", usage, tables.format(schema="bronze_ops"), tables.format(schema="public"))
    line = refused(dsn=dsn)
    assert "run `bronze db migrate --roles` as their owner, then GRANT bronze_loader TO r_" in line
    assert query("SELECT count(*) FROM bronze_x") == [1]


def test_a_role_that_may_not_connect(
    refused: Callable[..., str],
    bronze_refused: Callable[..., str],
    role: Role,
    query: Query,
    database: str,
) -> None:
    name = str(conninfo_to_dict(database)["dbname"])
    query(f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC")
    dsn = role()
    for line in (refused(dsn=dsn), bronze_refused(dsn=dsn)):
        assert f"the role may not connect to it: GRANT CONNECT ON DATABASE {name}" in line


def test_an_encoding_that_cannot_hold_every_character(
    refused: Callable[..., str], another: Callable[..., str]
) -> None:
    line = refused(dsn=another("SQL_ASCII"))
    assert "has the encoding SQL_ASCII: bronze needs one in UTF8" in line
