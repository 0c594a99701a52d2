"""The command itself: its help, its config and how trouble is told."""

from __future__ import annotations

import json
import subprocess
from importlib import metadata
from typing import TYPE_CHECKING

import click
import psycopg
import pytest
from psycopg import sql

from target_bronze_postgres.ops.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from click.testing import Result

    Bronze = Callable[..., Result]


def every_verb(group: click.Group) -> Iterator[click.Command]:
    for verb in group.commands.values():
        yield verb
        if isinstance(verb, click.Group):
            yield from every_verb(verb)


def test_every_verb_and_option_has_help() -> None:
    for verb in every_verb(main):
        assert verb.help, verb.name
        for parameter in verb.params:
            assert not isinstance(parameter, click.Option) or parameter.help, parameter.name


def test_version(bronze: Bronze) -> None:
    version = metadata.version("lakehouse-target-bronze-postgres")
    assert bronze("--version").stdout == f"bronze, version {version}\n"


def test_trouble_is_one_line_and_exit_status_1(command: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "target.json").write_text('{"hsot": "h", "password": ["sekret"]}')
    done = subprocess.run(
        [*command, "--config", "target.json", "status"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "Error: hsot is not a setting: did you mean host?; "
        "password must be text; it is set by config: password\n"
    )


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b'{"password": "sekret"', "is not JSON, line 1: mend the file"),
        (b'{"password": "sekret\xff"}', "is not JSON: mend the file"),
        (b'["sekret"]', "is not a JSON object: write the settings between { and }"),
    ],
)
def test_a_config_that_cannot_be_read(
    bronze: Bronze, tmp_path: Path, content: bytes, line: str
) -> None:
    (tmp_path / "target.json").write_bytes(content)
    result = bronze("--config", "target.json", "status")
    assert (result.exit_code, result.stderr) == (1, f"Error: target.json {line}\n")


def test_a_config_that_is_not_there(bronze: Bronze) -> None:
    result = bronze("--config", "nowhere.json", "status")
    assert result.stderr == "Error: nowhere.json cannot be read: No such file or directory\n"
    assert result.exit_code == 1


def test_of_several_configs_the_later_wins(bronze: Bronze, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"host": "a", "user": "u"}))
    (tmp_path / "b.json").write_text(json.dumps({"host": "b"}))
    result = bronze("--config", "a.json", "--config", "ENV", "--config", "b.json", "db", "dsn")
    assert result.stdout == "postgresql://u@b/\n"


def test_no_connection_is_one_line(bronze: Bronze, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PG_HOST", "fe80::zz")
    monkeypatch.setenv("PG_PASS", "sekret")
    result = bronze("status")
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: cannot connect to the default database on [fe80::zz]:5432 (set by PG_HOST): "
        "the host name is unknown: mend host\n"
    )


def test_a_missing_right_is_one_line(
    bronze: Bronze, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bronze("db", "migrate").exit_code == 0
    with psycopg.connect(named, autocommit=True) as owner:
        role = f"r_{owner.info.dbname}"
        name = sql.Identifier(role)
        owner.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'sekret'").format(name))
        dsn = psycopg.conninfo.make_conninfo(named, user=role, password="sekret")
        monkeypatch.setenv("TARGET_BRONZE_POSTGRES_DSN", dsn)
        result = bronze("status")
        owner.execute(sql.SQL("DROP ROLE {}").format(name))
    assert result.exit_code == 1
    assert "permission denied for schema bronze_ops: ask its owner to GRANT" in result.stderr
    assert result.stderr.count("\n") == 1


def test_tables_of_a_newer_program_are_refused(bronze: Bronze, named: str) -> None:
    assert bronze("db", "migrate").exit_code == 0
    with psycopg.connect(named, autocommit=True) as owner:
        owner.execute("INSERT INTO bronze_ops.schema_version (version, name) VALUES (999, 'x')")
    result = bronze("status")
    assert result.exit_code == 1
    assert "upgrade target-bronze-postgres" in result.stderr


def test_damaged_tables_are_one_line(bronze: Bronze, named: str) -> None:
    assert bronze("db", "migrate").exit_code == 0
    with psycopg.connect(named, autocommit=True) as owner:
        owner.execute("DROP TABLE bronze_ops.dead_letters")
    result = bronze("status")
    assert result.exit_code == 1
    assert result.stderr.endswith('relation "bronze_ops.dead_letters" does not exist\n')
    assert result.stderr.count("\n") == 1
