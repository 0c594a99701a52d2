"""What every stream of this tap has: requests with provenance, a group, scopes, progress."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Final

from tap_garmin.api import KEY_PAGE, is_closed
from tap_garmin.client import Request
from tap_garmin.days import ONE, Period
from tap_garmin.errors import AnswerError, RefusedError
from tap_garmin.progress import Progress
from tap_garmin.stream import BronzeStream

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from singer_sdk.helpers.types import Record

    from tap_garmin.client import Answer
    from tap_garmin.tap import TapGarmin

__all__ = ["GarminStream", "leaves", "members", "objects"]

TRIED_DAYS: Final = 31
"""Days that a test of the connection reads at most, where a stream has many."""


class GarminStream(BronzeStream):
    """A stream of the Personal API.

    A subclass names ``group`` if it is off by default, and what it reads again: ``look_back`` days
    counted from the end with it, ``settle`` days after a pause between runs.
    """

    tap: TapGarmin
    api_version = "personal"
    group: ClassVar[str | None] = None
    """The stream is off unless ``stream_groups`` names this group or the stream itself."""
    look_back: ClassVar[int] = 1
    settle: ClassVar[int] = 14

    def __init__(self, tap: TapGarmin) -> None:
        """Switch the stream on or off."""
        super().__init__(tap)
        wanted = tap.config.get("stream_groups") or []
        self.is_asked_for = bool({self.group, self.name} & {*wanted})
        self.selected_by_default = self.group is None or self.is_asked_for

    def read(self) -> Iterable[Record]:
        """Yield the stream's records; an area that the key does not open is skipped."""
        try:
            yield from self.read_all()
        except RefusedError as error:
            if not is_closed(error):
                raise
            self.is_whole = False
            self.logger.warning(
                "%s: skipped, because the API key does not open this area (403). To read it, make "
                "a key that does on %s; else deselect the stream.",
                self.name,
                KEY_PAGE,
            )

    @property
    def is_trial(self) -> bool:
        """Whether a few records are wanted, to test the connection: then history is left alone."""
        return self.ABORT_AT_RECORD_COUNT is not None

    @abstractmethod
    def read_all(self) -> Iterable[Record]:
        """Yield the stream's records, from where the STATE says on."""

    def ask(self, path: str, accept: str | None = None, **query: Any) -> Answer:
        """Return the answer to a GET, and note where the records that follow come from."""
        headers = {"Accept": accept} if accept else None
        answer = self.tap.client.ask(Request("GET", path, query, headers=headers))
        self.note(answer)
        return answer

    def note(self, answer: Answer) -> None:
        """Take down what is known of an answer, for the records that are made of it."""
        token = self.tap.client.token
        ends = token.key_ends if token else None
        facts = {
            "api_endpoint": answer.request.path,
            "api_request_id": answer.headers.get("X-Request-Id"),
            "api_response_code": answer.status,
            "api_rate_limit_info": {"key_ends_at": ends.isoformat()} if ends else None,
        }
        self.origin = {name: value for name, value in facts.items() if value is not None}
        self.received_at = answer.received_at

    def period(self, last: date | None = None, first: date | None = None) -> Period:
        """Return the days that this run reads.

        Args:
            last: Last day, if it is not the account's.
            first: First day where the settings name none, so that it is not looked for.
        """
        account = self.tap.account
        end = last or account.last_day()
        if self.is_trial:
            return Period(end - (TRIED_DAYS - 1) * ONE, end, account.today, TRIED_DAYS, 1)
        earliest = account.start_date or first
        if earliest is None:
            earliest = account.first_day
            self.bookmark(first_day=str(earliest))
        return Period(earliest, end, account.today, self.look_back, self.settle, self.sweeps)

    @property
    def sweeps(self) -> bool:
        """Whether each run reads all days again."""
        return False

    def gone(self, keys: Iterable[Record]) -> Iterable[Record]:
        """Yield the keys of records that vanished, marked as deleted."""
        if self.received_at is None:
            return
        origin, deleted = self.origin, {"deleted_at": self.received_at.isoformat()}
        for key in keys:
            self.origin = origin | deleted
            yield key
        self.origin = origin

    def progress(self, total: int, unit: str) -> Progress:
        """Return what tells how far the stream has come."""
        return Progress(self.logger, self.name, total, unit, self.tap.client)


def objects(rows: Any, path: str) -> list[dict[str, Any]]:
    """Return a list of objects; an empty one for null.

    Raises:
        AnswerError: It is something else.
    """
    found = [] if rows is None else rows
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise AnswerError(f"The answer to {path} has another shape than is known.")
    return found


def members(body: Any, path: str) -> dict[str, Any]:
    """Return an object; an empty one for null.

    Raises:
        AnswerError: It is something else.
    """
    (found,) = objects([{} if body is None else body], path)
    return found


def leaves(value: Any) -> int:
    """Return how many values other than null a JSON value holds."""
    if isinstance(value, dict):
        return sum(leaves(member) for member in value.values())
    if isinstance(value, list):
        return sum(leaves(member) for member in value)
    return value is not None
