"""Emits STATE on stdout: Meltano, and anyone who pipes, keeps the last line."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from target_bronze_postgres.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterable


class StateWriter:
    """Writes the values of STATE messages as they came, a line each, equal neighbours once.

    ``last`` is the newest that went out, or None.
    """

    def __init__(self) -> None:
        """Begin with nothing emitted."""
        self.last: bytes | None = None

    def emit(self, states: Iterable[bytes]) -> None:
        """Emit states whose records are committed.

        Raises:
            OutputError: Nobody reads stdout any more.
        """
        lines = []
        for state in states:
            if state != self.last:
                lines.append(state + b"\n")
                self.last = state
        if lines:
            self._write(b"".join(lines))

    @staticmethod
    def _write(text: bytes) -> None:
        if sys.stdout is None:  # closed by whoever started us
            raise _lost("Standard output is closed")
        try:
            sys.stdout.buffer.write(text)
            sys.stdout.buffer.flush()
        except BrokenPipeError as error:
            _discard_stdout()
            raise _lost("Standard output is closed") from error
        except OSError as error:
            _discard_stdout()
            raise _lost(f"Standard output cannot be written ({error.strerror})") from error


def _lost(cause: str) -> OutputError:
    return OutputError(
        f"{cause}, so no state can be handed on: what was read before is committed, and will be "
        "read again next time."
    )


def _discard_stdout() -> None:
    # Python flushes stdout once more when it exits, and would complain about it there.
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
