"""The standard tests of the Singer SDK, whole, against the sandbox over real HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from singer_sdk.testing import get_tap_test_class

from tap_toggl.streams import GROUPS
from tap_toggl.tap import TapToggl
from tests.sandbox import Options, Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

SETTINGS: dict[str, Any] = {
    "api_token": "set by the fixture",
    "request_interval": 0,
    "stream_groups": list(GROUPS),
    "paths": [str(Path(__file__).parent / "data")],
    "csv_time_zone": "Europe/Berlin",
}


@pytest.fixture(scope="module", autouse=True)
def _sandbox() -> Iterator[None]:
    """Serve some months of a person's time on a plan that has everything."""
    options = Options(plan="Premium", entries_per_day=3, workspaces=2)
    with Sandbox(seed=1, years=0.25, toggl=options, with_garmin=False) as sandbox:
        toggl = sandbox.toggl
        toggl.quota.limits["user"] = 1000
        toggl.admin_only = frozenset()
        account = toggl.account
        project = next(iter(account.projects))
        account.add_task("Task", project)
        SETTINGS.update(api_url=toggl.url, api_token=toggl.token)
        yield


# Not every field of the schemas has a value in every account.
EMPTY = pytest.mark.filterwarnings(
    "ignore:Fields in transformed catalog:UserWarning",
    "ignore:No records were available to test:UserWarning",
)
TestTapToggl = EMPTY(get_tap_test_class(TapToggl, config=SETTINGS, parse_env_config=False))
