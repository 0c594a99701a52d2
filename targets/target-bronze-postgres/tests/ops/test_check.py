"""``bronze check``: its exit statuses, its lines, and who hears of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from target_bronze_postgres.ops import check as verb
from target_bronze_postgres.ops.judge import CHECKS
from target_bronze_postgres.ops.limits import LIMITS
from tests.ops.shown import fill

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

    Bronze = Callable[..., Result]
    Query = Callable[..., list[Any]]

QUIET = "error_rate: 20%\nquality: 80%\nfree_disk: off\nfree_memory: off\n"
"""Limits that the database of `tests.ops.shown` keeps, on whatever machine."""


@pytest.fixture
def limits(tmp_path: Path) -> Callable[[str], None]:
    """Write a ``bronze.yml`` into the working folder."""

    def write(text: str) -> None:
        (tmp_path / "bronze.yml").write_text(QUIET + text)

    return write


@pytest.fixture
def shown(load: Callable[..., Any], named: str, limits: Callable[[str], None]) -> None:
    """The database of `tests.ops.shown`, and limits that it keeps."""
    assert named
    limits("")
    fill(load)


def lines(result: Result) -> list[str]:
    return result.stdout.splitlines()


@pytest.mark.usefixtures("shown")
def test_all_is_well_and_says_what_was_checked(bronze: Bronze) -> None:
    result = bronze("check", "--notify", "touch heard")
    assert result.exit_code == 0, result.stdout
    assert lines(result)[0].startswith("All is well: database ")
    told = {line.split()[0]: " ".join(line.split()[1:]) for line in lines(result)[1:]}
    assert told == {
        "database": "answers",
        "freshness": "4 good",
        "last_run": "3 good",
        "run_time": "3 good",
        "completeness": "4 not known: the tap does not tell which days it asked for",
        "accuracy": "4 not known: never compared with the source",
        "quality": "3 good, 1 not known: has no rows",
        "error_rate": "3 good",
    }
    assert not Path("heard").exists()
    document = json.loads(bronze("check", "--format", "json").stdout)
    assert document["ok"] is True
    assert {finding["ok"] for finding in document["findings"]} == {True, None}


@pytest.mark.usefixtures("shown")
def test_an_old_load_is_named_and_told(bronze: Bronze, query: Query) -> None:
    query(
        """WITH old AS (UPDATE bronze_ops.runs SET ended_at = ended_at - interval '26 hours'
                        WHERE source = 'y' AND stream = 'things')
        UPDATE bronze_ops.streams SET last_seen = last_seen - interval '26 hours'
        WHERE source = 'y' AND stream = 'things'"""
    )
    result = bronze("check", "--notify", "cat > heard; echo gone >> heard")
    assert result.exit_code == 1
    assert lines(result) == ["freshness y/main/things: last load 1 d 2 h ago, at most 1 d 1 h"]
    assert Path("heard").read_text() == f"{result.stdout}gone\n"
    document = json.loads(bronze("check", "--format", "json").stdout)
    (bad,) = (finding for finding in document["findings"] if finding["ok"] is False)
    assert document["ok"] is False
    assert (bad["check"], bad["source"], bad["stream"]) == ("freshness", "y", "things")


@pytest.mark.usefixtures("shown")
def test_the_limit_follows_the_schedule(
    bronze: Bronze, query: Query, limits: Callable[[str], None]
) -> None:
    Path("meltano.yml").write_text(
        "plugins: {extractors: [{name: tap-x}, {name: tap-y}]}\n"
        "schedules:\n"
        "- {name: x, interval: '@hourly', extractor: tap-x}\n"
        "- {name: y, interval: '@hourly', extractor: tap-y}\n"
    )
    query("UPDATE bronze_ops.streams SET last_seen = now() - interval '3 hours'")
    query("UPDATE bronze_ops.runs SET ended_at = now() - interval '3 hours'")
    # The tap of y says that its name is tap-x.
    found = lines(bronze("check"))
    assert found == [
        f"freshness {path}: last load 3 h ago, at most 2 h"
        for path in ("x/<b>partner</b> & co/users", "x/main/users", "y/main/empty", "y/main/things")
    ]
    limits("freshness: schedule + 3 h\nsources: {x: {streams: {users: {freshness: 2 h}}}}\n")
    assert [line.partition(":")[0] for line in lines(bronze("check"))] == [
        "freshness x/<b>partner</b> & co/users",
        "freshness x/main/users",
    ]


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize(
    ("change", "file", "line"),
    [
        ("SELECT", "quality: 95%",
         "quality x/main/users: 94.4%, at least 95%: 1 invalid and 2 odd of 54 rows"),
        ("SELECT", "error_rate: 1%",
         ("error_rate x/main: 5 of 58 records read in the last 7 days were invalid or could not "
         "land, at most 1%")),
        ("SELECT", "sources: {y: {accounts: {work: {}}}, z: {}}",
         "landed y/work: nothing has landed, though bronze.yml names it"),
        ("SELECT", "sources: {y: {key_ends: 2026-01-01}}",
         "key_life y/main: the key ended on 2026-01-01 00:00 UTC: make a new one"),
        ("SELECT", "database_size: 1 MB", "database_size: "),
        ("SELECT", "free_disk: 1000 TB", "free_disk: "),
        ("SELECT", "free_memory: 1000 TB", "free_memory: "),
        ("UPDATE bronze_ops.runs SET ended_at = started_at + interval '361 s' WHERE source = 'y'",
         "", "run_time y/main: the last run took 6 min 1 s, at most 5 min"),
        (("UPDATE bronze_ops.runs SET ended_at = null, status = 'running', "
         "started_at = now() - interval '2 h' WHERE source = 'y'"), "",
         "run_time y/main: the last run has been running for 2 h, at most 5 min"),
        (("UPDATE bronze_ops.runs SET status = 'failed', error = 'no' || chr(10) || 'disk' "
         "WHERE source = 'y'"), "", "ended with status failed: no disk"),
        (("INSERT INTO bronze_ops.runs (loader_id, source, account, stream, run_id, started_at, "
         "ended_at, status, target_version, error) VALUES (gen_random_uuid(), '', 'main', '', 'r', "
         "now(), now(), 'failed', '1', 'the tap died')"), "", "status failed: the tap died"),
        (("UPDATE bronze_ops.streams "
          "SET asked = '{[2024-01-01,2024-01-03), [2024-01-11,2024-01-12)}' "
         "WHERE stream = 'things'"), "",
         ("completeness y/main/things: 72.7%, at least 100%: 3 days never asked for, 2024-01-08 to "
         "2024-01-10")),
        (("INSERT INTO bronze_ops.reconciliations (source, account, stream, first_day, last_day, "
         "started_at, ended_at, records_source, missing, changed) VALUES ('y', 'main', 'things', "
         "'2024-01-01', '2024-02-01', now(), '2026-01-01', 90, 2, 1)"), "",
         ("accuracy y/main/things: 96.6%, at least 99%: 2 missing and 1 changed of 90 records on "
         "2026-01-01 00:00 UTC")),
    ],
)  # fmt: skip
def test_every_limit(  # noqa: PLR0913, PLR0917 - a table of what is changed and said
    bronze: Bronze,
    query: Query,
    limits: Callable[[str], None],
    change: str,
    file: str,
    line: str,
) -> None:
    query(change)
    limits(f"freshness: off\n{file}\n")
    result = bronze("check")
    assert result.exit_code == 1
    assert line in result.stdout.replace(f"{Path.cwd()}/", "")
    assert len(lines(result)) == 1 + ("z: {}" in file)


@pytest.mark.usefixtures("named")
def test_an_empty_database_is_no_good(bronze: Bronze) -> None:
    result = bronze("check")
    assert (result.exit_code, lines(result)[:1]) == (1, ["landed: nothing has been loaded yet"])


def test_a_database_that_does_not_answer_is_told_too(
    bronze: Bronze, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PG_HOST", "127.0.0.1")
    monkeypatch.setenv("PG_PORT", "1")
    monkeypatch.setenv("PG_PASS", "sekret")
    result = bronze("check", "--notify", "cat > heard")
    assert result.exit_code == 1
    (line,) = lines(result)
    assert line.startswith("database: cannot connect to ")
    assert Path("heard").read_text() == f"{line}\n"
    assert "sekret" not in line


def test_a_damaged_database_is_told_too(bronze: Bronze, named: str, query: Query) -> None:
    assert named
    assert bronze("db", "migrate").exit_code == 0
    query("DROP TABLE bronze_ops.dead_letters")
    result = bronze("check")
    assert (result.exit_code, len(lines(result))) == (1, 1)
    assert 'relation "bronze_ops.dead_letters" does not exist' in result.stdout


@pytest.mark.parametrize(
    ("files", "arguments", "line"),
    [
        ({"bronze.yml": "x: 1"}, (), "x is no limit: take it out"),
        ({"other.yml": "x: 1"}, ("--limits", "other.yml"), "other.yml: x is no limit: take it out"),
        ({}, ("--limits", "nowhere.yml"), "nowhere.yml cannot be read: No such file or directory"),
        ({"meltano.yml": "schedules: [{name: x, interval: x}]"}, (), "is no cron expression"),
        ({".env": "TARGET_BRONZE_POSTGRES_DSN=x"}, (), "cannot be read: write postgresql://"),
    ],
)
def test_wrong_settings_are_exit_status_2(
    bronze: Bronze, files: dict[str, str], arguments: tuple[str, ...], line: str
) -> None:
    for name, text in files.items():
        Path(name).write_text(text)
    result = bronze("check", "--notify", "touch heard", *arguments)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert line in result.stderr
    assert not Path("heard").exists()


def test_a_wrong_command_line_is_exit_status_2(bronze: Bronze) -> None:
    assert bronze("check", "--limit").exit_code == 2


@pytest.mark.usefixtures("named")
@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("exit 3", "--notify ended with exit status 3"),
        ("sleep 5", "--notify took over 0.1 seconds and was ended"),
        ("true <&-", None),  # it need not read what it is told
    ],
)
def test_a_command_that_fails(
    bronze: Bronze, monkeypatch: pytest.MonkeyPatch, command: str, words: str | None
) -> None:
    monkeypatch.setattr(verb, "NOTIFY_SECONDS", 0.1 if "sleep" in command else 60)
    result = bronze("check", "--notify", command)
    assert result.exit_code == 1
    assert result.stderr == (f"Warning: {words}\n" if words else "")


def test_the_help_names_every_limit_with_its_default(bronze: Bronze) -> None:
    text = " ".join(bronze("check", "--help").stdout.split())
    for limit in LIMITS:
        assert f"{limit.name} (" in text
        stated = text.partition(f"{limit.name} (")[2].partition(")")[0]
        assert limit.name == "key_ends" or stated.startswith(limit.default or "off"), limit.name
    assert {limit.name for limit in LIMITS} - {"schedule", "key_ends"} <= set(CHECKS)


@pytest.mark.usefixtures("shown")
def test_limits_that_are_off_are_not_spoken_of(
    bronze: Bronze, limits: Callable[[str], None]
) -> None:
    names = ("completeness", "accuracy", "quality", "error_rate", "run_time", "freshness")
    limits("".join(f"sources: {{x: {{{n}: off}}}}\n" for n in names[:1]) + "schedule: off\n")
    told = bronze("check").stdout
    assert "freshness" not in told  # there is no schedule to go by
    assert "completeness   2 not known" in told
    Path("bronze.yml").write_text("".join(f"{name}: off\n" for name in (*names, "free_disk")))
    assert [line.split()[0] for line in lines(bronze("check"))[1:]] == [
        "database",
        "last_run",
        "free_memory",
    ]
