"""Every figure that is shown, held against the bronze tables themselves."""

from __future__ import annotations

import html
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from psycopg.types.json import Jsonb
from werkzeug.test import Client

from target_bronze_postgres.ops.context import Context
from target_bronze_postgres.ops.judge import Rules
from target_bronze_postgres.ops.limits import Limits
from target_bronze_postgres.ops.serve.app import App
from target_bronze_postgres.ops.serve.snapshot import Reader
from target_bronze_postgres.ops.timetable import Timetable
from tests.ops.shown import NAMES, PARTNER, by_hand, fill
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from click.testing import Result

    Bronze = Callable[..., Result]
    Query = Callable[..., list[Any]]
    Key = tuple[str, str, str]

EMPTY = ("y", "main", "empty")
LETTERS = {("x", "main", "users"): 4}


@pytest.fixture
def shown(load: Callable[..., Any], named: str) -> str:
    """The database of `tests.ops.shown`."""
    fill(load)
    return named


@pytest.fixture
def client(shown: str) -> Iterator[Client]:
    """A client of the server, on that database, with the limits that no file changes."""
    assert shown
    reader = Reader(Context().target, Rules(Limits(), Timetable()))
    yield Client(App(reader.get, ["localhost"]))
    reader.close()


def key(document: dict[str, Any]) -> Key:
    return document["source"], document["account"], document["stream"]


def test_the_database_is_worth_showing(shown: str, query: Query) -> None:
    assert shown
    found = by_hand(query)
    assert len(found) == 3
    counts = [f[n] for f in found.values() for n in ("rows", "records", "versions")]
    assert len(set(counts)) == len(counts) - 1  # one stream has as many rows as records
    assert found["x", PARTNER, "users"]["tombstones"] == 3
    assert found["x", "main", "users"]["invalid"] == 1
    assert found["x", "main", "users"]["warnings"] == 2


@pytest.mark.parametrize("command", [("status",), ("catalog",)])
def test_status_and_catalog_say_what_the_tables_hold(
    bronze: Bronze, shown: str, query: Query, command: tuple[str, ...]
) -> None:
    assert shown
    told = {key(s): s for s in json.loads(bronze(*command, "--format", "json").stdout)["streams"]}
    for name, figures in by_hand(query).items():
        assert {n: told[name][n] for n in NAMES} == figures
        amiss = figures["invalid"] + figures["warnings"]
        assert told[name]["quality"] == 1 - amiss / figures["rows"]
    assert {name: s["dead_letters"] for name, s in told.items() if s["dead_letters"]} == LETTERS
    assert told[EMPTY]["rows"] == told[EMPTY]["records"] == 0
    assert set(told) == {*by_hand(query), EMPTY}


def test_the_text_of_status_says_it_too(bronze: Bronze, shown: str, query: Query) -> None:
    assert shown
    text = bronze("status").stdout
    for (source, account, stream), figures in by_hand(query).items():
        table = text.partition(f"\n{source} / {account}\n")[2].partition("\n\n")[0]
        (line,) = (row for row in table.splitlines() if row.startswith(f"{stream} "))
        assert line.split()[1:4] == [str(figures[n]) for n in ("rows", "records", "versions")]
        assert figures["first_day"] in line
        assert figures["last_day"] in line


def test_the_page_of_the_catalog_says_it_too(bronze: Bronze, shown: str, query: Query) -> None:
    assert shown
    page = bronze("catalog").stdout
    for (source, account, stream), figures in by_hand(query).items():
        name = account.replace("<b>", r"\<b\>").replace("</b>", r"\</b\>").replace("&", r"\&")
        part = page.partition(f"## {source} / {name}\n")[2].partition("\n## ")[0]
        section = part.partition(f"### {stream}\n")[2].partition("\n### ")[0]
        assert f"| records | {figures['records']:,} |" in section
        assert f"| rows | {figures['rows']:,}, {figures['versions']:,} of them later" in section
        assert f"| deleted | {figures['tombstones']:,} times |" in section
        assert f"| from | {figures['first_day']} to {figures['last_day']} |" in section
        assert f"| days | {figures['days_with_data']:,} with data |" in section
    assert "| dead letters | 4 |" in page
    assert "| `id` | integer |  |" in page


def metrics(client: Client) -> dict[tuple[str, ...], float]:
    """Return every sample: name and values of labels, in the order of their names."""
    text = client.get("/metrics").text
    order = ("source", "account", "stream", "status")
    return {
        (sample.name, *(sample.labels[n] for n in order if n in sample.labels)): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_metrics_say_what_the_tables_hold(client: Client, query: Query) -> None:
    told = metrics(client)
    for name, figures in by_hand(query).items():
        assert told["bronze_rows", *name] == figures["rows"]
        assert told["bronze_records", *name] == figures["records"]
        amiss = figures["invalid"] + figures["warnings"]
        assert told["bronze_quality_ratio", *name] == 1 - amiss / figures["rows"]
        assert told["bronze_dead_letters", *name] == LETTERS.get(name, 0)
    assert told["bronze_rows", *EMPTY] == 0
    assert told["bronze_quota_remaining", "y", "main"] == 17
    assert told["bronze_last_run_status", "y", "main", "success"] == 1
    (size,) = query("SELECT pg_database_size(current_database())")
    assert told["bronze_database_size_bytes",] == pytest.approx(size, rel=0.2)


def test_the_page_says_what_the_tables_hold(client: Client, query: Query) -> None:
    page = client.get("/").text
    for (source, account, stream), figures in by_hand(query).items():
        heading = f"<h2>{source} <span>{html.escape(account)}</span></h2>"
        section = page.partition(heading)[2].partition("</section>")[0]
        article = section.partition(f"<h3>{stream}</h3>")[2].partition("</article>")[0]
        text = " ".join(re.sub(r"<[^>]*>", " ", article).split())
        assert f" {figures['records']:,} records {figures['rows']:,} rows " in text
        assert (f" {figures['tombstones']} deleted " in text) == bool(figures["tombstones"])
        assert f"{figures['first_day']} to {figures['last_day']} " in text
        assert f" {figures['days_with_data']} days with data" in text
    assert "4 dead" in page
    assert "no record yet" in page
    assert "remaining 17, resets in 15 min" in page
    assert PARTNER not in page


def test_the_last_runs_are_on_the_page(client: Client, query: Query) -> None:
    page = client.get("/").text
    (rows,) = query(
        """SELECT array_agg(sum ORDER BY started DESC) FROM (
            SELECT min(started_at) AS started, sum(records_read)::int
            FROM bronze_ops.runs WHERE source = 'x' AND account = 'main' GROUP BY loader_id) AS r"""
    )
    section = page.partition("<span>main</span>")[2].partition("</section>")[0]
    told = re.findall(r'<td class="">success</td>\s*<td>(\d+)</td>', section)
    assert [int(number) for number in told] == rows == [18, 40]


def test_nothing_but_the_operations_tables_is_read(
    bronze: Bronze, client: Client, query: Query
) -> None:
    def scans(schema: str) -> int:
        (found,) = query(
            """SELECT coalesce(sum(coalesce(seq_scan, 0) + coalesce(idx_scan, 0)), 0)::bigint
            FROM pg_stat_user_tables WHERE schemaname = %s""",
            schema,
        )
        return int(found)

    before = scans("public"), scans("bronze_ops")
    for path in ("/", "/health", "/metrics"):
        assert client.get(path).status_code in (200, 503)
    for verb in ("status", "catalog", "check"):
        assert bronze(verb).stdout
    # A session's counts are told when it ends.
    eventually(lambda: scans("bronze_ops") > before[1] + 10)
    assert scans("public") == before[0]


def add_runs(query: Query, told: list[dict[str, Any] | None]) -> None:
    """Add runs of an account, oldest first, each with what it was told of quota and key."""
    query("INSERT INTO bronze_ops.sources VALUES ('g', 'public', 'bronze_g', 'none')")
    query("INSERT INTO bronze_ops.streams (source, account, stream) VALUES ('g', 'main', 's')")
    for number, limits in enumerate(told):
        query(
            """INSERT INTO bronze_ops.runs (loader_id, source, account, stream, run_id, started_at,
                ended_at, status, records_read, target_version, api_rate_limit_info)
            VALUES (gen_random_uuid(), 'g', 'main', 's', 'r', now() - %s * interval '1 hour',
                now(), 'success', 1, '1', %s)""",
            len(told) - number,
            None if limits is None else Jsonb(limits),
        )


@pytest.mark.parametrize(
    ("told", "quota", "ends"),
    [
        ([{"remaining": 3}, None], {"remaining": 3}, None),
        ([{"key_ends_at": "2026-05-01T10:00:00+00:00"}], None, "2026-05-01T10:00:00+00:00"),
        # A new key has a long life, of which Garmin says nothing.
        ([{"key_ends_at": "2026-05-01T10:00:00+00:00"}, None], None, None),
        ([{"key_ends_at": "soon"}], None, None),
        ([{"key_ends_at": "2026-05-01"}], None, None),
        ([{"remaining": "many"}], {"remaining": "many"}, None),
    ],
)
@pytest.mark.usefixtures("named")
def test_quota_and_key_are_the_last_ones_told(
    bronze: Bronze,
    query: Query,
    told: list[dict[str, Any] | None],
    quota: dict[str, Any] | None,
    ends: str | None,
) -> None:
    assert bronze("db", "migrate").exit_code == 0
    add_runs(query, told)
    (account,) = json.loads(bronze("status", "--format", "json").stdout)["accounts"]
    assert (account["quota"], account["key_ends_at"]) == (quota, ends)
    text = bronze("status").stdout
    assert ("The key ends on 2026-05-01 10:00 UTC" in text) == bool(ends)
    assert ("API quota last seen" in text) == bool(quota)


def test_days_and_comparisons(bronze: Bronze, named: str, query: Query) -> None:
    assert named
    assert bronze("db", "migrate").exit_code == 0
    add_runs(query, [None])
    query(
        "UPDATE bronze_ops.streams SET asked = "
        "'{[2024-01-01,2024-01-05), [2024-01-07,2024-01-09), [2024-01-10,2024-01-11)}'"
    )
    query(
        "INSERT INTO bronze_ops.days SELECT 'g', 'main', 's', d, 1 FROM unnest(%s::date[]) AS d",
        ["2024-01-02", "2024-01-03", "2024-01-10"],
    )
    for ended, missing in (("2026-02-01", 2), ("2026-01-01", 9), (None, 7)):
        query(
            """INSERT INTO bronze_ops.reconciliations (source, account, stream, first_day, last_day,
                started_at, ended_at, records_source, missing, changed, vanished)
            VALUES ('g', 'main', 's', '2024-01-01', '2024-01-31', now(), %s, 50, %s, 1, 4)""",
            ended,
            missing,
        )
    (stream,) = json.loads(bronze("status", "--format", "json").stdout)["streams"]
    assert (stream["days_with_data"], stream["days_empty"], stream["days_missing"]) == (3, 4, 3)
    assert stream["completeness"] == 1 - 3 / 10
    assert (stream["accuracy"], stream["missing"], stream["vanished"]) == (1 - 3 / 50, 2, 4)
    text = bronze("status").stdout
    assert "s: 3 days never asked for: 2024-01-05 to 2024-01-06 and 1 more gap" in text
    assert (
        "s: 94.0% of 50 records as in the source on 2026-02-01 00:00 UTC "
        "(missing 2, changed 1, vanished 4)" in text
    )


def test_data_outside_of_what_was_asked_for_leaves_no_gap(
    bronze: Bronze, named: str, query: Query
) -> None:
    assert named
    assert bronze("db", "migrate").exit_code == 0
    add_runs(query, [None])
    query("UPDATE bronze_ops.streams SET asked = '{[2024-01-01,2024-01-09)}'")
    query(
        "INSERT INTO bronze_ops.days SELECT 'g', 'main', 's', d, 1 FROM unnest(%s::date[]) AS d",
        ["2021-05-06", "2024-01-03", "2024-01-12"],  # an old one edited, one planned ahead
    )
    (stream,) = json.loads(bronze("status", "--format", "json").stdout)["streams"]
    assert (stream["days_with_data"], stream["days_empty"], stream["days_missing"]) == (3, 7, 0)
    assert stream["completeness"] == 1


def test_tables_of_an_older_program_are_to_be_migrated(
    bronze: Bronze, named: str, query: Query
) -> None:
    assert named
    assert bronze("db", "migrate").exit_code == 0
    query("DELETE FROM bronze_ops.schema_version WHERE version > 1")
    result = bronze("status")
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: The bronze tables are at version 1, this program needs 2: run `bronze db migrate` "
        "as their owner; a load does it too.\n"
    )


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize(("verb", "part"), [("catalog", "streams"), ("check", "findings")])
def test_the_help_names_the_members_of_the_json(bronze: Bronze, verb: str, part: str) -> None:
    text = bronze(verb, "--help").stdout + bronze("status", "--help").stdout
    document = json.loads(bronze(verb, "--format", "json").stdout)
    for name in (*document, *document[part][0]):
        assert re.search(rf"\b{name}\b", text), name
