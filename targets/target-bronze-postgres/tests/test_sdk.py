"""The SDK's standard target tests, against a real database, and what two of them ask instead."""

from __future__ import annotations

import json
from importlib import resources
from typing import TYPE_CHECKING, Any

import pytest
from singer_sdk.helpers.capabilities import STREAM_MAPS_CONFIG
from singer_sdk.testing import get_target_test_class, target_test_streams
from singer_sdk.testing.suites import SingerTestSuite
from singer_sdk.testing.target_tests import TargetRecordMissingRequiredProperty

from target_bronze_postgres.target import TargetBronzePostgres

if TYPE_CHECKING:
    from tests.conftest import Load, Query

CONFIG: dict[str, Any] = {"source": "sdk"}
STREAMS = resources.files(target_test_streams)
REQUIRED = SingerTestSuite(kind="target", tests=[TargetRecordMissingRequiredProperty])

Standard: Any = get_target_test_class(TargetBronzePostgres, config=CONFIG, custom_suites=[REQUIRED])
# These two ask that the run stops; here such records are stored and marked, see below.
del Standard.test_target_record_missing_key_property
del Standard.test_target_invalid_schema


class TestStandard(Standard):  # type: ignore[misc] # made at run time
    """The suite of the SDK."""

    @pytest.fixture(autouse=True)
    def _into_the_test_database(
        self, database: str, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HOME", environ["HOME"])
        monkeypatch.setitem(CONFIG, "dsn", database)


def stream(name: str) -> bytes:
    """Return an input of the SDK's tests."""
    return (STREAMS / f"{name}.singer").read_bytes()


def test_all_standard_inputs_land_every_record(load: Load, query: Query) -> None:
    files = [file for file in STREAMS.iterdir() if file.name.endswith(".singer")]
    good = [file for file in files if file.name != "record_before_schema.singer"]
    lines = [line for file in good for line in file.read_bytes().splitlines()]
    records = sum(json.loads(line)["type"] == "RECORD" for line in lines if line)
    load(*(line + b"\n" for line in lines))
    counters = "records_read, rows_new + rows_changed + rows_unchanged, dead_letters"
    totals = ", ".join(f"sum({counter})::int" for counter in counters.split(", "))
    assert query(f"SELECT {totals} FROM bronze_ops.runs") == [(records, records, 0)]


def test_a_record_without_its_key_is_stored_and_marked(load: Load, query: Query) -> None:
    load(stream("record_missing_key_property"))
    assert query("SELECT raw_data, validation_status, error_message FROM bronze_x") == [
        ({"metric": 8214}, "invalid", "the key (id) is missing or null in a part")
    ]


def test_a_schema_without_properties_is_taken(load: Load, query: Query) -> None:
    load(stream("invalid_schema"))
    assert query("SELECT stream, schema FROM bronze_ops.streams") == [
        ("test_invalid_schema", {"type": "object"})
    ]


def test_stream_maps_are_declared_as_the_sdk_declares_them() -> None:
    declared = TargetBronzePostgres.config_jsonschema["properties"]
    for name in ("stream_maps", "stream_map_config"):
        assert declared[name] == STREAM_MAPS_CONFIG["properties"][name]


def test_states_are_relayed_in_order(load: Load) -> None:
    lines = stream("multiple_state_messages").splitlines()
    states = [json.loads(line) for line in lines if b'"STATE"' in line]
    done = load(stream("multiple_state_messages"), batch_size_rows=1)
    assert done.states == [state["value"] for state in states]
