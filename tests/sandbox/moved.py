"""Runs a Python command with its wall clock moved: ``python -m tests.sandbox.moved WHEN WHAT ...``.

``WHEN`` is a time such as ``2026-01-31T12:00:00Z``, or seconds to add to the machine's time such as
``+86400`` or ``-3.5``. ``WHAT`` is a module (``tap_toggl``) or the path of a Python script
(``.venv/bin/tap-toggl``). Only the wall clock is moved, and it goes on ticking; sleep and the
monotonic clock stay as they are. libfaketime cannot be used: Python 3.11 then sleeps for ever.
"""

from __future__ import annotations

import os
import runpy
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import time_machine

USAGE = (
    "usage: python -m tests.sandbox.moved ISO-TIME|+SECONDS|-SECONDS MODULE|SCRIPT [argument...]"
)
ARGUMENTS = 3


def moment(when: str) -> float:
    """Return a time in seconds since 1970 from its ISO form or from seconds to add.

    Raises:
        ValueError: It is neither.
    """
    if when[:1] in {"+", "-"}:
        return time.time() + float(when)
    found = datetime.fromisoformat(when)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def run(what: str) -> None:
    """Run a module or a script as the main program, with ``sys.argv`` as it stands."""
    if os.sep in what:
        sys.path.insert(0, str(Path(what).parent))
        runpy.run_path(what, run_name="__main__")
    else:
        runpy.run_module(what, run_name="__main__", alter_sys=True)


def main() -> None:
    """Move the clock, then run what the command line names; its exit status is kept."""
    if len(sys.argv) < ARGUMENTS:
        sys.exit(USAGE)
    _, when, what, *arguments = sys.argv
    sys.argv = [what, *arguments]
    # A number, because a datetime in UTC would also change the command's time zone.
    with time_machine.travel(moment(when), tick=True):
        run(what)


if __name__ == "__main__":
    main()
