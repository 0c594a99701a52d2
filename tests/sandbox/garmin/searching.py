"""The activity search: filters, order and pages."""

from __future__ import annotations

from datetime import date
from http import HTTPStatus
from operator import ge, le
from typing import TYPE_CHECKING, Any, Final

from tests.sandbox.garmin.dice import Dice
from tests.sandbox.garmin.forms import words
from tests.sandbox.garmin.questions import Question, as_date, unfit
from tests.sandbox.garmin.shapes.search import search_row
from tests.sandbox.garmin.sports import ALL

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.garmin.activities import Activity

DEFAULT_LIMIT: Final = 99
"""What the server takes without ``limit``; more than it can bear."""
ADVISED: Final = 40
BOUNDS: Final[dict[str, tuple[Callable[[Any, Any], bool], str]]] = {
    "minDistance": (ge, "distance"), "maxDistance": (le, "distance"),
    "minDuration": (ge, "duration"), "maxDuration": (le, "duration"),
    "minElapsedDuration": (ge, "elapsedDuration"), "maxElapsedDuration": (le, "elapsedDuration"),
    "minElevation": (ge, "elevationGain"), "maxElevation": (le, "elevationGain"),
    "minAvgPower": (ge, "avgPower"), "minBottomTime": (ge, "bottomTime"),
    "maxBottomTime": (le, "bottomTime"), "lowerMaxDepth": (ge, "maxDepth"),
    "upperMaxDepth": (le, "maxDepth"), "lowerLatitude": (ge, "startLatitude"),
    "upperLatitude": (le, "startLatitude"), "leftLongitude": (ge, "startLongitude"),
    "rightLongitude": (le, "startLongitude"),
}  # fmt: skip
"""Filters by a number of the row; a row without it is not found."""
PAGING: Final = frozenset(words("start limit startDate endDate sortBy sortOrder excludeChildren"))
"""Parameters that filter nothing but days and legs."""
SORTS: Final = {"distance", "duration", "elapsedDuration", "averageSpeed", "calories"}
IDS: Final = {sport.key: sport.type_id for sport in ALL}


def search(question: Question) -> list[dict[str, Any]]:
    """Return one page of the activities; no total, no cursor."""
    limit, start = _page(question)
    found = _candidates(question)
    if not PAGING.issuperset(question.query):
        found = [one for one in found if _fits(question, one)]
    found = _ordered(question, found)
    account = question.account
    return [question.record(search_row(account, one)) for one in found[start : start + limit]]


def _page(question: Question) -> tuple[int, int]:
    limit, start = question.whole("limit"), question.whole("start", 0) or 0
    if limit is None:
        question.over("no limit: the server takes 99")
    elif limit > ADVISED:
        question.over(f"limit {limit}: more than {ADVISED} is not safe")
    size = DEFAULT_LIMIT if limit is None else limit
    if size > question.account.quirks.page_limit:
        raise unfit("Internal Server Error", HTTPStatus.INTERNAL_SERVER_ERROR)
    if size < 1 or start < 0:
        raise unfit("start and limit must not be negative")
    return size, start


def _candidates(question: Question) -> list[Activity]:
    hidden = question.flag("excludeChildren", default=True)
    everything = question.account.activities(children=not hidden)
    first, last = (question.query.get(name) for name in ("startDate", "endDate"))
    start = as_date(first, "startDate") if first else date.min
    end = as_date(last, "endDate") if last else date.max
    if start > end:
        raise unfit("startDate must not be after endDate")
    return [one for one in everything if start <= one.day <= end]


def _fits(question: Question, one: Activity) -> bool:
    query = question.query
    wanted = query.get("activityType")
    if wanted and IDS.get(wanted) not in {IDS[one.sport.key], one.sport.parent_type_id}:
        return False
    if query.get("activitySubType", one.type_key) != one.type_key:
        return False
    if one.type_key in question.lists.get("excludedActivitySubType", []):
        return False
    if query.get("eventType", one.event_key) != one.event_key:
        return False
    if "favorite" in query and question.flag("favorite") != one.favorite:
        return False
    text = query.get("search", "").lower()
    return text in f"{one.name} {one.description or ''}".lower() and _within(question, one)


def _within(question: Question, one: Activity) -> bool:
    """Tell whether the row fits the filters that look at its members."""
    bounds = {name: question.query[name] for name in BOUNDS if name in question.query}
    required = question.lists.get("requiredField", [])
    if not bounds and not required and "decoDive" not in question.query:
        return True
    row = search_row(question.account, one)
    if any(row.get(name) is None for name in required):
        return False
    if "decoDive" in question.query and question.flag("decoDive") != row["decoDive"]:
        return False
    return all(_holds(row, name, value) for name, value in bounds.items())


def _holds(row: dict[str, Any], name: str, value: str) -> bool:
    compare, member = BOUNDS[name]
    return row.get(member) is not None and compare(row[member], float(value))


def _ordered(question: Question, found: list[Activity]) -> list[Activity]:
    """Return them by local start, or by another member, the newest or largest first."""
    account, query = question.account, question.query
    if account.quirks.equal_starts_shuffled:
        dice = Dice(account.seed, "shuffle", account.now)
        found = dice.sample(found, len(found))
    by = query.get("sortBy", "startLocal")
    if by in SORTS:
        found = sorted(found, key=lambda one: search_row(account, one).get(by) or 0)
    else:
        found = sorted(found, key=lambda one: one.wall)
    return found if query.get("sortOrder", "desc").lower() == "asc" else found[::-1]
