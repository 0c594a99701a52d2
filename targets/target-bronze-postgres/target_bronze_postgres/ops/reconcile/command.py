"""``bronze reconcile``."""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final

import click

from target_bronze_postgres.db.migrations import migrate
from target_bronze_postgres.errors import SettingsError, TapError
from target_bronze_postgres.load.run import Run
from target_bronze_postgres.ops.form import format_option
from target_bronze_postgres.ops.heads import orphans
from target_bronze_postgres.ops.heads.places import places
from target_bronze_postgres.ops.reconcile import cost, fixing, reach, store, vanished
from target_bronze_postgres.ops.reconcile.comparing import Comparer
from target_bronze_postgres.ops.reconcile.days import Days, read_day
from target_bronze_postgres.ops.reconcile.report import EXAMPLES, Line, Report, cost_line
from target_bronze_postgres.ops.reconcile.tap import Tap

if TYPE_CHECKING:
    import psycopg

    from target_bronze_postgres.ops.context import Context
    from target_bronze_postgres.ops.heads.places import Place
    from target_bronze_postgres.ops.reconcile.store import Compared, Comparison
    from target_bronze_postgres.ops.reconcile.vanished import Vanished

    Connection = psycopg.Connection[Any]

UNFINISHED: Final = 3
EVERY: Final = 5.0
"""Seconds between two lines of progress."""


class Day(click.ParamType[date]):
    """A day such as 2024-01-31."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Read it."""
        try:
            return value if isinstance(value, date) else read_day(value)
        except ValueError:
            self.fail(f"{value!r} is no day such as 2024-01-31", param, ctx)


@click.command()
@click.argument("source")
@click.option("--start", type=Day(), required=True, help="First day to compare, in UTC.")
@click.option("--end", type=Day(), help="Last day to compare; today if not given.")
@click.option("--plugin", help="Meltano extractor that reads the source.  [default: tap-SOURCE]")
@click.option(
    "--tap",
    "command",
    help="Command line of the tap, instead of Meltano; --config and --state are added to it.",
)
@click.option("--fix", is_flag=True, help="Load what is missing or changed; mend heads.")
@click.option("--deletions", is_flag=True, help="With --fix: mark what vanished as deleted.")
@click.option(
    "--afresh", is_flag=True, help="Begin anew, not where a spent quota cut the last one."
)
@click.option("--cost", "only_cost", is_flag=True, help="Only say what it would cost.")
@format_option("A table for people, or JSON for programs.")
@click.pass_obj
def reconcile(  # noqa: PLR0913 - a command's options
    context: Context,
    *,
    source: str,
    start: date,
    end: date | None,
    plugin: str | None,
    command: str | None,
    fix: bool,
    deletions: bool,
    afresh: bool,
    only_cost: bool,
    form: str,
) -> None:
    """Read days of SOURCE afresh, and tell what is missing in bronze, changed, or vanished there.

    The tap reads these days with an empty STATE, after a line that says how many requests that
    takes. Where the quota is spent the comparison stops, and the same command goes on later.
    Records are compared by content, as the loader does; what the source changed since the last
    load counts as changed. Only what lies in these days is compared, and records without a time;
    full tables, which the tap reads whole, are compared whole. Vanished is told of streams alone
    that were read to their end.

    --fix loads what differs through the loader, so that a month that was deleted by hand comes
    back. What vanished is only marked as deleted with --deletions as well: look at it first.

    Exit status: 0 if nothing is wrong (any more), 1 if something differs, 2 for wrong usage, 3 if
    nothing differs in what was read, but not all was.

    JSON is an object: "source", "first_day", "last_day", "whole", "differences_left",
    "heads_without_row" (number by month), "heads_mended" and "streams", a list of objects with
    account, stream, source, bronze, missing, changed, vanished, is_whole, examples, loaded, buried
    and note.
    """
    days = _days(start, end)
    if deletions and not fix:
        raise click.UsageError("--deletions goes with --fix")
    if context.settings.stream_maps:
        raise SettingsError(
            "stream_maps of the target change records on their way, so they cannot be compared "
            "with the source: put stream maps into the tap's settings"
        )
    tap = Tap(plugin or f"tap-{source}", command)
    with context.connect() as connection:
        migrate(connection)
        (place,) = places(connection, source)
        _tell_cost(connection, place, days, tap)
        if only_cost:
            return
        comparison = store.begin(connection, source, days, tap.label, afresh=afresh)
        comparer = _read(connection, context, comparison, tap)
        reconciler = Reconciler(connection, context, comparison, comparer)
        report = reconciler.conclude(fix=fix, deletions=deletions)
    click.echo(report.as_json() if form == "json" else "\n".join(report.as_text()))
    sys.exit(1 if report.left else 0 if report.is_whole else UNFINISHED)


def _days(start: date, end: date | None) -> Days:
    today = datetime.now(UTC).date()
    days = Days(start, end or today)
    if days.number < 1:
        raise click.UsageError(f"--start {start} is after --end {days.last}")
    return days


def _tell_cost(conn: Connection, place: Place, days: Days, tap: Tap) -> None:
    found = cost.estimate(conn, place, days.asked, datetime.now(UTC).date())
    click.echo(cost_line(found, days.asked, tap.label, cost.quota(conn, place.source)), err=True)


def _read(conn: Connection, context: Context, comparison: Comparison, tap: Tap) -> Comparer:
    """Read the tap to its end, and keep what was found.

    Raises:
        TapError: It failed before it named a stream.
    """
    if comparison.state:
        click.echo(f"Going on with the comparison of {comparison.started_at:%F %R} UTC.", err=True)
    by_source = {place.source: place for place in places(conn)}
    told = time.monotonic()

    def progress(records: int) -> None:
        nonlocal told
        if time.monotonic() - told >= EVERY:
            told = time.monotonic()
            click.echo(f"{records:,} records read", err=True)

    comparer = Comparer(conn, Run(context.settings), comparison, by_source, progress)
    with tap.reading(comparison.days.asked, comparison.state) as process:
        if process.stdout:
            for line in process.stdout:
                comparer.take(line)
        comparer.finish()
        comparer.status = process.wait()
    if comparer.status:
        why = f"{tap.label} ended with status {comparer.status}: its own lines say why"
        if not comparison.streams:
            raise TapError(why)
        click.echo(f"{why}; what was read is kept, and the same command goes on", err=True)
    return comparer


def _line_of(compared: Compared) -> Line:
    """What an earlier run found of a stream that it read to its end."""
    source, bronze, missing, changed, gone, buried = compared.numbers
    key = compared.key
    return Line(
        key.account,
        key.stream,
        source,
        bronze,
        missing,
        changed,
        gone,
        is_whole=True,
        loaded=compared.fixed,
        buried=buried,
    )


class Reconciler:
    """Draws the conclusions: what differs in each stream, and mends it where that is wanted."""

    def __init__(
        self, conn: Connection, context: Context, comparison: Comparison, comparer: Comparer
    ) -> None:
        """Conclude a comparison that was read as far as it went."""
        self._conn = conn
        self._context = context
        self._comparison = comparison
        self._comparer = comparer
        self._gone: dict[int, list[Vanished]] = defaultdict(list)

    def conclude(self, *, fix: bool, deletions: bool) -> Report:
        """Find out what differs, mend it, and close the streams that were read to their ends."""
        open_streams = self._comparison.open
        for compared in open_streams:
            if reach.is_whole(compared.key, self._comparison.state, self._comparer):
                store.note_whole(self._conn, compared)
        ended = [_line_of(one) for one in self._comparison.streams.values() if one.has_ended]
        lines = [self._line(compared) for compared in open_streams]
        report = Report(
            self._comparison.source,
            self._comparison.days,
            [*ended, *lines],
            goes_on=reach.goes_on(self._comparison.state),
        )
        if fix:
            report.mended = fixing.mend_heads(self._conn, self._places())
            self._fix(lines, open_streams, deletions=deletions)
        for line, compared in zip(lines, open_streams, strict=True):
            if compared.read_whole:
                store.end(self._conn, compared, line.numbers, fixed=line.loaded)
            elif not report.goes_on:
                store.drop(self._conn, compared)
        report.orphans = self._orphans()
        return report

    def _places(self) -> list[Place]:
        named = {compared.key.source for compared in self._comparison.streams.values()}
        named.add(self._comparison.source)
        return [place for place in places(self._conn) if place.source in named]

    def _place(self, compared: Compared) -> Place | None:
        return next((p for p in self._places() if p.source == compared.key.source), None)

    def _line(self, compared: Compared) -> Line:
        key, place = compared.key, self._place(compared)
        days: Days | None = None if key in self._comparer.versioned else self._comparison.days
        counts = store.counts(self._conn, compared)
        living, note = 0, ""
        first = reach.earliest(key, self._comparison.started_at.date())
        if days and first and first > days.first:
            days = days.since(first)
            note = f"the source does not reach back before {first}: earlier days are left out"
        if place is not None and (days is None or days.number > 0):
            living = vanished.count_living(self._conn, place, compared, days)
            if compared.read_whole:
                started = self._comparison.started_at
                found = vanished.find(self._conn, place, compared, days, started)
                self._gone[compared.id] = found
        numbers = (counts.get("missing", 0), counts.get("changed", 0))
        return Line(
            key.account,
            key.stream,
            counts.get("same", 0) + sum(numbers),
            living,
            *numbers,
            len(self._gone[compared.id]),
            compared.read_whole,
            self._examples(compared, numbers),
            note=note,
        )

    def _examples(self, compared: Compared, numbers: tuple[int, int]) -> dict[str, list[str]]:
        examples = {
            word: store.examples(self._conn, compared, word, EXAMPLES)
            for word, number in zip(("missing", "changed"), numbers, strict=True)
            if number
        }
        if gone := self._gone[compared.id]:
            examples["vanished"] = [one.lineage_id for one in gone[:EXAMPLES]]
        return examples

    def _fix(self, lines: list[Line], streams: list[Compared], *, deletions: bool) -> None:
        differing = [
            compared
            for line, compared in zip(lines, streams, strict=True)
            if line.missing or line.changed
        ]
        if differing:
            fixing.load_differing(self._conn, self._context, differing)
        for line, compared in zip(lines, streams, strict=True):
            line.loaded = compared in differing
            if deletions:
                self._bury(line, compared)

    def _bury(self, line: Line, compared: Compared) -> None:
        place, gone = self._place(compared), self._gone[compared.id]
        if place is None or not gone:
            return
        if not line.source:
            line.note = (
                "the source sent nothing at all, which rather means trouble there: nothing was "
                "marked as deleted"
            )
            return
        started = self._comparison.started_at
        line.buried = fixing.bury(self._conn, self._context, place, compared.key, gone, started)

    def _orphans(self) -> dict[str, int]:
        found: dict[str, int] = defaultdict(int)
        for place in self._places():
            for month, number in orphans.count(self._conn, place.source, place.identifier).items():
                found[month] += number
        return dict(sorted(found.items()))
