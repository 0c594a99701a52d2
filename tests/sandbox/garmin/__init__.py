"""The sandbox's Garmin: a server that behaves like the Connect Personal API, with made-up data.

``account`` is the person's data and what a test changes in it, ``quirks`` are switches, ``access``
holds key and tokens, ``over_limit`` every request beyond what Garmin bears or its users advise::

    garmin = Garmin(clock, person, seed=1, years=2)
    with garmin:
        requests.get(f"{garmin.url}/...")
    garmin.account.recompute_night("2026-02-27")
    assert garmin.over_limit == []
"""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import msgspec
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from tests.sandbox.garmin.access import Access
from tests.sandbox.garmin.account import Account
from tests.sandbox.garmin.activities import A_DAY
from tests.sandbox.garmin.endpoints import PATHS, ROUTES
from tests.sandbox.garmin.everything import NAMES, everything
from tests.sandbox.garmin.questions import OverLimit, Question, Refusal, unfit
from tests.sandbox.garmin.quirks import Quirks
from tests.sandbox.server import Asked, Server, encoder, json_response

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.wrappers import Request

    from tests.sandbox.clock import Clock
    from tests.sandbox.person import Person

__all__ = ["Access", "Account", "Garmin", "OverLimit", "Quirks"]

TOKEN: Final = "/personalapitoken-service/personal-api/personal-api-key/token"
WAIT: Final = 14
"""Seconds that Garmin asks for when it is asked too fast (seen live)."""
ZIP: Final = "application/x-zip-compressed"
YEAR: Final = 365.25


class Garmin(Server):
    """Garmin's server for one person's account."""

    def __init__(
        self, clock: Clock, person: Person, seed: int, years: float, activities: int | None = None
    ) -> None:
        """Make the account; ``activities`` is how many there are before today (else 0.82 a day)."""
        super().__init__(clock)
        self.quirks = Quirks()
        total = round(years * YEAR * A_DAY) if activities is None else activities
        self.account = Account(clock, person, seed, self.quirks, total)
        self.access = Access(clock, seed)
        self.over_limit: list[OverLimit] = []
        self.on_request: Callable[[Asked], object] | None = None
        """Called with each request before it is answered: a test changes things in mid-run."""
        self._recent: deque[datetime] = deque()

    @property
    def key(self) -> str:
        """The personal API key."""
        return self.access.key

    def look(self, path: str, **query: Any) -> Any:
        """Return the JSON that a GET would get now, without HTTP, log, access and faults.

        A parameter that repeats is given as a list.

        Raises:
            Refusal: The answer is another status than 200; ``status`` and ``body`` say which.
        """
        lists = {
            name: list(map(str, value)) if isinstance(value, list) else [str(value)]
            for name, value in query.items()
        }
        texts = {name: values[0] for name, values in lists.items()}
        question = Question(self.account, path, texts, lists, is_strange=self.strange)
        with self.lock:
            return msgspec.json.decode(encoder.encode(_found(question)))

    def everything(self, *names: str) -> dict[str, dict[Any, dict[str, Any]]]:
        """Return what an ideal reader of the range streams (all nine or some) has, by key.

        The streams are activities (by activityId), weight_entries (by samplePk) and, by day,
        daily_summaries, sleep, hrv, stress, steps, hydration and body_battery.
        """
        with self.lock:
            return everything(self.account, names or NAMES, is_strange=self.strange)

    def answer(self, request: Request, asked: Asked) -> Response:
        """Return the answer to a request; ``asked.refused`` says why it is another than data."""
        authorization = request.headers.get("Authorization", "")
        if self.on_request:
            self.on_request(asked)
        try:
            if request.path == TOKEN:
                return self._exchange(request, authorization)
            self._admit(request.path, authorization, asked)
            question = Question(
                self.account, request.path, asked.query, request.args.to_dict(flat=False),
                request.headers.get("Accept", ""), self.strange, self.over_limit.append,
            )  # fmt: skip
            return _response(_found(question, request.method, asked.notes))
        except Refusal as refusal:
            asked.refused = (
                asked.refused or (refusal.status > HTTPStatus.NO_CONTENT and "limits") or None
            )
            return _refused(refusal, self._retry_after(refusal.status))

    def _exchange(self, request: Request, authorization: str) -> Response:
        if request.method != "POST":
            raise unfit("Method Not Allowed", HTTPStatus.METHOD_NOT_ALLOWED)
        token = self.access.exchange(authorization)
        if token is None:
            raise unfit("The personal API key is not valid.", self.access.refusal)
        return Response(token, content_type="text/plain;charset=utf-8")

    def _admit(self, path: str, authorization: str, asked: Asked) -> None:
        """Refuse what comes without a good token, to a closed area, or too fast."""
        status = self.access.refused(authorization, path.split("/")[1])
        if status:
            asked.refused = "token" if status == HTTPStatus.UNAUTHORIZED else "scope"
            raise unfit(HTTPStatus(status).phrase, status)
        now, most = self.clock.now(), self.quirks.most_in_a_second
        while self._recent and self._recent[0] <= now - timedelta(seconds=1):
            self._recent.popleft()
        if most is not None and len(self._recent) >= most:
            asked.refused = "too fast"
            raise unfit("Too Many Requests", HTTPStatus.TOO_MANY_REQUESTS)
        self._recent.append(now)

    def _retry_after(self, status: int) -> dict[str, str]:
        form = self.quirks.retry_after
        if status != HTTPStatus.TOO_MANY_REQUESTS or form == "none":
            return {}
        then = self.clock.now() + timedelta(seconds=WAIT)
        return {
            "Retry-After": str(WAIT) if form == "seconds" else format_datetime(then, usegmt=True)
        }


def _found(question: Question, method: str = "GET", notes: dict[str, Any] | None = None) -> Any:
    """Return what a path has to say; paths that this API does not offer are refused.

    ``notes`` are told the path as a rule, such as ``/hrv-service/hrv/<day>``.
    """
    try:
        rule, parts = ROUTES.bind("").match(question.path, method)
    except HTTPException as error:
        raise unfit("Not Found", error.code or HTTPStatus.NOT_FOUND) from None
    if notes is not None:
        notes["rule"] = rule
    return PATHS[rule](question, **parts)


def _response(content: Any) -> Response:
    if isinstance(content, bytes):
        return Response(content, content_type=ZIP)
    return json_response(content)


def _refused(refusal: Refusal, headers: dict[str, str]) -> Response:
    if refusal.body is None:
        return Response(status=refusal.status, headers=headers)
    return json_response(refusal.body, refusal.status, headers)
