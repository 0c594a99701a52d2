"""HTTP to one source: one host, one request after another, patient with trouble that passes.

Every tap of this repository holds a copy of this file; a test holds that the copies are the same.
What differs from source to source (credentials, quotas, what a status means) is in the subclass
of the tap's own ``api`` module.
"""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests

from .errors import AnswerError, OverloadedError, Pause, RefusedError, TapError, UnreachableError

if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping

    from requests.auth import AuthBase

__all__ = ["Answer", "Client", "Request"]

CONNECT_TIMEOUT = 15.0
READ_TIMEOUT = 120.0  # a year's report takes its time
TRIES = 5
FIRST_WAIT = 1.0  # seconds; doubled from try to try, with full jitter
LONGEST_STEP = 60.0
DIGITS = 4000  # Python converts no more than 4,300 digits to an int
PASSING = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked: method, path below the host, query, JSON body, headers."""

    method: str
    path: str
    params: Mapping[str, Any] | None = None
    body: Any = None
    headers: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whole."""

    request: Request
    status: int
    headers: Mapping[str, str]
    content: bytes
    received_at: datetime

    @property
    def text(self) -> str:
        """The body as text, for decisions; never for the log."""
        return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """Return what the body holds, numbers with their digits; None for an empty body.

        Raises:
            AnswerError: The body is no JSON.
        """
        if not self.content.strip():
            return None
        try:
            return json.loads(self.content, parse_float=Decimal, parse_int=_integer)
        except (ValueError, ArithmeticError, RecursionError):
            raise AnswerError(
                f"The answer to {self.request.path} is no JSON that can be read: is something "
                "between this machine and the service, such as a login page of the network?"
            ) from None


def _integer(digits: str) -> int | Decimal:
    """Return a whole number of any length."""
    return int(digits) if len(digits) < DIGITS else Decimal(digits)


class Client:
    """Sends requests to one host, keeps the pace, tries again what may pass.

    Args:
        base: Scheme and host; credentials are sent there only.
        auth: Adds the credentials to a request.
        user_agent: What the tap calls itself.
        interval: Least time between two requests, in seconds.
        max_wait: Longest wait that the source may ask for, in seconds.
        logger: Where waits are told.
    """

    def __init__(  # noqa: PLR0913 - a client has this many settings
        self,
        base: str,
        *,
        auth: AuthBase,
        user_agent: str,
        interval: float,
        max_wait: float,
        logger: logging.Logger,
    ) -> None:
        """Open a session; nothing is sent yet."""
        self.base = base.rstrip("/")
        self.host = urlsplit(base).netloc
        self.interval = interval
        self.max_wait = max_wait
        self.logger = logger
        self.requests = 0
        self._session = requests.Session()
        self._session.auth = auth
        self._session.headers["User-Agent"] = user_agent
        self._last = -3600.0

    def ask(self, request: Request) -> Answer:
        """Return the answer to a request.

        Raises:
            UnreachableError: No answer came.
            RefusedError: The source said no.
            OverloadedError: The source had trouble at every try.
            AnswerError: The source sent a redirect.
            Pause: The source asks to wait longer than the setting allows.
        """
        for tried in range(1, TRIES + 1):
            try:
                answer = self._send(request)
            except UnreachableError as error:
                self._wait_or_raise(error, tried, None)
                continue
            if not self.is_passing(answer):
                self.check(answer)
                return answer
            self._wait_or_raise(self._overloaded(answer, tried), tried, answer)
        raise AssertionError  # the last try returns or raises

    def before(self, request: Request) -> None:
        """Hold a request back or refuse it, as the source's limits ask. Called before each try.

        Raises:
            Pause: The request may not be sent in this run.
        """

    def after(self, answer: Answer) -> None:
        """Take note of what an answer tells of the source's limits."""

    def is_passing(self, answer: Answer) -> bool:
        """Tell whether the same request may succeed a little later."""
        return answer.status in PASSING or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR

    def check(self, answer: Answer) -> None:
        """Raise what an answer means, if it cannot be used.

        Raises:
            AnswerError: A redirect: credentials go to the configured host only.
            RefusedError: Any other status than success.
        """
        if HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST:
            raise AnswerError(
                f"{self.host} redirects {answer.request.path} to another address, which is not "
                "followed: setting 'api_url' must name the service itself."
            )
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise RefusedError(self.told(answer), status=answer.status, body=answer.text)

    def told(self, answer: Answer) -> str:
        """Return one line that names the status and the path of an answer."""
        try:
            phrase = f" {HTTPStatus(answer.status).phrase}"
        except ValueError:
            phrase = ""
        return f"{self.host} answered {answer.status}{phrase} to {answer.request.path}."

    def _overloaded(self, answer: Answer, tried: int) -> OverloadedError:
        """Return the error for trouble that did not pass, or not yet."""
        end = (
            f" It did so {TRIES} times: try again later; what was read is kept, and the next run "
            "goes on from there."
        )
        return OverloadedError(self.told(answer) + (end if tried == TRIES else ""))

    def _send(self, request: Request) -> Answer:
        """Send a request once and read the whole answer."""
        self.before(request)
        self._pace()
        self.requests += 1
        try:
            response = self._session.request(
                request.method,
                self.base + request.path,
                params=request.params,
                json=request.body,
                headers=request.headers,
                timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise UnreachableError(self._unreachable(request, error)) from None
        answer = Answer(
            request, response.status_code, response.headers, response.content, datetime.now(UTC)
        )
        self.after(answer)
        return answer

    def _unreachable(self, request: Request, error: requests.RequestException) -> str:
        """Return one line that says why no answer came."""
        match error:
            case requests.exceptions.SSLError():
                why = "its certificate cannot be verified"
            case requests.exceptions.ProxyError():
                why = "the proxy that the environment names does not answer"
            case requests.exceptions.ConnectTimeout() | requests.exceptions.ReadTimeout():
                why = "it did not answer in time"
            case requests.exceptions.ChunkedEncodingError():
                why = f"the connection was cut in the answer to {request.path}"
            case _:
                why = "no connection"
        return f"Cannot reach {self.base}: {why}. Check the network and setting 'api_url'."

    def _pace(self) -> None:
        """Wait until the interval since the last request is over."""
        rest = self._last + self.interval - time.monotonic()
        if rest > 0:
            time.sleep(rest)
        self._last = time.monotonic()

    def _wait_or_raise(self, error: TapError, tried: int, answer: Answer | None) -> None:
        """Wait before the next try; raise the error when there is none left.

        Raises:
            TapError: The error, after the last try.
            Pause: The source asks to wait longer than ``max_wait``.
        """
        asked = retry_after(answer) if answer else None
        if asked is not None and asked > self.max_wait:
            raise Pause(
                f"{self.host} asks to wait {asked:.0f} s, longer than setting 'quota_max_wait' "
                "allows: the next run goes on from here."
            )
        if tried == TRIES:
            raise error
        longest = min(FIRST_WAIT * 2 ** (tried - 1), LONGEST_STEP)
        wait = asked if asked is not None else random.uniform(0, longest)  # noqa: S311 - jitter
        self.logger.warning("%s Trying again in %.1f s (%d of %d).", error, wait, tried + 1, TRIES)
        time.sleep(wait)


def retry_after(answer: Answer) -> float | None:
    """Return the seconds that ``Retry-After`` asks to wait: a number, or a date (RFC 9110)."""
    text = answer.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:  # "-0000" means UTC, without a word of the local time
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
