"""Lines become messages; what no parser takes still has a name, or is one clear error."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from target_bronze_postgres.errors import InputError
from target_bronze_postgres.singer.messages import Message, read_line, scan_members
from tests.messages import as_input, record, schema, state

if TYPE_CHECKING:
    from collections.abc import Callable

    Draw = Callable[[st.SearchStrategy[Any]], Any]

NO_OBJECT = "no JSON object"
CUT = "cut off in the middle"


def read(line: bytes) -> Message:
    """Return the message of a line in which nothing had to be repaired."""
    found = read_line(line)
    assert found is not None
    message, repairs = found
    assert repairs == ()
    return message


def test_a_record_keeps_its_bytes() -> None:
    raw = b'{ "id" :1.10,"x":  "\\u00e9\\/", "x": [1E+5 ] }'
    line = b'{"type": "RECORD", "stream": "users", "record":  ' + raw + b' , "version": 3}'
    message = read(line)
    assert bytes(message.record) == raw
    assert (message.type, message.stream, message.version) == ("RECORD", "users", 3)


def test_every_message_type() -> None:
    assert json.loads(bytes(read(as_input(schema())).schema)) == schema()["schema"]
    assert read(as_input(schema())).key_properties == ["id"]
    assert bytes(read(as_input(state({"a": 1}))).value) == b'{"a": 1}'
    extracted = read(as_input(record(extracted="2024-01-31T00:00:00Z", id=1)))
    assert extracted.time_extracted == "2024-01-31T00:00:00Z"
    activate = read(b'{"type":"ACTIVATE_VERSION","stream":"users","version":1706695872000}')
    assert activate.version == 1_706_695_872_000
    batch = read(b'{"type":"BATCH","stream":"a","encoding":{"format":"jsonl"},"manifest":["f"]}')
    assert (bytes(batch.encoding), batch.manifest) == (b'{"format":"jsonl"}', ["f"])
    assert read(b'{"type":"STATE","value":{},"bronze":{"a":1},"new":[1]}').type == "STATE"


def test_members_that_are_not_there() -> None:
    message = read(b"{}")
    assert (message.type, message.stream, message.version) == ("", None, None)
    raws = (message.record, message.bronze, message.schema, message.value, message.encoding)
    assert {bytes(raw) for raw in raws} == {b"null"}


@pytest.mark.parametrize("line", [b"", b" ", b"\r", b"\t \r", b"\xef\xbb\xbf", b"\xef\xbb\xbf\r"])
def test_blank_lines(line: bytes) -> None:
    assert read_line(line) is None


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b" \t", b"\xef\xbb\xbf "])
@pytest.mark.parametrize("after", [b"", b"\r", b"\n", b" \t\r"])
def test_what_stands_around_an_object(before: bytes, after: bytes) -> None:
    message = read(before + as_input(state({"a": 1})).strip() + after)
    assert (message.type, bytes(message.value)) == ("STATE", b'{"a": 1}')


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"hello", NO_OBJECT),
        (b"INFO Starting sync", NO_OBJECT),
        (b"[1, 2]", NO_OBJECT),
        (b'[{"type": "STATE"}]', NO_OBJECT),
        (b"5", NO_OBJECT),
        (b"null", NO_OBJECT),
        (b'"{}"', NO_OBJECT),
        (b"\x00", NO_OBJECT),
        (b"\xff\xfe{\x00}\x00", NO_OBJECT),
        (b"}", NO_OBJECT),
        (b"{}}", NO_OBJECT),
        (b'{"a": 1} {"a": 2}', NO_OBJECT),
        (b'{"a": 1}, ', NO_OBJECT),
        (b'{"type": "STATE"]', NO_OBJECT),
        (b"{", CUT),
        (b'{"', CUT),
        (b'{"type', CUT),
        (b'{"type": "REC', CUT),
        (b'{"type": "RECORD", "record": {"a": 1}', CUT),
        (b'{"type": "RECORD", "record": {"a": [', CUT),
        (b'{"type": "RECORD", "record": {"a": "\\"}}', CUT),
        (b'{"a": "\\', CUT),
        (b'{"a": NaN, "b": "x', CUT),
        (b'{"type": 5}', "type is no string"),
        (b'{"type": null}', "type is no string"),
        (b'{"type": ["RECORD"]}', "type is no string"),
        (b'{"type": "RECORD", "stream": 5}', "stream is no string"),
        (b'{"type": "RECORD", "stream": {"a": 1}}', "stream is no string"),
        (b'{"type": "a\xff"}', "type is no JSON"),
        (b'{"type": "RECORD", "stream": "a\xff", "record": {}}', "stream is no JSON"),
        (b'{"type": RECORD}', "type is no JSON"),
        (b'{"type": "RECORD", "version": NaN}', "version is no JSON"),
        (b'{"type": "RECORD", "version": ' + b"7" * 5_000 + b"}", "version is no JSON"),
        (b'{"type": "RECORD", "time_extracted": 2024-01-31}', "time_extracted is no JSON"),
        (b'{"type": "SCHEMA", "key_properties": [id]}', "key_properties is no JSON"),
        (
            b'{"key_properties": ' + b"[" * 90_000 + b"]" * 90_000 + b"}",
            "key_properties is no JSON",
        ),
        (b'{"type": "BATCH", "manifest": [NaN]}', "manifest is no JSON"),
    ],
    ids=lambda part: ascii(part)[:40] if isinstance(part, bytes) else None,
)
def test_lines_that_are_no_message(line: bytes, error: str) -> None:
    with pytest.raises(InputError, match=error) as caught:
        read_line(line)
    assert "\n" not in str(caught.value)


def test_an_error_shows_nothing_of_the_line() -> None:
    for line in (
        b"hunter2",
        b'{"stream": ["hunter2"]}',
        b'{"version": "hunter2\xff"}',
        b'["hunter2',
    ):
        with pytest.raises(InputError) as caught:
            read_line(line)
        assert "hunter2" not in str(caught.value)


def test_every_cut_is_seen() -> None:
    line = as_input(record(extracted="2024-01-31", id=1, name='a"]}\\', list=[{"x": None}])).strip()
    for length in range(1, len(line)):
        with pytest.raises(InputError, match=CUT):
            read_line(line[:length])
    assert read(line).type == "RECORD"


@pytest.mark.parametrize(
    "raw",
    [
        b"NaN",
        b'{"a": NaN}',
        b'{"a": -Infinity, "b": [1]}',
        b'{"a": 1e400}',
        b'{"a": 01}',
        b'{"a": ' + b"7" * 5_000 + b"}",
        b'{"a": "\xff\xfe"}',
        b'{"a": "caf\xe9", "b": 1}',
        b'{"a": "\x01\t"}',
        b'{"a": "\\x"}',
        b"{'a': 1}",
        b"[" * 3_000 + b"]" * 3_000,
        b'{"a":' * 3_000 + b"1" + b"}" * 3_000,
        b"undefined",
    ],
    ids=lambda raw: ascii(raw)[:24],
)
@pytest.mark.parametrize(("kind", "member"), [("RECORD", "record"), ("STATE", "value")])
def test_a_value_that_no_parser_takes_keeps_its_bytes(raw: bytes, kind: str, member: str) -> None:
    line = b'{"type":"%s","stream":"users","%s": %s ,"version":3,"bronze":{"source":"x"}}'
    message = read(line % (kind.encode(), member.encode(), raw))
    assert bytes(getattr(message, member)) == raw
    assert (message.type, message.stream, message.version) == (kind, "users", 3)
    assert bytes(message.bronze) == b'{"source":"x"}'


def test_a_stream_may_be_null_beside_a_value_that_no_parser_takes() -> None:
    message = read(b'{"type":"STATE","stream":null,"value":NaN}')
    assert (message.type, message.stream, bytes(message.value)) == ("STATE", None, b"NaN")


def test_the_last_of_equal_members_counts() -> None:
    for value in (b"2", b"NaN"):
        message = read(b'{"type":"A","record":1,"type":"RECORD","record":' + value + b"}")
        assert (message.type, bytes(message.record)) == ("RECORD", value)
    assert bytes(read(b'{"record":NaN,"type":"RECORD","record":2}').record) == b"2"


def test_names_may_be_escaped() -> None:
    for value in (b"2", b"NaN"):
        message = read(b'{"typ\\u0065":"RECORD","\\u0072ecord":' + value + b"}")
        assert (message.type, bytes(message.record)) == ("RECORD", value)


@pytest.mark.parametrize(
    ("raw", "repaired", "repairs"),
    [
        (b'"\\ud83d"', b'"\\ufffd"', ("lone_surrogate",)),
        (b'"a\x00"', b'"a\xef\xbf\xbd"', ("nul",)),
        (
            b'["\\ud83d", NaN, "\x00"]',
            b'["\\ufffd", NaN, "\xef\xbf\xbd"]',
            ("lone_surrogate", "nul"),
        ),
    ],
)
def test_repairs(raw: bytes, repaired: bytes, repairs: tuple[str, ...]) -> None:
    found = read_line(b'{"type":"RECORD","stream":"a","record":' + raw + b"}")
    assert found is not None
    assert (bytes(found[0].record), found[1]) == (repaired, repairs)


def test_a_surrogate_in_a_name_is_repaired() -> None:
    found = read_line(b'{"type":"RECORD","stream":"a\\ud83d","record":{}}')
    assert found is not None
    assert found[0].stream == "a\ufffd"


SPACE = st.sampled_from(("", "", " ", "\t", "\r\n "))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just('"]}{[,:\\'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def json_objects(draw: Draw) -> str:
    """A JSON object with space and equal names, its strings escaped or not."""
    members = draw(st.lists(st.tuples(st.text(max_size=3), json_values), max_size=5))
    texts = [
        f"{draw(SPACE)}{json.dumps(name, ensure_ascii=draw(st.booleans()))}{draw(SPACE)}:"
        f"{draw(SPACE)}{json.dumps(value, ensure_ascii=draw(st.booleans()))}{draw(SPACE)}"
        for name, value in members
    ]
    return f"{{{','.join(texts) or draw(SPACE)}}}{draw(SPACE)}"


@settings(deadline=None)
@given(json_objects())
def test_scan_members_returns_what_json_does(text: str) -> None:
    members = scan_members(text.encode("utf-8", "surrogatepass"))
    expected = json.loads(text)
    assert list(members) == list(expected)
    for name, raw in members.items():
        assert raw == raw.strip()
        assert repr(json.loads(raw)) == repr(expected[name])  # repr: NaN is not equal to itself


def test_scanning_is_linear() -> None:
    long = b'"' + b"\\u0041" * 300_000 + b'"'
    started = time.process_time()
    line = (
        b'{"type":"RECORD","record":{"a":' + long + b',"b":NaN,"c":[' + b"[]," * 100_000 + b"[]]}}"
    )
    assert read(line).type == "RECORD"
    with pytest.raises(InputError, match=CUT):
        read_line(line[:-3] + b'"')
    assert time.process_time() - started < 5
