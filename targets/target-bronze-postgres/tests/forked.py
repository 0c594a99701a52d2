"""The target's command as a process that is forked from a warm one: it starts in milliseconds."""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.waiting import DEADLINE

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerProcess
    from pathlib import Path

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["target_bronze_postgres.target"])
_STREAMS = (
    ("in", os.O_RDONLY),
    ("out", os.O_WRONLY),
    ("err", os.O_WRONLY),
)


@dataclass
class Forked:
    """A running target; its stdin, stdout and stderr are files."""

    process: ForkServerProcess
    folder: Path

    @classmethod
    def start(cls, folder: Path, config: str, environ: dict[str, str], text: bytes) -> Forked:
        """Start the target with a config file and its whole input, in a folder of its own."""
        folder.mkdir()
        (folder / "in").write_bytes(text)
        (folder / "out").touch()
        (folder / "err").touch()
        process = _CONTEXT.Process(target=_run, args=(str(folder), config, environ))
        process.start()
        return cls(process, folder)

    def signal(self, number: int) -> None:
        """Send a signal."""
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    def kill(self) -> None:
        """Kill it, as kill -9 does, and wait until it is gone."""
        self.process.kill()
        self.process.join(DEADLINE)

    def wait(self) -> int:
        """Wait for its end and return its exit status."""
        self.process.join(DEADLINE)
        assert self.process.exitcode is not None, "it did not end in time"
        return self.process.exitcode

    @property
    def states(self) -> list[Any]:
        """The states that it has emitted; a line that a kill cut off is none."""
        lines = (self.folder / "out").read_bytes().split(b"\n")[:-1]
        return [json.loads(line) for line in lines]

    @property
    def log(self) -> str:
        """What it has written to stderr."""
        return (self.folder / "err").read_text()


def _run(folder: str, config: str, environ: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(folder)
    for number, (name, flags) in enumerate(_STREAMS):
        os.dup2(os.open(name, flags), number)
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout, sys.stderr = (os.fdopen(n, "w", closefd=False) for n in (1, 2))
    from target_bronze_postgres.target import TargetBronzePostgres  # noqa: PLC0415 - preloaded

    TargetBronzePostgres.get_singer_command().main(["--config", config])
