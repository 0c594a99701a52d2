"""Holds the figures against the limits: what ``check`` reports and ``/health`` answers by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Any, Final

from target_bronze_postgres.ops import words
from target_bronze_postgres.ops.days import count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import timedelta

    from target_bronze_postgres.ops.figures import Account, Figures, Run, Stream
    from target_bronze_postgres.ops.limits import Freshness, Limits
    from target_bronze_postgres.ops.machine import Machine
    from target_bronze_postgres.ops.timetable import Timetable

CHECKS: Final = (
    "database", "landed", "freshness", "last_run", "run_time", "completeness", "accuracy",
    "quality", "error_rate", "key_life", "database_size", "free_disk", "free_memory",
)  # fmt: skip
"""What is checked, in the order of a report."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one check of one thing.

    Attributes:
        check: One of `CHECKS`.
        ok: False is a breach; None where it could not be judged.
        text: The figure and its limit, or why it could not be judged, in words.
        source: What was checked: a source, an account of it, a stream of that; None for all.
    """

    check: str
    ok: bool | None
    text: str
    source: str | None = None
    account: str | None = None
    stream: str | None = None

    @property
    def line(self) -> str:
        """The finding in one line, such as ``freshness x/main/users: …``."""
        path = "/".join(part for part in (self.source, self.account, self.stream) if part)
        return " ".join(f"{self.check}{f' {path}' if path else ''}: {self.text}".split())


@dataclass(frozen=True, slots=True)
class Rules:
    """What the figures are held against."""

    limits: Limits
    timetable: Timetable

    def fresh_for(self, stream: Stream, account: Account) -> timedelta | None:
        """How old a stream's last load may be; None where that is not checked."""
        names = (stream.source, stream.account, stream.stream)
        freshness: Freshness | None = self.limits.get("freshness", *names)
        if freshness is None:
            return None
        pause = self.timetable.pause(_tap(account), account.account)
        pause = pause or self.limits.get("schedule", *names)
        if pause is None:
            return None if freshness.on_schedule else freshness.time
        return freshness.bound(pause)

    def key_ends_at(self, account: Account) -> datetime | None:
        """When an account's key ends: as ``bronze.yml`` says, or earlier if the source says so."""
        day = self.limits.get("key_ends", account.source, account.account)
        noted = datetime.combine(day, time(), UTC) if day else None
        return min((end for end in (account.key_ends_at, noted) if end), default=None)


def _tap(account: Account) -> str:
    """The name of the tap that reads an account; guessed where it does not tell."""
    named = next((run.tap for run in account.runs if run.tap), None)
    return named.split()[0] if named else f"tap-{account.source}"


def judge(found: Figures, rules: Rules, machine: Machine) -> list[Finding]:
    """Judge everything."""
    return sorted(_judge(found, rules, machine), key=lambda finding: CHECKS.index(finding.check))


def breaches(findings: list[Finding]) -> list[Finding]:
    """Those that are no good."""
    return [finding for finding in findings if finding.ok is False]


def _judge(found: Figures, rules: Rules, machine: Machine) -> Iterator[Finding]:
    yield Finding("database", True, "answers")
    yield from _landed(found, rules)
    for account in found.known:
        yield from _account(account, found, rules)
        for stream in account.streams:
            yield from _stream(stream, account, found.at, rules)
    yield from _lost(found)
    yield from _storage(found, rules.limits, machine)


def _landed(found: Figures, rules: Rules) -> Iterator[Finding]:
    if not found.streams:
        yield Finding("landed", False, "nothing has been loaded yet")
    there = {(stream.source, stream.account) for stream in found.streams}
    there_at_all = {source for source, _ in there}
    for source, account in rules.limits.expected:
        ok = source in there_at_all if account is None else (source, account) in there
        text = "has landed" if ok else f"nothing has landed, though {rules.limits.file} names it"
        yield Finding("landed", ok, text, source, account)


def _account(account: Account, found: Figures, rules: Rules) -> Iterator[Finding]:
    names = (account.source, account.account)
    if (run := account.last_run) is not None:
        yield Finding("last_run", run.status != "failed", _ending(run), *names)
        limit = rules.limits.get("run_time", *names)
        if limit is not None:
            taken = run.seconds(found.at)
            state = "took" if run.ended_at else "has been running for"
            text = f"the last run {state} {words.duration(taken)}, {_at_most(limit)}"
            yield Finding("run_time", taken <= limit.total_seconds(), text, *names)
    yield from _error_rate(account, found.at, rules)
    yield from _key(account, found.at, rules)


def _ending(run: Run) -> str:
    """How a run ended; the reason of a failure is the target's own line."""
    why = f": {run.error}" if run.error else ""
    return f"the run of {words.minute(run.started_at)} UTC ended with status {run.status}{why}"


def _at_most(limit: timedelta) -> str:
    return f"at most {words.duration(limit.total_seconds())}"


def _error_rate(account: Account, now: datetime, rules: Rules) -> Iterator[Finding]:
    limit = rules.limits.get("error_rate", account.source, account.account)
    recent = account.within(now)
    read = sum(run.records_read for run in recent)
    if limit is None:
        return
    if not read:
        text = "no record was read in the last 7 days"
        yield Finding("error_rate", None, text, account.source, account.account)
        return
    wrong = sum(run.dead_letters + run.invalid for run in recent)
    text = (
        f"{wrong:,} of {words.plural(read, 'record')} read in the last 7 days were invalid or "
        f"could not land, at most {100 * limit:g}%"
    )
    yield Finding("error_rate", wrong / read <= limit, text, account.source, account.account)


def _key(account: Account, now: datetime, rules: Rules) -> Iterator[Finding]:
    names = (account.source, account.account)
    limit, end = rules.limits.get("key_life", *names), rules.key_ends_at(account)
    if limit is None or end is None:
        return
    word = "ended" if end <= now else "ends"
    text = f"the key {word} on {words.minute(end)} UTC: make a new one"
    yield Finding("key_life", end - now >= limit, text, *names)


def _stream(stream: Stream, account: Account, now: datetime, rules: Rules) -> Iterator[Finding]:
    names = (stream.source, stream.account, stream.stream)
    fresh_for = rules.fresh_for(stream, account)
    if fresh_for is not None:
        age = stream.age(now)
        text = f"last load {words.duration(age)} ago, {_at_most(fresh_for)}"
        yield Finding("freshness", age <= fresh_for.total_seconds(), text, *names)
    for check, share, tell in SHARES:
        limit = rules.limits.get(check, *names)
        if limit is None:
            continue
        value = share(stream)
        if value is None:
            yield Finding(check, None, tell(stream), *names)
        else:
            text = f"{words.percent(value)}, at least {100 * limit:g}%: {tell(stream)}"
            yield Finding(check, value >= limit, text, *names)


def _tell_days(stream: Stream) -> str:
    days = stream.days
    if not days.told:
        return "the tap does not tell which days it asked for"
    if not days.missing:
        return f"no gap from {days.first} to {days.last}"
    first, last = days.missing[0]
    gap = f"{first}" if first == last else f"{first} to {last}"
    more = f" and {words.plural(len(days.missing) - 1, 'more gap')}" if days.missing[1:] else ""
    return f"{words.plural(count(days.missing), 'day')} never asked for, {gap}{more}"


def _tell_comparison(stream: Stream) -> str:
    if stream.accuracy is None:
        return "never compared with the source"
    return (
        f"{stream.missing:,} missing and {stream.changed:,} changed of "
        f"{words.plural(stream.records_source or 0, 'record')} on "
        f"{words.minute(stream.reconciled_at)} UTC"
    )


def _tell_quality(stream: Stream) -> str:
    if stream.quality is None:
        return "has no rows"
    return f"{stream.invalid:,} invalid and {stream.warnings:,} odd of {stream.rows:,} rows"


SHARES: Final[tuple[tuple[str, Callable[[Any], float | None], Callable[[Any], str]], ...]] = (
    ("completeness", lambda stream: stream.days.completeness, _tell_days),
    ("accuracy", lambda stream: stream.accuracy, _tell_comparison),
    ("quality", lambda stream: stream.quality, _tell_quality),
)


def _lost(found: Figures) -> Iterator[Finding]:
    """A run that failed before it said what it reads, if it is the newest of all."""
    runs = [run for account in found.known for run in account.runs[:1]]
    newest = max((run.started_at for run in runs), default=None)
    for run in found.lost_runs[:1]:
        if newest is None or run.started_at > newest:
            yield Finding("last_run", run.status != "failed", _ending(run))


def _storage(found: Figures, limits: Limits, machine: Machine) -> Iterator[Finding]:
    most = limits.get("database_size")
    if most is not None:
        text = f"{words.size(found.database_size)}, at most {words.size(most)}"
        yield Finding("database_size", found.database_size <= most, text)
    yield from machine_findings(limits, machine)


def machine_findings(limits: Limits, machine: Machine) -> Iterator[Finding]:
    """Judge the machine alone, which can be done without a database too."""
    for check, free in (("free_disk", machine.disk_free), ("free_memory", machine.memory_free)):
        least = limits.get(check)
        if least is not None:
            text = f"{words.size(free)}, at least {words.size(least)}"
            if check == "free_disk" and not machine.has_database:
                text += " (on this machine; that of the database is not known)"
            yield Finding(check, free >= least, text)
