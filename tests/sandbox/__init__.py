"""A sandbox: local servers that behave like Toggl Track and Garmin, with a made-up person's data.

The servers speak HTTP on 127.0.0.1 and have the limits, forms and quirks of the real services. The
data come from a seeded generator, for any number of years. Nothing here imports a tap or reads its
schemas. By hand: ``python -m tests.sandbox serve``; in a test::

    with Sandbox(seed=1, years=2, now=datetime(2026, 3, 1, tzinfo=UTC)) as sandbox:
        subprocess.run(sandbox.command("tap_toggl", "--config", "ENV"), env=sandbox.environ(), ...)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tests.sandbox.both import Sandbox
    from tests.sandbox.clock import Clock
    from tests.sandbox.person import Person
    from tests.sandbox.toggl import Options

__all__ = ["Clock", "Options", "Person", "Sandbox"]

_HOMES: Final = {
    "Clock": "tests.sandbox.clock",
    "Options": "tests.sandbox.toggl",
    "Person": "tests.sandbox.person",
    "Sandbox": "tests.sandbox.both",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for: a moved command loads this package too, and needs no server."""
    if name not in _HOMES:
        raise AttributeError(name)
    return getattr(import_module(_HOMES[name]), name)
