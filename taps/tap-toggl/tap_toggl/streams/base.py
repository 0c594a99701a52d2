"""What every stream of Toggl's API has: provenance of answers, groups, and when it is skipped."""

from __future__ import annotations

from abc import abstractmethod
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, Final

from tap_toggl import clock
from tap_toggl.api import V9, origin, rows
from tap_toggl.errors import CredentialsError, RefusedError
from tap_toggl.stream import BronzeStream

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from singer_sdk.helpers.types import Record

    from tap_toggl.account import Account, Workspace
    from tap_toggl.api import Toggl
    from tap_toggl.client import Answer
    from tap_toggl.tap import TapToggl

__all__ = ["AT", "SECRETS", "TogglStream"]

AT: Final[Mapping[str, str]] = {"pointer": "/at", "form": "rfc3339"}
"""Where most records tell their last change."""

SECRETS: Final = frozenset(
    {
        "api_token",
        "ical_url",
        "intercom_hash",
        "invitation_code",
        "invitation_token",
        "invite_url",
        "password",
        "secret",
        "share_token",
        "shared_hash",
        "token",
    }
)
"""Members that give access to an account, a calendar, a workspace or a shared report."""

SKIPPED: Final = frozenset(
    {
        HTTPStatus.PAYMENT_REQUIRED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.CONFLICT,
        HTTPStatus.PRECONDITION_FAILED,
    }
)
"""What the plan or the rights do not allow, or a feature that is off."""

RECENT: Final = 20 * 3600
"""Seconds for which a list is not read again while history is coming in."""


class TogglStream(BronzeStream):
    """A stream of Toggl's API.

    A subclass yields records from ``records`` and calls ``took`` with each answer before its
    records.
    """

    api_version = "v9"
    secrets = SECRETS
    group: ClassVar[str | None] = None
    """Group of setting ``stream_groups`` that brings the stream; None: it is on by default."""
    needed: ClassVar[bool] = False
    """Whether a refusal is an error; otherwise the stream is skipped with one line."""
    skipped: ClassVar[frozenset[int]] = SKIPPED
    """Statuses at which it is skipped."""
    may_wait: ClassVar[bool] = True
    """Whether it is not read again for a while when history is coming in."""

    def __init__(self, tap: TapToggl) -> None:
        """Be off by default if neither the stream nor its group was asked for."""
        self.toggl = tap
        self.selected_by_default = tap.is_wanted(self.name, self.group)
        super().__init__(tap)
        self.is_asked_for = self.group is not None and self.selected_by_default

    @property
    def api(self) -> Toggl:
        """Where to ask."""
        return self.toggl.api

    @property
    def account(self) -> Account:
        """Whose account it is."""
        return self.toggl.account

    @abstractmethod
    def records(self) -> Iterable[Record]:
        """Yield the stream's records."""

    def read(self) -> Iterator[Record]:
        """Yield the records; skip what the plan does not allow."""
        if self.toggl.is_for_files:
            self.logger.info("%s is skipped: setting 'auth_mode' is files.", self.name)
            return
        if self._is_recent():
            self.logger.info("%s waits: history is still coming in.", self.name)
            return
        try:
            yield from self.records()
        except RefusedError as error:
            self.skip_or_raise(error)
        self.bookmark(read_at=clock.seconds())

    def _is_recent(self) -> bool:
        """Tell whether the stream was read a while ago, and history needs the requests."""
        age = clock.seconds() - int(self.stream_state.get("read_at", 0))
        return self.may_wait and 0 <= age < RECENT and self.toggl.history_is_coming_in

    def skip_or_raise(self, error: RefusedError, part: str = "") -> None:
        """Tell in one line why the stream, or a part of it, is skipped.

        Raises:
            RefusedError: The refusal is no matter of plan or rights, or the stream is needed.
        """
        if isinstance(error, CredentialsError) or self.needed or error.status not in self.skipped:
            raise error
        self.is_whole = False
        self.logger.warning("%s%s is skipped: %s", self.name, part, error)

    def took(self, answer: Answer) -> Answer:
        """Take note of the answer that the next records come from."""
        self.origin, self.received_at = origin(answer), answer.received_at
        return answer

    def open_workspaces(self) -> Iterator[Workspace]:
        """Yield the workspaces that can be read; tell of the others in one line each."""
        for workspace in self.account.workspaces:
            if workspace.closed:
                self.is_whole = False
                line = "%s of workspace %d is skipped: it is %s."
                self.logger.info(line, self.name, workspace.id, workspace.closed)
            else:
                yield workspace

    def listed(self, path: str, **params: str) -> Iterator[Record]:
        """Yield the records that one request answers.

        Args:
            path: Path below ``V9``.
            params: Query of the request.
        """
        yield from rows(self.took(self.api.get(V9 + path, **params)))

    def paged(self, path: str, size: int, **params: str) -> Iterator[Record]:
        """Yield the records of all pages, until one is short or there is nothing new.

        Args:
            path: Path below ``V9``.
            size: Records of a page that are asked for; the server may grant fewer.
            params: Query of the request.
        """
        page, previous = 1, None
        while True:
            asked = params | {"page": str(page), "per_page": str(size)}
            answer = self.took(self.api.get(V9 + path, **asked))
            found = rows(answer)
            if not found or found == previous:  # an endpoint may know no pages
                return
            yield from found
            if len(found) < _granted(answer, size):
                return
            page, previous = page + 1, found


def _granted(answer: Answer, asked: int) -> int:
    """Return the size of an answer's page, as far as the answer tells; 1 if it does not.

    Where it does not tell, only an empty page shows the end: the size may have been cut.
    """
    told = answer.headers.get("X-Page-Size")
    envelope: Any = answer.json()
    if told is None and isinstance(envelope, dict):
        told = str(envelope.get("per_page"))
    return min(asked, int(told)) if told is not None and told.isdecimal() else 1
