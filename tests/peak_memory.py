"""Runs a program and tells how long it took and how much memory it held at most.

Linux counts to a new program what the process that starts it holds (``ru_maxrss`` outlives exec),
so between a large one, such as pytest, and the program there has to be a small one: this file.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True)
class Peak:
    """A program that ended.

    Attributes:
        seconds: From its start to its end, by the clock on the wall.
        memory: The most that it held in memory, in bytes, its children that had ended included.
        status: Its exit status, 128 and the number of the signal that ended it.
    """

    seconds: float
    memory: int
    status: int


def run(command: Sequence[str], **options: Any) -> Peak:
    """Run a program to its end, with options as ``subprocess.Popen`` takes them."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as told:
        try:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", __file__, str(writing), *command],
                pass_fds=[writing],
                start_new_session=True,
                **options,
            )
        finally:
            os.close(writing)
        try:
            status = process.wait()
        except KeyboardInterrupt:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        seconds, memory = told.read().split()
    return Peak(float(seconds), int(memory) * _UNIT, status)


def _main() -> None:
    told, command = int(sys.argv[1]), sys.argv[2:]
    start = time.perf_counter()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    os.write(told, f"{seconds} {usage.ru_maxrss}".encode())
    sys.exit(process.returncode if process.returncode >= 0 else 128 - process.returncode)


if __name__ == "__main__":
    _main()
