"""Units for systemd: a service and a timer for each schedule."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from target_bronze_postgres.ops.schedules import shell
from target_bronze_postgres.ops.schedules.calendar import calendar_events

if TYPE_CHECKING:
    from collections.abc import Iterator

    from target_bronze_postgres.ops.schedules.plan import Plan, Schedule

__all__ = ["DATABASE", "unit_name", "units"]

DATABASE: Final = "bronze-database.service"


def units(plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield file names and contents of units.

    A service that still runs is not started again by its timer. To stop it, or when its time is
    over, Meltano alone is told to (KillMode mixed): it ends tap and target, which commits what it
    has; whoever is left after the grace is killed.
    """
    if plan.embedded:
        yield DATABASE, _database(plan)
    for schedule in plan.pipelines:
        yield from _pair(plan, schedule, shell.line(schedule), after=shlex.join(plan.check))
    for schedule in plan.weekly:
        yield from _pair(plan, schedule, shlex.join(schedule.command))


def unit_name(schedule: str) -> str:
    """Return the name of a schedule's units, without their ending, as systemd-escape makes it."""
    kept = "".join(
        character
        if character.isascii() and (character.isalnum() or character in "-_.:")
        else "".join(f"\\x{byte:02x}" for byte in character.encode())
        for character in schedule
    )
    return f"bronze-{kept}"


def _pair(plan: Plan, schedule: Schedule, start: str, after: str = "") -> Iterator[tuple[str, str]]:
    name = unit_name(schedule.name)
    yield f"{name}.service", _service(plan, schedule, start, after)
    yield f"{name}.timer", _timer(schedule)


def _service(plan: Plan, schedule: Schedule, start: str, after: str) -> str:
    database = [f"Wants={DATABASE}", f"After={DATABASE}"] if plan.embedded else []
    lines = [
        "[Unit]",
        f"Description=Bronze layer: {_specifiers(schedule.name)}",
        *database,
        "",
        "[Service]",
        "Type=oneshot",
        *_common(plan),
        f"ExecStart={_command(start)}",
        *([f"ExecStopPost={_command(after)}"] if after else []),
        f"TimeoutStartSec={schedule.timeout}",
        f"TimeoutStopSec={plan.grace}",
        "KillMode=mixed",
    ]
    return "\n".join(lines) + "\n"


def _timer(schedule: Schedule) -> str:
    lines = [
        "[Unit]",
        f"Description=Bronze layer: when {_specifiers(schedule.name)} runs",
        "",
        "[Timer]",
        *(f"OnCalendar={event}" for event in calendar_events(schedule.cron)),
        "Persistent=true",
        "",
        "[Install]",
        "WantedBy=timers.target",
    ]
    return "\n".join(lines) + "\n"


def _database(plan: Plan) -> str:
    """Return a unit for the embedded server, which else would end with the run that starts it."""
    bronze = plan.check[: plan.check.index("check")]
    lines = [
        "[Unit]",
        "Description=Bronze layer: the embedded PostgreSQL",
        "",
        "[Service]",
        "Type=oneshot",
        "RemainAfterExit=yes",
        *_common(plan),
        f"ExecStart={_command(shlex.join((*bronze, 'db', 'start')))}",
        f"ExecStop={_command(shlex.join((*bronze, 'db', 'stop')))}",
        "KillMode=mixed",
        "",
        "[Install]",
        "WantedBy=default.target",
    ]
    return "\n".join(lines) + "\n"


def _common(plan: Plan) -> list[str]:
    return [
        f"WorkingDirectory={_specifiers(str(plan.folder))}",
        f"Environment={_quoted(_specifiers(f'PATH={plan.path}'))}",
        "UMask=0077",
    ]


def _command(line: str) -> str:
    """Return a line for the shell: systemd itself takes no quotes in the name of a program.

    It expands variables and specifiers in what it hands over. The shell becomes the program, which
    so is what systemd calls the main process.
    """
    escaped = _specifiers(f"exec {line}").replace("$", "$$")
    return f"/bin/sh -c {_quoted(escaped)}"


def _specifiers(text: str) -> str:
    return text.replace("%", "%%")


def _quoted(text: str) -> str:
    if shlex.quote(text) == text:
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
