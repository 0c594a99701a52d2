"""SIGTERM and SIGINT: the first one asks the loader to stop, the second one ends it at once."""

from __future__ import annotations

import logging
import os
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Self

logger = logging.getLogger(__name__)

GRACE = 5.0
"""Seconds in which what has been read must be committed; after them it is rolled back."""

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopSignals:
    """Listens while it is entered; ``received`` is the signal's number once one came.

    The SDK's handler would drain again from within a drain, and exit with 0 over lost rows
    (https://github.com/meltano/sdk/issues/3775).
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        """Call ``wake`` when the first signal comes."""
        self._wake = wake
        self._previous: dict[int, object] = {}
        self._done = threading.Event()
        self.received: int | None = None

    def __enter__(self) -> Self:
        """Take the signals over; only the main thread of a process can."""
        if threading.current_thread() is threading.main_thread():
            self._previous = {number: signal.signal(number, self._handle) for number in _SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        """Give the signals back."""
        self._done.set()
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type] # what signal() returned

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self.received is not None:
            os._exit(128 + number)
        self.received = number
        threading.Thread(target=self._limit, args=(number,), daemon=True).start()
        self._wake()

    def _limit(self, number: int) -> None:
        # On a thread: what the signal interrupted may be in the middle of logging itself.
        logger.warning("Signal %d: committing what was read, for at most %g s", number, GRACE)
        if not self._done.wait(GRACE):
            # The server rolls back what has no COMMIT; no state of it was emitted.
            logger.error("Not committed within %g s of the signal: rolled back", GRACE)
            os._exit(128 + number)
