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
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from target_bronze_postgres.embedded import EmbeddedServer
from target_bronze_postgres.ops.cli import main
from target_bronze_postgres.record.provenance import RecordProvenance, StreamProvenance
from tests.documentation import COMMANDS, settings

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
    called = re.compile(r"(?:^|/|\b(?:invoke|app) )bronze ((?:db )?[a-z][a-z-]*)", re.MULTILINE)
    return {verb for text in code(page) for verb in called.findall(text)}


@pages
def test_every_verb_in_the_documentation_is_one_of_the_command(page: Path) -> None:
    assert verbs_of(page) <= set(verbs())


def test_the_readme_names_every_verb() -> None:
    assert set(verbs()) <= verbs_of(README)


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
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The DSN of a database that holds the demonstration and two records more."""
    given = os.environ.get("BRONZE_TEST_DSN")
    server = EmbeddedServer(tmp_path_factory.mktemp("server") / "postgres")
    params: dict[str, Any] = conninfo_to_dict(given) if given else {**server.start()}
    name = sql.Identifier(f"documentation_{os.getpid()}")
    with psycopg.connect(make_conninfo(**params), autocommit=True) as conn:
        conn.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(name))
        dsn = make_conninfo(**{**params, "dbname": f"documentation_{os.getpid()}"})
        load(dsn, tmp_path_factory.mktemp("home"))
        yield dsn
        conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
    if not given:
        server.stop()


def load(dsn: str, home: Path) -> None:
    """Load the demonstration, then a record that does not fit and one that cannot land."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    demo = (ROOT / "tests" / "data" / "demo.singer").read_bytes()
    (schema,) = re.findall(rb'(?m)^\{"type":"SCHEMA","stream":"time_entries".*\n', demo)
    more = [
        b'{"type":"RECORD","stream":"time_entries","record":{"id":1,"start":5}}\n',
        b'{"type":"RECORD","stream":"time_entries","record":{"id":2,"duration":NaN}}\n',
    ]
    subprocess.run(
        [str(PROGRAMS / "target-bronze-postgres")],
        input=b"".join([demo, schema, *more]),
        env=environ | {"HOME": str(home), "TARGET_BRONZE_POSTGRES_DSN": dsn},
        cwd=home,
        capture_output=True,
        check=True,
        timeout=60,
    )


QUERIES = re.findall(r"(?ms)^```sql\n(.*?)^```", README.read_text(encoding="utf-8"))


def test_the_readme_has_queries() -> None:
    assert len(QUERIES) == 4


@pytest.mark.parametrize("query", QUERIES, ids=range(len(QUERIES)))
def test_the_queries_of_the_readme_find_something(database: str, query: str) -> None:
    with psycopg.connect(database) as conn:
        assert conn.execute(query.encode()).fetchall()


def test_the_query_of_a_month_reads_one_partition(database: str) -> None:
    (query,) = (query for query in QUERIES if "_latest" in query)
    with psycopg.connect(database) as conn:
        plan = "\n".join(row[0] for row in conn.execute(b"EXPLAIN " + query.encode()))
    assert set(re.findall(r"bronze_demo_y\d{4}m\d\d\b", plan)) == {"bronze_demo_y2024m03"}


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
      AND (nspname = 'bronze_ops' AND relkind = 'r' OR relname = 'bronze_demo')
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
