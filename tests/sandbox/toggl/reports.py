"""Reports API v3: the detailed report, the way to history, by pages; sums by groups and by days."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from tests.sandbox.toggl import report_rows
from tests.sandbox.toggl.endpoints import REPORTS, Answer, json_object, route
from tests.sandbox.toggl.report_query import Query

if TYPE_CHECKING:
    from werkzeug.wrappers import Request

    from tests.sandbox.toggl.entry import Entry
    from tests.sandbox.toggl.report_rows import Group
    from tests.sandbox.toggl.service import Toggl

WORKSPACE: Final = f"{REPORTS}/workspace/<int:wid>"
GROUPINGS: Final = ("projects", "users", "clients", "tags")
SUB_GROUPINGS: Final = ("time_entries", "projects", "users", "clients", "tasks")


@route("POST", f"{WORKSPACE}/search/time_entries")
def detailed(toggl: Toggl, request: Request, wid: int) -> Answer:
    """Return a page of rows; headers tell where the next one begins, if there is one."""
    query = Query.read(toggl, json_object(request), wid)
    groups = query.groups(toggl)
    first = _first_row(toggl, query, groups)
    page = groups[first : first + query.page_size]
    rows = [report_rows.row(toggl, query, group, first + n) for n, group in enumerate(page, 1)]
    headers = query.range_headers() | {"X-Page-Size": str(_shown_page_size(toggl, query))}
    return Answer(rows, headers | _next(groups, first + query.page_size))


@route("POST", f"{WORKSPACE}/search/time_entries/totals")
def totals(toggl: Toggl, request: Request, wid: int) -> Answer:
    """Return the seconds of all rows, and of each day, week or month if a graph is wanted."""
    query = Query.read(toggl, json_object(request), wid)
    entries = [one for group in query.groups(toggl) for one in group]
    days = {_local_day(toggl, one) for one in entries}
    resolution = query.text("granularity", "day", ("day", "week", "month"))
    found: dict[str, Any] = {
        "seconds": sum(query.rounded(one) for one in entries),
        "tracked_days": len(days),
    }
    if query.body.get("with_graph"):
        found |= {"graph": _graph(toggl, query, entries, resolution), "resolution": resolution}
    return Answer(found, query.range_headers())


@route("POST", f"{WORKSPACE}/summary/time_entries")
def summary(toggl: Toggl, request: Request, wid: int) -> Answer:
    """Return sums by group and sub-group; the ids of the entries too if they are wanted."""
    query = Query.read(toggl, json_object(request), wid)
    grouping = query.text("grouping", "projects", GROUPINGS)
    sub_grouping = query.text("sub_grouping", "time_entries", SUB_GROUPINGS)
    groups = report_rows.summary(toggl, query, grouping, sub_grouping)
    headers = {"X-Grouping": grouping, "X-Sub-Grouping": sub_grouping}
    return Answer({"groups": groups}, query.range_headers() | headers)


@route("POST", f"{WORKSPACE}/filters/projects")
def filter_projects(toggl: Toggl, request: Request, wid: int) -> Any:
    """Return names of projects by their ids, also of those that lists no longer show."""
    wanted = json_object(request).get("ids") or []
    return [
        {
            "id": one["id"],
            "name": one["name"],
            "client_id": one["client_id"],
            "active": one["active"],
        }
        for one in toggl.account.projects.values()
        if one["workspace_id"] == wid and one["id"] in wanted
    ]


def _first_row(toggl: Toggl, query: Query, groups: list[Group]) -> int:
    """Return the index of the page's first row: by its number, or by its entry."""
    number, timestamp = query.body.get("first_id"), query.body.get("first_timestamp")
    if number is None:
        return max(0, int(query.body.get("first_row_number") or 1) - 1)
    if timestamp is None and toggl.first_id_bug:
        return len(groups)
    found = (n for n, group in enumerate(groups) if group[0].id == number)
    return next(found, len(groups))


def _next(groups: list[Group], first: int) -> dict[str, str]:
    """Return the headers that name the next page's first row; none after the last page."""
    if first >= len(groups):
        return {}
    entry = groups[first][0]
    return {
        "X-Next-ID": str(entry.id),
        "X-Next-Row-Number": str(first + 1),
        "X-Next-Timestamp": str(entry.start),
    }


def _shown_page_size(toggl: Toggl, query: Query) -> int:
    return query.page_size if toggl.page_size_header == "granted" else query.asked_page_size


def _local_day(toggl: Toggl, entry: Entry) -> date:
    return datetime.fromtimestamp(entry.start, toggl.account.zone).date()


def _graph(
    toggl: Toggl, query: Query, entries: list[Entry], resolution: str
) -> list[dict[str, int]]:
    """Return the seconds of every day, week or month of the range, empty ones too."""
    days = (query.last - query.first).days + 1
    sums = {_begin(query.first + timedelta(days=n), resolution): 0 for n in range(days)}
    for entry in entries:
        sums[_begin(_local_day(toggl, entry), resolution)] += query.rounded(entry)
    return [{"seconds": seconds} for seconds in sums.values()]


def _begin(day: date, resolution: str) -> date:
    if resolution == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if resolution == "month" else day
