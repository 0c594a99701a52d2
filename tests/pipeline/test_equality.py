"""What a service served and what lies in ``raw_data`` are equal as JSON, every digit of a number.

By a plain pipe, with a catalog, and through Meltano: the records that no schema knows as well.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import simplejson

if TYPE_CHECKING:
    from collections.abc import Iterator

    from werkzeug.wrappers import Request, Response

    from tests.pipeline.conftest import Project
    from tests.sandbox import Sandbox
    from tests.sandbox.server import Asked, Server

SECRETS = {
    "api_token", "ical_url", "intercom_hash", "invite_url", "invitation_code", "shared_hash",
}  # fmt: skip
TOGGL = {
    "/api/v9/me": "me",
    "/api/v9/me/clients": "clients",
    "/api/v9/me/organizations": "organizations",
    "/api/v9/me/projects": "projects",
    "/api/v9/me/tags": "tags",
    "/api/v9/me/time_entries": "time_entries",
    "/api/v9/me/workspaces": "workspaces",
}
GARMIN = {
    "/activitylist-service/activities/search/activities": "activities",
    "/usersummary-service/v2/dailysummaries": "daily_summaries",
    "/sleep-service/sleep/dailySleepSummariesByDate": "sleep",
    "/hrv-service/hrv/daily/": "hrv",
}


@pytest.fixture(params=["pipe", "catalog", "meltano"])
def road(request: pytest.FixtureRequest) -> str:
    """Each way from a tap to the target."""
    return str(request.param)


def travel(project: Project, tap: str, road: str) -> None:
    """Move everything from a tap into the database."""
    if road == "meltano":
        done = project.run("meltano", "run", tap, "target-bronze-postgres")
        assert done.returncode == 0, done.stderr
        return
    options = []
    if road == "catalog":
        (project.folder / "catalog.json").write_text(project.run(tap, "--discover").stdout)
        options = ["--catalog", "catalog.json"]
    read, loaded = project.pipe(tap, *options)
    assert read.returncode == 0, read.stderr
    assert loaded.returncode == 0, loaded.stderr


@pytest.mark.parametrize(("service", "paths"), [("toggl", TOGGL), ("garmin", GARMIN)])
def test_served_and_stored_are_equal(  # noqa: PLR0913, PLR0917 - fixtures
    sandbox: Sandbox,
    project: Project,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
    road: str,
    service: str,
    paths: dict[str, str],
) -> None:
    server: Server = getattr(sandbox, service)
    server.strange = True
    served = record(server, monkeypatch)
    travel(project, f"tap-{service}", road)
    streams: dict[str, set[str]] = {}
    with psycopg.connect(database, autocommit=True) as conn:
        for path, body in served:
            stream = next((paths[known] for known in paths if matches(path, known)), None)
            if stream:
                streams.setdefault(stream, set()).update(texts(conn, records_of(body)))
        assert sorted(streams) == sorted(paths.values())
        for stream, expected in streams.items():
            assert expected
            assert stored(conn, service, stream) == expected, stream


def matches(path: str, known: str) -> bool:
    """Tell whether a path is the known one; one that ends with a slash goes on with dates."""
    return path.startswith(known) if known.endswith("/") else path == known


def record(server: Server, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bytes]]:
    """Keep path and body of every answer that a server gives from now on."""
    served: list[tuple[str, bytes]] = []
    answer = server.answer

    def answer_and_keep(request: Request, asked: Asked) -> Response:
        response = answer(request, asked)
        if response.status_code == 200:
            served.append((asked.path, response.get_data()))
        return response

    monkeypatch.setattr(server, "answer", answer_and_keep)
    return served


def records_of(body: bytes) -> Iterator[Any]:
    """Yield the records of an answer, whatever envelope they lie in."""
    document = json.loads(body, parse_float=Decimal)
    if isinstance(document, dict):
        envelope = [document[name] for name in ("data", "hrvSummaries") if name in document]
        document = envelope[0] if envelope else [document]
    yield from document or []


def without_secrets(value: Any) -> Any:
    """Return a value without the members that a tap must not pass on."""
    if isinstance(value, dict):
        return {k: without_secrets(v) for k, v in value.items() if k not in SECRETS}
    return [without_secrets(v) for v in value] if isinstance(value, list) else value


def texts(conn: psycopg.Connection[Any], records: Iterator[Any]) -> set[str]:
    """Return records as JSONB prints them."""
    lines = [simplejson.dumps(without_secrets(r), use_decimal=True) for r in records]
    rows = conn.execute("SELECT (line::jsonb)::text FROM unnest(%s::text[]) AS line", [lines])
    return {row[0] for row in rows}


def stored(conn: psycopg.Connection[Any], source: str, stream: str) -> set[str]:
    """Return what lies in ``raw_data``, without the members that the tap has added."""
    rows = conn.execute(
        f"""
        SELECT (SELECT coalesce(jsonb_object_agg(key, value), '{{}}') FROM jsonb_each(raw_data)
                WHERE key NOT LIKE '\\_tap\\_%%')::text
        FROM bronze_{source} WHERE metadata ->> 'stream' = %s
        """.encode(),
        [stream],
    )
    return {row[0] for row in rows}
