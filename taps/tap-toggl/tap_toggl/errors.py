"""Everything that can go wrong between a tap and its source, as one tree.

    TapError                     one clear line for the user; the run ends with status 1
    +-- UnreachableError         no answer: no network, wrong address, timeout, connection cut
    +-- RefusedError             the source said no, and asking again would not help (4xx)
    |   +-- CredentialsError     the key or token is wrong, expired or revoked
    +-- OverloadedError          the source had trouble (5xx) or asked to slow down, at every try
    +-- AnswerError              an answer that cannot be used: a redirect, no JSON, an odd shape
    Pause                        no error: the source's limits ask for a later run to go on

Every tap of this repository holds a copy of this file; a test holds that the copies are the same.
No message shows a credential, a header or the body of an answer.
"""

from __future__ import annotations

__all__ = [
    "AnswerError",
    "CredentialsError",
    "OverloadedError",
    "Pause",
    "RefusedError",
    "TapError",
    "UnreachableError",
]


class TapError(Exception):
    """Trouble that ends the run; its text is one line that names the cause and the mend."""


class UnreachableError(TapError):
    """No answer came: no network, wrong address, timeout, or a connection that was cut."""


class RefusedError(TapError):
    """The source said no, and asking again would not help.

    Args:
        message: One clear line.
        status: HTTP status of the answer.
        body: Text of the answer, for the tap's decisions; never shown.
    """

    def __init__(self, message: str, *, status: int, body: str = "") -> None:
        """Keep what the tap decides by."""
        super().__init__(message)
        self.status = status
        self.body = body


class CredentialsError(RefusedError):
    """The key or token is wrong, expired or revoked."""


class OverloadedError(TapError):
    """The source had trouble or asked to slow down, and still did after every retry."""


class AnswerError(TapError):
    """An answer that cannot be used: a redirect, no JSON, an unexpected shape."""


class Pause(Exception):  # noqa: N818 - not an error: the run ends well and the next one goes on
    """The source's limits ask for a later run; its text says how far this one has come."""
