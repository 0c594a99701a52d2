"""How long each pipeline pauses, by the schedules of ``meltano.yml``.

The file is read as it stands. ``meltano schedule list`` would say the same after some seconds, and
only where Meltano is installed; this command is also for machines that only look at the database.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from cronsim import CronSim, CronSimError

from target_bronze_postgres.errors import SettingsError
from target_bronze_postgres.ops.limits import read_yaml
from target_bronze_postgres.settings.files import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

FILE: Final = "meltano.yml"
ALIASES: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
}
BY_HAND: Final = ("@once", "@manual", "@none", "")
START: Final = datetime(2024, 1, 1, tzinfo=UTC)
ENOUGH: Final = (timedelta(days=8), 15)
"""A schedule is followed for so long and so many starts: weekends and long months are in it."""


@dataclass(frozen=True, slots=True)
class Timetable:
    """The longest pauses: of a tap's account, or of the tap where no account is named."""

    pauses: Sequence[tuple[str, str | None, timedelta]] = ()

    def pause(self, tap: str, account: str) -> timedelta | None:
        """Return the longest pause of a pipeline; of several schedules the busiest counts."""
        of_tap = [entry for entry in self.pauses if entry[0] == tap]
        own = [entry[2] for entry in of_tap if entry[1] == account]
        return min(own or [entry[2] for entry in of_tap if entry[1] is None], default=None)


def load() -> Timetable:
    """Read the nearest ``meltano.yml`` upwards and the files it includes; none is fine too.

    Raises:
        SettingsError: A file cannot be read, or a schedule is none.
    """
    path = nearest(FILE)
    if path is None:
        return Timetable()
    files = [document for file in _files(path) if isinstance(document := read_yaml(file), dict)]
    extractors = {e["name"]: e for e in _entries(files, "plugins", "extractors")}
    jobs = {job["name"]: job for job in _entries(files, "jobs")}
    pauses = []
    for schedule in _entries(files, "schedules"):
        pause = _pause(path, schedule)
        if pause is not None:
            names = _plugins(schedule, jobs)
            pauses += [(*_pipeline(n, extractors), pause) for n in names if n in extractors]
    return Timetable(pauses)


def _files(path: Path) -> Iterator[Path]:
    yield path
    document = read_yaml(path)
    for pattern in (document or {}).get("include_paths") or []:
        yield from sorted(path.parent.glob(str(pattern)))


def _entries(files: list[dict[str, Any]], *keys: str) -> Iterator[dict[str, Any]]:
    """Yield the named entries of a list that stands under these keys."""
    for document in files:
        found: Any = document
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        yield from (e for e in found or [] if isinstance(e, dict) and "name" in e)


def _plugins(schedule: dict[str, Any], jobs: dict[str, dict[str, Any]]) -> list[str]:
    """The plugins that a schedule runs, through its job or by itself."""
    tasks = jobs.get(str(schedule.get("job")), {}).get("tasks", [schedule.get("extractor", "")])
    lines = [line for task in tasks for line in (task if isinstance(task, list) else [task])]
    return [name for line in lines for name in str(line).split()]


def _pipeline(name: str, extractors: dict[str, dict[str, Any]]) -> tuple[str, str | None]:
    """The tap that an extractor inherits from, and the account that its config names."""
    account, seen = None, set[str]()
    while name in extractors and name not in seen:
        seen.add(name)
        given = (extractors[name].get("config") or {}).get("account")
        # A variable's value is not known here.
        if account is None and given is not None and "$" not in str(given):
            account = str(given)
        name = extractors[name].get("inherit_from") or name
    return name, account


def _pause(path: Path, schedule: dict[str, Any]) -> timedelta | None:
    """The longest pause of a schedule; None for one that only people start."""
    interval = str(schedule.get("interval") or "").strip()
    if interval in BY_HAND:
        return None
    try:
        return longest_pause(ALIASES.get(interval, interval))
    except CronSimError:
        raise SettingsError(
            f"{path}: the interval of schedule {schedule['name']} is no cron expression: mend it"
        ) from None


@cache
def longest_pause(expression: str) -> timedelta:
    """Return the longest time between two starts of a cron expression.

    Raises:
        CronSimError: It is none.
    """
    longest, number = timedelta(), 0
    for before, after in pairwise(CronSim(expression, START)):
        longest, number = max(longest, after - before), number + 1
        if after - START >= ENOUGH[0] and number >= ENOUGH[1]:
            break
    return longest
