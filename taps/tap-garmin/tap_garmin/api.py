"""The Garmin Connect Personal API: the key's exchange for a token, and what statuses mean.

It is read-only and self-service: a person makes a key on a settings page, and the key is exchanged
for a token by a POST. There is no OAuth, no refresh token and no published quota.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from requests.auth import AuthBase

from . import clock
from .client import Client, Request
from .errors import AnswerError, CredentialsError, RefusedError
from .token import Token, TokenFile, parse

if TYPE_CHECKING:
    import logging

    from requests import PreparedRequest

    from .client import Answer

__all__ = ["KEY_PAGE", "KEY_VARIABLE", "GarminClient", "is_closed"]

KEY_PAGE: Final = "https://connect.garmin.com/app/settings/personalApiToken"
KEY_VARIABLE: Final = "GARMIN_API_KEY"
NEW_KEY: Final = f"make a new one on {KEY_PAGE} and put it into .env as {KEY_VARIABLE}"
EXCHANGE: Final = "/personalapitoken-service/personal-api/personal-api-key/token"
FRESH: Final = 3600.0
"""Seconds that a token may be old to be taken over from an earlier run: a fresh one shows whether
the key ends within a day, an older one does not."""
REFUSED_KEYS: Final = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
LASTING: Final = re.compile(r"/search/activities$|/v2/dailysummaries$")
"""Paths where 500 means that too much was asked for at once, not that trouble may pass."""


class _Credentials(AuthBase):
    """Puts the key on the request that exchanges it, and the token on all others."""

    def __init__(self, key: str) -> None:
        """Start without a token."""
        self.key = key
        self.token: Token | None = None

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        if request.path_url == EXCHANGE:
            request.headers["Authorization"] = f"ApiKey {self.key}"
        elif self.token is not None:
            request.headers["Authorization"] = f"Bearer {self.token.text}"
        return request


class GarminClient(Client):
    """Sends requests with a token that is good, and renews it.

    Args:
        key: The person's API key.
        base: Scheme and host.
        user_agent: What the tap calls itself.
        interval: Least time between two requests, in seconds.
        max_wait: Longest wait that Garmin may ask for, in seconds.
        logger: Where waits and the key's coming end are told.
    """

    def __init__(  # noqa: PLR0913 - a client has this many settings
        self,
        key: str,
        base: str,
        *,
        user_agent: str,
        interval: float,
        max_wait: float,
        logger: logging.Logger,
    ) -> None:
        """Open a session; nothing is sent yet."""
        self._credentials = _Credentials(key)
        super().__init__(
            base,
            auth=self._credentials,
            user_agent=user_agent,
            interval=interval,
            max_wait=max_wait,
            logger=logger,
        )
        self._session.headers["Accept"] = "application/json"
        self._file = TokenFile(self.base, key)
        self._warned = False

    @property
    def token(self) -> Token | None:
        """The token in use."""
        return self._credentials.token

    def ask(self, request: Request) -> Answer:
        """Return the answer to a request; a token that was ended early is renewed once.

        Raises:
            CredentialsError: Garmin refuses the key, or its fresh token.
        """
        self._ensure_token()
        try:
            return super().ask(request)
        except RefusedError as error:
            if not _is_of_token(error):
                raise
        self._renew(self.token)
        try:
            return super().ask(request)
        except RefusedError as error:
            if not _is_of_token(error):
                raise
            raise CredentialsError(
                f"{self.host} refuses a token that it has just given out (401): "
                f"the API key may be about to end; {NEW_KEY}.",
                status=error.status,
            ) from None

    def _ensure_token(self) -> None:
        """Take over the token of an earlier run, or exchange the key, if that is due."""
        if self.token is not None and self.token.is_good(clock.seconds()):
            return
        self._renew(self.token)

    def _renew(self, stale: Token | None) -> None:
        """Get a token other than the stale one: from the file if another run has put one there."""
        with self._file.locked():
            kept = self._file.read()
            if not (kept and _is_fresh(kept) and (stale is None or kept.text != stale.text)):
                kept = self._exchange()
                self._file.write(kept)
        self._credentials.token = kept
        self._foretell(kept)

    def _exchange(self) -> Token:
        """Exchange the key for a token.

        Raises:
            CredentialsError: Garmin refuses the key.
            AnswerError: The answer is no token.
        """
        answer = super().ask(Request("POST", EXCHANGE, headers={"Accept": "*/*"}))
        try:
            return parse(answer.text, clock.seconds())
        except ValueError:
            raise AnswerError(
                f"{self.host} answered the exchange of the API key with something that is no "
                "token: check setting 'api_url', and whether the network asks for a login."
            ) from None

    def _foretell(self, token: Token) -> None:
        """Tell, once a run, that the key ends within a day."""
        if token.key_ends is not None and not self._warned:
            self._warned = True
            self.logger.warning(
                "The API key ends on %s: %s.",
                token.key_ends.strftime("%Y-%m-%d at %H:%M UTC"),
                NEW_KEY,
            )

    def is_passing(self, answer: Answer) -> bool:
        """Tell whether the same request may succeed a little later."""
        too_much = answer.status == HTTPStatus.INTERNAL_SERVER_ERROR and LASTING.search(
            answer.request.path
        )
        return not too_much and super().is_passing(answer)

    def check(self, answer: Answer) -> None:
        """Raise what an answer means, if it cannot be used.

        Raises:
            CredentialsError: Garmin refuses the key.
        """
        if answer.request.path == EXCHANGE and answer.status in REFUSED_KEYS:
            raise CredentialsError(
                f"{self.host} refuses the API key ({answer.status}): it is mistyped, has expired "
                f"or was deleted; {NEW_KEY}. What was read is kept.",
                status=answer.status,
            )
        super().check(answer)


def _is_of_token(error: RefusedError) -> bool:
    """Tell whether the token has ended or was revoked, while the key may be good."""
    return error.status == HTTPStatus.UNAUTHORIZED and not isinstance(error, CredentialsError)


def is_closed(error: RefusedError) -> bool:
    """Tell whether the key is good, but does not open the area that was asked for."""
    return error.status == HTTPStatus.FORBIDDEN and not isinstance(error, CredentialsError)


def _is_fresh(token: Token) -> bool:
    """Tell whether a token of another run may be used."""
    now = clock.seconds()
    return token.is_good(now) and now - token.taken_at < FRESH
