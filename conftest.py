"""An extra test may skip for want of a tool; with ``REQUIRE_EXTRA=1`` its skip is a failure."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn the skip of an extra test into a failure where all tools must be there."""
    report = yield
    required = os.environ.get("REQUIRE_EXTRA") == "1" and "extra" in item.keywords
    if required and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"REQUIRE_EXTRA=1 allows no skip: {report.longrepr}"
    return report
