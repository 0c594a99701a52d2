"""A schedule as a line for ``sh``."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from target_bronze_postgres.errors import BronzeError

if TYPE_CHECKING:
    from target_bronze_postgres.ops.schedules.plan import Schedule

__all__ = ["RUN_ID", "line"]

RUN_ID: Final = "\"$(python -c 'import uuid; print(uuid.uuid4())')\""
"""A fresh id: Meltano takes it for its log, and the target writes the same to every row."""


def line(schedule: Schedule) -> str:
    """Return the command of a schedule, with its variables and a run id.

    Raises:
        BronzeError: It holds a line break, which has no place in a crontab or a unit.
    """
    given = " ".join(f"{name}={shlex.quote(value)}" for name, value in schedule.env.items())
    found = f"env MELTANO_RUN_ID={RUN_ID} {given} {shlex.join(schedule.command)}".replace("  ", " ")
    if not found.isprintable():
        raise BronzeError(f"Schedule {schedule.name!r} holds a line break or a control character")
    return found
