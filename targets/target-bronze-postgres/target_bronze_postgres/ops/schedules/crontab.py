"""Lines for ``crontab``."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Final

from target_bronze_postgres.errors import BronzeError
from target_bronze_postgres.ops.schedules import shell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from target_bronze_postgres.ops.schedules.plan import Plan, Schedule

__all__ = ["crontab"]

LONGEST: Final = 990
"""Characters of a command: Debian's cron takes no thousand."""
HEAD: Final = """\
# The bronze layer in {folder}: written by `bronze schedules --crontab`.
# Put these lines into `crontab -e`. They need flock (util-linux) and timeout (coreutils).
# Cron mails what they print to MAILTO; MAILTO="" before them keeps it from doing so.
SHELL=/bin/sh
PATH={path}
"""


def crontab(plan: Plan) -> str:
    """Return a crontab: a line for each schedule.

    A run that still goes on when its time comes again is left alone. One that takes too long is
    told to stop, with all that it started, and killed if it does not in time.

    Raises:
        BronzeError: A line is longer than cron takes.
    """
    head = HEAD.format(folder=plan.folder, path=plan.path)
    return head + "".join(f"{line}\n" for line in _lines(plan))


def _lines(plan: Plan) -> Iterator[str]:
    check = shlex.join(plan.check)
    for schedule in plan.pipelines:
        yield _line(
            plan, schedule, f"{{ {_guarded(plan, schedule, shell.line(schedule))}; {check}; }}"
        )
    for schedule in plan.weekly:
        yield _line(plan, schedule, _guarded(plan, schedule, shlex.join(schedule.command)))


def _line(plan: Plan, schedule: Schedule, command: str) -> str:
    whole = f"cd {shlex.quote(str(plan.folder))} && umask 077 && mkdir -p .meltano && {command}"
    # To cron a percent sign is a line break.
    escaped = whole.replace("%", r"\%")
    if len(escaped) > LONGEST:
        raise BronzeError(
            f"The line of schedule {schedule.name!r} is longer than cron takes: use --systemd"
        )
    return f"{schedule.cron} {escaped}"


def _guarded(plan: Plan, schedule: Schedule, command: str) -> str:
    """Return a command that runs once at a time, and not for ever.

    flock keeps the lock to itself (-o): the embedded server, which the target may start, outlives
    the run and would hold it on.
    """
    lock = f".meltano/{re.sub('[^A-Za-z0-9_.-]', '_', schedule.name)}.lock"
    limits = f"timeout -k {plan.grace} {schedule.timeout}"
    return f"flock -n -o {lock} {limits} {command}"
