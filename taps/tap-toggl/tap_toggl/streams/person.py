"""The person: profile, preferences, favourites, goals."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tap_toggl.api import V9
from tap_toggl.errors import AnswerError

from .base import TogglStream

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from singer_sdk.helpers.types import Record

    from tap_toggl.client import Answer

__all__ = ["Favorites", "Goals", "Me", "Preferences"]


class Me(TogglStream):
    """``GET /me``: the person whose token it is, without the token."""

    name = "me"
    primary_keys = ("id",)
    api_endpoint = "/me"
    needed = True
    volatile = ("/at",)  # the moment of the request, in recorded answers

    def records(self) -> Iterator[Record]:
        """Yield the person."""
        yield _object(self.took(self.account.answer("/me")))


class Preferences(TogglStream):
    """``GET /me/preferences``: settings and the state of the user interface, without an id."""

    name = "preferences"
    group = "personal"
    primary_keys = ("_tap_user_id",)
    api_endpoint = "/me/preferences"

    def records(self) -> Iterator[Record]:
        """Yield the preferences, with the person's id."""
        user_id = self.account.user_id
        answer = self.took(self.api.get(f"{V9}/me/preferences"))
        yield {"_tap_user_id": user_id} | _object(answer)


class Favorites(TogglStream):
    """``GET /me/favorites``: entries kept for starting the timer."""

    name = "favorites"
    group = "personal"
    primary_keys = ("favorite_id",)
    full_table = True
    api_endpoint = "/me/favorites"
    source_timestamp: ClassVar[Mapping[str, str]] = {"pointer": "/created_at", "form": "rfc3339"}
    deleted = "/deleted_at"

    def records(self) -> Iterator[Record]:
        """Yield the favourites."""
        return self.listed("/me/favorites")


class Goals(TogglStream):
    """``GET /sync-server/me/goals``: the person's goals, ended ones too."""

    name = "goals"
    group = "personal"
    primary_keys = ("goal_id",)
    full_table = True
    api_endpoint = "/sync-server/me/goals"
    source_timestamp: ClassVar[Mapping[str, str]] = {"pointer": "/start_date", "form": "date"}
    volatile = (
        "/current_recurrence_tracked_seconds",
        "/current_recurrence_start_date",
        "/current_recurrence_end_date",
        "/last_notified_at",
    )

    def records(self) -> Iterator[Record]:
        """Yield the goals."""
        return self.listed("/sync-server/me/goals")


def _object(answer: Answer) -> Record:
    """Return the one object that an answer holds.

    Raises:
        AnswerError: It holds something else.
    """
    found = answer.json()
    if not isinstance(found, dict):
        raise AnswerError(f"The answer to {answer.request.path} is no object.")
    return found
