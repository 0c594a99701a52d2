"""``bronze status``: what has landed, how fresh it is and how good."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, LiteralString

import click
from psycopg import IsolationLevel
from psycopg.rows import class_row

from target_bronze_postgres.db.migrations import check_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import psycopg

    from target_bronze_postgres.ops.context import Context

# Only bronze_ops, and only the columns that the reader role may see. A failed run is no load, but
# the batches before its failure are.
QUERY: Final[LiteralString] = """
SELECT s.source, s.account, s.stream, s.rows, s.rows - s.versions AS records, s.versions,
       greatest(s.last_seen, sums.succeeded_at) AS last_load,
       s.first_source_timestamp::date AS first_day, s.last_source_timestamp::date AS last_day,
       sums.invalid, sums.warnings,
       (SELECT count(*) FROM bronze_ops.dead_letters AS d
        WHERE (d.source, d.account, d.stream) = (s.source, s.account, s.stream)
          AND NOT d.landed AND d.replayed_at IS NULL) AS dead_letters,
       last.run_id, last.status AS run_status, last.started_at AS run_started,
       last.ended_at AS run_ended, last.records_read AS run_records_read,
       last.rows_new AS run_rows_new, last.rows_changed AS run_rows_changed,
       last.rows_unchanged AS run_rows_unchanged, last.tombstones AS run_tombstones,
       last.dead_letters AS run_dead_letters, quota.api_rate_limit_info
FROM bronze_ops.streams AS s
CROSS JOIN LATERAL (
    SELECT coalesce(sum(r.invalid), 0)::bigint AS invalid,
           coalesce(sum(r.warnings), 0)::bigint AS warnings,
           max(r.ended_at) FILTER (WHERE r.status = 'success') AS succeeded_at
    FROM bronze_ops.runs AS r
    WHERE (r.source, r.account, r.stream) = (s.source, s.account, s.stream)
) AS sums
LEFT JOIN LATERAL (
    SELECT r.run_id, r.status, r.started_at, r.ended_at, r.records_read, r.rows_new,
           r.rows_changed, r.rows_unchanged, r.tombstones, r.dead_letters
    FROM bronze_ops.runs AS r
    WHERE (r.source, r.account, r.stream) = (s.source, s.account, s.stream)
    ORDER BY r.started_at DESC LIMIT 1
) AS last ON true
LEFT JOIN LATERAL (
    SELECT r.api_rate_limit_info
    FROM bronze_ops.runs AS r
    WHERE (r.source, r.account, r.stream) = (s.source, s.account, s.stream)
      AND r.api_rate_limit_info IS NOT NULL
    ORDER BY r.started_at DESC LIMIT 1
) AS quota ON true
ORDER BY s.source, s.account, s.stream
"""

HEADINGS: Final = (
    "stream", "rows", "records", "versions", "last load (UTC)", "age", "first day", "last day",
    "valid", "dead", "last run",
)  # fmt: skip
RUN_HEADINGS: Final = (
    "stream", "read", "new", "changed", "unchanged", "deleted", "dead", "first day", "last day",
    "run (UTC)", "ended",
)  # fmt: skip
LEFT: Final = frozenset({"stream", "last run", "ended"})
UNITS: Final = (("d", 86_400), ("h", 3_600), ("min", 60))


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """One stream of one account, as the operations tables tell it.

    Attributes:
        rows: Rows in the bronze table: records and their later versions, tombstones too.
        records: Distinct records (lineages).
        versions: Rows that are later versions of a record.
        last_load: When the last batch came, or the newest successful run ended.
        first_day: UTC day of the earliest source timestamp, null for undated streams.
        last_day: UTC day of the latest one.
        invalid: Rows of all runs that do not fit their schema.
        warnings: Rows of all runs that landed with a warning.
        dead_letters: Records that did not land and were not replayed since.
        run_id: The newest run, with its status, start and end (null while it runs), and its
            counts: records read = new + changed + unchanged + dead letters, and tombstones.
        api_rate_limit_info: What the source last said of its quota.
    """

    source: str
    account: str
    stream: str
    rows: int
    records: int
    versions: int
    last_load: datetime
    first_day: date | None
    last_day: date | None
    invalid: int
    warnings: int
    dead_letters: int
    run_id: str | None
    run_status: str | None
    run_started: datetime | None
    run_ended: datetime | None
    run_records_read: int | None
    run_rows_new: int | None
    run_rows_changed: int | None
    run_rows_unchanged: int | None
    run_tombstones: int | None
    run_dead_letters: int | None
    api_rate_limit_info: Any

    @property
    def quality(self) -> float | None:
        """The share of rows that are plainly valid, 0 to 1; null without rows."""
        if self.rows == 0:
            return None
        return max(0.0, 1 - (self.invalid + self.warnings) / self.rows)

    def age(self, now: datetime) -> int:
        """Seconds since the last load."""
        return max(0, int((now - self.last_load).total_seconds()))


@click.command()
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="A table for people, or JSON for programs.",
)
@click.option(
    "--last-run",
    is_flag=True,
    help="Show what the newest run of each account did, instead of all that has landed.",
)
@click.pass_obj
def status(context: Context, *, form: str, last_run: bool) -> None:
    """Show per stream what has landed, how fresh and how good it is.

    Records are distinct things of the source, versions are later states of them, rows are both.
    Valid is the share of rows without warning or error; dead are records that could not land.

    With --last-run: records read, and how many of them were new, changed, unchanged, deleted at
    the source or dead. A stream that the newest run did not read has a dash.

    JSON is an object: "database" (text), "at" (time) and "streams", a list of objects with source,
    account, stream, rows, records, versions, last_load, age_seconds, first_day, last_day, invalid,
    warnings, quality (0 to 1), dead_letters, run_id, run_status, run_started, run_ended,
    run_records_read, run_rows_new, run_rows_changed, run_rows_unchanged, run_tombstones,
    run_dead_letters and api_rate_limit_info. Times are ISO 8601 in UTC; what is not known is
    null. Names stay, new ones may come.
    """
    with context.connect() as connection:
        streams = read_status(connection)
    label, now = context.target.label, datetime.now(UTC)
    if form == "json":
        click.echo(as_json(streams, label, now))
    else:
        click.echo(runs_as_text(streams, label) if last_run else as_text(streams, label, now))


def read_status(connection: psycopg.Connection[Any]) -> list[StreamStatus]:
    """Read all streams in one read-only transaction; none in a database without bronze tables.

    Raises:
        SchemaVersionError: The tables are newer than this program.
    """
    connection.read_only = True
    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    with connection.transaction(), connection.cursor(row_factory=class_row(StreamStatus)) as cursor:
        if not check_version(connection):
            return []
        return cursor.execute(QUERY).fetchall()


def as_json(streams: Iterable[StreamStatus], label: str, now: datetime) -> str:
    """The stable form; the help of ``bronze status`` names its members."""
    documents = [
        asdict(stream) | {"quality": stream.quality, "age_seconds": stream.age(now)}
        for stream in streams
    ]
    document = {"database": label, "at": now, "streams": documents}
    return json.dumps(document, indent=2, ensure_ascii=False, default=_iso)


def as_text(streams: Sequence[StreamStatus], label: str, now: datetime) -> str:
    """One table a source and account, on lines of 80 to 120 columns."""
    tables = _tables(label, HEADINGS, streams, lambda members: [_cells(s, now) for s in members])
    return "\n".join(tables)


def runs_as_text(streams: Sequence[StreamStatus], label: str) -> str:
    """What the newest run of each source and account did, in one table each, and the sum."""
    tables = _tables(label, RUN_HEADINGS, streams, _run_rows)
    return "\n".join([*tables, *_written(streams)])


def _tables(
    label: str,
    headings: Sequence[str],
    streams: Sequence[StreamStatus],
    rows_of: Callable[[list[StreamStatus]], list[tuple[str, ...]]],
) -> Iterator[str]:
    """Yield the lines of one table a source and account, all of the same widths."""
    if not streams:
        yield f"{label}: nothing loaded yet"
        return
    groups = [list(g) for _, g in groupby(streams, key=lambda s: (s.source, s.account))]
    tables = [rows_of(members) for members in groups]
    every = [headings, *(row for table in tables for row in table)]
    widths = [max(map(len, column)) for column in zip(*every, strict=True)]
    yield label
    for members, table in zip(groups, tables, strict=True):
        yield from ("", f"{members[0].source} / {members[0].account}")
        yield from (_line(headings, row, widths) for row in [headings, *table])
        yield from _quota(members)


def _cells(stream: StreamStatus, now: datetime) -> tuple[str, ...]:
    """A stream as texts, in the order of the headings."""
    return (
        stream.stream,
        *(f"{count:,}" for count in (stream.rows, stream.records, stream.versions)),
        f"{stream.last_load.astimezone(UTC):%Y-%m-%d %H:%M}",
        _age(stream.age(now)),
        str(stream.first_day or "-"),
        str(stream.last_day or "-"),
        "-" if stream.quality is None else _percent(stream.quality),
        f"{stream.dead_letters:,}",
        stream.run_status or "-",
    )


def _run_rows(members: list[StreamStatus]) -> list[tuple[str, ...]]:
    """The streams of one account as texts, in the order of the headings of runs."""
    newest = _newest(members)
    return [_run_cells(stream, took_part=stream.run_id == newest) for stream in members]


def _newest(members: Iterable[StreamStatus]) -> str | None:
    """The id of the newest run of an account."""
    started = [(s.run_started, s.run_id) for s in members if s.run_started]
    return max(started)[1] if started else None


def _run_cells(stream: StreamStatus, *, took_part: bool) -> tuple[str, ...]:
    """What a run did with a stream, as texts."""
    counts = (
        stream.run_records_read,
        stream.run_rows_new,
        stream.run_rows_changed,
        stream.run_rows_unchanged,
        stream.run_tombstones,
        stream.run_dead_letters,
    )
    started = stream.run_started
    return (
        stream.stream,
        *(f"{count or 0:,}" if took_part else "-" for count in counts),
        str(stream.first_day or "-"),
        str(stream.last_day or "-"),
        f"{started.astimezone(UTC):%Y-%m-%d %H:%M}" if started else "-",
        stream.run_status or "-",
    )


def _written(streams: Sequence[StreamStatus]) -> Iterator[str]:
    """What the newest runs wrote, all accounts together."""
    accounts = [list(g) for _, g in groupby(streams, key=lambda s: (s.source, s.account))]
    told = [s for members in accounts for s in members if s.run_id == _newest(members)]
    new = sum(s.run_rows_new or 0 for s in told)
    changed = sum(s.run_rows_changed or 0 for s in told)
    gone = sum(s.run_tombstones or 0 for s in told)
    if told and not new + changed + gone:
        yield "\nThe last runs wrote 0 rows: every record was there already."
    elif told:
        yield f"\nThe last runs: {new:,} records new, {changed:,} changed, {gone:,} deleted."


def _age(seconds: int) -> str:
    """Seconds in the greatest unit that gives a whole number."""
    return next((f"{seconds // size} {unit}" for unit, size in UNITS if seconds >= size), "now")


def _percent(share: float) -> str:
    """Never 100% while anything is amiss."""
    return "100%" if share == 1 else f"{math.floor(share * 1000) / 10:.1f}%"


def _line(headings: Sequence[str], cells: Sequence[str], widths: Sequence[int]) -> str:
    """Numbers stand to the right, names to the left."""
    aligned = (
        cell.ljust(width) if heading in LEFT else cell.rjust(width)
        for heading, cell, width in zip(headings, cells, widths, strict=True)
    )
    return "  ".join(aligned).rstrip()


def _quota(streams: Iterable[StreamStatus]) -> Iterator[str]:
    """What the source last said of its quota, in any of the streams."""
    told = [s for s in streams if isinstance(s.api_rate_limit_info, dict) and s.run_started]
    if told:
        newest = max(told, key=lambda stream: stream.run_started or stream.last_load)
        facts = ", ".join(f"{name} {value}" for name, value in newest.api_rate_limit_info.items())
        yield f"API quota last seen: {facts}"


def _iso(value: datetime | date) -> str:
    """Times in UTC, whatever the server's zone."""
    return (value.astimezone(UTC) if isinstance(value, datetime) else value).isoformat()
