"""The standard tests of the Singer SDK that need no stream: command line and discovery."""

from __future__ import annotations

from singer_sdk.testing import get_tap_test_class
from singer_sdk.testing.suites import SingerTestSuite
from singer_sdk.testing.tap_tests import TapCLIPrintsTest, TapDiscoveryTest

from tap_garmin.tap import TapGarmin

TestTapGarmin = get_tap_test_class(
    TapGarmin,
    config={"api_key": "not-a-real-one"},
    include_tap_tests=False,
    include_stream_tests=False,
    include_stream_attribute_tests=False,
    custom_suites=[SingerTestSuite(kind="tap", tests=[TapCLIPrintsTest, TapDiscoveryTest])],
    parse_env_config=False,
)
