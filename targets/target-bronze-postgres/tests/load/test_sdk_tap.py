"""A tap of the Singer SDK with its own ACTIVATE_VERSION: a list for each parent, or cut off."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from singer_sdk import Stream, Tap
from singer_sdk import typing as th

from tests.messages import as_input

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.conftest import Load, Query


class Boxes(Stream):
    """A full-table stream of three boxes."""

    name = "boxes"
    primary_keys = ("box",)
    replication_method = "FULL_TABLE"
    schema: ClassVar[dict[str, Any]] = th.PropertiesList(
        th.Property("box", th.StringType)
    ).to_dict()

    def get_records(self, context: Any) -> Iterable[dict[str, Any]]:  # noqa: ARG002 - the SDK's
        """Yield the boxes."""
        yield from ({"box": box} for box in "abc")

    def get_child_context(self, record: Any, context: Any) -> dict[str, Any]:  # noqa: ARG002 - likewise
        """Name the box."""
        return {"box": record["box"]}


class Items(Stream):
    """Full-table lists of what is in each box; the last one is empty."""

    name = "items"
    primary_keys = ("id",)
    replication_method = "FULL_TABLE"
    parent_stream_type = Boxes
    schema: ClassVar[dict[str, Any]] = th.PropertiesList(
        th.Property("id", th.IntegerType), th.Property("box", th.StringType)
    ).to_dict()

    def get_records(self, context: Any) -> Iterable[dict[str, Any]]:
        """Yield ten items of each box but the last."""
        first, last = {"a": (0, 10), "b": (10, 20), "c": (0, 0)}[context["box"]]
        for number in range(first, last):
            yield {"id": number}


class BoxTap(Tap):
    """A tap that asks for ACTIVATE_VERSION as the SDK's taps do."""

    name = "tap-box"
    config_jsonschema: ClassVar[dict[str, Any]] = th.PropertiesList(
        th.Property("emit_activate_version_messages", th.BooleanType)
    ).to_dict()

    def discover_streams(self) -> Sequence[Stream]:
        """Boxes and what is in them."""
        return [Boxes(self), Items(self)]


@pytest.fixture
def lines() -> list[bytes]:
    """What the tap writes."""
    with redirect_stdout(io.StringIO()) as out:
        BoxTap(config={"emit_activate_version_messages": True}).sync_all()
    return [line.encode() + b"\n" for line in out.getvalue().splitlines()]


def later(lines: list[bytes]) -> list[bytes]:
    """Return what the same tap would write a year later, with the next stream version."""
    found = []
    for line in lines:
        message = json.loads(line)
        if message["type"] == "STATE":
            continue
        if "version" in message:
            message["version"] += 1
        if "time_extracted" in message:
            message["time_extracted"] = f"2999{message['time_extracted'][4:]}"
        found.append(as_input(message))
    return found


def test_a_whole_run_and_one_that_was_cut_off_bury_nothing(
    load: Load, query: Query, lines: list[bytes]
) -> None:
    messages = [json.loads(line) for line in lines]
    sent = [message["stream"] for message in messages if message["type"] == "ACTIVATE_VERSION"]
    assert sorted(sent) == ["boxes", "items", "items", "items"]
    load(*lines)
    again = later(lines)
    for text in (again[: len(again) // 3], again[:-4], again, lines):
        load(*text)
        assert query("SELECT count(*), max(version) FROM bronze_x") == [(23, 1)]
        assert query("SELECT sum(tombstones)::int FROM bronze_ops.runs") == [0]


@pytest.mark.parametrize("lost", range(0, 20, 7))
def test_a_tap_that_closes_its_list_buries_exactly_what_it_lost(
    load: Load, query: Query, lines: list[bytes], lost: int
) -> None:
    load(*lines)
    again = [line for line in later(lines) if f'"id": {lost},'.encode() not in line]
    items = [line for line in again if json.loads(line)["stream"] == "items"]
    end = [line for line in items if b'"ACTIVATE_VERSION"' in line][-1]
    records = [line for line in items if b'"RECORD"' in line]
    assert len(records) == 19
    load(items[0], *records, end)
    assert query("SELECT raw_id, version FROM bronze_x WHERE metadata ? 'deleted'") == [
        (str(lost), 2)
    ]
