"""``/me/time_entries``: the person's own entries of the last three months, also deleted ones."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from tests.sandbox.toggl import shapes
from tests.sandbox.toggl.endpoints import V9, Refused, instant, route, since, truth
from tests.sandbox.toggl.entry import newest_first
from tests.sandbox.toggl.forms import US, months_before, us

if TYPE_CHECKING:
    from werkzeug.wrappers import Request

    from tests.sandbox.toggl.entry import Entry
    from tests.sandbox.toggl.service import Toggl

PATH: Final = f"{V9}/me/time_entries"
WITHOUT_PARAMETERS: Final = timedelta(days=10)
"""What a request without parameters gets."""
NAMES_OF_ONE: Final = frozenset(
    {"client_name", "project_name", "project_color", "project_active", "task_name"}
)
FAR: Final = 1 << 40
"""Seconds since 1970, later than every entry."""
BOTH: Final = "'since' and 'before' can not be present simultaneously"


@route("GET", PATH)
def time_entries(toggl: Toggl, request: Request) -> Any:
    """Return the newest entries, by start; more than the row limit are cut without a word."""
    found = sorted(_chosen(toggl, request), key=newest_first)[: toggl.row_limit]
    return [_shape(toggl, request, entry) for entry in found]


def recent(toggl: Toggl) -> list[Entry]:
    """Return the entries of the last days, the newest first, as ``/me`` shows them."""
    return sorted(_living(toggl, toggl.clock.now() - WITHOUT_PARAMETERS, None), key=newest_first)


@route("GET", f"{PATH}/current")
def current(toggl: Toggl, _request: Request) -> Any:
    """Return the running entry, or ``null``."""
    running = (one for one in _own(toggl) if one.stop is None and one.deleted_at is None)
    newest = max(running, key=lambda one: one.start, default=None)
    return shapes.entry(toggl, newest) if newest else None


@route("GET", f"{PATH}/<int:entry_id>")
def time_entry(toggl: Toggl, request: Request, entry_id: int) -> Any:
    """Return one entry, by its id."""
    entry = next((one for one in _own(toggl) if one.id == entry_id), None)
    if entry is None or entry.deleted_at is not None:
        raise Refused(404, "Time entry not found")
    found = shapes.plain_entry(toggl, entry)
    if not truth(request, "meta"):
        return found
    # One entry shows fewer names than a list does.
    names = shapes.names(toggl.account, entry)
    return found | {name: names[name] for name in names if name in NAMES_OF_ONE}


def _own(toggl: Toggl) -> list[Entry]:
    """Return the person's entries, deleted ones too, without what Toggl Focus took away."""
    moved = toggl.moved_to_focus.timestamp() if toggl.moved_to_focus else FAR
    user_id = toggl.account.user_id
    return [one for one in toggl.account.entries if one.user_id == user_id and one.start < moved]


def _chosen(toggl: Toggl, request: Request) -> list[Entry]:
    given = request.args
    changed = since(request)
    if changed is not None:
        if "before" in given:
            raise Refused(400, BOTH)
        return _changed(toggl, changed)
    if "start_date" in given or "end_date" in given:
        return _between(toggl, request)
    if "before" not in given:
        return recent(toggl)
    end = instant(given["before"], toggl.account.zone)
    return _living(toggl, _earliest(toggl), end)


def _changed(toggl: Toggl, changed: int) -> list[Entry]:
    if changed < us(_earliest(toggl)):
        raise Refused(400, f"since cannot be older than {toggl.months_back} months")
    lowest = changed if toggl.since_inclusive else changed + US
    return [one for one in _own(toggl) if one.at >= lowest]


def _between(toggl: Toggl, request: Request) -> list[Entry]:
    """Return what starts in ``[start_date, end_date)``: a date is its first moment."""
    if "start_date" not in request.args or "end_date" not in request.args:
        raise Refused(400, "start_date and end_date must be both present")
    zone = toggl.account.zone
    begin, end = (instant(request.args[name], zone) for name in ("start_date", "end_date"))
    if begin > end:
        raise Refused(400, "start_date must not be after end_date")
    earliest = _earliest(toggl)
    if begin < earliest:
        raise Refused(400, f"start_date must not be earlier than {earliest.date()}")
    return _living(toggl, begin, end)


def _living(toggl: Toggl, begin: datetime, end: datetime | None) -> list[Entry]:
    first, last = begin.timestamp(), end.timestamp() if end else FAR
    return [one for one in _own(toggl) if one.deleted_at is None and first <= one.start < last]


def _earliest(toggl: Toggl) -> datetime:
    now = toggl.clock.now()
    day = months_before(now.date(), toggl.months_back)
    return now.replace(year=day.year, month=day.month, day=day.day)


def _shape(toggl: Toggl, request: Request, entry: Entry) -> dict[str, Any]:
    found = shapes.entry(toggl, entry)
    if truth(request, "meta"):
        found |= shapes.names(toggl.account, entry)
    if truth(request, "include_sharing") and entry.shared_with:
        found["shared_with"] = entry.shared_with
    return found
