"""Faults that a server shows on purpose: cuts, slow answers, 5xx, garbage, 429, redirects.

Each switch takes the same three limits: ``count`` (how many requests it strikes; None for all),
``after`` (how many matching requests pass before) and ``path`` (a regular expression, searched in
the path). The oldest switch that still strikes wins; :meth:`Faults.clear` takes all away.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from typing import Any, Final

PAGE: Final = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


@dataclass
class Fault:
    """One switch: what it does and which requests it strikes."""

    kind: str
    count: int | None = 1
    after: int = 0
    path: re.Pattern[str] = field(default_factory=lambda: re.compile(""))
    counted: bool = True
    """Whether the request reaches the server before, and so costs quota."""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0
    share: float = 0.5

    def strikes(self, path: str) -> bool:
        """Tell whether a request is struck, and count it."""
        if self.count == 0 or not self.path.search(path):
            return False
        if self.after > 0:
            self.after -= 1
            return False
        if self.count is not None:
            self.count -= 1
        return True


class Faults:
    """The fault switches of one server."""

    def __init__(self) -> None:
        """Start without any fault."""
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def clear(self) -> None:
        """Take all faults away."""
        with self._lock:
            self._faults.clear()

    def struck(self, path: str) -> Fault | None:
        """Return the fault that a request meets, if any."""
        with self._lock:
            return next((fault for fault in self._faults if fault.strikes(path)), None)

    def cut(self, *, share: float = 0.5, **limits: Any) -> None:
        """Close the connection after a share (0 to 1) of the answer's body."""
        self._add("cut", share=share, **limits)

    def hang_up(self, **limits: Any) -> None:
        """Close the connection before a single byte of the answer."""
        self._add("hang_up", **limits)

    def slow(self, seconds: float, **limits: Any) -> None:
        """Wait before the answer; the wait ends when the server stops."""
        self._add("slow", seconds=seconds, **limits)

    def status(self, code: int = 503, *, body: bytes = PAGE, **limits: Any) -> None:
        """Answer with a status, 503 by default, and no JSON."""
        self._add("status", status=code, body=body, headers={"Content-Type": "text/html"}, **limits)

    def garbage(self, body: bytes = PAGE, **limits: Any) -> None:
        """Answer 200 with a body that is no JSON, the type of the true answer kept."""
        self._add("garbage", body=body, **limits)

    def too_many(self, retry_after: str | int | None = None, **limits: Any) -> None:
        """Answer 429, with ``Retry-After`` in seconds or as an HTTP date if it is given."""
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        body = b"Too Many Requests"
        self._add("status", status=429, body=body, headers=headers, **{"counted": False} | limits)

    def redirect(self, to: str, code: int = 302, **limits: Any) -> None:
        """Answer with a redirect to another address."""
        headers = {"Location": to}
        self._add("status", status=code, headers=headers, **{"counted": False} | limits)

    def _add(self, kind: str, *, path: str = "", **settings: Any) -> None:
        with self._lock:
            self._faults.append(Fault(kind, path=re.compile(path), **settings))
