"""What holds for every run of the tests, however it is started and whatever it lacks."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator


def pytest_configure() -> None:
    """Let Ctrl-C reach what the tests start: a job in the background of a shell ignores it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn the skip of an extra test into a failure where all tools must be there.

    An extra test may skip for want of a tool; with ``REQUIRE_EXTRA=1`` its skip is a failure.
    """
    report = yield
    required = os.environ.get("REQUIRE_EXTRA") == "1" and "extra" in item.keywords
    if required and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"REQUIRE_EXTRA=1 allows no skip: {report.longrepr}"
    return report
