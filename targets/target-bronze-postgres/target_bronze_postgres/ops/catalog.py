"""``bronze catalog``: what each stream is, as a page for people or as JSON."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from target_bronze_postgres.ops import figures, words
from target_bronze_postgres.ops.days import count
from target_bronze_postgres.ops.status import stream_document

if TYPE_CHECKING:
    from collections.abc import Iterator

    from target_bronze_postgres.ops.context import Context
    from target_bronze_postgres.ops.figures import Figures, Stream


@click.command()
@click.option(
    "--format",
    "form",
    type=click.Choice(["markdown", "json"]),
    default="markdown",
    show_default=True,
    help="A page for people, or JSON for programs.",
)
@click.pass_obj
def catalog(context: Context, *, form: str) -> None:
    """List the streams that have landed: where, how much, and which fields.

    The page has, for each source, its table, and for each stream its key, counts, days, quality and
    fields with their types. Fields that no schema named are marked: the source has begun to send
    them. No record is read.

    JSON is an object: "database" (text), "at" (time) and "streams", a list of objects with all that
    "bronze status --format json" has of a stream, and table, key_properties, first_seen,
    unknown_fields and json_schema.
    """
    with context.connect() as connection:
        found = figures.read(connection)
    label = context.target.label
    click.echo(_as_json(found, label) if form == "json" else as_markdown(found, label))


def _as_json(found: Figures, label: str) -> str:
    streams = [
        stream_document(stream, found.at)
        | {
            "table": stream.table,
            "key_properties": stream.key_properties,
            "first_seen": stream.first_seen,
            "unknown_fields": stream.unknown_fields,
            "json_schema": stream.json_schema,
        }
        for stream in found.streams
    ]
    return words.as_json({"database": label, "at": found.at, "streams": streams})


def as_markdown(found: Figures, label: str) -> str:
    """The catalog as a page."""
    return "\n".join(_page(found, label)).rstrip()


def _page(found: Figures, label: str) -> Iterator[str]:
    yield from ("# Catalog", "", f"{_plain(label)}, {words.minute(found.at)} UTC.", "")
    if not found.streams:
        yield "Nothing has been loaded yet."
    for streams in figures.by_account(found.streams):
        first = streams[0]
        yield from (f"## {_plain(first.source)} / {_plain(first.account)}", "")
        yield from (f"Table {_code(first.table)}.", "")
        for stream in streams:
            yield from _section(stream, found)


def _section(stream: Stream, found: Figures) -> Iterator[str]:
    yield from (f"### {_plain(stream.stream)}", "")
    yield from ("| | |", "|---|---|")
    for name, value in _facts(stream, found):
        yield f"| {name} | {value} |"
    yield ""
    fields = list(_fields(stream))
    if fields:
        yield from ("| field | type | what it is |", "|---|---|---|", *fields, "")


def _facts(stream: Stream, found: Figures) -> Iterator[tuple[str, str]]:
    yield "key", ", ".join(map(_code, stream.key_properties)) or "none: a record is its content"
    yield "records", f"{stream.records:,}"
    yield "rows", f"{stream.rows:,}, {stream.versions:,} of them later versions"
    yield "deleted", f"{stream.tombstones:,} times"
    yield "dead letters", f"{stream.dead_letters:,}"
    yield "valid", "-" if stream.quality is None else words.percent(stream.quality)
    if stream.first_day:
        yield "from", f"{stream.first_day} to {stream.last_day}"
    days = stream.days
    yield (
        "days",
        (
            f"{count(days.data):,} with data"
            + (f", {count(days.empty):,} asked and empty" if days.told else "")
            + (f", {count(days.missing):,} never asked for" if days.told else "")
        ),
    )
    if stream.accuracy is not None:
        on = words.minute(stream.reconciled_at)
        yield "accuracy", f"{words.percent(stream.accuracy)} on {on} UTC"
    age = words.age(stream.age(found.at))
    yield "last load", f"{words.minute(stream.last_load)} UTC, {age} ago".replace("now ago", "now")
    yield "first seen", f"{words.minute(stream.first_seen)} UTC"


def _fields(stream: Stream) -> Iterator[str]:
    """The fields of the schema, then those that it does not name."""
    schema = stream.json_schema if isinstance(stream.json_schema, dict) else {}
    properties = schema.get("properties")
    # JSONB keeps no order of its own worth showing.
    for name, declared in sorted((properties if isinstance(properties, dict) else {}).items()):
        about = declared if isinstance(declared, dict) else {}
        meaning = about.get("description")
        text = _plain(meaning) if isinstance(meaning, str) else ""
        yield f"| {_code(name)} | {_type(about)} | {text} |"
    for name in stream.unknown_fields:
        yield f"| {_code(name)} | - | not in the schema |"


def _type(declared: dict[str, Any]) -> str:
    """The types of a field, in words; ``any`` where the schema allows all."""
    kinds = declared.get("type", "any")
    names = kinds if isinstance(kinds, list) else [kinds]
    return _plain(", ".join(str(name) for name in names))


def _plain(text: str) -> str:
    """Text that Markdown, and HTML in it, takes for text."""
    escaped = re.sub(r"([\\`*_{}\[\]<>#|~&])", r"\\\1", " ".join(text.split()))
    return escaped or "(empty)"


def _code(text: str) -> str:
    """A name as code; a name with a backtick in it as text."""
    line = " ".join(text.split()).replace("|", r"\|")
    return _plain(text) if "`" in line or not line else f"`{line}`"
