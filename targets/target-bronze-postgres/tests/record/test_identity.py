"""A record's identity: what counts as its key, and lineage ids that never collide."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from target_bronze_postgres.db import limits
from target_bronze_postgres.record import identity
from target_bronze_postgres.record.canonical import Unstorable, decode
from target_bronze_postgres.record.identity import KeyReader

ODD_NAMES = ['a"b', "a\\b", "a\nb", "a\x00b", "", "é", "😀", "a/b", "type", "a" * 300]


def texts_of(record: str, *names: str) -> list[str] | None:
    """Return the key texts of a record, None where it has no whole key."""
    reader = KeyReader(names)
    key = reader.read(record.encode())
    decoded = reader.read_decoded(decode(record.encode()))
    if key is None or decoded is None:
        assert key is decoded
        return None
    assert key.texts == decoded.texts
    return list(key.texts)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1", "1"),
        ('"1"', "1"),
        ("1e0", "1"),
        ("1E+2", "100"),
        ("-0", "0"),
        ("0", "0"),
        ("1.0", "1.0"),
        ("1.10", "1.10"),
        (str(2**70), str(2**70)),
        ("7" * 5_000, "7" * 5_000),
        ("true", "true"),
        ("false", "false"),
        ('""', ""),
        ('"a/b"', "a/b"),
        ('"\\u0061"', "a"),
        ('"\\n"', "\n"),
        ('"😀"', "😀"),
        ('"\\ud83d\\ude00"', "😀"),
        ('{"b": 1, "a": [1.0]}', '{"a":[1.0],"b":1}'),
        ("[ ]", "[]"),
    ],
    ids=lambda text: text[:24],
)
def test_text_of_a_key_part(value: str, text: str) -> None:
    assert texts_of(f'{{"x": [1], "id" : {value} , "y": {{"id": 9}}}}', "id") == [text]


@pytest.mark.parametrize(
    "record",
    ["{}", '{"id": null}', '{"ID": 1}', '{"x": {"id": 1}}', "[1]", "1", '"id"', "null"],
)
@pytest.mark.parametrize("other", [(), ('quo"te',)], ids=["plain names", "an odd name"])
def test_records_without_a_whole_key(record: str, other: tuple[str, ...]) -> None:
    assert texts_of(record, "id", *other) is None


def test_a_keyless_stream() -> None:
    assert KeyReader([]).read(b'{"id": 1}') is None


def test_one_missing_part_of_two() -> None:
    assert texts_of('{"a": 1, "b": null}', "a", "b") is None
    assert texts_of('{"a": 1}', "a", "b") is None
    assert texts_of('{"b": 2, "a": 1}', "a", "b") == ["1", "2"]


def test_zero_empty_and_false_are_keys() -> None:
    assert texts_of('{"a": 0, "b": "", "c": false}', "a", "b", "c") == ["0", "", "false"]


@pytest.mark.parametrize("name", ODD_NAMES, ids=lambda name: ascii(name)[:20])
def test_odd_names(name: str) -> None:
    for record in (json.dumps({"x": 2, name: 1}), json.dumps({name: 1}, ensure_ascii=False)):
        assert texts_of(record, name) == ["1"]
        assert texts_of(record, name, "x" if '"x"' in record else name) is not None


def test_a_name_that_the_record_escapes() -> None:
    assert texts_of('{"\\u0069d": 1}', "id") == ["1"]


def test_the_last_of_equal_names_counts() -> None:
    # JSONB keeps the last one too.
    assert texts_of('{"id": 1, "id": 2}', "id") == ["2"]
    assert texts_of('{"i\\"d": 1, "i\\"d": 2}', 'i"d') == ["2"]


@pytest.mark.parametrize("record", [b'{"id": NaN}', b'{"id": 01}', b'{"id": 1', b'{"x": nul}'])
def test_what_is_no_json_is_not_guessed_at(record: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        KeyReader(["id"]).read(record)
    with pytest.raises(Unstorable):
        KeyReader(['i"d']).read(record)


def test_a_key_that_is_out_of_range_is_unstorable() -> None:
    with pytest.raises(Unstorable):
        texts_of('{"id": 1e131072}', "id")


keys = st.lists(
    st.text(max_size=5) | st.integers() | st.booleans() | st.none() | st.lists(st.integers()),
    min_size=1,
    max_size=3,
)


@settings(deadline=None)
@given(values=keys, ascii_only=st.booleans(), name=st.text(st.characters(codec="utf-8")))
def test_reading_a_key_is_decoding_it(values: list[Any], ascii_only: bool, name: str) -> None:
    names = [f"{name}{number}" for number in range(len(values))]
    record = json.dumps(dict(zip(names, values, strict=True)), ensure_ascii=ascii_only)
    expected = None if None in values else [identity.value_text(value) for value in values]
    assert texts_of(record, *names) == expected


def lineage_id(source: str, account: str, stream: str, *parts: str) -> str:
    """Return the lineage_id of a key."""
    return identity.keyed_lineage_id(identity.lineage_prefix(source, account, stream), parts)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("x", "y", "a/b", "c"), ("x", "y", "a", "b/c")),
        (("x", "y", "a", "b", "c"), ("x", "y", "a", "b/c")),
        (("x", "y", "a/b", "c"), ("x", "y", "a", "b", "c")),
        (("x", "y/a", "b", "c"), ("x/y", "a", "b", "c")),
        (("x", "y", "a", "b%2Fc"), ("x", "y", "a", "b/c")),
        (("x", "y", "a", ""), ("x", "y", "a", "", "")),
        (("x", "y", "a", "A"), ("x", "y", "a", "a")),
        (("x", "y", "a", "\x00"), ("x", "y", "a", "")),
        (("x", "y", "a", "é"), ("x", "y", "a", "e\u0301")),
        (("x", "y", "a", "k" * 300), ("x", "y", "a", "k" * 299 + "l")),
        (("x", "y", "a", "k" * 150, "k" * 150), ("x", "y", "a", "k" * 300)),
        (("s" * 70, "y", "a", "1"), ("s" * 69 + "t", "y", "a", "1")),
        (("x", "y", "é" * 40, "1"), ("x", "y", "é" * 39 + "è", "1")),
        (("", "x", "a", "1"), ("x", "", "a", "1")),
        (("x", "y", "#", "1"), ("x", "y", "a", "#")),
    ],
)
def test_different_records_have_different_lineages(
    one: tuple[str, ...], other: tuple[str, ...]
) -> None:
    assert lineage_id(*one) != lineage_id(*other)
    assert lineage_id(*one) == lineage_id(*one)


part = st.text(max_size=3) | st.text("/#%2F\x00é😀a", max_size=8) | st.text("ab", min_size=40)
lineages = st.tuples(part, part, part, st.lists(part, min_size=1, max_size=3).map(tuple))


@settings(deadline=None)
@given(st.lists(lineages, unique=True, min_size=2, max_size=10))
def test_lineage_ids_never_collide(records: list[tuple[str, str, str, tuple[str, ...]]]) -> None:
    ids = [lineage_id(*names, *parts) for *names, parts in records]
    assert len(set(ids)) == len(records)
    assert len({identity.lineage_hash(lineage) for lineage in ids}) == len(records)
    for lineage in ids:
        assert lineage.isascii()
        assert lineage.isprintable()
        assert len(lineage) <= limits.LINEAGE_ID_BYTES


@settings(deadline=None)
@given(part, part, part, st.binary(min_size=16, max_size=16), st.lists(part, min_size=1))
def test_a_keyless_lineage_is_none_of_a_key(
    source: str, account: str, stream: str, content_hash: bytes, parts: list[str]
) -> None:
    prefix = identity.lineage_prefix(source, account, stream)
    keyless = identity.keyless_lineage_id(prefix, content_hash)
    assert keyless == f"{prefix}#{content_hash.hex()}"
    assert keyless != identity.keyed_lineage_id(prefix, parts)
    assert keyless != identity.keyed_lineage_id(prefix, [f"#{content_hash.hex()}"])
    assert len(keyless) <= limits.LINEAGE_ID_BYTES


def test_200_bytes_are_readable_and_201_are_hashed() -> None:
    prefix = identity.lineage_prefix("x", "y", "a")
    longest = "k" * (limits.LINEAGE_ID_BYTES - len(prefix))
    assert identity.keyed_lineage_id(prefix, [longest]) == prefix + longest
    hashed = identity.keyed_lineage_id(prefix, [longest + "k"])
    assert hashed.startswith(prefix + "#")
    assert len(hashed) == len(prefix) + 33


def test_names_over_50_bytes_are_hashed() -> None:
    assert identity.lineage_prefix("s" * 50, "y", "a") == "s" * 50 + "/y/a/"
    long = identity.lineage_prefix("s" * 51, "y", "a")
    assert long.startswith("#")
    assert len(long) == len("#/y/a/") + 32


@pytest.mark.parametrize(
    ("record", "raw_id"),
    [
        ('{"a": "x", "b": 1}', "x"),
        ('{"a": 1, "b": 1}', "1"),
        ('{"a": "", "b": 1}', ""),
    ],
)
def test_raw_id_of_one_part(record: str, raw_id: str) -> None:
    key = KeyReader(["a"]).read(record.encode())
    assert key
    assert key.raw_id == raw_id


def test_raw_id_of_several_parts_is_an_array() -> None:
    key = KeyReader(["b", "a"]).read('{"a": "a,é", "b": 1.10}'.encode())
    assert key
    assert key.raw_id == '[1.10,"a,é"]'


def test_identities_stay_what_they_are() -> None:
    # They stand in every row that was ever loaded: others would make all records new ones.
    assert lineage_id("toggl", "Zoë", "time_entries", "5", "a b") == (
        "toggl/Zo%C3%AB/time_entries/5/a%20b"
    )
    assert (
        lineage_id("s" * 60, "y", "a", "k" * 200)
        == "#fb4a66fa8436d0abab04cf05302fe0c4/y/a/#9a88f32d5125e0d0ee0fccf370e100ac"
    )
    assert identity.lineage_hash("toggl/main/users/1").hex() == "196ce7b6b7487a9c4b905f011fcdd1cf"
