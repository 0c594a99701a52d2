"""Runs a tap for some days: through ``meltano invoke``, or as a command of its own."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from target_bronze_postgres.errors import TapError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from target_bronze_postgres.ops.reconcile.days import Days

PATIENCE: Final = 30
"""Seconds that a tap has to end after it was asked to."""


@dataclass(frozen=True)
class Tap:
    """How a tap is started.

    Args:
        plugin: Name of the Meltano extractor.
        command: A command line that is run instead, as a shell would read it.
    """

    plugin: str
    command: str | None = None

    @property
    def label(self) -> str:
        """Names it for a person, and for the next run that goes on."""
        return self.command or f"meltano invoke {self.plugin}"

    @contextmanager
    def reading(self, days: Days, state: str | None) -> Iterator[subprocess.Popen[bytes]]:
        """Start the tap for these days with a STATE, or none; its messages come from ``stdout``.

        Raises:
            TapError: It cannot be started.
        """
        window = {"start_date": str(days.first), "end_date": str(days.last)}
        with tempfile.TemporaryDirectory(prefix="bronze-") as folder:
            state_file = Path(folder, "state.json")
            state_file.write_text(state or "{}", encoding="utf-8")
            config_file = Path(folder, "days.json")
            config_file.write_text(json.dumps(window), encoding="utf-8")
            arguments = [*self._arguments(config_file), "--state", str(state_file)]
            process = self._start(arguments, self._environment(window))
            try:
                yield process
            finally:
                _end(process)

    def _arguments(self, config_file: Path) -> list[str]:
        if self.command is None:
            return [_meltano(), "invoke", self.plugin]
        try:
            given = shlex.split(self.command)
        except ValueError as error:
            raise TapError(f"--tap is no command line: {error}") from error
        return [*given, "--config", str(config_file)]

    def _environment(self, window: dict[str, str]) -> dict[str, str]:
        prefix = self.plugin.upper().replace("-", "_")
        return os.environ | {f"{prefix}_{name.upper()}": day for name, day in window.items()}

    def _start(self, arguments: list[str], environ: dict[str, str]) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(  # noqa: S603 - what the user names
                arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environ
            )
        except OSError as error:
            raise TapError(
                f"{arguments[0]} cannot be started: {error.strerror}: name the tap's command by "
                "--tap"
            ) from error


def _meltano() -> str:
    """Meltano beside this program, else the one on PATH.

    Raises:
        TapError: There is none.
    """
    beside = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
    if (found := shutil.which("meltano", path=beside)) is None:
        raise TapError("there is no meltano here: name the tap's command by --tap")
    return found


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a tap that was not read to its end; wait for it in any case."""
    stdout: IO[bytes] | None = process.stdout
    if stdout:
        stdout.close()
    if process.poll() is None:
        try:
            process.wait(PATIENCE if stdout is None else 1)
        except subprocess.TimeoutExpired:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
