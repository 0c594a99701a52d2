"""Runs of the tap, one after another with the STATE that the last one left, against the sandbox."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tap_toggl import client
from tap_toggl.tap import TapToggl
from tests.sandbox import Options, Sandbox
from tests.tap_runs import Runner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.sandbox.server import Asked
    from tests.sandbox.toggl import Toggl

NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
HOUR = timedelta(hours=1, seconds=5)


@dataclass
class Result:
    """What one run wrote and told, and which requests it made."""

    lines: list[str]
    failure: str | None
    requests: list[Asked]
    log: str

    @cached_property
    def messages(self) -> list[dict[str, Any]]:
        """All messages, numbers with their digits."""
        return [json.loads(line, parse_float=Decimal) for line in self.lines]

    def of(self, kind: str, stream: str | None = None) -> list[dict[str, Any]]:
        """Return the messages of a kind, those of one stream if it is named."""
        found = (message for message in self.messages if message["type"] == kind)
        return [message for message in found if stream in {None, message.get("stream")}]

    def records(self, stream: str) -> list[dict[str, Any]]:
        """Return the records of a stream."""
        return [message["record"] for message in self.of("RECORD", stream)]

    def ids(self, stream: str, key: str = "id") -> list[Any]:
        """Return the ids of a stream's records."""
        return [record[key] for record in self.records(stream)]

    @property
    def history(self) -> list[int]:
        """The ids of the entries that history brought, in order."""
        return self.ids("time_entries_history", "_tap_id")

    @property
    def pages(self) -> list[Asked]:
        """The requests for pages of reports."""
        return [asked for asked in self.requests if asked.path.endswith("/search/time_entries")]

    @property
    def buckets(self) -> Counter[str]:
        """Requests by the quota that they were counted against."""
        return Counter(asked.bucket for asked in self.requests if asked.bucket)

    def to(self, path: str) -> list[Asked]:
        """Return the requests to one path below ``/api/v9``."""
        return [asked for asked in self.requests if asked.path == f"/api/v9{path}"]


@dataclass
class Pipeline:
    """Runs the tap; each run goes on with the STATE that the last one left."""

    sandbox: Sandbox
    caplog: pytest.LogCaptureFixture
    settings: dict[str, Any] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)

    @property
    def toggl(self) -> Toggl:
        """The server."""
        return self.sandbox.toggl

    @property
    def workspaces(self) -> list[int]:
        """The ids of all workspaces."""
        return list(self.toggl.account.workspaces)

    def run(self, *streams: str, cut_after: int | None = None, **settings: Any) -> Result:
        """Run the tap at the sandbox's time, with some streams alone if they are named."""
        own: dict[str, Any] = {"api_url": self.toggl.url, "api_token": self.toggl.token}
        own |= {"request_interval": 0, "quota_max_wait": 0}
        runner = Runner(TapToggl, self.sandbox.clock, own | self.settings)
        before = len(self.toggl.requests)
        self.caplog.clear()
        run = runner(*streams, state=self.state, cut_after=cut_after, **settings)
        log = "\n".join(record.getMessage() for record in self.caplog.records)
        result = Result(run.lines, run.failure, self.toggl.requests[before:], log)
        if states := result.of("STATE"):
            self.state = states[-1]["value"]
        return result

    def runs(self, *streams: str, most: int = 40, **settings: Any) -> list[Result]:
        """Run the tap once an hour until history is complete."""
        found = [self.run(*streams, **settings)]
        while self.is_coming_in and len(found) < most:
            self.sandbox.clock.move(HOUR)
            found.append(self.run(*streams, **settings))
        return found

    @property
    def is_coming_in(self) -> bool:
        """Whether the STATE says that history is not complete."""
        known = self.bookmark("time_entries_history")["workspaces"]
        return not all("ended" in one for one in known.values())

    def bookmark(self, name: str) -> dict[str, Any]:
        """Return a part of the STATE."""
        found: dict[str, Any] = self.state["bookmarks"][name]
        return found

    def wait(self, **span: float) -> None:
        """Let time pass, in which the person goes on tracking."""
        self.sandbox.clock.move(timedelta(**span))
        self.toggl.generator.track()

    def living(self) -> set[int]:
        """Return the ids of the person's entries that exist."""
        return {entry.id for entry in self.toggl.account.own_entries()}


class Bronze:
    """What a target would keep: the newest version of each record, volatile members left out."""

    def __init__(self) -> None:
        """Start empty."""
        self.heads: dict[tuple[str, str], str] = {}
        self.schemas: dict[str, dict[str, Any]] = {}

    def load(self, result: Result) -> Counter[str]:
        """Take over a run; return how many new or changed records each stream had."""
        written: Counter[str] = Counter()
        for message in result.messages:
            if message["type"] == "SCHEMA":
                self.schemas[message["stream"]] = message
            elif message["type"] == "RECORD" and self._put(message):
                written[message["stream"]] += 1
        return written

    def _put(self, message: dict[str, Any]) -> bool:
        """Keep a record; tell whether it is new or changed."""
        schema, record = self.schemas[message["stream"]], message["record"]
        volatile = {pointer[1:] for pointer in schema["bronze"].get("volatile", [])}
        parts = [record[name] for name in schema["key_properties"]]
        key = message["stream"], json.dumps(parts)
        content = {name: value for name, value in record.items() if name not in volatile}
        text = json.dumps(content, sort_keys=True, default=str)
        is_new = self.heads.get(key) != text
        self.heads[key] = text
        return is_new


@pytest.fixture
def bronze() -> Bronze:
    """A target's memory."""
    return Bronze()


COUNTS = "SELECT metadata ->> 'stream', count(*) FROM bronze_toggl GROUP BY 1"


@pytest.fixture
def load(query: Any, database: str) -> Callable[[list[str]], dict[str, int]]:
    """Load messages with the project's own target; return how many rows each stream got."""
    target = str(Path(sys.executable).parent / "target-bronze-postgres")
    environ = os.environ | {"TARGET_BRONZE_POSTGRES_DSN": database}

    def loaded(lines: list[str]) -> dict[str, int]:
        exists = query("SELECT to_regclass('bronze_toggl') IS NOT NULL") == [True]
        before = dict(query(COUNTS)) if exists else {}
        text = "\n".join(lines)
        subprocess.run(
            [target], input=text, text=True, capture_output=True, env=environ, check=True
        )
        return {name: n - before.get(name, 0) for name, n in query(COUNTS) if n != before.get(name)}

    return loaded


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the waits between tries short."""
    monkeypatch.setattr(client, "FIRST_WAIT", 0.001)


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Take away every setting that the machine could bring."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith(("TAP_", "TOGGL_", "GARMIN_")):
            monkeypatch.delenv(name)


@pytest.fixture
def start(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[..., Pipeline]]:
    """Start sandboxes; each comes with a pipeline that reads it."""
    caplog.set_level("INFO")
    sandboxes: list[Sandbox] = []

    def started(
        *,
        years: float = 0.2,
        now: datetime = NOW,
        zone: str = "Europe/Berlin",
        settings: dict[str, Any] | None = None,
        **options: Any,
    ) -> Pipeline:
        made = Options(**{"entries_per_day": 3, "workspaces": 1} | options)
        sandbox = Sandbox(1, years=years, now=now, zone=zone, toggl=made, with_garmin=False)
        sandboxes.append(sandbox.start())
        return Pipeline(sandbox, caplog, settings or {})

    yield started
    for sandbox in sandboxes:
        sandbox.stop()
