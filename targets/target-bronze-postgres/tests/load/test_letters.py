"""Nothing is lost: what PostgreSQL cannot hold is kept byte for byte, and its neighbours land."""

from __future__ import annotations

import gzip
import re
from typing import TYPE_CHECKING

import pytest

from target_bronze_postgres.db import limits
from tests.messages import as_input, record, schema, state

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Load, Query

DEEP = b"[" * 501 + b"]" * 501
VERY_DEEP = b"[" * 100_000 + b"]" * 100_000


def line(value: bytes) -> bytes:
    return b'{"type": "RECORD", "stream": "users", "record": {"id": 2, "name": ' + value + b"}}"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"NaN", "not_a_number"),
        (b"[1, -Infinity]", "not_a_number"),
        (b"1e400000", "number_out_of_range"),
        (b"1e-16384", "number_out_of_range"),
        (b"9" * 131_073, "number_out_of_range"),
        (b'"caf\xe9"', "invalid_utf8"),
        (b'"a\tb"', "invalid_json"),
        (DEEP, "too_deep"),
        (VERY_DEEP, "too_deep"),
    ],
)
def test_what_cannot_be_held_is_a_letter_with_its_exact_bytes(
    load: Load, query: Query, value: bytes, reason: str
) -> None:
    bad = line(value)
    for _ in range(2):
        load(schema(), record(id=1), bad + b"\n", record(id=3))
    assert query("SELECT raw_id FROM bronze_x ORDER BY 1") == ["1", "3"]
    letters = query("SELECT reason, message, landed, times FROM bronze_ops.dead_letters")
    assert letters == [(reason, bad, False, 2)]
    counters = "records_read, rows_new, rows_unchanged, dead_letters"
    assert query(f"SELECT {counters} FROM bronze_ops.runs ORDER BY started_at") == [
        (3, 2, 0, 1),
        (3, 0, 2, 1),
    ]


def test_a_record_that_is_too_big_for_jsonb_is_a_letter(
    load: Load, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "JSONB_BYTES", len(b'{"id": 2, "name": ""}') + 1_000)
    most, over = line(b'"%b"' % (b"a" * 1_000)), line(b'"%b"' % (b"b" * 1_001))
    load(schema(), record(id=1), most + b"\n", over + b"\n", record(id=3))
    assert query("SELECT raw_id FROM bronze_x ORDER BY 1") == ["1", "2", "3"]
    assert query("SELECT reason, message, landed FROM bronze_ops.dead_letters") == [
        ("too_big", over, False)
    ]
    assert query("SELECT records_read, rows_new, dead_letters FROM bronze_ops.runs") == [(4, 3, 1)]


@pytest.mark.parametrize(
    ("value", "landed", "reason"),
    [
        (rb'"a\u0000b"', "a\ufffdb", "nul"),
        (b'"a\x00b"', "a\ufffdb", "nul"),
        (rb'"\ud83d!"', "\ufffd!", "lone_surrogate"),
        (rb'"\udc00\u0000"', "\ufffd\ufffd", "lone_surrogate,nul"),
    ],
)
def test_what_can_be_repaired_lands_as_a_warning(
    load: Load, query: Query, value: bytes, landed: str, reason: str
) -> None:
    bad = line(value)
    for _ in range(2):
        load(schema(), record(id=1), bad + b"\n", record(id=3))
    assert query(
        "SELECT raw_data->>'name', validation_status FROM bronze_x WHERE raw_id = '2'"
    ) == [(landed, "warning")]
    assert query("SELECT reason, message, landed FROM bronze_ops.dead_letters") == [
        (reason, bad, True)
    ]
    counters = "records_read, rows_new, rows_unchanged, dead_letters, warnings"
    assert query(f"SELECT {counters} FROM bronze_ops.runs ORDER BY started_at") == [
        (3, 3, 0, 0, 1),
        (3, 0, 3, 0, 0),
    ]


def test_nul_in_a_key_is_repaired_before_the_record_is_named(load: Load, query: Query) -> None:
    bad = b'{"type": "RECORD", "stream": "users", "record": {"id": "a\\u0000"}}\n'
    for _ in range(2):
        load(schema(), bad)
    assert query("SELECT raw_id, lineage_id FROM bronze_x") == [
        ("a\ufffd", "x/main/users/a%EF%BF%BD")
    ]


@pytest.mark.parametrize(
    "value", [rb'"\\u0000"', rb'"\\\\u0000"', b"9" * 5000, b"1e400", b"[" * 498 + b"]" * 498]
)
def test_what_only_looks_odd_is_no_letter(load: Load, query: Query, value: bytes) -> None:
    load(schema(), line(value) + b"\n")
    assert query(
        "SELECT raw_data = %s::jsonb FROM bronze_x", f'{{"id": 2, "name": {value.decode()}}}'
    ) == [True]
    assert query("SELECT count(*) FROM bronze_ops.dead_letters") == [0]


def test_nul_in_every_name_does_not_stop_a_run(load: Load, query: Query) -> None:
    named = {"source": "s\0", "account": "a\0", "tap": "t\0", "api_version": "\0"}
    load(
        schema("u\0", key_properties=["k\0"], schema={"title": "\0"}, bronze=named),
        {"type": "RECORD", "stream": "u\0", "record": {"k\0": 1}},
        {"type": "STATE", "value": {"x": "\0"}},
    )
    assert query("SELECT source, account, stream FROM bronze_ops.runs") == [
        ("s\ufffd", "a\ufffd", "u\ufffd")
    ]
    [table] = query("SELECT table_name FROM bronze_ops.sources")
    assert query(f"SELECT raw_id, validation_status FROM {table}") == [("1", "warning")]
    assert query("SELECT state FROM bronze_ops.runs") == [r'{"x": "\u0000"}']


def test_byte_order_mark_blank_lines_and_line_ends(load: Load, query: Query) -> None:
    lines = as_input(schema(), record(id=1), record(id=2)).replace(b"\n", b"\r\n\r\n \n")
    load(b"\xef\xbb\xbf" + lines.rstrip())
    assert query("SELECT count(*) FROM bronze_x") == [2]


@pytest.mark.parametrize(
    ("end", "error"),
    [
        (b'{"type": "RECORD", "stream": "users", "record": {"id": 3', "Line 4 .* cut off"),
        (b'{"type": "RECORD", "stream": "users", "record": {"id": "3', "Line 4 .* cut off"),
        (b"Traceback (most recent call last):\n", "Line 4 .* no JSON object"),
        (b"[1]\n", "Line 4 .* no JSON object"),
        (b'{"type": "RECORD"} junk\n', "Line 4 .* no JSON object"),
        (b'{"type": "NOISE"}\n', "Line 4 .* unknown type 'NOISE'"),
        (b'{"type": "RECORD", "stream": "other", "record": {}}\n', "Line 4 .* before its SCHEMA"),
        (b'{"type": "ACTIVATE_VERSION", "stream": "other"}\n', "Line 4 .* before its SCHEMA"),
        (b'{"type": "ACTIVATE_VERSION", "stream": "users"}\n', "Line 4 .* no whole number"),
        (b'{"type": "SCHEMA", "schema": {}}\n', "Line 4 .* without a stream"),
        (b'{"type": "SCHEMA", "stream": "a"}\n', "Line 4 .* without a schema"),
        (b'{"type": "SCHEMA", "stream": "a", "schema": NaN}\n', "Line 4 .* NaN is no JSON number"),
        (b'{"type": "SCHEMA", "stream": "%b", "schema": {}}\n' % (b"a" * 501), "over 500 bytes"),
        (
            b'{"type": "ACTIVATE_VERSION", "stream": "users", "version": 9223372036854775808}\n',
            "Line 4 .* no whole number",
        ),
        (b'{"type": "RECORD", "stream": 5, "record": {}}\n', "Line 4 .* stream is no string"),
        (
            b'{"type": "SCHEMA", "stream": "a", "schema": {}, "bronze": {"tap": 5}}\n',
            "Line 4 .* bronze member is malformed",
        ),
    ],
)
def test_a_broken_stream_ends_the_run_after_what_came_before(
    load: Load, query: Query, end: bytes, error: str
) -> None:
    done = load(schema(), record(id=1), {"type": "STATE", "value": {"n": 1}}, end, fails=True)
    last = done.stderr.splitlines()[-1]
    assert done.returncode == 1
    assert re.search(error, last)
    assert done.states == [{"n": 1}]
    assert query("SELECT raw_id FROM bronze_x") == ["1"]
    assert query("SELECT status, error IS NOT NULL FROM bronze_ops.runs") == [("failed", True)]


@pytest.mark.parametrize(
    ("member", "known", "fault"),
    [
        (b'{"file_size": "x", "file_path": "a"}', ("a", None), "got `str` - at `$.file_size`"),
        (b'{"file_size": 9223372036854775808, "api_request_id": "r"}', (None, "r"), "<= 9223372"),
        (b"[1]", (None, None), "got `array`"),
        (b'{"file_path": NaN}', (None, None), "malformed"),
        (b'{"api_rate_limit_info": ' + b'{"a":' * 600 + b"1" + b"}" * 601, (None, None), "too dee"),
    ],
)
def test_a_record_is_not_lost_for_what_is_said_about_it(
    load: Load, query: Query, member: bytes, known: tuple[str | None, ...], fault: str
) -> None:
    odd = b'{"type": "RECORD", "stream": "users", "record": {"id": 2}, "bronze": ' + member + b"}"
    done = load(schema(), record(id=1), odd + b"\n", record(id=3), state({"n": 3}))
    assert done.states == [{"n": 3}]
    found = query(
        "SELECT validation_status, file_path, api_request_id, error_message FROM bronze_x"
        " ORDER BY raw_id"
    )
    assert [row[:-1] for row in found] == [
        ("valid", None, None),
        ("warning", *known),
        ("valid", None, None),
    ]
    assert fault in found[1][-1]
    assert query("SELECT reason, message, landed FROM bronze_ops.dead_letters") == [
        ("provenance", odd, True)
    ]
    counters = "records_read, rows_new, dead_letters, warnings"
    assert query(f"SELECT {counters} FROM bronze_ops.runs") == [(3, 3, 0, 1)]


def test_a_malformed_member_does_not_hide_that_a_record_is_gone(load: Load, query: Query) -> None:
    gone = {"bronze": {"deleted_at": "2024-01-01", "api_response_code": "x"}}
    load(schema(), record(id=1), record(id=1) | gone)
    assert query("SELECT metadata->>'deleted_by' FROM bronze_x ORDER BY version") == [
        None,
        "source",
    ]


@pytest.mark.parametrize("compression", ["gzip", None])
def test_batch_files_are_read(
    load: Load, query: Query, tmp_path: Path, compression: str | None
) -> None:
    path = tmp_path / "part 1.jsonl"
    content = b'{"id": 1}\n\n{"id": 2, "name": NaN}\n{"id": 3, "name": "\\ud83d"}\n'
    path.write_bytes(gzip.compress(content) if compression else content)
    load(
        schema(),
        {
            "type": "BATCH",
            "stream": "users",
            "encoding": {"format": "jsonl", "compression": compression},
            "manifest": [path.as_uri()],
        },
    )
    assert query("SELECT raw_id, validation_status FROM bronze_x ORDER BY 1") == [
        ("1", "valid"),
        ("3", "warning"),
    ]
    assert query("SELECT message FROM bronze_ops.dead_letters WHERE NOT landed") == [
        b'{"id": 2, "name": NaN}'
    ]
