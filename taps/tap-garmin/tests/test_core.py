"""The standard tests of the Singer SDK, whole, against the sandbox over real HTTP."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from singer_sdk.testing import SuiteConfig, get_tap_test_class

from tap_garmin.streams import GROUPS
from tap_garmin.tap import TapGarmin
from tests.sandbox.clock import Clock
from tests.sandbox.garmin import Garmin
from tests.sandbox.person import Person

if TYPE_CHECKING:
    from collections.abc import Iterator

SETTINGS: dict[str, Any] = {
    "api_key": "set by the fixture",
    "request_interval": 0,
    "stream_groups": list(GROUPS),
}


@pytest.fixture(scope="module", autouse=True)
def _served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Serve a quarter of a year of a person's data; the settings point to it."""
    # What there is in the last month depends on the day, so the day is held fast.
    clock = Clock(datetime(2026, 11, 22, 20, tzinfo=UTC))
    with (
        time_machine.travel(clock.now().timestamp(), tick=True),
        Garmin(clock, Person(1, 0.25, clock.now()), seed=1, years=0.25) as garmin,
        pytest.MonkeyPatch.context() as patched,
    ):
        patched.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        SETTINGS.update(api_url=garmin.url, api_key=garmin.key)
        yield


# Not every field of the schemas has a value in every account.
EMPTY = pytest.mark.filterwarnings(
    "ignore:Fields in transformed catalog:UserWarning",
    "ignore:No records were available to test:UserWarning",
)
TestTapGarmin = EMPTY(
    get_tap_test_class(
        TapGarmin,
        config=SETTINGS,
        parse_env_config=False,
        suite_config=SuiteConfig(max_records_limit=5),
    )
)
