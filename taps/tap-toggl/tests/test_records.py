"""Records as they are served: every member, every digit; no secret; and where they come from."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from importlib import resources
from typing import TYPE_CHECKING, Any

import pytest

from tap_toggl.api import Toggl
from tap_toggl.streams import GROUPS, NAMES
from tap_toggl.streams.base import SECRETS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_toggl.client import Answer

    Start = Callable[..., Any]

EVERYTHING = {"stream_groups": list(GROUPS), "quota_reserve": 0}
OWN = {"_tap_id", "_tap_user_id", "_tap_workspace_id"}


def exact(text: str | bytes) -> Any:
    """Return what a JSON text holds, each number as the digits that PostgreSQL prints for it."""
    return json.loads(text, parse_float=digits, parse_int=digits)


def digits(text: str) -> str:
    """Return a number's text without an exponent, trailing zeros kept; -0 is 0."""
    number = Decimal(text)
    return f"number {number or abs(number):f}"


def without(value: Any) -> Any:
    """Return a JSON value without secrets, at any depth."""
    if isinstance(value, dict):
        return {name: without(member) for name, member in value.items() if name not in SECRETS}
    return [without(member) for member in value] if isinstance(value, list) else value


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[Answer]:
    """Collect every answer as its bytes came over the wire."""
    found: list[Answer] = []
    after = Toggl.after

    def noting(self: Toggl, answer: Answer) -> None:
        found.append(answer)
        after(self, answer)

    monkeypatch.setattr(Toggl, "after", noting)
    return found


def rich(start: Start, **options: Any) -> Any:
    """Return a pipeline of an account that has something of everything."""
    pipeline = start(plan="Enterprise", workspaces=2, entries_per_day=1, **options)
    toggl = pipeline.toggl
    toggl.quota.limits["user"] = 10_000
    toggl.admin_only = frozenset()
    toggl.account.preferences["record_timeline"] = True
    toggl.account.add_task("Task", next(iter(toggl.account.projects)))
    return pipeline


def served(answers: list[Answer]) -> Iterator[Any]:
    """Yield the records that were served, without their secrets."""
    for answer in answers:
        found = exact(answer.content)
        yield from map(without, found if isinstance(found, list) else [found])


@pytest.mark.parametrize("strange", [False, True])
def test_records_are_what_was_served(start: Start, answers: list[Answer], strange: bool) -> None:
    pipeline = rich(start, settings=EVERYTHING)
    pipeline.toggl.strange = strange
    run = pipeline.run()
    assert run.failure is None
    messages = [json.loads(line) for line in run.lines if '"RECORD"' in line]
    assert {one["stream"] for one in messages} == set(NAMES) - {"csv_time_entries"}
    emitted = [exact(line)["record"] for line in run.lines if '"type":"RECORD"' in line]
    bare = [{name: one[name] for name in one if name not in OWN} for one in emitted]
    known = {json.dumps(one, sort_keys=True) for one in bare}
    assert {json.dumps(one, sort_keys=True) for one in served(answers) if one} == known
    if strange:
        assert all("strange_decimal" in one for one in bare)
        text = "0.1234567890123456789012345678901234567890"
        assert all(text in line for line in run.lines if '"type":"RECORD"' in line)


def test_no_secret_leaves_the_tap(start: Start) -> None:
    pipeline = rich(start, settings=EVERYTHING)
    secrets = pipeline.toggl.account.secrets()
    assert len(secrets) > 5
    run = pipeline.run()
    text = "\n".join(run.lines) + run.log + str(run.failure)
    assert [secret for secret in secrets if secret in text] == []
    assert pipeline.toggl.token not in text


def test_secrets_are_taken_out_at_any_depth(start: Start) -> None:
    pipeline = start()
    account = pipeline.toggl.account
    next(iter(account.workspaces.values()))["te_constraints"] = {"deep": [{"api_token": "hidden"}]}
    run = pipeline.run("workspaces")
    assert run.records("workspaces")[0]["te_constraints"] == {"deep": [{}]}


def test_every_record_says_where_it_comes_from(start: Start) -> None:
    pipeline = rich(start, settings=EVERYTHING)
    run = pipeline.run()
    for stream in (name for name in NAMES if name != "csv_time_entries"):
        (schema,) = run.of("SCHEMA", stream)
        about = schema["bronze"]
        assert about["tap"].startswith("tap-toggl ")
        assert (about["source"], about["account"]) == ("toggl", "main")
        assert about["api_version"] in {"v9", "reports v3"}
        assert "api_token" not in about["parameters"]
        for message in run.of("RECORD", stream):
            origin = message["bronze"]
            assert origin["api_response_code"] == 200
            assert len(origin["api_request_id"]) > 30
            assert origin["api_rate_limit_info"]["remaining"] >= 0
            assert origin["api_endpoint"].startswith("/")
            assert "{" not in origin["api_endpoint"]
            age = pipeline.sandbox.clock.now() - datetime.fromisoformat(message["time_extracted"])
            assert 0 <= age.total_seconds() < 120


def test_keys_are_there_and_unique(start: Start) -> None:
    pipeline = rich(start, settings=EVERYTHING)
    run = pipeline.run()
    for schema in run.of("SCHEMA"):
        names = schema["key_properties"]
        assert names
        keys = [tuple(row[name] for name in names) for row in run.records(schema["stream"])]
        assert None not in {part for key in keys for part in key}
        assert len(keys) == len(set(keys)) > 0, schema["stream"]


def test_the_time_of_a_record_stands_where_the_schema_says(start: Start) -> None:
    pipeline = rich(start, settings=EVERYTHING)
    run = pipeline.run()
    for message in run.of("SCHEMA"):
        about = message["bronze"].get("source_timestamp")
        if about is None:
            assert message["stream"] in {"me", "preferences", "users"}
            continue
        for row in run.records(message["stream"]):
            value: Any = row
            for part in about["pointer"].split("/")[1:]:
                value = value[int(part)] if isinstance(value, list) else value[part]
            assert value is not None, message["stream"]


def test_numbers_beyond_64_bits_pass(start: Start) -> None:
    pipeline = start()
    client = next(iter(pipeline.toggl.account.clients.values()))
    client["id"] = 2**62
    assert 2**62 in pipeline.run("clients").ids("clients")


def test_every_stream_has_a_schema_file() -> None:
    folder = resources.files("tap_toggl").joinpath("schemas")
    assert sorted(one.name for one in folder.iterdir()) == sorted(f"{name}.json" for name in NAMES)


@pytest.mark.parametrize("stream", NAMES)
def test_a_schema_is_loose_but_for_keys(stream: str) -> None:
    text = resources.files("tap_toggl").joinpath("schemas", f"{stream}.json").read_text("utf-8")
    schema = json.loads(text)
    assert schema["additionalProperties"] is True
    for name, field in schema["properties"].items():
        assert ("null" in field["type"]) is (name not in schema["required"])
    assert not SECRETS & schema["properties"].keys()
    assert text == json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def test_fields_and_streams_can_be_deselected(start: Start) -> None:
    pipeline = start()
    run = pipeline.run("tags")
    assert {message["stream"] for message in run.of("RECORD")} == {"tags"}
    maps = {"tags": {"name": None}, "clients": "__NULL__"}
    run = pipeline.run("tags", "clients", stream_maps=maps)
    assert run.of("RECORD", "clients") == []
    assert all("name" not in row and "id" in row for row in run.records("tags"))


def test_states_hold_nothing_but_integers_and_strings(start: Start) -> None:
    def plain(value: Any) -> bool:
        if isinstance(value, dict):
            return all(plain(member) for member in value.values())
        if isinstance(value, list):
            return all(plain(member) for member in value)
        return type(value) in {int, str}

    pipeline = rich(start, settings=EVERYTHING)
    for message in pipeline.run().of("STATE"):
        assert plain(message["value"])
