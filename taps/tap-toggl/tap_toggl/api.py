"""Toggl's API: credentials, hourly quotas, and what its statuses mean.

A 402 has two meanings: the hourly quota is spent, or the plan lacks the feature.
"""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from requests.auth import HTTPBasicAuth

from . import clock
from .client import Answer, Client, Request
from .errors import AnswerError, CredentialsError, Pause, RefusedError
from .quota import HOUR, Quota

if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping

__all__ = ["REPORTS", "TOKEN_PAGE", "V9", "Toggl", "endpoint", "origin", "rows"]

V9: Final = "/api/v9"
REPORTS: Final = "/reports/api/v3"
TOKEN_PAGE: Final = "https://track.toggl.com/profile"  # noqa: S105 - where a person finds it
SLOW_DOWN: Final = 60
"""Seconds to wait at a 429 that does not tell; "back off for a few minutes", says Toggl."""
SLOWEST: Final = 600
QUOTA_TEXT: Final = re.compile(r"hourly limit|quota", re.IGNORECASE)
PLAN_TEXT: Final = re.compile(r"plan|premium|starter|feature|available|workspace", re.IGNORECASE)
RESET_TEXT: Final = re.compile(r"reset in (\d+) seconds", re.IGNORECASE)
WRONG_TOKEN: Final = re.compile(r"incorrect username", re.IGNORECASE)
BASES: Final = (V9, REPORTS)


class Toggl(Client):
    """Sends requests to Toggl within its quotas.

    Args:
        settings: The tap's settings.
        quota: What is left of each quota.
        user_agent: What the tap calls itself.
        logger: Where waits are told.
    """

    def __init__(
        self, settings: Mapping[str, Any], quota: Quota, user_agent: str, logger: logging.Logger
    ) -> None:
        """Open a session; nothing is sent yet."""
        super().__init__(
            settings["api_url"],
            auth=HTTPBasicAuth(settings["api_token"], "api_token"),
            user_agent=user_agent,
            interval=float(settings["request_interval"]),
            max_wait=settings["quota_max_wait"],
            logger=logger,
        )
        self.quota = quota
        self._slow = 0
        self._slow_until = 0

    def get(self, path: str, **params: Any) -> Answer:
        """Return the answer to a GET; the path starts with ``V9``."""
        return self.ask(Request("GET", path, params=params or None))

    def post(self, path: str, body: Mapping[str, Any]) -> Answer:
        """Return the answer to a POST of a JSON body, as the reports are asked for."""
        return self.ask(Request("POST", path, body=body))

    def before(self, request: Request) -> None:
        """Wait for the quota, and after a 429.

        Raises:
            Pause: The wait would be longer than setting ``quota_max_wait``.
        """
        bucket = self.quota.bucket(request.path)
        if (wait := self._due(bucket)) > 0:
            self._hold(bucket, wait)
        self.quota.count(bucket, clock.seconds())

    def _due(self, bucket: str) -> int:
        """Return the seconds until a request may be sent; 0 or less for at once."""
        now = clock.seconds()
        return max(self.quota.wait(bucket, now), self._slow_until - now)

    def _hold(self, bucket: str, wait: int) -> None:
        """Wait, or end the run well if that takes too long."""
        moment = datetime.fromtimestamp(clock.seconds() + wait, UTC)
        why = (
            f"the hourly quota ({bucket}) is spent" if not self._slow else "Toggl asks to slow down"
        )
        if wait > self.max_wait:
            raise Pause(
                f"{why} but for the reserve; the next run goes on from here, "
                f"best after {moment:%Y-%m-%d %H:%M:%S} UTC."
            )
        self.logger.info("Waiting %d s: %s.", wait, why)
        time.sleep(wait)

    def after(self, answer: Answer) -> None:
        """Take note of what is left of the quota, and of a wish to slow down.

        Raises:
            Pause: The answer is a refusal, and the wait would be too long.
        """
        bucket, now = self.quota.bucket(answer.request.path), clock.seconds()
        if told := self.quota.told(answer.headers):
            self.quota.note(bucket, *told, now)
        if is_quota(answer):
            found = RESET_TEXT.search(answer.text)
            resets_in = int(found[1]) if found else told[1] if told else HOUR
            self.quota.note(bucket, min(0, told[0]) if told else 0, resets_in, now)
        self._note_slow(answer, now)
        if self.is_passing(answer) and (wait := self._due(bucket)) > self.max_wait:
            self._hold(bucket, wait)

    def _note_slow(self, answer: Answer, now: int) -> None:
        """Remember to wait after a 429 that does not tell for how long."""
        if answer.status != HTTPStatus.TOO_MANY_REQUESTS:
            self._slow = 0
        elif "Retry-After" not in answer.headers:
            self._slow = min(self._slow * 2 or SLOW_DOWN, SLOWEST)
            self._slow_until = now + self._slow

    def is_passing(self, answer: Answer) -> bool:
        """Tell whether the same request may succeed later: also when the quota is spent."""
        return is_quota(answer) or super().is_passing(answer)

    def check(self, answer: Answer) -> None:
        """Raise what a refusal means.

        Raises:
            CredentialsError: The token is missing, wrong or revoked.
            RefusedError: The plan, the rights or the endpoint do not allow the request.
        """
        if is_wrong_token(answer):
            raise CredentialsError(
                f"{self.host} refuses the API token ({answer.status}): it is wrong or was reset. "
                f"The foot of {TOKEN_PAGE} shows the present one.",
                status=answer.status,
            )
        if answer.status == HTTPStatus.GONE:
            raise RefusedError(
                f"{self.told(answer)} Toggl has taken this endpoint away: deselect the stream, "
                "or look for a newer version of the tap.",
                status=answer.status,
            )
        super().check(answer)


def is_quota(answer: Answer) -> bool:
    """Tell whether an answer says that the hourly quota is spent, not that the plan is too small.

    The text decides before the header: a refusal for the plan may be the hour's last answer.
    """
    if answer.status != HTTPStatus.PAYMENT_REQUIRED:
        return False
    if QUOTA_TEXT.search(answer.text) or PLAN_TEXT.search(answer.text):
        return bool(QUOTA_TEXT.search(answer.text))
    remaining = answer.headers.get("X-Toggl-Quota-Remaining", "1")
    return remaining.lstrip("-").isdigit() and int(remaining) <= 0


def is_wrong_token(answer: Answer) -> bool:
    """Tell a wrong token from a missing right: both are 403, the first also on ``/me``."""
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return True
    if answer.status != HTTPStatus.FORBIDDEN:
        return False
    return answer.request.path == f"{V9}/me" or bool(WRONG_TOKEN.search(answer.text))


def endpoint(path: str) -> str:
    """Return a path below the version of its API, such as ``/me/clients``."""
    return next((path.removeprefix(base) for base in BASES if path.startswith(base)), path)


def origin(answer: Answer) -> dict[str, Any]:
    """Return what is known of an answer, for the ``bronze`` member of its records."""
    headers = answer.headers
    known = {
        "api_endpoint": endpoint(answer.request.path),
        "api_request_id": headers.get("X-Toggl-Request-Id") or headers.get("X-Request-Id"),
        "api_response_code": answer.status,
        "api_rate_limit_info": _limit(headers),
    }
    return {name: value for name, value in known.items() if value is not None}


def _limit(headers: Mapping[str, str]) -> dict[str, int] | None:
    """Return what the headers tell of the quota, None if they do not."""
    told = Quota.told(headers)
    return None if told is None else {"remaining": told[0], "resets_in_seconds": told[1]}


def rows(answer: Answer) -> list[dict[str, Any]]:
    """Return the records of an answer: a list, ``null`` for none, or an envelope around ``data``.

    Raises:
        AnswerError: It is something else.
    """
    found = answer.json()
    if isinstance(found, dict) and "data" in found:
        found = found["data"]
    if found is None:
        return []
    if isinstance(found, list) and all(isinstance(row, dict) for row in found):
        return found
    raise AnswerError(f"The answer to {answer.request.path} is no list of records.")
