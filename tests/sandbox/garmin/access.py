"""Keys and tokens: a key is exchanged for a token that lives a day, and is never refreshed."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from tests.sandbox.garmin.dice import Dice
from tests.sandbox.garmin.forms import words

if TYPE_CHECKING:
    from tests.sandbox.clock import Clock

FITNESS: Final = "PERSONAL_API_FITNESS_READ"
WELLNESS: Final = "PERSONAL_API_WELLNESS_READ"
FITNESS_SERVICES: Final = frozenset(
    words("activitylist-service activity-service download-service biometric-service")
)
"""First parts of the paths that need the first scope; all others need the second."""
KEY_LIFE: Final = timedelta(days=180)
"""The owner picks 30, 90, 180 days or a year."""
TOKEN_LIFE: Final = timedelta(hours=24)


class Access:
    """The account's key and the tokens that were given for it."""

    def __init__(self, clock: Clock, seed: int) -> None:
        """Make a key that is plainly no real one."""
        self._clock = clock
        self.key = f"sandbox-garmin-key-{Dice(seed, 'key').whole(10**8, 10**9)}-not-real"
        self.key_ends: datetime = clock.now() + KEY_LIFE
        """When the key ends, by itself."""
        self.token_life: timedelta = TOKEN_LIFE
        """How long a new token lives, if the key does not end before."""
        self.scopes: list[str] = [FITNESS, WELLNESS]
        """The scopes of new tokens."""
        self.closed: set[str] = set()
        """First parts of paths, such as ``hrv-service``, that answer 403 whatever the scope."""
        self.refusal: int = HTTPStatus.UNAUTHORIZED
        """What the exchange answers to a wrong, ended or revoked key: 400, 401 or 403."""
        self.token_text = "{}"
        """The text around a token; Garmin's clients strip white space and quotation marks."""
        self.exchanges = 0
        """How many tokens were given."""
        self._tokens: dict[str, tuple[datetime, list[str]]] = {}
        self._revoked = False

    def revoke_key(self) -> None:
        """Delete the key, and its tokens with it."""
        self._revoked = True
        self.revoke_tokens()

    def renew_key(self, life: timedelta = KEY_LIFE) -> str:
        """Make a new key in place of the old one; returns it."""
        self.key = f"{self.key}-again"
        self.key_ends, self._revoked = self._clock.now() + life, False
        self.revoke_tokens()
        return self.key

    def revoke_tokens(self) -> None:
        """End all tokens; the key can be exchanged again."""
        self._tokens.clear()

    def exchange(self, authorization: str) -> str | None:
        """Return a token for ``ApiKey <key>``; None if the key is not good."""
        if self._revoked or authorization != f"ApiKey {self.key}" or self._now >= self.key_ends:
            return None
        self.exchanges += 1
        return self.token_text.format(self._token())

    def refused(self, authorization: str, service: str) -> int | None:
        """Return the status that refuses ``Bearer <token>`` to a service; None if it may."""
        ends, scopes = self._tokens.get(authorization.removeprefix("Bearer "), (None, []))
        if (
            ends is None
            or not authorization.startswith("Bearer ")
            or self._now >= min(ends, self.key_ends)
        ):
            return HTTPStatus.UNAUTHORIZED
        needed = FITNESS if service in FITNESS_SERVICES else WELLNESS
        if service in self.closed or needed not in scopes:
            return HTTPStatus.FORBIDDEN
        return None

    @property
    def _now(self) -> datetime:
        return self._clock.now()

    def _token(self) -> str:
        """Make and keep a JWT; its signature is a hash of nothing secret."""
        issued = self._now.replace(microsecond=0)
        ends = min(issued + self.token_life, self.key_ends)
        claims = {
            "iss": "sandbox", "iat": int(issued.timestamp()), "exp": int(ends.timestamp()),
            "scope": self.scopes, "jti": f"{self.exchanges}",
        }  # fmt: skip
        body = ".".join(_base64(json.dumps(part).encode()) for part in ({"alg": "RS256"}, claims))
        token = f"{body}.{_base64(hashlib.sha256(body.encode()).digest())}"
        self._tokens[token] = (ends, list(self.scopes))
        return token


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
