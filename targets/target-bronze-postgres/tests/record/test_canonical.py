"""The content hash is equal exactly where the JSONB of two records is equal, said by the server."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from target_bronze_postgres.db import limits
from target_bronze_postgres.record import canonical
from target_bronze_postgres.record.canonical import Unstorable

if TYPE_CHECKING:
    from collections.abc import Callable

    Connection = psycopg.Connection[Any]
    Draw = Callable[[st.SearchStrategy[Any]], Any]

# Each family is spellings that are equal, or look so and are not.
NUMBERS = (
    ("1", "1e0", "1E+0", "1.0", "10e-1", "0.1e1", "1.00", "100e-2", "-1", "1e-0"),
    ("0", "-0", "0e0", "0e7", "0.0", "-0.0", "0e-1", "0.00", "-0e-2"),
    ("100000", "1e5", "1E+5", "10e4", "100000.0", "1.0e5", "1.00000e5", "0.1e6"),
    ("1.1", "1.10", "11e-1", "110e-2", "0.11e1", "0.110e1"),
    ("1e-7", "0.0000001", "0.00000010", "10e-8", "0.1e-6"),
    (str(2**53), str(2**53 + 1), f"{2**53}.0", "9.007199254740992e15"),
    (str(2**63 - 1), str(2**63), str(2**64), str(2**70), f"{2**70}e0", "1180591620717411303.424e3"),
    ("0.1234567890123456789012345678901234567890", "1234567890123456789012345678901234567890e-40"),
    ("0.1234567890123456789012345678901234567891", "0.12345678901234567890123456789012345678900"),
    ("1e400", "10e399", "1" + "0" * 400, "1e401"),
    ("7" * 5_000, "7" * 5_000 + ".0", "7" * 5_000 + "e0", "7" * 4_999 + "8", "-" + "7" * 5_000),
)
STRINGS = (
    ('"a"', '"\\u0061"', '"A"', '"a "'),
    ('"1"', '"\\u0031"', '"1.0"'),
    ('"/"', '"\\/"', '"\\u002f"', '"\\u002F"', '"\\\\/"'),
    ('"é"', '"\\u00e9"', '"\\u00E9"', '"e\\u0301"'),
    ('"😀"', '"\\ud83d\\ude00"', '"\\uD83D\\uDE00"', '"😁"'),
    ('"\\n"', '"\\u000a"', '"\\u000A"', '"\\\\n"', '"\\t"', '"\\u0009"'),
    ('""', '" "', '"null"', '"\\u007f"', '"\\u2028"'),
    ('"\\""', '"\\u0022"', '"\\\\"', '"\\u005c"'),
)
WORDS = (("true", '"true"'), ("false",), ("null", '"null"'), ("[]", "{}", "[ ]", "{\t}"))
NAMES = (('"a"', '"\\u0061"'), ('"b"',), ('"é"', '"\\u00e9"'), ('""',), ('"aa"', '"A"'))
SPACE = st.sampled_from(("", "", " ", "\t", " \r\n "))

leaves = st.sampled_from(NUMBERS + STRINGS + WORDS)
names = st.sampled_from(NAMES)
trees = st.recursive(
    leaves.map(lambda family: ("leaf", family)),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: ("array", items))
        | st.lists(st.tuples(names, inner), max_size=4).map(lambda members: ("object", members))
    ),
    max_leaves=6,
)


def spell(draw: Draw, tree: tuple[str, Any]) -> str:
    """Write a tree as JSON, each leaf and name in any spelling of its family."""
    kind, inside = tree
    if kind == "leaf":
        text: str = draw(st.sampled_from(inside))
    elif kind == "array":
        text = f"[{f',{draw(SPACE)}'.join(spell(draw, item) for item in inside)}]"
    else:
        parts = [f"{draw(st.sampled_from(name))}:{spell(draw, item)}" for name, item in inside]
        text = f"{{{f',{draw(SPACE)}'.join(draw(st.permutations(parts)))}}}"
    return f"{draw(SPACE)}{text}{draw(SPACE)}"


@st.composite
def spellings(draw: Draw) -> list[str]:
    """Several spellings of each of two trees: some of them are equal as JSONB, and some nearly."""
    return [spell(draw, tree) for tree in (draw(trees), draw(trees)) for _ in range(4)]


def as_jsonb(connection: Connection, texts: list[str]) -> list[str]:
    """Return JSON texts as JSONB prints them."""
    rows = connection.execute(
        "SELECT t::jsonb::text FROM unnest(%s::text[]) WITH ORDINALITY AS u (t, n) ORDER BY n",
        (texts,),
    )
    return [row[0] for row in rows]


def hash_of(text: str) -> bytes:
    """Return the content hash of a JSON text."""
    return canonical.content_hash(canonical.decode(text.encode()))


def assert_as_equal_as_jsonb(connection: Connection, texts: list[str]) -> None:
    """Compare every pair of texts by hash and by JSONB."""
    printed = as_jsonb(connection, texts)
    hashes = [hash_of(text) for text in texts]
    for one, other in itertools.combinations(range(len(texts)), 2):
        equal = printed[one] == printed[other]
        assert (hashes[one] == hashes[other]) == equal, (texts[one][:200], texts[other][:200])


@settings(max_examples=150, deadline=None)
@given(texts=spellings())
def test_hashes_are_equal_exactly_where_jsonb_is(connection: Connection, texts: list[str]) -> None:
    assert_as_equal_as_jsonb(connection, texts)


def test_all_spellings_against_one_another(connection: Connection) -> None:
    assert_as_equal_as_jsonb(connection, [*itertools.chain(*NUMBERS, *STRINGS, *WORDS, *NAMES)])


@st.composite
def numbers(draw: Draw) -> str:
    """A number with few digits, so that two are often equal."""
    whole = draw(st.sampled_from(("0", "1", "2", "10", "12", "120", "1200")))
    fraction = draw(st.sampled_from(("", "", ".0", ".5", ".50", ".00", ".05")))
    exponent = draw(st.sampled_from(("", "", "e0", "e1", "E+2", "e-1", "e-2", "e02", "E-10")))
    return f"{draw(st.sampled_from(('', '-')))}{whole}{fraction}{exponent}"


@settings(max_examples=20, deadline=None)
@given(texts=st.lists(numbers(), min_size=50, max_size=50))
def test_hashes_of_numbers(connection: Connection, texts: list[str]) -> None:
    assert_as_equal_as_jsonb(connection, texts)


@settings(max_examples=50, deadline=None)
@given(value=st.recursive(st.text() | st.integers() | st.none(), st.lists, max_leaves=5))
def test_the_canonical_form_is_the_same_jsonb(connection: Connection, value: Any) -> None:
    text = json.dumps(value).replace("\\u0000", "?")
    form = canonical.canonical(canonical.decode(text.encode())).decode()
    assert as_jsonb(connection, [form]) == as_jsonb(connection, [text])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"a": 1, "a": 2}', '{"a": 2}'),
        ('{"a": {"b": 1, "c": 2}}', '{ "a" : {"c":2,"b":1} }'),
        ('{"a": 1, "\\u0061": 2}', '{"a": 2}'),
        ('{"a": -0}', '{"a": 0}'),
    ],
)
def test_equal_contents(one: str, other: str) -> None:
    assert hash_of(one) == hash_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"a": 1.0}', '{"a": 1}'),
        ('{"a": 1.10}', '{"a": 1.1}'),
        ('{"a": "1"}', '{"a": 1}'),
        ('{"a": null}', "{}"),
        ('{"a": [1, 2]}', '{"a": [2, 1]}'),
        (f'{{"a": {2**53}}}', f'{{"a": {2**53 + 1}}}'),
        ('{"a": 0.1}', '{"a": 0.1000000000000000055511151231257827}'),
        ('{"a": "é"}', '{"a": "e\\u0301"}'),
    ],
)
def test_different_contents(one: str, other: str) -> None:
    assert hash_of(one) != hash_of(other)


def test_the_rule_c1_stays_what_it_is() -> None:
    # The hash stands in every row that was ever loaded: another one would make all of them new.
    record = '{"b": [1.50, 1E+2, -0, true, null], "a": "\\u00e9\\n\\ud83d\\ude00", "a\\u002f": {}}'
    value = canonical.decode(record.encode())
    assert (
        canonical.canonical(value) == '{"a":"é\\n😀","a/":{},"b":[1.50,100,0,true,null]}'.encode()
    )
    assert canonical.content_hash(value).hex() == "43ee03c82aaeb1fb7c64d5671189dfd0"
    assert canonical.raw_hash(b"{}").hex() == "2afb9b83f9314e5d029766197f539792"
    assert canonical.raw_hash(b"{} ") != canonical.raw_hash(b"{}")


LONG = "1" * limits.NUMERIC_INTEGER_DIGITS
SHORT = "0" * limits.NUMERIC_FRACTION_DIGITS
EDGES = (
    *("1e131071", "1e131072", "-9.9E+131071", "100e131069", "100e131070"),
    *("0.1e131072", "0.1e131073", "1e-16383", "1e-16384", "10e-16384", "1.5e-16383", "0.5e-16382"),
    *("0e-16383", "0e-16384", "0e200000", "0e1000000000", "0e1073741824", "0e-1073741824"),
    *("1e1000000000", "0e99999999999999999999", "1e99999999999999999999"),
    *("1e-99999999999999999999", f"1e{'0' * 30}16", f"1e-{'0' * 30}16384"),
    *(LONG, LONG + "1", "-" + LONG, LONG + "1e-1", LONG + "1e-2"),
    *(f"0.{SHORT[1:]}1", f"0.{SHORT}1", f"0.{SHORT}0", f"{LONG}.{SHORT}", f"{LONG}.{SHORT}0"),
)


@pytest.mark.parametrize("text", EDGES, ids=lambda text: f"{text[:24]} {text[-4:]} {len(text)}")
def test_numbers_that_numeric_cannot_hold(connection: Connection, text: str) -> None:
    record = f'{{"a": [{text}]}}'
    try:
        connection.execute("SELECT %s::jsonb", (record,))
    except psycopg.errors.NumericValueOutOfRange:
        with pytest.raises(Unstorable) as caught:
            canonical.decode(record.encode())
        assert caught.value.reason == "number_out_of_range"
    else:
        canonical.content_hash(canonical.decode(record.encode()))


def test_edges_lie_on_both_sides(connection: Connection) -> None:
    outside = 0
    for text in EDGES:
        try:
            connection.execute("SELECT %s::jsonb", (text,))
        except psycopg.errors.NumericValueOutOfRange:
            outside += 1
    assert 10 < outside < len(EDGES) - 10


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"NaN", "not_a_number"),
        (b"Infinity", "not_a_number"),
        (b"-Infinity", "not_a_number"),
        (b'"\xff"', "invalid_utf8"),
        (b'"\xed\xa0\xbd"', "invalid_utf8"),
        (b'"\xc3"', "invalid_utf8"),
        (b'"\\ud83d"', "lone_surrogate"),
        (b'"\\ude00\\ud83d"', "lone_surrogate"),
        (b"", "invalid_json"),
        (b"nul", "invalid_json"),
        (b"01", "invalid_json"),
        (b"+1", "invalid_json"),
        (b"1.", "invalid_json"),
        (b".5", "invalid_json"),
        (b"1,", "invalid_json"),
        (b'"\t"', "invalid_json"),
        (b'"\\x"', "invalid_json"),
        (b"{'a': 1}", "invalid_json"),
        (b"[" * 100_000 + b"]" * 100_000, "too_deep"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "too_deep"),
    ],
    ids=lambda part: str(part)[:24] if isinstance(part, bytes) else part,
)
def test_what_jsonb_cannot_hold(connection: Connection, raw: bytes, reason: str) -> None:
    record = b'{"a": ' + raw + b"}"
    with pytest.raises(Unstorable) as caught:
        canonical.decode(record)
    assert caught.value.reason == reason
    with pytest.raises(psycopg.Error) as refused:
        connection.execute("SELECT convert_from(%s, 'UTF8')::jsonb", (record,))
    assert refused.value.sqlstate in {"22P02", "22021", "54001"}


@pytest.mark.parametrize("wrap", [(b"[", b"]"), (b'{"a":', b"}")], ids=["arrays", "objects"])
def test_500_levels_are_stored(connection: Connection, wrap: tuple[bytes, bytes]) -> None:
    first, last = (part * limits.JSON_DEPTH for part in wrap)
    raw = first + b"1" + last
    assert canonical.depth(raw) == limits.JSON_DEPTH
    canonical.content_hash(canonical.decode(raw))
    assert as_jsonb(connection, [raw.decode()])
    assert canonical.depth(wrap[0] + raw + wrap[1]) == limits.JSON_DEPTH + 1


@pytest.mark.parametrize(
    ("raw", "depth"),
    [
        (b"1", 0),
        (b"[]", 1),
        (b'{"a":[{}],"b":[]}', 3),
        (b'"[[["', 0),
        (b'["\\"[[", "]]\\\\", []]', 2),
        (b'{"[":"}"}', 1),
    ],
)
def test_depth(raw: bytes, depth: int) -> None:
    assert canonical.depth(raw) == depth
