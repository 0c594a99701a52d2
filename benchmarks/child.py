"""Runs a program, and tells how long it took and how much memory it took at most."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests import peak_memory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PROGRAMS: Final = Path(sys.executable).parent
_LOOK: Final = 0.05
"""Seconds between two looks at the memory of a family of processes."""
_KIB: Final = 1_024


class ChildError(Exception):
    """A program that is measured failed; the text is the end of what it told."""


@dataclass(frozen=True)
class Done:
    """A program that ended well.

    Attributes:
        seconds: From its start to its end, by the clock on the wall.
        memory: The most that it held in memory, in bytes, its children that had ended included.
        log: What it wrote to stderr.
    """

    seconds: float
    memory: int
    log: str


def run(
    command: Sequence[str],
    *,
    stdin: Path | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Done:
    """Run a program to its end; what it writes to stdout is thrown away.

    Args:
        command: The program and its arguments.
        stdin: A file to read; nothing without it.
        env: Variables beside those of this process.
        cwd: The folder to run in.

    Raises:
        ChildError: It did not end with status 0.
    """
    with tempfile.TemporaryFile() as log, (stdin or Path(os.devnull)).open("rb") as source:
        peak = peak_memory.run(
            command,
            stdin=source,
            stdout=subprocess.DEVNULL,
            stderr=log,
            env={**os.environ, **(env or {})},
            cwd=cwd,
        )
        log.seek(0)
        text = log.read().decode(errors="replace")
    if peak.status:
        raise ChildError(f"{Path(command[0]).name} ended with {peak.status}: {text[-2000:]}")
    return Done(peak.seconds, peak.memory, text)


@contextmanager
def watched(part: str) -> Iterator[dict[int, int]]:
    """Watch the processes under this one whose command line holds ``part``, while it is entered.

    Yields:
        The most that each held in memory, in bytes, by its number; complete after the end.
    """
    peaks: dict[int, int] = {}
    done = threading.Event()

    def watch() -> None:
        while not done.wait(_LOOK):
            for number in _family(os.getpid()):
                with suppress(OSError):
                    if part.encode() in Path(f"/proc/{number}/cmdline").read_bytes():
                        peaks[number] = max(peaks.get(number, 0), _peak(number))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peaks
    finally:
        done.set()
        watcher.join()


def _family(number: int) -> list[int]:
    """Return the children of a process and all theirs."""
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{number}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += [int(child), *_family(int(child))]
    return found


def _peak(number: int) -> int:
    for line in Path(f"/proc/{number}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * _KIB
    return 0  # it is ending
