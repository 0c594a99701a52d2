"""``bronze schedules``: crontab lines or systemd units for the schedules of ``meltano.yml``."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from target_bronze_postgres.errors import BronzeError
from target_bronze_postgres.ops.form import format_option
from target_bronze_postgres.ops.schedules.crontab import crontab
from target_bronze_postgres.ops.schedules.plan import (
    Plan,
    Schedule,
    find_program,
    project_folder,
    read_schedules,
    search_path,
)
from target_bronze_postgres.ops.schedules.units import DATABASE, units
from target_bronze_postgres.ops.table import table

if TYPE_CHECKING:
    from target_bronze_postgres.ops.context import Context

MAINTAIN: Final = "30 3 * * 0"
BACKUP: Final = "30 4 * * 0"
"""Sunday nights, between runs every six hours."""
LONG: Final = 12 * 3600
"""Seconds that these may take."""
GRACE: Final = 300
"""Seconds between being told to stop and being killed; the target takes five to commit."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says."""

    environment: str | None
    timeout: int
    notify: str | None
    backups: str
    keep: int


@click.command()
@click.option("--crontab", "is_crontab", is_flag=True, help="Print lines for `crontab -e`.")
@click.option(
    "--systemd",
    "directory",
    metavar="DIR",
    help="Write units into a folder, such as ~/.config/systemd/user.",
)
@click.option("--environment", metavar="NAME", help="Meltano's environment. Default: its own.")
@click.option(
    "--timeout",
    type=click.IntRange(1, 10_080),
    default=120,
    show_default=True,
    metavar="MINUTES",
    help="A run that takes longer is stopped; the next one goes on from there.",
)
@click.option("--notify", metavar="CMD", help="What `bronze check` gives its breaches to.")
@click.option(
    "--backups",
    default="data/backups/",
    show_default=True,
    metavar="DIR",
    help="Where the weekly backups go.",
)
@click.option(
    "--keep", type=click.IntRange(1), default=8, show_default=True, help="Backups that are kept."
)
@format_option("How to show what is run when neither a crontab nor units are asked for.")
@click.pass_obj
def schedules(  # noqa: PLR0913 - a parameter an option
    context: Context,
    /,
    *,
    is_crontab: bool,
    directory: str | None,
    form: str,
    environment: str | None,
    timeout: int,
    notify: str | None,
    backups: str,
    keep: int,
) -> None:
    """Have cron or systemd run the schedules of meltano.yml, which Meltano itself does not.

    Each schedule is `meltano run` of its job with a run id of its own, followed by `bronze check`;
    `bronze maintain` and `bronze backup` come on Sunday nights. Files are for you alone (umask
    077), a run is never started twice at a time, and one that takes too long is stopped: the
    target commits what it has.

    Without --crontab or --systemd it shows what would be run. JSON is an object: "folder",
    "schedules" (a list of objects with name, cron and command) and "by_hand" (names of schedules
    that have no time).
    """
    options = Options(environment, timeout, notify, backups, keep)
    plan, by_hand = _plan(context, options)
    if is_crontab and directory is not None:
        raise click.UsageError("--crontab and --systemd exclude each other")
    if is_crontab:
        click.echo(crontab(plan), nl=False)
    elif directory is not None:
        _write(plan, Path(directory).expanduser())
    else:
        _show(plan, by_hand, form)
        return
    for name in by_hand:
        click.echo(f"{name} has no time: it is started by hand alone", err=True)


def _plan(context: Context, options: Options) -> tuple[Plan, list[str]]:
    folder = project_folder()
    seconds = options.timeout * 60
    pipelines, by_hand = read_schedules(folder, options.environment, seconds)
    configs = [w for f in context.config_files for w in ("--config", str(Path(f).absolute()))]
    bronze = (find_program("bronze"), *configs)
    notify = ("--notify", options.notify) if options.notify else ()
    backup = (*bronze, "backup", options.backups, "--keep", str(options.keep))
    meltano = pipelines[0].command[0] if pipelines else bronze[0]
    plan = Plan(
        folder=folder,
        path=search_path(meltano, bronze[0]),
        pipelines=pipelines,
        weekly=[
            Schedule("weekly-maintain", MAINTAIN, (*bronze, "maintain"), LONG),
            Schedule("weekly-backup", BACKUP, backup, LONG),
        ],
        check=(*bronze, "check", *notify),
        grace=GRACE,
        embedded=context.target.embedded is not None,
    )
    return plan, by_hand


def _write(plan: Plan, directory: Path) -> None:
    """Write units, and tell how to switch them on.

    Raises:
        BronzeError: The folder cannot be written to.
    """
    files = dict(units(plan))
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            path = directory / name
            path.touch(mode=0o600)  # a schedule's variables may be secret
            path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise BronzeError(f"{directory} cannot be written to: {error.strerror}") from error
    click.echo("\n".join(f"written: {directory / name}" for name in files))
    started = [name for name in files if name.endswith(".timer") or name == DATABASE]
    click.echo("\nTo switch them on:")
    click.echo("  systemctl --user daemon-reload")
    click.echo(f"  systemctl --user enable --now {shlex.join(started)}")
    click.echo("  loginctl enable-linger    # so that they run while you are not logged in")


def _show(plan: Plan, by_hand: list[str], form: str) -> None:
    every = [*plan.pipelines, *plan.weekly]
    if form == "json":
        found = [
            {"name": one.name, "cron": one.cron, "command": list(one.command)} for one in every
        ]
        document = {"folder": str(plan.folder), "schedules": found, "by_hand": by_hand}
        click.echo(json.dumps(document, indent=2))
        return
    rows = [(one.name, one.cron, shlex.join(one.command)) for one in every]
    rows += [(name, "-", "by hand") for name in by_hand]
    click.echo("\n".join(table(("schedule", "cron", "command"), rows)))
    click.echo("\n--crontab prints lines for cron, --systemd DIR writes units.")
