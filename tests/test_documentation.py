"""The documentation, held against the code: links, commands, settings, columns, SQL."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec
import psycopg
import pytest
import yaml
from psycopg import sql
from psycopg.conninfo import make_conninfo

from target_bronze_postgres.ops import limits
from target_bronze_postgres.ops.cli import main
from target_bronze_postgres.record.provenance import RecordProvenance, StreamProvenance
from tests.documentation import COMMANDS, settings
from tests.sandbox import Options, Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "taps/*/*.md", "targets/*/*.md")
    for path in ROOT.glob(pattern)
)
README = ROOT / "README.md"
TARGET_README = ROOT / "targets" / "target-bronze-postgres" / "README.md"
TABLES = ROOT / "docs" / "bronze-table.md"
PROGRAMS = Path(sys.executable).parent
FOREIGN = ("PG", "TARGET_", "MELTANO_", "TAP_", "DATABASE_URL", "BRONZE_")

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def code(page: Path) -> Iterator[str]:
    """Yield the code of a page: spans, fenced blocks and indented lines."""
    text = page.read_text(encoding="utf-8")
    yield from re.findall(r"(?ms)^```\w*\n(.*?)^```", text)
    rest = re.sub(r"(?ms)^```.*?^```", "", text)
    yield from re.findall(r"(?m)^ {4}(.*)", rest)
    yield from (" ".join(span.split()) for span in re.findall(r"`([^`]+)`", rest))


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"(?m)^#+ (.*)", page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pages
def test_every_link_within_the_repository_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", page.read_text(encoding="utf-8"))
    for path, anchor in links:
        target = page.parent / path if path else page
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"


@pages
def test_every_make_command_is_a_target(page: Path) -> None:
    known = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8")))
    named = {name for text in code(page) for name in re.findall(r"(?m)^make ([a-z-]+)", text)}
    assert named <= known


def test_every_target_of_the_makefile_is_documented() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (phony,) = re.findall(r"(?m)^\.PHONY: (.*)$", makefile)
    texts = {text.strip() for page in PAGES for text in code(page)}
    assert {f"make {name}" for name in phony.split()} <= texts


def verbs(group: click.Group = main, prefix: str = "") -> Iterator[str]:
    """Yield every verb of ``bronze``: ``status``, ``db start``."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from verbs(command, f"{prefix}{name} ")
        else:
            yield prefix + name


def verbs_of(page: Path) -> set[str]:
    """Return the verbs of ``bronze`` that the code of a page names."""
    called = re.compile(
        r"(?:^|/|\b(?:invoke|app) )bronze ((?:(?:db|dead-letters) )?[a-z][a-z-]*)", re.MULTILINE
    )
    return {verb for text in code(page) for verb in called.findall(text)}


@pages
def test_every_verb_in_the_documentation_is_one_of_the_command(page: Path) -> None:
    assert verbs_of(page) <= set(verbs())


def test_the_readme_names_every_verb() -> None:
    assert set(verbs()) <= verbs_of(README)


def test_the_limits_are_those_of_check_and_of_the_file() -> None:
    page = ROOT / "docs" / "operations.md"
    told = re.findall(r"(?m)^\| `(\w+)` \| ([^|]+) \|", part(page, "limits: begin", "limits: end"))
    assert told == [(limit.name, limit.default or "off") for limit in limits.LIMITS]
    file = yaml.safe_load((ROOT / "bronze.yml").read_text(encoding="utf-8"))
    assert {name: value or "off" for name, value in file.items()} == dict(told[:8] + told[9:])


def test_the_examples_of_limits_are_understood(tmp_path: Path) -> None:
    (page,) = re.findall(
        r"(?ms)^```yaml\n(.*?)^```", (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    )
    text = (ROOT / "bronze.yml").read_text(encoding="utf-8")
    commented = text.partition("# sources:")[2]
    uncommented = re.sub("(?m)^# ", "", f"# sources:{commented}")
    for number, example in enumerate((page, uncommented)):
        file = tmp_path / f"{number}.yml"
        file.write_text(example)
        found = limits.load(file)
        assert found.get("freshness", "toggl", "main", "csv_time_entries") is None
        assert found.get("key_ends", "garmin", "main") is not None


@cache
def about() -> dict[str, Any]:
    """Return what the target tells of itself."""
    command = [str(PROGRAMS / "target-bronze-postgres"), "--about", "--format=json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_the_tables_of_settings_are_those_of_about() -> None:
    command = [sys.executable, "-m", "tests.documentation", "--check"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("command", COMMANDS)
def test_both_readmes_have_the_table_of_settings(command: str) -> None:
    (own,) = ROOT.glob(f"*/{command}/README.md")
    for page in (README, own):
        text = part(page, f"settings of {command}: begin", "settings: end")
        assert re.findall(r"(?m)^\| `(\w+)` \|", text) == list(settings(command))


def test_the_capabilities_are_those_of_about() -> None:
    line = re.search(r"## Capabilities\n\n(.*)", TARGET_README.read_text(encoding="utf-8"))
    assert line is not None
    assert re.findall(r"`([a-z-]+)`", line[1]) == about()["capabilities"]


def part(page: Path, begin: str, end: str) -> str:
    """Return what stands between two markers of a page."""
    found = re.search(rf"(?s)<!-- {begin} -->(.*?)<!-- {end} -->", page.read_text(encoding="utf-8"))
    assert found is not None, begin
    return found[1]


@pytest.mark.parametrize(
    ("message", "kind"), [("stream", StreamProvenance), ("record", RecordProvenance)]
)
def test_every_field_of_the_member_bronze_is_documented(
    message: str, kind: type[msgspec.Struct]
) -> None:
    text = part(TARGET_README, f"{message} provenance: begin", f"{message} provenance: end")
    assert re.findall(r"(?m)^\| `(\w+)` \|", text) == [f.name for f in msgspec.structs.fields(kind)]


@pytest.fixture(scope="module")
def database(server: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The DSN of a database that holds what the taps read, and two records that are odd."""
    name = f"documentation_{os.getpid()}"
    with psycopg.connect(autocommit=True, **server) as conn:  # type: ignore[arg-type] # all text
        conn.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(
                sql.Identifier(name)
            )
        )
        dsn = make_conninfo(**{**server, "dbname": name})
        fill(dsn, tmp_path_factory.mktemp("home"))
        yield dsn
        conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def fill(dsn: str, home: Path) -> None:
    """Load a made-up account of each service, then one that lacks an entry, then odd records."""
    with Sandbox(seed=2, years=0.3, toggl=Options(entries_per_day=1)) as sandbox:
        variables = sandbox.environ() | {"TARGET_BRONZE_POSTGRES_DSN": dsn}
        toggl = read("tap-toggl", home, variables)
        write(toggl, home, variables)
        sandbox.toggl.account.delete_entry(sandbox.toggl.account.own_entries()[0].id)
        write(read("tap-toggl", home, variables), home, variables)
        write(read("tap-garmin", home, variables), home, variables)
    (schema,) = re.findall(rb'(?m)^\{"type":"SCHEMA","stream":"time_entries",.*\n', toggl)
    odd = [
        b'{"type":"RECORD","stream":"time_entries","record":{"id":1,"start":5}}\n',
        b'{"type":"RECORD","stream":"time_entries","record":{"id":2,"duration":NaN}}\n',
    ]
    write(schema + b"".join(odd), home, variables)


def read(tap: str, home: Path, variables: dict[str, str]) -> bytes:
    """Return the messages of a tap."""
    return command(home, variables, tap, "--config", "ENV")


def write(messages: bytes, home: Path, variables: dict[str, str]) -> None:
    """Load messages."""
    command(home, variables, "target-bronze-postgres", text=messages)


def command(home: Path, variables: dict[str, str], *args: str, text: bytes = b"") -> bytes:
    """Run one of the installed programs, which must succeed, and return what it prints."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    done = subprocess.run(
        [str(PROGRAMS / args[0]), *args[1:]],
        input=text,
        env=environ | {"HOME": str(home)} | variables,
        cwd=home,
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


QUERIES = re.findall(r"(?ms)^```sql\n(.*?)^```", README.read_text(encoding="utf-8"))


def test_the_readme_has_queries() -> None:
    assert len(QUERIES) == 5


@pytest.mark.parametrize("query", QUERIES, ids=range(len(QUERIES)))
def test_the_queries_of_the_readme_find_something(database: str, query: str) -> None:
    with psycopg.connect(database) as conn:
        assert conn.execute(query.encode()).fetchall()


def test_the_query_of_a_month_reads_few_partitions(database: str) -> None:
    (query,) = (query for query in QUERIES if "partition_key" in query)
    with psycopg.connect(database) as conn:
        plan = "\n".join(row[0] for row in conn.execute(b"EXPLAIN ANALYZE " + query.encode()))
    scanned = [line for line in plan.splitlines() if "never executed" not in line]
    months = set(re.findall(r"bronze_toggl_y\d{4}m\d\d\b", "\n".join(scanned)))
    assert 1 <= len(months) <= 3  # the end of a month, a month, and entries ahead


def documented() -> dict[str, list[tuple[str, str]]]:
    """Return the documented tables: name to columns and types, in order."""
    parts = re.findall(
        r"(?s)<!-- columns: (\w+) -->(.*?)<!-- end -->", TABLES.read_text(encoding="utf-8")
    )
    return {name: re.findall(r"(?m)^\| `(\w+)` \| ([^|]+?) \|", text) for name, text in parts}


COLUMNS = """
    SELECT CASE nspname WHEN 'bronze_ops' THEN relname ELSE 'bronze' END, attname,
           replace(replace(format_type(atttypid, atttypmod), ' with time zone', 'tz'),
                   ' without time zone', '')
    FROM pg_attribute
    JOIN pg_class AS c ON c.oid = attrelid
    JOIN pg_namespace AS n ON n.oid = relnamespace
    WHERE attnum > 0 AND NOT attisdropped
      AND (nspname = 'bronze_ops' AND relkind = 'r' OR relname = 'bronze_toggl')
    ORDER BY attrelid, attnum
"""


def test_every_column_is_documented_with_its_type(database: str) -> None:
    found: dict[str, list[tuple[str, str]]] = {}
    with psycopg.connect(database) as conn:
        for table, column, kind in conn.execute(COLUMNS):
            found.setdefault(table, []).append((column, kind))
    assert documented() == found


def test_every_column_of_the_bronze_table_is_in_the_readme(database: str) -> None:
    text = README.read_text(encoding="utf-8").partition("## What lands")[2].partition("\n- **")[0]
    with psycopg.connect(database) as conn:
        columns = {column for table, column, _ in conn.execute(COLUMNS) if table == "bronze"}
    assert columns - set(re.findall(r"`(\w+)`", text)) == set()
