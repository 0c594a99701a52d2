"""Whose token it is, which workspaces that person has, and who owns them.

Several streams need to know it. It is asked for once a run, and kept in the STATE for runs that
only continue history.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from . import clock
from .api import V9, rows
from .errors import AnswerError, CredentialsError, Pause

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, MutableMapping

    from .api import Toggl
    from .client import Answer

__all__ = ["Account", "Workspace", "zone_of"]

DAY: Final = 86_400
"""Seconds after which what is known of the account is asked for again, if it is needed."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """What the tap needs to know of a workspace."""

    id: int
    organization_id: int
    closed: str | None
    """Why it cannot be read: ``suspended``, ``deleted``; None if it can."""
    retention: int | None
    """How many days back the plan lets reports reach; None for no limit."""


class Account:
    """The person's account.

    Args:
        api: Where to ask.
        kept: Part of the STATE, changed in place.
    """

    def __init__(self, api: Toggl, kept: MutableMapping[str, Any]) -> None:
        """Take over what the last run knew."""
        self.api = api
        self.kept = kept
        self._answers: dict[str, Answer] = {}
        self._own()

    def answer(self, path: str, **params: str) -> Answer:
        """Return the answer to a path of the person's own; asked for once a run.

        Args:
            path: Path below ``V9``: ``/me``, ``/me/workspaces`` or ``/me/organizations``.
            params: Query of the request.

        Raises:
            TapError: The answer cannot be used.
            CredentialsError: The token belongs to somebody else than that of the last run.
            Pause: The quota is spent.
        """
        if path not in self._answers:
            found = self.api.get(V9 + path, **params)
            self._take(path, found)
            self._answers[path] = found
            self.kept.setdefault("asked_at", {})[path] = clock.seconds()
        return self._answers[path]

    def _refresh(self, path: str, member: str) -> None:
        """Ask for what is not known, or was learned long ago: its own stream may be off.

        Raises:
            Pause: The quota is spent, and nothing is known yet.
        """
        age = clock.seconds() - self.kept.get("asked_at", {}).get(path, 0)
        if member in self.kept and 0 <= age < DAY:
            return
        try:
            self.answer(path)
        except Pause:
            if member not in self.kept:
                raise

    def _take(self, path: str, answer: Answer) -> None:
        """Keep what is needed of an answer."""
        if path == "/me":
            self._take_person(answer.json())
        elif path == "/me/workspaces":
            self.kept["workspaces"] = [_workspace(row) for row in rows(answer)]
            self._own()
        elif path == "/me/organizations":
            self.kept["organizations"] = {str(row.get("id")): _plan(row) for row in rows(answer)}

    def _take_person(self, person: Any) -> None:
        """Keep who the token belongs to; it must always be the same person."""
        if not isinstance(person, dict) or not isinstance(person.get("id"), int):
            raise AnswerError("The answer to /me does not name a person.")
        known = self.kept.get("user_id", person["id"])
        if known != person["id"]:
            raise CredentialsError(
                f"The API token belongs to another person (user {person['id']}) than the STATE "
                f"of this account (user {known}): give each person a pipeline, and a name by "
                "setting 'account', of their own.",
                status=200,
            )
        self.kept["user_id"] = person["id"]
        self.kept["time_zone"] = str(person.get("timezone") or "")
        self.kept["created_on"] = str(person.get("created_at") or "")[:10]

    def _own(self) -> None:
        """Tell the quota which organization owns which workspace."""
        owners = {one.id: one.organization_id for one in self.known}
        self.api.quota.owners.update(owners)

    @property
    def user_id(self) -> int:
        """Id of the person; asked for if it is not known."""
        self._refresh("/me", "user_id")
        return int(self.kept["user_id"])

    @property
    def created_on(self) -> date | None:
        """Day on which the account was made, None if Toggl did not tell."""
        self._refresh("/me", "created_on")
        try:
            return date.fromisoformat(self.kept.get("created_on", ""))
        except ValueError:
            return None

    @property
    def zone(self) -> tzinfo:
        """Time zone of the person's profile, asked for if it is not known; else UTC."""
        self._refresh("/me", "time_zone")
        return zone_of(self.kept.get("time_zone")) or UTC

    def day(self, moment: datetime) -> date:
        """Return the person's date at a time."""
        return moment.astimezone(self.zone).date()

    def midnight(self, day: date) -> int:
        """Return when a day begins for the person, in seconds since 1970."""
        return int(datetime.combine(day, time(), self.zone).timestamp())

    @property
    def workspaces(self) -> list[Workspace]:
        """All workspaces of the person; asked for if they are not known."""
        self._refresh("/me/workspaces", "workspaces")
        return self.known

    @property
    def known(self) -> list[Workspace]:
        """The workspaces that the last run or this one has found."""
        return list(self._workspaces())

    def _workspaces(self) -> Iterator[Workspace]:
        """Yield the workspaces that are known, with what their organizations add."""
        organizations = self.kept.get("organizations", {})
        for kept in self.kept.get("workspaces", []):
            owner = organizations.get(str(kept["organization_id"]), {})
            limits = [kept.get("retention"), owner.get("retention")]
            yield Workspace(
                kept["id"],
                kept["organization_id"],
                kept.get("closed") or owner.get("closed"),
                min((days for days in limits if days), default=None),
            )


def zone_of(name: str | None) -> tzinfo | None:
    """Return a time zone by its IANA name, None if there is no such zone."""
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, ValueError, OSError):
        return None


def _workspace(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the STATE keeps of a workspace."""
    try:
        ids = {"id": int(row["id"]), "organization_id": int(row["organization_id"])}
    except (KeyError, TypeError, ValueError):
        raise AnswerError("The answer to /me/workspaces holds a workspace without ids.") from None
    return ids | _plan(row)


def _plan(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what keeps a workspace or organization from being read, and how far back it goes."""
    closed = next((word for word, name in CLOSED.items() if row.get(name)), None)
    days = row.get("max_data_retention_days")
    retention = days if type(days) is int and days > 0 else None
    found = {"closed": closed, "retention": retention}
    return {name: value for name, value in found.items() if value}


CLOSED = {"deleted": "server_deleted_at", "suspended": "suspended_at"}
