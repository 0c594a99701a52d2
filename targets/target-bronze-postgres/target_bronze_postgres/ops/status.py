"""``bronze status``: what has landed, how fresh it is and how good."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from target_bronze_postgres.ops import figures, words
from target_bronze_postgres.ops.days import count
from target_bronze_postgres.ops.form import format_option

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from target_bronze_postgres.ops.context import Context
    from target_bronze_postgres.ops.figures import Account, Figures, Stream

HEADINGS: Final = (
    "stream", "rows", "records", "versions", "last load (UTC)", "age", "first day", "last day",
    "valid", "dead", "last run",
)  # fmt: skip
RUN_HEADINGS: Final = (
    "stream", "read", "new", "changed", "unchanged", "deleted", "dead", "first day", "last day",
    "run (UTC)", "ended",
)  # fmt: skip
LEFT: Final = frozenset({"stream", "last run", "ended"})
OF_A_STREAM: Final = (
    "source", "account", "stream", "rows", "records", "versions", "last_load", "first_day",
    "last_day", "invalid", "warnings", "tombstones", "dead_letters", "run_id", "run_status",
    "run_started", "run_ended", "run_records_read", "run_rows_new", "run_rows_changed",
    "run_rows_unchanged", "run_tombstones", "run_dead_letters", "api_rate_limit_info", "quality",
    "accuracy", "reconciled_at", "missing", "changed", "vanished",
)  # fmt: skip
OF_AN_ACCOUNT: Final = (
    "source", "account", "last_answer", "quota", "quota_seen_at", "key_ends_at",
)  # fmt: skip


@click.command()
@format_option("A table for people, or JSON for programs.")
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
    Below each account stand its quota and the end of its key, as the source said last, the days
    that were never asked for, and what the last comparison with the source found.

    With --last-run: records read, and how many of them were new, changed, unchanged, deleted at
    the source or dead. A stream that the newest run did not read has a dash.

    JSON is an object: "database" (text), "at" (time), "database_size" (bytes), "accounts", a list
    of objects with source, account, last_answer, quota, quota_seen_at and key_ends_at, and
    "streams", a list of objects with source, account, stream, rows, records, versions, last_load,
    age_seconds, first_day, last_day, invalid, warnings, quality (0 to 1), tombstones,
    dead_letters, run_id, run_status, run_started, run_ended, run_records_read, run_rows_new,
    run_rows_changed, run_rows_unchanged, run_tombstones, run_dead_letters, api_rate_limit_info,
    days_with_data, days_empty and days_missing (never asked for), completeness (0 to 1), and, of
    the last comparison, reconciled_at, accuracy (0 to 1), missing, changed and vanished. Times are
    ISO 8601 in UTC; what is not known is null. Names stay, new ones may come.
    """
    with context.connect() as connection:
        found = figures.read(connection)
    label = context.target.label
    if form == "json":
        click.echo(words.as_json(as_document(found, label)))
    else:
        click.echo(runs_as_text(found, label) if last_run else as_text(found, label))


def as_document(found: Figures, label: str) -> dict[str, Any]:
    """The stable form; the help of ``bronze status`` names its members."""
    return {
        "database": label,
        "at": found.at,
        "database_size": found.database_size,
        "accounts": [
            {name: getattr(account, name) for name in OF_AN_ACCOUNT} for account in found.known
        ],
        "streams": [stream_document(stream, found.at) for stream in found.streams],
    }


def stream_document(stream: Stream, now: datetime) -> dict[str, Any]:
    """A stream's figures under their names in JSON."""
    days = stream.days
    return {name: getattr(stream, name) for name in OF_A_STREAM} | {
        "age_seconds": stream.age(now),
        "days_with_data": count(days.data),
        "days_empty": count(days.empty) if days.told else None,
        "days_missing": count(days.missing) if days.told else None,
        "completeness": days.completeness,
    }


def as_text(found: Figures, label: str) -> str:
    """One table a source and account, on lines of 80 to 120 columns."""
    now = found.at
    return "\n".join(
        _tables(label, HEADINGS, found, lambda members: [_cells(s, now) for s in members], _facts)
    )


def runs_as_text(found: Figures, label: str) -> str:
    """What the newest run of each source and account did, in one table each, and the sum."""
    tables = _tables(label, RUN_HEADINGS, found, _run_rows, _source_facts)
    return "\n".join([*tables, *_written(found.streams)])


def _tables(
    label: str,
    headings: Sequence[str],
    found: Figures,
    rows_of: Callable[[Sequence[Stream]], list[tuple[str, ...]]],
    facts_of: Callable[[Account], Iterable[str]],
) -> Iterator[str]:
    """Yield the lines of one table a source and account, all of the same widths."""
    accounts = [account for account in found.accounts if account.streams]
    if not accounts:
        yield f"{label}: nothing loaded yet"
        return
    tables = [rows_of(account.streams) for account in accounts]
    every = [headings, *(row for table in tables for row in table)]
    widths = [max(map(len, column)) for column in zip(*every, strict=True)]
    yield label
    for account, table in zip(accounts, tables, strict=True):
        yield from ("", f"{account.source} / {account.account}")
        yield from (_line(headings, row, widths) for row in [headings, *table])
        yield from facts_of(account)


def _cells(stream: Stream, now: datetime) -> tuple[str, ...]:
    """A stream as texts, in the order of the headings."""
    return (
        stream.stream,
        *(f"{number:,}" for number in (stream.rows, stream.records, stream.versions)),
        words.minute(stream.last_load),
        words.age(stream.age(now)),
        str(stream.first_day or "-"),
        str(stream.last_day or "-"),
        "-" if stream.quality is None else words.percent(stream.quality),
        f"{stream.dead_letters:,}",
        stream.run_status or "-",
    )


def _facts(account: Account) -> Iterator[str]:
    """What is known of an account and does not fit into the table."""
    yield from _source_facts(account)
    for stream in account.streams:
        yield from _day_facts(stream)
        yield from _comparison(stream)


def _source_facts(account: Account) -> Iterator[str]:
    if account.quota:
        yield f"API quota last seen: {words.quota(account.quota)}"
    if account.key_ends_at:
        yield f"The key ends on {words.minute(account.key_ends_at)} UTC: make a new one"


def _day_facts(stream: Stream) -> Iterator[str]:
    missing = stream.days.missing
    if missing:
        first, last = missing[0]
        days = words.plural(count(missing), "day")
        where = str(first) if first == last else f"{first} to {last}"
        more = f" and {words.plural(len(missing) - 1, 'more gap')}" if missing[1:] else ""
        yield f"{stream.stream}: {days} never asked for: {where}{more}"


def _comparison(stream: Stream) -> Iterator[str]:
    if stream.accuracy is not None:
        yield (
            f"{stream.stream}: {words.percent(stream.accuracy)} of {stream.records_source:,} "
            f"records as in the source on {words.minute(stream.reconciled_at)} UTC "
            f"(missing {stream.missing:,}, changed {stream.changed:,}, "
            f"vanished {stream.vanished:,})"
        )


def _run_rows(members: Sequence[Stream]) -> list[tuple[str, ...]]:
    """The streams of one account as texts, in the order of the headings of runs."""
    newest = _newest(members)
    return [_run_cells(stream, took_part=stream.run_id == newest) for stream in members]


def _newest(members: Iterable[Stream]) -> str | None:
    """The id of the newest run of an account."""
    started = [(s.run_started, s.run_id) for s in members if s.run_started]
    return max(started)[1] if started else None


def _run_cells(stream: Stream, *, took_part: bool) -> tuple[str, ...]:
    """What a run did with a stream, as texts."""
    counts = (
        stream.run_records_read,
        stream.run_rows_new,
        stream.run_rows_changed,
        stream.run_rows_unchanged,
        stream.run_tombstones,
        stream.run_dead_letters,
    )
    return (
        stream.stream,
        *(f"{number or 0:,}" if took_part else "-" for number in counts),
        str(stream.first_day or "-"),
        str(stream.last_day or "-"),
        words.minute(stream.run_started),
        stream.run_status or "-",
    )


def _written(streams: Sequence[Stream]) -> Iterator[str]:
    """What the newest runs wrote, all accounts together."""
    told = [s for group in figures.by_account(streams) for s in group if s.run_id == _newest(group)]
    new = sum(s.run_rows_new or 0 for s in told)
    changed = sum(s.run_rows_changed or 0 for s in told)
    gone = sum(s.run_tombstones or 0 for s in told)
    if told and not new + changed + gone:
        yield "\nThe last runs wrote 0 rows: every record was there already."
    elif told:
        yield f"\nThe last runs: {new:,} records new, {changed:,} changed, {gone:,} deleted."


def _line(headings: Sequence[str], cells: Sequence[str], widths: Sequence[int]) -> str:
    """Numbers stand to the right, names to the left."""
    aligned = (
        cell.ljust(width) if heading in LEFT else cell.rjust(width)
        for heading, cell, width in zip(headings, cells, widths, strict=True)
    )
    return "  ".join(aligned).rstrip()
