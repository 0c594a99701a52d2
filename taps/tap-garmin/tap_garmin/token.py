"""Access tokens: what one tells of itself, and where it is kept between runs.

A key is exchanged for a token that lives 24 hours, or until the key ends if that is sooner. The
key's own end is told nowhere else: only a fresh token that lives shorter than a day shows it.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Token", "TokenFile", "parse"]

DAY = timedelta(days=1).total_seconds()
SLACK = 60.0
"""Seconds that a whole day may lack without the key's being at its end."""
MARGIN = timedelta(minutes=5).total_seconds()
SHARE = 10
"""A token is renewed when this part of its life, or ``MARGIN`` if that is less, is left."""


@dataclass(frozen=True, slots=True)
class Token:
    """An access token; times are seconds since 1970 by this machine's clock."""

    text: str
    taken_at: float
    ends_at: float

    @property
    def life(self) -> float:
        """Seconds from the exchange to the end."""
        return self.ends_at - self.taken_at

    def is_good(self, now: float) -> bool:
        """Tell whether it lives long enough yet to be used.

        A fixed margin would take a token that lives minutes for one that has ended, and exchange
        the key before every request near its end.
        """
        return self.taken_at <= now < self.ends_at - min(MARGIN, self.life / SHARE)

    @property
    def key_ends(self) -> datetime | None:
        """When the key ends, in UTC, if the token shows it."""
        if self.life > DAY - SLACK:
            return None
        return datetime.fromtimestamp(self.ends_at, UTC).replace(microsecond=0)


def parse(text: str, now: float) -> Token:
    """Return the token that an answer holds, blanks and quotation marks taken off.

    Its life is taken from it and counted from now on, so that this machine's clock need not agree
    with Garmin's. The signature is Garmin's business.

    Raises:
        ValueError: The text is no JSON Web Token.
    """
    plain = text.strip().strip('"').strip()
    try:
        _, body, _ = plain.split(".")
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        life = float(claims["exp"]) - float(claims["iat"])
    except (ValueError, KeyError, TypeError, binascii.Error):
        raise ValueError("no JSON Web Token") from None
    return Token(plain, now, now + max(life, 0.0))


class TokenFile:
    """A token in a file of its owner's alone, in the user's cache folder.

    Where there is no such folder or it cannot be written, nothing is kept, and each run exchanges
    the key anew. The file is named after a hash of host and key, and holds neither.
    """

    def __init__(self, base: str, key: str) -> None:
        """Name the file; nothing is read or written yet."""
        self._name = hashlib.sha256(f"{base}\0{key}".encode()).hexdigest()[:32]

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs with the same key from exchanging it at the same time."""
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(OSError, RuntimeError):
                path = self._folder() / f"{self._name}.lock"
                lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                stack.callback(os.close, lock)
                flock(lock, LOCK_EX)  # ends when the file is closed, also by kill -9
            yield

    def read(self) -> Token | None:
        """Return the token that is kept; None if there is none, or others could have written it."""
        try:
            path = self._folder() / f"{self._name}.json"
            found = path.lstat()
            if found.st_uid != os.geteuid() or found.st_mode & 0o077:
                return None
            kept: dict[str, Any] = json.loads(path.read_text("utf-8"))
            return Token(str(kept["text"]), float(kept["taken_at"]), float(kept["ends_at"]))
        except (OSError, RuntimeError, ValueError, KeyError, TypeError):
            return None

    def write(self, token: Token) -> None:
        """Keep a token, in one step: a reader finds the old one or the new one."""
        with contextlib.suppress(OSError, RuntimeError):
            folder = self._folder()
            handle, path = tempfile.mkstemp(dir=folder, prefix=self._name)  # its mode is 0600
            with open(handle, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor
                json.dump(asdict(token), file)
            Path(path).replace(folder / f"{self._name}.json")

    @staticmethod
    def _folder() -> Path:
        """Return the tap's folder among the user's caches, made if it is not there."""
        given = os.environ.get("XDG_CACHE_HOME", "")
        # The XDG specification: a relative path is to be ignored.
        base = Path(given) if given.startswith("/") else Path.home() / ".cache"
        folder = base / "tap-garmin"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder
