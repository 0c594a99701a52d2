"""``bronze serve``: what it answers, to whom, and that it stays small, safe and polite."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from werkzeug.test import Client

from target_bronze_postgres.db.migrations import migrate
from target_bronze_postgres.errors import ServerError
from target_bronze_postgres.ops.context import Context
from target_bronze_postgres.ops.days import Days
from target_bronze_postgres.ops.judge import Rules
from target_bronze_postgres.ops.limits import Limits
from target_bronze_postgres.ops.serve import calendar, metrics
from target_bronze_postgres.ops.serve.app import App
from target_bronze_postgres.ops.serve.snapshot import Reader, Snapshot
from target_bronze_postgres.ops.timetable import Timetable
from tests.ops.shown import PARTNER, fill
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from click.testing import Result

    Bronze = Callable[..., Result]
    Query = Callable[..., list[Any]]

SECRET = "sekret-of-the-state"


@pytest.fixture
def shown(load: Callable[..., Any], named: str) -> str:
    """The database of `tests.ops.shown`."""
    fill(load)
    return named


@contextmanager
def reading(max_age: float = 0) -> Iterator[Reader]:
    """Read the named database, anew at each request."""
    reader = Reader(Context().target, Rules(Limits(), Timetable()), max_age)
    try:
        yield reader
    finally:
        reader.close()


@pytest.fixture
def client(shown: str) -> Iterator[Client]:
    """A client of the application."""
    assert shown
    with reading() as reader:
        yield Client(App(reader.get, ["localhost", "[::1]"]))


def test_health_of_a_healthy_database(client: Client) -> None:
    answer = client.get("/health")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    document = json.loads(answer.text)
    assert (document["status"], document["problems"]) == ("ok", [])
    assert document["database"]["ok"] is document["freshness"]["ok"] is True
    assert document["disk"]["free_bytes"] > 0
    assert document["memory"]["free_bytes"] > 0
    assert [(s["source"], s["account"], s["last_run"]) for s in document["sources"]] == [
        ("x", PARTNER, "success"),
        ("x", "main", "success"),
        ("y", "main", "success"),
    ]
    assert datetime.fromisoformat(document["sources"][0]["last_answer"]) <= datetime.now(UTC)


def test_health_with_an_old_load(client: Client, query: Query) -> None:
    query("UPDATE bronze_ops.streams SET last_seen = now() - interval '26 h' WHERE source = 'y'")
    query("UPDATE bronze_ops.runs SET ended_at = now() - interval '26 h' WHERE source = 'y'")
    answer = client.get("/health")
    assert answer.status_code == 503
    document = json.loads(answer.text)
    assert document["status"] == "failing"
    assert document["problems"] == [
        "freshness y/main/empty: last load 1 d 2 h ago, at most 1 d 1 h",
        "freshness y/main/things: last load 1 d 2 h ago, at most 1 d 1 h",
    ]
    assert document["sources"][2]["late_streams"] == ["empty", "things"]
    page = client.get("/").text
    assert "4 limits breached" in page  # two more, of quality and errors
    assert "loaded 1 d ago, limit 1 d 1 h" in page


@pytest.mark.usefixtures("named")
def test_health_of_a_database_without_tables() -> None:
    with reading() as reader:
        client = Client(App(reader.get, ["localhost"]))
        assert client.get("/health").status_code == 503
        assert "Nothing has been loaded yet" in client.get("/").text
        assert "bronze_up 1.0" in client.get("/metrics").text


def test_a_database_that_goes_and_comes(client: Client, shown: str, server: dict[str, str]) -> None:
    assert client.get("/health").status_code == 200
    name = psycopg.conninfo.conninfo_to_dict(shown)["dbname"]
    with psycopg.connect(autocommit=True, **server) as conn:  # type: ignore[arg-type] # all text
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        conn.execute(cut, (name,))
        assert client.get("/health").status_code == 200  # on a new connection
        allow = psycopg.sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
        database = psycopg.sql.Identifier(str(name))
        conn.execute(allow.format(database, psycopg.sql.SQL("false")))
        conn.execute(cut, (name,))
        answer = client.get("/health")
        text = client.get("/metrics").text
        page = client.get("/").text
        conn.execute(allow.format(database, psycopg.sql.SQL("true")))
    assert answer.status_code == 503
    document = json.loads(answer.text)
    assert document["database"]["ok"] is document["freshness"]["ok"] is False
    assert "not currently accepting connections" in document["problems"][0]
    assert "bronze_up 0.0" in text
    assert "bronze_memory_free_bytes" in text
    assert "1 limit breached" in page
    assert client.get("/health").status_code == 200


def test_figures_are_read_once_for_many_clients(
    shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shown
    calls = []
    read = Reader._read

    def counted(self: Reader) -> Snapshot:
        calls.append(1)
        return read(self)

    monkeypatch.setattr(Reader, "_read", counted)
    with reading(max_age=60) as reader:
        threads = [threading.Thread(target=reader.get) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert reader.get() is reader.get()
    assert len(calls) == 1


def test_old_figures_are_told_while_new_ones_are_read(shown: str) -> None:
    assert shown
    with reading(max_age=0) as reader:
        first = reader.get()
        with reader._lock:  # another thread reads
            assert reader.get() is first
        assert reader.get() is not first


PATHS = ("/", "/health", "/metrics", "/nowhere")
KNOWN = ("localhost", "localhost:8000", "[::1]:8000", "LOCALHOST")
FOREIGN = (
    "evil.example", "localhost.evil.example:8000", "127.0.0.1.nip.io", "", "[::1",
    "localhost:8000:1", "localhost, evil.example",
)  # fmt: skip


def test_foreign_hosts_are_refused(client: Client) -> None:
    for path in PATHS:
        expected = 404 if path == "/nowhere" else 200
        for host in KNOWN:
            assert client.get(path, headers={"Host": host}).status_code == expected, host
        for host in FOREIGN:
            answer = client.get(path, headers={"Host": host})
            assert answer.status_code == 421, host
            assert answer.text == "this host name is not served: start with --allow-host NAME\n"


def test_other_methods_are_refused(client: Client) -> None:
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "X"):
        answer = client.open("/health", method=method)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")


def test_the_headers_forbid_all_but_the_page_itself(client: Client) -> None:
    for path in PATHS:
        answer = client.get(path)
        policy = answer.headers["Content-Security-Policy"]
        assert re.fullmatch(
            r"default-src 'none'; style-src 'sha256-[\w+/=]{44}'; base-uri 'none'; "
            r"form-action 'none'; frame-ancestors 'none'",
            policy,
        )
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        head = client.head(path)
        assert (head.data, head.status_code) == (b"", answer.status_code)
    # HTML has neither scripts nor styles of its own that the policy would stop.
    assert not re.search(r"<script|\son\w+=|\sstyle=|javascript:", client.get("/").text)


def test_no_record_and_no_secret_is_told(client: Client, query: Query) -> None:
    query("UPDATE bronze_ops.runs SET state = %s", SECRET)
    query("UPDATE bronze_ops.streams SET provenance = %s", json.dumps({"parameters": SECRET}))
    for path in ("/", "/health", "/metrics"):
        text = client.get(path).text
        assert SECRET not in text
        assert "no integer" not in text  # the key of a record


def test_every_name_is_escaped(client: Client, query: Query) -> None:
    nasty = '"><script>alert(1)</script>\n'
    query("UPDATE bronze_ops.streams SET stream = %s WHERE stream = 'things'", nasty)
    query("UPDATE bronze_ops.runs SET error = %s, status = 'failed'", nasty)
    query("UPDATE bronze_ops.runs SET api_rate_limit_info = %s", json.dumps({nasty: nasty}))
    page = client.get("/").text
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(1)") > 4
    told = list(text_string_to_metric_families(client.get("/metrics").text))
    assert nasty in {s.labels.get("stream") for family in told for s in family.samples}


def many(query: Query, dsn: str, accounts: int, streams: int) -> None:
    """Fill the operations tables with accounts and streams that have all that can be told."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        migrate(conn)
    query("INSERT INTO bronze_ops.sources VALUES ('x', 'public', 'bronze_x', 'none')")
    query(
        """INSERT INTO bronze_ops.streams (source, account, stream, rows, asked, first_seen)
        SELECT 'x', 'a' || a, 's' || s, 10, '{[2024-01-01,2024-02-01)}',
               now() - s * interval '1 minute'
        FROM generate_series(1, %s) AS a, generate_series(1, %s) AS s""",
        accounts,
        streams,
    )
    query(
        """INSERT INTO bronze_ops.reconciliations
            (source, account, stream, first_day, last_day, started_at, ended_at, records_source)
        SELECT source, account, stream, '2024-01-01', '2024-01-01', now(), now(), 1
        FROM bronze_ops.streams"""
    )
    query(
        """INSERT INTO bronze_ops.runs (loader_id, source, account, stream, run_id, started_at,
            ended_at, status, records_read, target_version, api_rate_limit_info)
        SELECT gen_random_uuid(), 'x', 'a' || a, 's1', 'r', now(), now(), 'success', 1, '1', %s
        FROM generate_series(1, %s) AS a""",
        '{"remaining": 5, "key_ends_at": "2100-01-01T00:00:00Z"}',
        accounts,
    )


@pytest.mark.parametrize(
    ("accounts", "streams", "whole"),
    [(1, 5, True), (2, 9, True), (1, 40, False), (30, 20, False), (200, 1, False)],
)
def test_there_are_200_series_at_most(
    named: str, query: Query, accounts: int, streams: int, whole: bool
) -> None:
    many(query, named, accounts, streams)
    with reading() as reader:
        found = reader.get().samples
        text = Client(App(reader.get, ["localhost"])).get("/metrics").text
    told = [line for line in text.splitlines() if not line.startswith("#")]
    assert len(told) == len(found) == len({(s.name, s.labels) for s in found})
    assert len(told) <= 200
    assert any("other" in sample.labels for sample in found) != whole
    rows = sum(sample.value for sample in found if sample.name == "bronze_rows")
    assert rows == accounts * streams * 10
    labels = {name for line in told for name in re.findall(r'(\w+)="', line)}
    assert labels <= {"source", "account", "stream", "status"}


def test_a_new_stream_moves_no_other(named: str, query: Query) -> None:
    many(query, named, 1, 40)
    with reading() as reader:
        before = {s.labels for s in reader.get().samples if s.name == "bronze_rows"}
        query(
            "INSERT INTO bronze_ops.streams (source, account, stream) VALUES ('x', 'a1', 'a new')"
        )
        after = {s.labels for s in reader.get().samples if s.name == "bronze_rows"}
    assert before == after
    assert ("other", "other", "other") in after


def test_every_metric_is_told_somewhere(named: str, query: Query) -> None:
    many(query, named, 1, 1)
    with reading() as reader:
        told = {sample.name for sample in reader.get().samples}
    assert told == {family.name for family in metrics.FAMILIES}


def test_prometheus_may_ask_for_its_newer_format(client: Client) -> None:
    answer = client.get("/metrics", headers={"Accept": "application/openmetrics-text"})
    assert answer.text.endswith("# EOF\n")


def cells(path: str) -> list[tuple[int, int]]:
    """Return the places of the grid that a path fills."""
    boxes = re.findall(r"M(\d+) (\d+)h(\d+)v(\d+)h-(\d+)z", path)
    assert "".join("M{} {}h{}v{}h-{}z".format(*box) for box in boxes) == path
    return [
        (int(x) + i, int(y) + j)
        for x, y, w, h, back in boxes
        if w == back
        for i in range(int(w))
        for j in range(int(h))
    ]


@given(year=st.integers(1970, 2100), first=st.integers(0, 364), length=st.integers(1, 366))
def test_a_calendar_fills_the_places_of_its_days(year: int, first: int, length: int) -> None:
    start = date(year, 1, 1)
    end = min(date(year, 12, 31), start + timedelta(first + length - 1))
    days = [start + timedelta(n) for n in range(first, (end - start).days + 1)]
    shift = start.weekday()
    expected = [divmod((day - start).days + shift, 7) for day in days]
    assert sorted(cells(calendar.path([(days[0], end)], year))) == expected
    assert max(week for week, _ in expected) < 54


def test_a_calendar_in_words() -> None:
    span = date(2023, 12, 30), date(2024, 1, 2)
    gap = date(2024, 1, 3), date(2024, 1, 3)
    later = date(2024, 1, 4), date(2024, 1, 9)
    days = Days(data=[span], empty=[later], missing=[gap], told=True)
    old, new = calendar.years(days, date(2024, 1, 31))
    assert old.text == "2023: 2 days with data, 0 asked and empty, 0 never asked for"
    assert new.text == "2024: 2 days with data, 6 asked and empty, 1 never asked for"
    assert len(cells(new.all)) == 31
    untold = Days(data=[(date(1950, 1, 1), date(1950, 1, 1))], empty=[], missing=[], told=False)
    assert calendar.years(untold, date(2024, 1, 31))[0].text == "1995: 0 days with data"
    assert calendar.years(Days([], [], [], told=False), date(2024, 1, 31)) == []


def fetch(url: str, host: str | None = None) -> tuple[int, bytes, Any]:
    """Return status, body and headers of an answer."""
    headers = {} if host is None else {"Host": host}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - http to this machine
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - the same
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), error.headers


@contextmanager
def served(
    command: tuple[str, ...], *arguments: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start ``bronze serve`` as a process, and yield it and its address."""
    with subprocess.Popen(
        [*command, "serve", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    ) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().split()[0]
        finally:
            process.kill()


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_serves_until_a_signal(
    command: tuple[str, ...], number: signal.Signals
) -> None:
    with served(command) as (process, url):
        assert url.startswith("http://127.0.0.1:")
        status, _, headers = fetch(f"{url}health")
        assert (status, headers["Server"]) == (200, None)
        assert fetch(url, "evil.example")[0] == 421
        address = url.removeprefix("http://").rstrip("/").rpartition(":")
        # Clients that connect and say little hold nothing up, nor the end.
        idle = [socket.create_connection((address[0], int(address[2]))) for _ in range(20)]
        for connection in idle:
            connection.sendall(b"GET / HTTP/1.1\r\n")
        assert b"bronze_up 1.0" in fetch(f"{url}metrics")[1]
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
        for connection in idle:
            connection.close()
    assert (process.returncode, errors) == (0, "")


@pytest.mark.usefixtures("shown")
def test_a_request_under_way_is_answered_before_the_end(
    command: tuple[str, ...], query: Query, named: str
) -> None:
    with served(command) as (process, url), psycopg.connect(named) as locker:
        locker.execute("LOCK bronze_ops.streams IN ACCESS EXCLUSIVE MODE")
        answers: list[int] = []

        def ask() -> None:
            status, body, _ = fetch(f"{url}metrics")
            assert b"bronze_rows" in body
            answers.append(status)

        thread = threading.Thread(target=ask)
        thread.start()
        eventually(
            lambda: query(
                "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                " AND application_name = 'bronze serve' AND datname = current_database()"
            )
        )
        process.send_signal(signal.SIGTERM)
        threading.Timer(1, locker.rollback).start()
        thread.join(30)
        process.communicate(timeout=30)
    assert (answers, process.returncode) == ([200], 0)


def test_an_address_that_is_taken(bronze: Bronze, named: str) -> None:
    assert named
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = bronze("serve", "--port", str(port))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        f"Error: cannot listen on 127.0.0.1:{port}: Address already in use: "
        "choose another --host or --port\n"
    )


def test_wrong_limits_are_exit_status_2(bronze: Bronze, tmp_path: Path) -> None:
    (tmp_path / "bronze.yml").write_text("x: 1")
    result = bronze("serve")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "x is no limit" in result.stderr


@pytest.mark.usefixtures("shown")
def test_listening_elsewhere_is_warned_of_and_hosts_may_be_allowed(
    command: tuple[str, ...],
) -> None:
    with served(command, "--host", "0.0.0.0", "--allow-host", "lake.example") as (process, url):  # noqa: S104 - what is tested
        port = url.rpartition(":")[2].rstrip("/")
        address = f"http://127.0.0.1:{port}/health"
        assert fetch(address, "lake.example")[0] == 200
        process.terminate()
        _, errors = process.communicate(timeout=30)
    assert errors == "Warning: whoever reaches this address sees the page\n"


def test_it_never_starts_a_server_that_was_stopped(
    bronze: Bronze, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    with reading() as reader:
        assert reader.get().error is None
        assert bronze("db", "stop").stdout == "stopped\n"
        assert "is not running" in str(reader.get().error)
        with pytest.raises(ServerError):
            Context().target.embedded.parameters()  # type: ignore[union-attr] # it is embedded
        assert bronze("db", "start").exit_code == 0
        assert reader.get().error is None
