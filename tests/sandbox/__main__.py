"""Starts the sandbox by hand: ``python -m tests.sandbox serve``, ``run -- COMMAND``, ``export``."""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tests.sandbox import Clock, Options, Sandbox
from tests.sandbox.garmin.export import Export, write_export

if TYPE_CHECKING:
    from collections.abc import Iterator

NOT_FOUND = 127
"""The shell's exit status for a command that is not there."""


def main() -> None:
    """Read the command line and do what it says; ends with the command's status."""
    options = parser().parse_args()
    if options.verb == "export":
        export(options)
        return
    with contextlib.ExitStack() as stack:
        try:
            sandboxes = stack.enter_context(started(options))
        except OSError as error:
            sys.exit(f"A server cannot listen: {error}. Give another port, or none.")
        if options.verb == "run":
            sys.exit(run(sandboxes[options.account[0]], options.command))
        serve(sandboxes)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    found = argparse.ArgumentParser(prog="python -m tests.sandbox", description=__doc__)
    verbs = found.add_subparsers(dest="verb", required=True)
    serving = verbs.add_parser("serve", help="start both servers and wait for Ctrl-C")
    serving.add_argument("--toggl-port", type=int, default=0, help="default: any free one")
    serving.add_argument("--garmin-port", type=int, default=0, help="default: any free one")
    running = verbs.add_parser("run", help="start both servers, run a command, stop")
    running.add_argument("command", nargs="+", help="the command, after --")
    exporting = verbs.add_parser("export", help="write a made-up account export of Garmin")
    exporting.add_argument("path", type=Path, help="the ZIP archive to write")
    for verb in (serving, running, exporting):
        verb.add_argument("--years", type=float, default=2, help="years of data (default: 2)")
        verb.add_argument("--seed", type=int, default=1, help="another person (default: 1)")
        verb.add_argument("--now", type=aware, help="the servers' time (default: the machine's)")
        verb.add_argument("--entries-per-day", type=float, default=10, help="default: 10")
        verb.add_argument(
            "--account", nargs="+", default=["main"], help="names, one person each (default: main)"
        )
    return found


def aware(text: str) -> datetime:
    """Return an ISO time; without a zone it is UTC.

    Raises:
        ValueError: It is none.
    """
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def export(options: argparse.Namespace) -> None:
    """Write the account export of a person."""
    sandbox = Sandbox(options.seed, years=options.years, now=options.now)
    write_export(options.path, Export(sandbox.garmin.account))


@contextlib.contextmanager
def started(options: argparse.Namespace) -> Iterator[dict[str, Sandbox]]:
    """Start a sandbox for each account, with one clock for all; ports are for the first."""
    clock, shape = Clock(options.now), Options(entries_per_day=options.entries_per_day)
    ports = [getattr(options, "toggl_port", 0), getattr(options, "garmin_port", 0)]
    found: dict[str, Sandbox] = {}
    with contextlib.ExitStack() as stack:
        for number, name in enumerate(options.account):
            seed = options.seed + number
            sandbox = Sandbox(seed, years=options.years, toggl=shape, clock=clock)
            stack.callback(sandbox.stop)
            found[name] = sandbox.start(*(ports if number == 0 else ()))
        yield found


def serve(sandboxes: dict[str, Sandbox]) -> None:
    """Print how to reach the servers and wait for Ctrl-C or SIGTERM."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    lines = [line for found in sandboxes.items() for line in description(*found)]
    with contextlib.suppress(KeyboardInterrupt):
        print(*lines, "Stop with Ctrl-C.", sep="\n", flush=True)  # noqa: T201 - a command line
        signal.pause()


def description(name: str, sandbox: Sandbox) -> list[str]:
    """Return the lines that say how to reach the servers of an account by hand."""
    variables = sandbox.environ()
    exports = [f"  export {key}={shlex.quote(value)}" for key, value in variables.items()]
    taps = [tap for tap in ("tap-toggl", "tap-garmin") if _variable(tap) in variables]
    pipes = [f"  .venv/bin/{tap} --config ENV | .venv/bin/target-bronze-postgres" for tap in taps]
    ahead = sandbox.clock.offset().total_seconds()
    at_that_time = f"  .venv/bin/python -m tests.sandbox.moved {ahead:+.0f} .venv/bin/"
    moved = [f"{at_that_time}{tap} --config ENV" for tap in taps if abs(ahead) > 1]
    head = f"account {name}: {sandbox.person.name}, {sandbox.years:g} years of data"
    return [head, *exports, *pipes, *moved]


def _variable(tap: str) -> str:
    return f"{tap.upper().replace('-', '_')}_API_URL"


def run(sandbox: Sandbox, command: list[str]) -> int:
    """Run a command with both taps pointed to the sandbox; returns its exit status.

    A command that a signal ended gives 128 and the signal's number, as in a shell.
    """
    children: list[subprocess.Popen[bytes]] = []

    def pass_on(_number: int, _frame: object) -> None:
        for child in children:
            child.terminate()

    # Ctrl-C reaches the command by itself: what it does then decides when this ends.
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.signal(signal.SIGTERM, pass_on)
    try:
        children.append(subprocess.Popen(command, env={**os.environ, **sandbox.environ()}))
    except FileNotFoundError:
        print(f"{command[0]}: command not found", file=sys.stderr)  # noqa: T201 - a command line
        return NOT_FOUND
    status = children[0].wait()
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    main()
