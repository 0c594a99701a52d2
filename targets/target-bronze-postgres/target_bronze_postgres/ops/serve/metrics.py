"""``/metrics``: the figures for Prometheus, never more than a few hundred series of them.

The labels are ``source``, ``account``, ``stream`` and ``status`` alone, so that no name of a record
or an error can become one. What does not fit into the budget is told together, as ``other``.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from target_bronze_postgres.ops.figures import Account, Stream
    from target_bronze_postgres.ops.serve.snapshot import Snapshot

Item = TypeVar("Item")

MOST: Final = 200
"""Series in one answer."""
MOST_ACCOUNTS: Final = 8
OTHER: Final = "other"
STATUSES: Final = ("running", "success", "failed", "interrupted")


@dataclass(frozen=True, slots=True)
class Family:
    """One metric.

    Attributes:
        name: Its name.
        about: Its help.
        labels: The names of its labels.
        merge: What becomes of the values of those that are told together.
    """

    name: str
    about: str
    labels: tuple[str, ...] = ()
    merge: Callable[[Iterable[float]], float] = sum


_ACCOUNT: Final = ("source", "account")
_STREAM: Final = (*_ACCOUNT, "stream")
FAMILIES: Final = (
    Family("bronze_up", "Whether the database answers: 1 or 0."),
    Family("bronze_breaches", "Limits of bronze.yml that are breached, as bronze check has them."),
    Family("bronze_database_size_bytes", "Size of the database on disk."),
    Family("bronze_disk_free_bytes", "Free on the database's disk, or else on this machine's."),
    Family("bronze_memory_free_bytes", "Memory that programs on this machine could have."),
    Family(
        "bronze_last_answer_timestamp_seconds",
        "When the source last gave an answer that was committed.",
        _ACCOUNT,
        min,
    ),
    Family("bronze_last_run_timestamp_seconds", "When the last run started.", _ACCOUNT, min),
    Family("bronze_last_run_duration_seconds", "How long the last run took.", _ACCOUNT, max),
    Family(
        "bronze_last_run_status",
        "1 for the status of the last run, 0 for the others.",
        (*_ACCOUNT, "status"),
        max,
    ),
    Family("bronze_quota_remaining", "Requests left, as the source said last.", _ACCOUNT, min),
    Family("bronze_key_end_timestamp_seconds", "When the key ends, where known.", _ACCOUNT, min),
    Family("bronze_rows", "Rows in the bronze table.", _STREAM),
    Family("bronze_records", "Distinct records.", _STREAM),
    Family("bronze_dead_letters", "Records that could not land.", _STREAM),
    Family("bronze_last_load_timestamp_seconds", "When the last load came.", _STREAM, min),
    Family(
        "bronze_fresh_until_timestamp_seconds", "When the last load gets too old.", _STREAM, min
    ),
    Family("bronze_quality_ratio", "Share of rows without warning or error.", _STREAM, min),
    Family("bronze_completeness_ratio", "Share of days without gap, where told.", _STREAM, min),
    Family("bronze_accuracy_ratio", "Share of records as in the source.", _STREAM, min),
)  # fmt: skip
OF_A_STREAM: Final = sum(family.labels == _STREAM for family in FAMILIES)


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a metric; the labels are those of its family, in their order."""

    name: str
    labels: tuple[str, ...]
    value: float


def samples(snapshot: Snapshot) -> list[Sample]:
    """Return all values, within the budget."""
    told = [Sample(name, (), value) for name, value in _global(snapshot)]
    found = snapshot.figures
    if found is None:
        return told
    accounts = sorted(found.known, key=_age)
    for group in _fitting(accounts, MOST_ACCOUNTS):
        told += _merged([_of_account(account, snapshot) for account in group], len(group) > 1)
    # Those that have been there longest are told one by one, so that a new one moves none of them.
    streams = [
        (stream, account)
        for account in found.known
        for stream in account.streams
    ]  # fmt: skip
    streams.sort(key=lambda pair: (pair[0].first_seen, pair[0].path))
    room = (MOST - len(told)) // OF_A_STREAM
    for pairs in _fitting(streams, room):
        told += _merged([_of_stream(*pair, snapshot) for pair in pairs], len(pairs) > 1)
    return told


def _age(account: Account) -> tuple[bool, float, str]:
    """Sorts accounts: those that have been there longest first."""
    first = min((stream.first_seen for stream in account.streams), default=None)
    return first is None, first.timestamp() if first else 0.0, account.path


def _fitting(items: Sequence[Item], room: int) -> Iterator[Sequence[Item]]:
    """Yield items one by one as far as there is room, and the rest together."""
    alone = len(items) if len(items) <= room else room - 1
    yield from ([item] for item in items[:alone])
    if items[alone:]:
        yield items[alone:]


def _merged(groups: Iterable[Iterator[Sample]], together: bool) -> list[Sample]:
    """One sample a metric and status, under ``other`` if they are of several."""
    merges = {family.name: family for family in FAMILIES}
    values: dict[tuple[str, tuple[str, ...]], list[float]] = {}
    for group in groups:
        for sample in group:
            labels = sample.labels
            if together:
                # A status stays what it is.
                known = merges[sample.name].labels
                labels = tuple(
                    value if name == "status" else OTHER
                    for name, value in zip(known, labels, strict=True)
                )
            values.setdefault((sample.name, labels), []).append(sample.value)
    return [Sample(*key, merges[key[0]].merge(found)) for key, found in values.items()]


def _global(snapshot: Snapshot) -> Iterator[tuple[str, float]]:
    found = snapshot.figures
    yield "bronze_up", float(found is not None)
    yield "bronze_breaches", sum(finding.ok is False for finding in snapshot.findings)
    if found is not None:
        yield "bronze_database_size_bytes", found.database_size
    yield "bronze_disk_free_bytes", snapshot.machine.disk_free
    yield "bronze_memory_free_bytes", snapshot.machine.memory_free


def _of_account(account: Account, snapshot: Snapshot) -> Iterator[Sample]:
    labels = (account.source, account.account)
    run, now = account.last_run, snapshot.figures.at if snapshot.figures else None
    left = (account.quota or {}).get("remaining")
    known = {
        "bronze_last_answer_timestamp_seconds": _seconds(account.last_answer),
        "bronze_last_run_timestamp_seconds": _seconds(run.started_at) if run else None,
        "bronze_last_run_duration_seconds": run.seconds(now) if run and now else None,
        "bronze_quota_remaining": left if isinstance(left, int | float) else None,
        "bronze_key_end_timestamp_seconds": _seconds(snapshot.rules.key_ends_at(account)),
    }
    yield from (Sample(name, labels, v) for name, v in known.items() if v is not None)
    if run is not None:
        for status in STATUSES:
            yield Sample("bronze_last_run_status", (*labels, status), float(run.status == status))


def _of_stream(stream: Stream, account: Account, snapshot: Snapshot) -> Iterator[Sample]:
    labels = (stream.source, stream.account, stream.stream)
    fresh_for = snapshot.rules.fresh_for(stream, account)
    known = {
        "bronze_rows": stream.rows,
        "bronze_records": stream.records,
        "bronze_dead_letters": stream.dead_letters,
        "bronze_last_load_timestamp_seconds": _seconds(stream.last_load),
        "bronze_fresh_until_timestamp_seconds": _seconds(
            stream.last_load + fresh_for if fresh_for is not None else None
        ),
        "bronze_quality_ratio": stream.quality,
        "bronze_completeness_ratio": stream.days.completeness,
        "bronze_accuracy_ratio": stream.accuracy,
    }
    yield from (Sample(name, labels, v) for name, v in known.items() if v is not None)


def _seconds(time: datetime | None) -> float | None:
    return time.timestamp() if time else None


class Figures(Collector):
    """Hands the samples of a snapshot to prometheus-client."""

    def __init__(self, found: Sequence[Sample]) -> None:
        """Tell these, and nothing of the process that tells them."""
        self._found = found

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield every metric that has a value."""
        told = Counter(sample.name for sample in self._found)
        for family in FAMILIES:
            if told[family.name]:
                metric = GaugeMetricFamily(family.name, family.about, labels=family.labels)
                for sample in self._found:
                    if sample.name == family.name:
                        metric.add_metric(sample.labels, sample.value)
                yield metric


def registry(found: Sequence[Sample]) -> CollectorRegistry:
    """Return a registry of its own with these samples."""
    own = CollectorRegistry(auto_describe=False)
    own.register(Figures(found))
    return own
