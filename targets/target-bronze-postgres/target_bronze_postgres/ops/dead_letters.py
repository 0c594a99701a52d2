"""``bronze dead-letters``: the records that PostgreSQL could not hold as they came."""

from __future__ import annotations

import base64
import json
import os
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from target_bronze_postgres.errors import BronzeError
from target_bronze_postgres.ops import letters, words
from target_bronze_postgres.ops.context import Context
from target_bronze_postgres.ops.escape import escaped, escaped_bytes
from target_bronze_postgres.ops.form import format_option
from target_bronze_postgres.ops.letters import Wanted
from target_bronze_postgres.ops.replay import read_schemas, replay
from target_bronze_postgres.ops.table import table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from target_bronze_postgres.ops.letters import Letter

SHOWN: Final = 10_000
"""Bytes of a letter that are shown unless all are asked for."""
FILTERS: Final = ("source", "account", "stream", "reason")
HEADINGS: Final = ("id", "stream", "reason", "times", "received (UTC)", "status", "error")

_form = format_option("Text for people, or JSON for programs.")


def _filters(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say which letters are meant."""
    for name in reversed(FILTERS):
        text = f"Letters of this {name} alone." if name != "reason" else "Such as not_a_number."
        command = click.option(f"--{name}", metavar="NAME", help=text)(command)
    return command


@click.group(name="dead-letters")
def dead_letters() -> None:
    """List, show, replay and purge records that could not land as they came.

    A dead letter is a RECORD line with its exact bytes, and the reason why PostgreSQL cannot hold
    it. One that could be repaired has landed all the same, as a row with a warning.
    """


@dead_letters.command(name="list")
@_filters
@click.option("--all", "every", is_flag=True, help="Those that landed or were replayed too.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="At most.")
@_form
@click.pass_obj
def list_(
    context: Context, /, *, every: bool, limit: int, form: str, **filters: str | None
) -> None:
    """List the letters that are dead, without their bytes; the oldest of each stream first.

    JSON is an object: "database", "total" (letters that fit the filters) and "letters", a list of
    objects with id, source, account, stream, reason, error, status (dead, landed or replayed),
    times, run_id, received_at and replayed_at.
    """
    wanted = Wanted(names=filters, landed=every)
    with context.connect() as conn:
        found, total = letters.read(conn, wanted, limit), letters.count(conn, wanted)
    if form == "json":
        _echo_json(context, total=total, letters=[_as_json(letter) for letter in found])
        return
    for line in _as_text(found) if found else [f"{context.target.label}: no dead letters"]:
        click.echo(line)
    if total > len(found):
        click.echo(f"{total - len(found)} more: see --limit and the filters")


@dead_letters.command()
@click.argument("number", metavar="ID", type=int)
@click.option("--all", "every", is_flag=True, help=f"All bytes; without it the first {SHOWN:,}.")
@click.option(
    "--output", metavar="FILE", help="Write the exact bytes into a new file that only you may read."
)
@_form
@click.pass_obj
def show(context: Context, *, number: int, every: bool, output: str | None, form: str) -> None:
    r"""Show one letter with its bytes.

    Control characters, marks that turn the writing and bytes that are no UTF-8 are shown as \x1b,
    \u202e and the like, and a backslash as two. JSON has the exact bytes as "message_base64", all
    of them.
    """
    with context.connect() as conn:
        found = letters.read(conn, Wanted(ids=[number], landed=True))
        data = b"".join(letters.messages(conn, [number])) if found else b""
    if not found:
        raise BronzeError(f"There is no dead letter {number}: `bronze dead-letters list --all`")
    if output is not None:
        _write(output, data)
        click.echo(f"{len(data):,} bytes written to {output}")
    elif form == "json":
        _echo_json(context, letter=_as_json(found[0]) | {"message_base64": _base64(data)})
    else:
        _echo_letter(found[0], data, len(data) if every else SHOWN)


@dead_letters.command(name="replay")
@click.argument("numbers", metavar="[ID]...", type=int, nargs=-1)
@_filters
@click.option(
    "--schema",
    "schema_file",
    metavar="FILE",
    help="SCHEMA messages, a line each, as `tap-x --test=schema` writes them. "
    "Default: what the streams were last loaded with.",
)
@_form
@click.pass_context
def replay_(
    ctx: click.Context,
    /,
    *,
    numbers: tuple[int, ...],
    schema_file: str | None,
    form: str,
    **filters: str | None,
) -> None:
    """Load dead letters once more, after the schema or the target was mended.

    They go through the loader as if the tap had sent them again: what lands now is marked as
    replayed, and nothing is written twice. What still cannot land stays, with its reason of now.
    Exit status 1 tells that there is such a one.

    JSON is an object: "database", "run_id", "landed" (ids) and "dead", a list as that of list.
    """
    context = ctx.ensure_object(Context)
    schemas = None if schema_file is None else read_schemas(schema_file)
    with context.connect() as conn:
        found = letters.read(conn, Wanted(numbers, filters))
    done = replay(context.connect, context.target, context.settings, found, schemas)
    if form == "json":
        dead = [_as_json(letter) for letter in done.dead]
        _echo_json(context, run_id=done.run_id, landed=done.landed, dead=dead)
    else:
        click.echo(f"{len(done.landed)} landed, {len(done.dead)} still dead")
        for line in _as_text(done.dead) if done.dead else []:
            click.echo(line)
    ctx.exit(1 if done.dead else 0)


@dead_letters.command(name="purge")
@_filters
@click.option(
    "--older-than",
    "days",
    type=click.IntRange(0, 36_500),
    metavar="DAYS",
    required=True,
    help="Letters that came so many days ago, or earlier.",
)
@click.option("--dead", is_flag=True, help="Those that never landed too: their records are lost.")
@click.option("--dry-run", is_flag=True, help="Count only.")
@_form
@click.pass_obj
def purge_(
    context: Context, /, *, days: int, dead: bool, dry_run: bool, form: str, **filters: str | None
) -> None:
    """Delete old letters: those that landed or were replayed, unless --dead is given.

    The bytes that a repaired record came as are in its letter alone. It takes the tables' owner.

    JSON is an object: "database", "purged" (how many) and "dry_run".
    """
    wanted = Wanted(names=filters, days=days, dead=dead, landed=True)
    with context.connect() as conn:
        purged = letters.count(conn, wanted) if dry_run else letters.purge(conn, wanted)
    if form == "json":
        _echo_json(context, purged=purged, dry_run=dry_run)
    else:
        click.echo(f"{purged} would be purged" if dry_run else f"{purged} purged")


def _as_json(letter: Letter) -> dict[str, Any]:
    return asdict(letter) | {"status": letter.status}


def _echo_json(context: Context, **members: Any) -> None:
    """Write an object; whatever is not ASCII is escaped."""
    document = {"database": context.target.label} | members
    click.echo(json.dumps(document, indent=2, default=_iso))


def _as_text(found: Sequence[Letter]) -> list[str]:
    rows = [
        (
            letter.id,
            f"{letter.source}/{letter.account}/{letter.stream}",
            *(letter.reason, letter.times, words.minute(letter.received_at)),
            *(letter.status, letter.error),
        )
        for letter in found
    ]
    return list(table(HEADINGS, rows, right=("id", "times")))


def _echo_letter(letter: Letter, data: bytes, most: int) -> None:
    for name, value in _as_json(letter).items():
        shown = _iso(value) if isinstance(value, datetime) else value
        click.echo(f"{name}: {escaped(str('-' if shown is None else shown))}")
    click.echo(f"message: {len(data):,} bytes")
    click.echo(escaped_bytes(data[:most]))
    if len(data) > most:
        click.echo(f"... {len(data) - most:,} more bytes: see --all and --output")


def _write(path: str, data: bytes) -> None:
    """Write a new file that only its owner may read.

    Raises:
        BronzeError: It cannot be written, or is there already.
    """
    try:
        descriptor = os.open(Path(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
    except OSError as error:
        raise BronzeError(f"{path} cannot be written: {error.strerror}") from error


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _iso(value: datetime) -> str:
    """Times in UTC, whatever the server's zone."""
    return value.astimezone(UTC).isoformat()
