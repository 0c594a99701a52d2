"""A large record taken apart has the hash and the members of the whole one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_bronze_postgres.record import canonical, large
from target_bronze_postgres.record.canonical import Unstorable

scalars = (
    st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False, allow_infinity=False)
)
texts = st.text(st.sampled_from('],"{}[:\\ aé\U0001f600'), max_size=8)
values: Any = st.recursive(
    scalars.map(str).map(lambda text: text.lower() if text in {"True", "False"} else text)
    | texts.map(json.dumps),
    lambda inner: (
        st.lists(inner, max_size=6).map(lambda parts: f"[{', '.join(parts)} ]")
        | st.lists(st.tuples(texts.map(json.dumps), inner), max_size=6).map(
            lambda members: "{" + ",".join(f"{name}: {value}" for name, value in members) + "}"
        )
    ),
    max_leaves=40,
).map(lambda text: text.replace("None", "null"))


def everything(_name: str) -> bool:
    return True


@given(
    members=st.lists(st.tuples(texts.map(json.dumps), values), max_size=6), size=st.integers(1, 30)
)
def test_the_pieces_are_the_whole(members: list[tuple[str, str]], size: int) -> None:
    raw = ("{" + ",".join(f"{name}:{value}" for name, value in members) + "}").encode()
    whole = canonical.decode(raw)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(large, "LARGE", size)
        assert large.read(raw, everything) == (whole, canonical.content_hash(whole))
        light = large.read(raw, lambda _: False)
    assert light is not None
    record, content_hash = light
    assert content_hash == canonical.content_hash(whole)
    assert {name: type(value) for name, value in record.items()} == {
        name: type(value) for name, value in whole.items()
    }


def test_a_large_array_is_decoded_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = b'{"a": [' + b",".join(b"[%d,0.5]" % n for n in range(1000)) + b"]}"
    longest = 0

    def decode(text: Any) -> Any:
        nonlocal longest
        longest = max(longest, len(text))
        return canonical.decode(text)

    monkeypatch.setattr(large, "LARGE", 100)
    monkeypatch.setattr(large, "decode", decode)
    record, _ = large.read(raw, lambda _: False) or ({}, b"")
    assert record == {"a": []}
    assert longest < 120


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        (b"[1e400000]", "number_out_of_range"),
        (b'["\xff"]', None),
        (b'{"\xff": [1]}', None),
        (b'["\xff"],"a":[1]', None),
        (b'["\xc3"]', None),
        (b"[NaN]", None),
        (b'["\\ud83d"]', None),
    ],
)
def test_what_jsonb_cannot_hold_has_its_reason(
    member: bytes, reason: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large, "LARGE", 2)
    raw = b'{"a":' + member + b"}"
    if reason is None:  # msgspec cannot take it apart: canonical.decode() finds the reason
        assert large.read(raw, everything) is None
        return
    with pytest.raises(Unstorable) as caught:
        large.read(raw, everything)
    assert caught.value.reason == reason


def test_what_is_no_object_is_not_taken_apart() -> None:
    assert large.read(b"[1]", everything) is None


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (True, True),
        ({}, True),
        ({"properties": {"b": {"items": {}}}}, True),
        ({"properties": {"a": {"type": ["array", "null"], "title": "A"}}}, True),
        ({"properties": {"a": True}, "required": ["a"]}, True),
        ({"properties": {}, "additionalProperties": {}}, True),
        (False, False),
        ({"properties": {"a": {"items": {"type": "integer"}}}}, False),
        ({"properties": {"a": {"maxItems": 3}}}, False),
        ({"properties": {"a": False}}, False),
        ({"properties": {}, "additionalProperties": {"enum": [1]}}, False),
        ({"additionalProperties": False}, False),
        ({"allOf": []}, False),
        ({"properties": []}, False),
    ],
)
def test_a_schema_that_says_nothing_of_what_is_within(schema: Any, expected: bool) -> None:
    assert large.says_nothing_within(schema, "a") is expected
