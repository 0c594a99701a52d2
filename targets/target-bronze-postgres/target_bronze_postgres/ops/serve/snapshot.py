"""The figures of a moment: one client in some seconds has them read, all others are told the same.

So the database has the same little work however many clients ask, and however often.
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from functools import cached_property
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import psycopg

from target_bronze_postgres.db.connect import connect
from target_bronze_postgres.errors import BronzeError
from target_bronze_postgres.ops import figures, judge, machine
from target_bronze_postgres.ops.context import database_error
from target_bronze_postgres.ops.judge import Finding
from target_bronze_postgres.ops.serve import health, metrics, page

if TYPE_CHECKING:
    from target_bronze_postgres.ops.figures import Figures
    from target_bronze_postgres.ops.judge import Rules
    from target_bronze_postgres.ops.machine import Machine
    from target_bronze_postgres.settings import DatabaseTarget

MAX_AGE: Final = 5.0
"""Seconds for which figures are told again."""
STALE: Final = 30.0
"""Seconds up to which old figures are told while new ones are being read."""
CONNECT_SECONDS: Final = 3
QUERY_SECONDS: Final = 5


@dataclass(frozen=True)
class Snapshot:
    """What was found at one moment; what is made of it is made once.

    Attributes:
        label: The database in words.
        figures: None where the database did not answer; then ``error`` says why.
        seconds: How long the database took.
        findings: What became of every limit.
    """

    label: str
    figures: Figures | None
    error: str | None
    seconds: float
    machine: Machine
    rules: Rules
    findings: list[Finding]

    @cached_property
    def health(self) -> tuple[bool, bytes]:
        """Whether all is well, and what ``/health`` says."""
        return health.document(self)

    @cached_property
    def page(self) -> bytes:
        """The status page."""
        return page.render(self)

    @cached_property
    def samples(self) -> list[metrics.Sample]:
        """What ``/metrics`` says."""
        return metrics.samples(self)


class Reader:
    """Reads snapshots, from any number of threads, over one connection."""

    def __init__(self, target: DatabaseTarget, rules: Rules, max_age: float = MAX_AGE) -> None:
        """Read nothing yet."""
        self._target, self._rules, self._max_age = target, rules, max_age
        self._lock = threading.Lock()
        self._latest: tuple[float, Snapshot] | None = None
        self._connection: psycopg.Connection[Any] | None = None
        self._started = False

    def get(self) -> Snapshot:
        """Return a snapshot that is a few seconds old at most, or a little older under load."""
        if found := self._kept(self._max_age):
            return found
        # While one thread reads, the others tell what is known rather than wait.
        if self._lock.acquire(blocking=self._kept(STALE) is None):
            try:
                return self._kept(self._max_age) or self._read()
            finally:
                self._lock.release()
        return self._kept(STALE + QUERY_SECONDS) or self.get()

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._drop()

    def _kept(self, age: float) -> Snapshot | None:
        latest = self._latest
        return latest[1] if latest and monotonic() - latest[0] < age else None

    def _read(self) -> Snapshot:
        start = monotonic()
        found, error = self._try()
        taken = monotonic() - start
        local = machine.look(self._target, found)
        if found is None:
            findings = [Finding("database", False, error or "")]
            findings += judge.machine_findings(self._rules.limits, local)
        else:
            findings = judge.judge(found, self._rules, local)
        label = self._target.label
        snapshot = Snapshot(label, found, error, taken, local, self._rules, findings)
        self._latest = monotonic(), snapshot
        return snapshot

    def _try(self) -> tuple[Figures | None, str | None]:
        """Read the figures, or say in one line why not."""
        fresh = self._connection is None
        try:
            return figures.read(self._connect(), QUERY_SECONDS), None
        except psycopg.Error as error:
            self._drop()
            # The server may have been restarted since: once more, on a new connection.
            if not fresh:
                return self._try()
            return None, " ".join(str(database_error(error, self._target.label)).split())
        except BronzeError as error:
            self._drop()
            return None, " ".join(str(error).split())

    def _connect(self) -> psycopg.Connection[Any]:
        if self._connection is None:
            # The embedded server is started once; who stops it later wants it stopped.
            if self._target.embedded and self._started:
                self._target.embedded.parameters()
            self._started = True
            self._connection = connect(
                self._target, application_name="bronze serve", connect_timeout=CONNECT_SECONDS
            )
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(psycopg.Error):
                self._connection.close()
            self._connection = None
