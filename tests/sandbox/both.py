"""Both servers, one person, one clock: what a test or the command line starts."""

from __future__ import annotations

import sys
from functools import cached_property
from typing import TYPE_CHECKING, Self

from tests.sandbox.clock import Clock
from tests.sandbox.person import Person
from tests.sandbox.toggl import Toggl

if TYPE_CHECKING:
    from datetime import datetime

    from tests.sandbox.garmin import Garmin
    from tests.sandbox.toggl import Options


class Sandbox:
    """Both servers, one person, one clock; a context manager that starts and stops them.

    ``garmin`` is made at its first use and started with the rest, unless ``with_garmin`` is off.
    """

    def __init__(  # noqa: PLR0913 - all but the first are named
        self,
        seed: int = 1,
        *,
        years: float = 2,
        now: datetime | None = None,
        zone: str | None = None,
        toggl: Options | None = None,
        clock: Clock | None = None,
        with_garmin: bool = True,
    ) -> None:
        """Make the person and the servers; nothing listens yet.

        ``now`` is the sandbox's time at the start (the machine's own without it), ``zone`` the
        person's home, ``toggl`` what their Toggl account is like, ``clock`` one to share.
        """
        self.clock = clock or Clock(now)
        self.seed, self.years = seed, years
        self.with_garmin = with_garmin
        self.person = Person(seed, years, self.clock.now(), zone)
        self.toggl = Toggl(self.clock, self.person, seed, years, toggl)

    @cached_property
    def garmin(self) -> Garmin:
        """The server of Garmin; made when it is first asked for."""
        # The two servers do not need each other, so a test of one need not load the other.
        from tests.sandbox.garmin import Garmin  # noqa: PLC0415

        return Garmin(self.clock, self.person, self.seed, self.years)

    def start(self, toggl_port: int = 0, garmin_port: int = 0) -> Self:
        """Start the servers, on any free ports by default."""
        self.toggl.start(toggl_port)
        if self.with_garmin:
            self.garmin.start(garmin_port)
        return self

    def stop(self) -> None:
        """Stop what was started."""
        self.toggl.stop()
        if self.with_garmin:
            self.garmin.stop()

    def __enter__(self) -> Self:
        """Start the servers."""
        return self.start()

    def __exit__(self, *_exception: object) -> None:
        """Stop the servers."""
        self.stop()

    def environ(self) -> dict[str, str]:
        """Return the variables that point both taps to this sandbox, and nothing else."""
        found = {
            "TAP_TOGGL_API_URL": self.toggl.url,
            "TOGGL_API_KEY": self.toggl.token,
            "TAP_TOGGL_REQUEST_INTERVAL": "0",
        }
        if self.with_garmin:
            found |= {
                "TAP_GARMIN_API_URL": self.garmin.url,
                "GARMIN_API_KEY": self.garmin.key,
                "TAP_GARMIN_REQUEST_INTERVAL": "0",
            }
        return found

    def command(self, what: str, *arguments: str) -> list[str]:
        """Return the command line that runs a module or a script at the sandbox's present time.

        Its working directory must be the repository's root; see :mod:`tests.sandbox.moved`.
        """
        ahead = f"{self.clock.offset().total_seconds():+.6f}"
        return [sys.executable, "-m", "tests.sandbox.moved", ahead, what, *arguments]
