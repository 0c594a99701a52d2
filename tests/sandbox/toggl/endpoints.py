"""What the endpoints share: routes, refusals, answers with headers, how parameters are read."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
from werkzeug.routing import Rule

from tests.sandbox.toggl.forms import US, read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from zoneinfo import ZoneInfo

    from werkzeug.wrappers import Request

    from tests.sandbox.toggl.records import Record
    from tests.sandbox.toggl.service import Toggl

RULES: Final[list[Rule]] = []
"""Every route; its endpoint is the function that answers.

A function takes the server, the request, and the ids of the path: ``wid`` is a workspace, ``oid``
an organization. They tell which quota the request spends; without them it is the user's.
"""

V9: Final = "/api/v9"
REPORTS: Final = "/reports/api/v3"
WORKSPACE: Final = f"{V9}/workspaces/<int:wid>"
ORGANIZATION: Final = f"{V9}/organizations/<int:oid>"
NO_ACCESS: Final = "User does not have access to this resource."
DAY_LENGTH: Final = len("2024-01-31")

Endpoint = TypeVar("Endpoint", bound="Callable[..., Any]")


class Refused(Exception):  # noqa: N818 - an answer of the service, not an error of the sandbox
    """An answer that is no success: status, body (a JSON string; None for none) and headers."""

    def __init__(
        self, status: int, body: Any, reason: str = "", headers: dict[str, str] | None = None
    ) -> None:
        """``reason`` is the word for the request log, such as ``quota``; else the status."""
        super().__init__(status, body)
        self.status, self.body, self.headers = status, body, headers or {}
        self.reason = reason or str(status)


@dataclass
class Answer:
    """A success that has headers of its own."""

    content: Any
    headers: dict[str, str] = field(default_factory=dict)


def route(method: str, path: str) -> Callable[[Endpoint], Endpoint]:
    """Register an endpoint."""

    def register(function: Endpoint) -> Endpoint:
        RULES.append(Rule(path, methods=[method], endpoint=function))
        return function

    return register


def truth(request: Request, name: str, *, default: bool = False) -> bool:
    """Return a boolean parameter."""
    return request.args.get(name, str(default)).lower() in {"true", "1"}


def number(request: Request, name: str, default: int, *, most: int | None = None) -> int:
    """Return a parameter that is 1 or more; what is above ``most`` is cut to it without a word.

    Raises:
        Refused: It is no such number.
    """
    text = request.args.get(name, str(default))
    if not text.isdigit() or int(text) == 0:
        raise Refused(400, f"Invalid {name}: {text}")
    return int(text) if most is None else min(int(text), most)


def since(request: Request) -> int | None:
    """Return ``since`` in microseconds; it is given in seconds since 1970.

    Raises:
        Refused: It is no integer.
    """
    text = request.args.get("since")
    if text is None:
        return None
    if not text.isdigit():
        raise Refused(400, "Invalid since: must be a UNIX timestamp")
    return int(text) * US


def instant(text: str, zone: ZoneInfo) -> datetime:
    """Return a parameter's time: a date is midnight in the zone, else RFC 3339 with its offset.

    Raises:
        Refused: It is neither.
    """
    try:
        if len(text) == DAY_LENGTH:
            day = date.fromisoformat(text)
            return datetime(day.year, day.month, day.day, tzinfo=zone)
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(400, f"Invalid date: {text}") from None
    if found.tzinfo is None:
        raise Refused(400, f"Invalid date: {text}")
    return found


def json_object(request: Request) -> dict[str, Any]:
    """Return the JSON object of the body.

    Raises:
        Refused: There is none, or it is empty.
    """
    try:
        found = msgspec.json.decode(request.get_data() or b"{}")
    except msgspec.DecodeError:
        raise Refused(400, "JSON is not valid") from None
    if not isinstance(found, dict) or not found:
        raise Refused(400, "At least one parameter must be set")
    return found


def changed_since(found: Iterable[Record], changed: int | None) -> list[Record]:
    """Return living records; with ``changed`` what changed since then, deleted records too."""
    if changed is None:
        return [record for record in found if not record.get("server_deleted_at")]
    return [record for record in found if read(record["at"]).timestamp() * US >= changed]


def listed(toggl: Toggl, found: list[Record]) -> list[Record] | None:
    """Return a list, or None where an empty one is ``null``."""
    return None if not found and toggl.null_for_empty else found


def paged(request: Request, found: list[Any], per_page: int, *, most: int = 1000) -> list[Any]:
    """Return the page that is asked for; the first is number 1."""
    page, size = number(request, "page", 1), number(request, "per_page", per_page, most=most)
    return found[(page - 1) * size : page * size]


def of_workspace(records: Iterable[Record], workspace_id: int) -> list[Record]:
    """Return the records of a workspace."""
    return [
        record
        for record in records
        if record.get("workspace_id", record.get("wid")) == workspace_id
    ]


def need_admin(toggl: Toggl, workspace: Record, what: str) -> None:
    """Let plain members pass only where they may read a list.

    Raises:
        Refused: They may not.
    """
    if what in toggl.admin_only and not workspace["admin"]:
        raise Refused(403, NO_ACCESS)
