"""What PostgreSQL cannot hold is replaced, and nothing else is touched."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from target_bronze_postgres.record import repair
from target_bronze_postgres.record.repair import NUL, REPLACEMENT, SURROGATE

if TYPE_CHECKING:
    import psycopg


@pytest.mark.parametrize(
    ("text", "repaired", "names"),
    [
        (rb'"a\u0000b"', rb'"a\ufffdb"', (NUL,)),
        (rb'{"\u0000": 1}', rb'{"\ufffd": 1}', (NUL,)),
        (rb'"\u0000\u0000"', rb'"\ufffd\ufffd"', (NUL,)),
        (rb'"\\u0000"', rb'"\\u0000"', ()),
        (rb'"\\\u0000"', rb'"\\\ufffd"', (NUL,)),
        (rb'"\\\\u0000"', rb'"\\\\u0000"', ()),
        (b'"a\x00b"', b'"a' + REPLACEMENT + b'b"', (NUL,)),
        (rb'"\ud83d"', rb'"\ufffd"', (SURROGATE,)),
        (rb'"\uDE00"', rb'"\ufffd"', (SURROGATE,)),
        (rb'"\ud83d\ude00"', rb'"\ud83d\ude00"', ()),
        (rb'"\uD83D\uDE00"', rb'"\uD83D\uDE00"', ()),
        (rb'"\ude00\ud83d"', rb'"\ufffd\ufffd"', (SURROGATE,)),
        (rb'"\ud83d\ud83d\ude00"', rb'"\ufffd\ud83d\ude00"', (SURROGATE,)),
        (rb'"\ud83d\u0041"', rb'"\ufffd\u0041"', (SURROGATE,)),
        (rb'"\ud83dx\ude00"', rb'"\ufffdx\ufffd"', (SURROGATE,)),
        (rb'"\ud83d\\ude00"', rb'"\ufffd\\ude00"', (SURROGATE,)),
        (rb'"\ud83d\u0000\ude00"', rb'"\ufffd\ufffd\ufffd"', (SURROGATE, NUL)),
        (rb'"\\ud83d"', rb'"\\ud83d"', ()),
        (rb'"\ud83d\n"', rb'"\ufffd\n"', (SURROGATE,)),
        (rb'"\u00e9\u2028\uffff\u0001"', rb'"\u00e9\u2028\uffff\u0001"', ()),
        (b'{"a": 1.10, "b":  "x"}', b'{"a": 1.10, "b":  "x"}', ()),
        (rb'"\u12"', rb'"\u12"', ()),
        (b'"\\', b'"\\', ()),
        (b"", b"", ()),
    ],
)
def test_repairs(text: bytes, repaired: bytes, names: tuple[str, ...]) -> None:
    assert repair.repair(text) == (repaired, tuple(sorted(names)))


@pytest.mark.parametrize("size", [100, 200_000])
def test_repairs_of_long_texts(size: int) -> None:
    text = b'"' + rb"\\u0000\ud83d\ude00\u0000" * size + b'"'
    repaired, names = repair.repair(text)
    assert repaired.count(rb"\ufffd") == size
    assert len(repaired) == len(text)
    assert names == (NUL,)


PIECES = st.sampled_from(
    (
        *("\\", "\\\\", "u0000", "\\u0000", "\\ud83d", "\\uDBFF", "\\ude00", "\\uDC00", "\\u0041"),
        *("\\n", '\\"', "/", "d83d", "😀", "é", " ", "\\ufffd", "\\uFFFF"),
    )
)
texts = st.lists(PIECES, max_size=8).map(lambda pieces: f'{{"a{"".join(pieces)}": [1, "x"]}}')
values = st.recursive(
    st.text(st.characters()) | st.integers() | st.none(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
    max_leaves=5,
)


def is_json(text: str) -> bool:
    """Tell whether Python takes a text as JSON."""
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


@settings(deadline=None, max_examples=200)
@given(text=texts.filter(is_json) | values.map(json.dumps))
def test_the_server_takes_what_was_repaired(connection: psycopg.Connection[Any], text: str) -> None:
    repaired, names = repair.repair(text.encode())
    row = connection.execute("SELECT %s::jsonb", (repaired.decode(),)).fetchone()
    assert row
    assert json.loads(repaired) == mended(json.loads(text))
    assert bool(names) == (repaired != text.encode())
    assert repair.repair(repaired) == (repaired, ())


def mended(value: Any) -> Any:
    """Replace NUL and lone surrogates in a decoded value."""
    if isinstance(value, str):
        return re.sub("[\x00\ud800-\udfff]", "\ufffd", value)
    if isinstance(value, list):
        return [mended(item) for item in value]
    if isinstance(value, dict):
        return {mended(name): mended(item) for name, item in value.items()}
    return value


@settings(deadline=None)
@given(st.text(st.characters()))
def test_names_for_text_columns(text: str) -> None:
    assert repair.text(text) == mended(text)


def test_a_text_column_takes_repaired_text(connection: psycopg.Connection[Any]) -> None:
    text = repair.text("a\x00\ud83d😀é")
    row = connection.execute("SELECT %s::text", (text,)).fetchone()
    assert row == ("a\ufffd\ufffd😀é",)
