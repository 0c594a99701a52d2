"""The account's own export: one CSV file a calendar year, local wall clock, no ids, no zone.

What is running or deleted is not in it. Toggl follows the profile's formats of date, time and
duration; the usual form is ISO (``2024-03-31``, ``14:05:00``, ``00:45:00``).
"""

from __future__ import annotations

import csv
import io
from datetime import datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.sandbox.toggl.account import Account
    from tests.sandbox.toggl.entry import Entry

COLUMNS: Final = (
    "User",
    "Email",
    "Client",
    "Project",
    "Task",
    "Description",
    "Billable",
    "Start date",
    "Start time",
    "End date",
    "End time",
    "Duration",
    "Tags",
)
BYTE_ORDER_MARK: Final = "\ufeff"
DATES: Final = {
    "YYYY-MM-DD": "%Y-%m-%d",
    "MM/DD/YYYY": "%m/%d/%Y",
    "DD-MM-YYYY": "%d-%m-%Y",
    "MM-DD-YYYY": "%m-%d-%Y",
    "DD/MM/YYYY": "%d/%m/%Y",
    "DD.MM.YYYY": "%d.%m.%Y",
}
TIMES: Final = {"H:mm": "%H:%M:%S", "h:mm A": "%I:%M:%S %p"}
HOUR: Final = 3600


def write_export(account: Account, folder: Path, *, profile_formats: bool = False) -> list[Path]:
    """Write an account's CSV files into a folder, as the profile page gives them.

    ``profile_formats`` takes the formats of the preferences in place of the ISO forms.
    """
    years: dict[int, list[Entry]] = {}
    for entry in account.own_entries():
        if entry.stop is not None:
            year = datetime.fromtimestamp(entry.start, account.zone).year
            years.setdefault(year, []).append(entry)
    return [
        _write(account, folder, year, found, profile_formats=profile_formats)
        for year, found in sorted(years.items())
    ]


def _write(
    account: Account, folder: Path, year: int, entries: Iterable[Entry], *, profile_formats: bool
) -> Path:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS, f"Amount ({_currency(account)})"])
    formats = _formats(account) if profile_formats else ("%Y-%m-%d", "%H:%M:%S", "classic")
    writer.writerows(_row(account, entry, formats) for entry in entries)
    path = folder / f"Toggl_time_entries_{year}-01-01_to_{year}-12-31.csv"
    path.write_text(BYTE_ORDER_MARK + text.getvalue(), encoding="utf-8", newline="")
    return path


def _currency(account: Account) -> str:
    """Return the currency of amounts; a plan without them has an empty one."""
    workspace = account.workspaces[account.workspace_id]
    return str(workspace["default_currency"]) if workspace["premium"] else ""


def _formats(account: Account) -> tuple[str, str, str]:
    preferences = account.preferences
    dates, times = DATES[preferences["date_format"]], TIMES[preferences["timeofday_format"]]
    return dates, times, preferences["duration_format"]


def _row(account: Account, entry: Entry, formats: tuple[str, str, str]) -> list[str]:
    dates, times, durations = formats
    user = account.users[entry.user_id]
    project = account.projects.get(entry.project_id or 0) or {}
    client = account.clients.get(project.get("client_id") or 0) or {}
    task = account.tasks.get(entry.task_id or 0) or {}
    ends = (entry.start, entry.start + entry.seconds)
    start, stop = (datetime.fromtimestamp(seconds, account.zone) for seconds in ends)
    return [
        user["fullname"],
        user["email"],
        client.get("name", ""),
        project.get("name", ""),
        task.get("name", ""),
        entry.description or "",
        "Yes" if entry.billable else "No",
        start.strftime(dates),
        start.strftime(times),
        stop.strftime(dates),
        stop.strftime(times),
        _duration(entry.seconds, durations),
        ", ".join(account.tags[tag]["name"] for tag in entry.tag_ids),
        _amount(account, entry),
    ]


def _duration(seconds: int, form: str) -> str:
    """Return ``00:45:00``; as ``decimal`` ``0.75``; as ``improved`` ``0:45:00``."""
    if form == "decimal":
        return f"{seconds / HOUR:.2f}"
    hours, rest = divmod(seconds, HOUR)
    return f"{hours:{'02' if form == 'classic' else ''}}:{rest // 60:02}:{rest % 60:02}"


def _amount(account: Account, entry: Entry) -> str:
    rate = account.workspaces[entry.workspace_id]["default_hourly_rate"]
    return f"{rate * entry.seconds / HOUR:.2f}" if rate and entry.billable else ""
