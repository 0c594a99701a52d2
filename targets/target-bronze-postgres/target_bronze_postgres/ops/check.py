"""``bronze check``: is everything there, fresh and good? If not, it tells people and a command."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import psycopg

from target_bronze_postgres.errors import DatabaseError, ServerError, SettingsError
from target_bronze_postgres.ops import figures, judge, limits, machine, timetable, words
from target_bronze_postgres.ops.context import database_error, one_line
from target_bronze_postgres.ops.form import format_option
from target_bronze_postgres.ops.judge import CHECKS, Finding, Rules

if TYPE_CHECKING:
    from target_bronze_postgres.ops.context import Context

NOTIFY_SECONDS: Final = 60
BREACH: Final = 1


class WrongSettingsError(click.ClickException):
    """A setting is wrong: not a breach, and told apart from one by the exit status."""

    exit_code = 2


@click.command()
@format_option("Lines for people, or JSON for programs.")
@click.option(
    "--limits",
    "limits_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="File of limits, instead of the nearest bronze.yml upwards.",
)
@click.option(
    "--notify",
    metavar="CMD",
    help="Shell command that gets the breaches on its standard input, if there are any.",
)
@click.pass_context
def check(ctx: click.Context, *, form: str, limits_file: Path | None, notify: str | None) -> None:
    """Compare with the limits in bronze.yml, and say what breaches them.

    The limits and their defaults: freshness (schedule + 1 h: the longest pause of the pipeline's
    schedule in meltano.yml and an hour), schedule (24 h: the pause where meltano.yml has none),
    completeness (100%: days asked for or with data, without gaps), accuracy (99%: records as in
    the source, by the last comparison), quality (95%: rows without warning or error), error_rate
    (1% of the records of 7 days), run_time (5 min for the last run of a source), key_life (7 d
    before the key ends), key_ends (a date, where the source does not tell), database_size (off),
    free_disk (1 GB) and free_memory (64 MB). The newest run of an account must not have failed, and
    what bronze.yml names must have landed. "off" switches a limit off; docs/operations.md shows how
    to set one for a source, an account or a stream.

    Exit status 0: all is well. 1: a limit is breached, or the database does not answer; one line
    for each on standard output, and on that of CMD, which has 60 seconds. 2: the command line or a
    setting is wrong.

    JSON is an object: "database" (text), "ok", and "findings", a list of objects with check, ok
    (null: could not be judged), text, source, account and stream (null: of all).
    """
    context: Context = ctx.obj
    try:
        rules = Rules(limits.load(limits_file), timetable.load())
        found = _findings(context, rules)
    except SettingsError as error:
        raise WrongSettingsError(one_line(error).message) from error
    bad = judge.breaches(found)
    click.echo(_as_json(context, found) if form == "json" else _as_text(context, found))
    if bad and notify:
        _notify(notify, "".join(f"{finding.line}\n" for finding in bad))
    ctx.exit(BREACH if bad else 0)


def _findings(context: Context, rules: Rules) -> list[Finding]:
    """Judge everything; a database that does not answer is a breach too, and people hear of it."""
    try:
        with context.connect() as connection:
            found = figures.read(connection)
    except (DatabaseError, ServerError) as error:
        return [Finding("database", False, str(error))]
    except psycopg.Error as error:
        return [Finding("database", False, str(database_error(error, context.target.label)))]
    return judge.judge(found, rules, machine.look(context.target, found))


def _as_json(context: Context, found: list[Finding]) -> str:
    findings = [
        {
            "check": finding.check,
            "ok": finding.ok,
            "text": finding.text,
            "source": finding.source,
            "account": finding.account,
            "stream": finding.stream,
        }
        for finding in found
    ]
    document: dict[str, Any] = {"database": context.target.label, "ok": not judge.breaches(found)}
    return words.as_json(document | {"findings": findings})


def _as_text(context: Context, found: list[Finding]) -> str:
    """One line a breach; if there is none, that all is well and what was looked at."""
    if bad := judge.breaches(found):
        return "\n".join(finding.line for finding in bad)
    lines = [f"All is well: {context.target.label}"]
    for name in CHECKS:
        of_name = [finding for finding in found if finding.check == name]
        if of_name:
            lines.append(f"  {name:14} {_summary(of_name)}")
    return "\n".join(lines)


def _summary(found: list[Finding]) -> str:
    """How many were looked at and how many could not be judged, or the one finding itself."""
    if len(found) == 1:
        return found[0].text
    unknown = [finding for finding in found if finding.ok is None]
    good = [f"{len(found) - len(unknown)} good"] if len(unknown) < len(found) else []
    return ", ".join(good + [f"{len(unknown)} not known: {f.text}" for f in unknown[:1]])


def _notify(command: str, text: str) -> None:
    """Hand the breaches to a command; its own failure is told, and changes no exit status."""
    try:
        done = subprocess.run(  # noqa: S602 - the user's own command line, to be read by a shell
            command, shell=True, input=text, text=True, timeout=NOTIFY_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        click.echo(f"Warning: --notify took over {NOTIFY_SECONDS} seconds and was ended", err=True)
        return
    if done.returncode:
        click.echo(f"Warning: --notify ended with exit status {done.returncode}", err=True)
