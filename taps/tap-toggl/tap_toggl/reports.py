"""The detailed report of the Reports API: one request after another, by row number.

Facts that shape it: a page has 50 rows unless more are asked for, and the server may grant fewer
without a word; the last page may be full; rounding follows the person's preferences unless it is
switched off; days are the person's, and both ends are included.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from .api import REPORTS, rows
from .errors import AnswerError, RefusedError
from .history import FIRST_DAY, LAST_DAY

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

    from .api import Toggl
    from .client import Answer
    from .history import Window

__all__ = ["DetailedReport", "MovedError", "Page", "PageSizes", "day_of", "entry_ids"]

SIZES: Final = (10_000, 1_000, 200)
"""Page sizes to ask for; which are granted is not documented."""
STANDARD: Final = 50
BAD_REQUEST: Final = 400


class MovedError(Exception):
    """Rows moved between two pages: something was added, moved or deleted meanwhile."""


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of the report."""

    answer: Answer
    rows: list[dict[str, Any]]


class PageSizes:
    """Finds the page size that brings most rows, without a request of its own.

    Args:
        kept: Part of the STATE, changed in place: ``asked``, ``granted`` and ``untried`` sizes.
    """

    def __init__(self, kept: MutableMapping[str, Any]) -> None:
        """Go on with what the last run found out."""
        self.kept = kept
        kept.setdefault("untried", list(SIZES))

    @property
    def size(self) -> int:
        """The page size to ask for now."""
        untried: list[int] = self.kept["untried"]
        return untried[0] if untried else int(self.kept.get("asked", STANDARD))

    @property
    def granted(self) -> int:
        """Rows that a page was seen to hold."""
        return int(self.kept.get("granted", STANDARD))

    def got(self, asked: int, count: int) -> None:
        """Note how many rows came where more were to come."""
        if count > self.kept.get("granted", 0):
            self.kept.update(asked=asked, granted=count)
        # A larger size that brings fewer rows fell back to the standard; a smaller one may not.
        self._tried(asked)

    def refused(self, asked: int) -> None:
        """Note that a size was refused."""
        self._tried(asked)

    def too_slow(self) -> None:
        """Ask for less after an answer did not come: it may have been too much."""
        if self.size > SIZES[1]:
            self.kept["untried"] = list(SIZES[1:])
            self.kept.pop("asked", None)
            self.kept.pop("granted", None)

    def _tried(self, asked: int) -> None:
        granted = self.kept.get("granted", 0)
        untried = [one for one in self.kept["untried"] if one != asked and one > granted]
        self.kept["untried"] = untried


class DetailedReport:
    """``POST …/search/time_entries`` of one workspace.

    Args:
        api: Where to ask.
        workspace_id: Whose entries.
        sizes: Which page size to ask for.
        user_ids: Whose entries alone; None for all that the person may see.
    """

    def __init__(
        self, api: Toggl, workspace_id: int, sizes: PageSizes, user_ids: list[int] | None
    ) -> None:
        """Ask nothing yet."""
        self.api = api
        self.path = f"{REPORTS}/workspace/{workspace_id}/search/time_entries"
        self.sizes = sizes
        self.user_ids = user_ids

    def pages(self, window: Window, *, watched: bool = True) -> Iterator[Page]:
        """Yield the pages of some days, by start.

        Args:
            window: Which days.
            watched: Whether rows that moved between two pages end it.

        Raises:
            MovedError: Rows moved since the page before, so that some may be missing.
            TapError: An answer cannot be used; a ``RefusedError`` with status 402 says that the
                plan does not reach so far back.
            Pause: The quota is spent.
        """
        place: dict[str, int] = {}
        following: str | None = None
        while True:
            page = self._page(window, place)
            if watched and following and following not in _first_ids(page.rows):
                raise MovedError
            yield page
            headers = page.answer.headers
            if "X-Next-Row-Number" not in headers:
                return
            following = headers.get("X-Next-ID")
            if not page.rows:
                raise AnswerError(f"The answer to {self.path} is empty, but names a next page.")
            place = {"first_row_number": self._further(headers["X-Next-Row-Number"], place)}

    def _further(self, number: str, place: dict[str, int]) -> int:
        """Return the next row number, which must be larger than the last."""
        if not number.isdecimal() or int(number) <= place.get("first_row_number", 0):
            raise AnswerError(f"The answer to {self.path} names no next page that is further on.")
        return int(number)

    def _page(self, window: Window, place: dict[str, int]) -> Page:
        """Return one page; ask for fewer rows if so many are refused."""
        while True:
            size = self.sizes.size
            try:
                answer = self.api.post(self.path, self._body(window, size) | place)
            except RefusedError as error:
                if error.status != BAD_REQUEST or "page_size" not in error.body:
                    raise
                if size == STANDARD:
                    raise
                self.sizes.refused(size)
                continue
            found = rows(answer)
            if "X-Next-Row-Number" in answer.headers:
                self.sizes.got(size, len(found))
            return Page(answer, found)

    def _body(self, window: Window, size: int) -> dict[str, Any]:
        """Return what to ask for."""
        users = {"user_ids": self.user_ids} if self.user_ids is not None else {}
        return users | {
            "start_date": window.first.isoformat(),
            "end_date": window.last.isoformat(),
            "order_by": "date",
            "order_dir": "ASC",
            "grouped": False,
            "rounding": 0,
            "rounding_minutes": 0,
            "page_size": size,
        }


def entry_ids(row: dict[str, Any]) -> list[Any]:
    """Return the ids of a row's entries: one, if rows are not grouped."""
    return [one.get("id") for one in _nested(row)]


def day_of(row: dict[str, Any]) -> str | None:
    """Return the person's day on which a row's entry begins, None if the row does not tell."""
    start = next((one.get("start") for one in _nested(row)), None)
    try:
        day = date.fromisoformat(str(start)[:10])
    except ValueError:
        return None
    return str(day) if FIRST_DAY <= day <= LAST_DAY else None


def _nested(row: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the entries of a row."""
    found = row.get("time_entries")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _first_ids(found: list[dict[str, Any]]) -> set[str]:
    """Return the ids of the first row's entries, as a header writes them."""
    return {str(number) for row in found[:1] for number in entry_ids(row)}
