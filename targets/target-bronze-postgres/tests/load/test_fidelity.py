"""The same rows by every road and in every zone, and every character and digit in them."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.contents import check, contents
from tests.messages import schema, state
from tests.proxy import Act, Proxy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Load, Query

ABOUT = schema(
    schema={
        "type": "object",
        # A member without a type is text to the mapper of the SDK.
        "properties": {"id": {"type": ["integer", "string", "null"]}, "x": {}, "at": {}},
    },
    bronze={
        "source": "x",
        "source_timestamp": {"pointer": "/at", "form": "rfc3339"},
        "deleted": "/gone",
        "volatile": ["/row"],
        "api_endpoint": "/users",
    },
)
EXTRACTED = "2024-12-31T23:30:00.000001-02:00"
SAID: dict[str, Any] = {"api_response_code": 200, "api_rate_limit_info": {"left": 1.50}}


def nested(levels: int, first: bytes = b"[", last: bytes = b"]") -> bytes:
    """Return a value that makes a record of so many levels, its own one among them."""
    return first * (levels - 1) + b"1" + last * (levels - 1)


VALUES = {
    "40 digits": b"1234567890123456789012345678901234567890.0123456789",
    "40 digits after the point": b"-0.1234567890123456789012345678901234567890",
    "2^63": b"9223372036854775808",
    "2^70": b"1180591620717411303424",
    "-2^70": b"-1180591620717411303424",
    "5000 digits": b"7" * 5_000,
    "5000 digits and a point": b"7" * 5_000 + b".10",
    "an exponent": b"1.50E+10",
    "1e400": b"1e400",
    "1e-400": b"1e-400",
    "0.1 and a bit": b"[0.1, 0.1000000000000000055511151231257827, 0.10]",
    "zeros": b"[0, -0, 0.0, -0.0, 1.0, 1.00, 1e0]",
    "empty string": b'""',
    "empty things": b'[[], {}, "", null, {"": ""}]',
    "the text NULL": b'["NULL", "null", "\\\\N", "\\\\.", null]',
    "escaped backslash before u0000": rb'["\\u0000", "\\\\u0000"]',
    "escapes": rb'"\" \\ \/ \b \f \n \r \t \u00e9 \u0001 \u001f \u007f"',
    "spaces between tokens": b'{\t"a" :\r[ 1 ,\t2 ] ,"b":{ }\r}',
    "emoji": '"😀 \\ud83d\\ude00 é é ß 漢 \u202e \ufeff \uffff"'.encode(),
    "names": '{"": 1, "a b": 2, "\\u00e9": 3, "😀": 4, "x\\"; drop table": 5, "a\\tb": 6}'.encode(),
    "equal names": b'{"a": 1, "b": 2, "a": 3}',
    "names by length": b'{"bb": 1, "a": 2, "ccc": 3, "B": 4}',
    "dates stay text": b'["2024-01-05T01:02:03+09:00", "2024-02-30", "24:00", "2024-01-05"]',
    "words": b'[true, false, null, "true"]',
    "500 arrays": nested(500),
    "500 objects": nested(500, b'{"a":', b"}"),
    "1.8 MB in a string": b'"' + b"ab\\u00e9\xc3\xa9\\\\" * 130_000 + b'"',
    "60,000 pairs": b"[" + b",".join(b'{"k%d":%d.%d}' % (n, n, n) for n in range(60_000)) + b"]",
}
RECORDS = [
    b'{"id":%d,"x":%b,"at":"%b","row":%d}' % (n, value, at, n)
    for n, (value, at) in enumerate(
        zip(
            VALUES.values(),
            [b"2024-02-29T23:30:00-02:00", b"2024-03-01", b"2024-03-01T00:30:00.5+09:00"] * 99,
            strict=False,
        )
    )
]
RECORDS += [
    b'{"id":"a","gone":"yes","at":"2024-03-01"}',
    b'{"id":"b","x":"a\\u0000b"}',
    b'{"id":"c","x":"\\ud800"}',
    b'{"id":"d","x":NaN}',
    b'{"id":"e","x":%b}' % nested(501),
    b'{"id":"f","x":%b}' % nested(501, b'{"a":', b"}"),
    b'{"id":"g","at":"0001-01-01T00:00:00+14:00"}',
    b'{"id":null,"x":1}',
]


def line(raw: bytes) -> bytes:
    """Return the RECORD of a record's bytes."""
    members = json.dumps({"time_extracted": EXTRACTED, "bronze": SAID}).encode()[1:]
    return b'{"type":"RECORD","stream":"users","record":%b,%b\n' % (raw, members)


LINES = [ABOUT, *map(line, RECORDS), state({"n": 1})]


def landed(found: list[Any]) -> list[Any]:
    """Leave out the letters, which hold what came: a line of a pipe, or a line of a file."""
    return found[:-1]


def rows(found: list[Any]) -> list[Any]:
    """Leave out the heads too, which know a hash of the very bytes."""
    return [found[0], *found[2:-1]]


@pytest.fixture(scope="module")
def kept() -> list[Any]:
    """Lives as long as the tests of this module."""
    return []


@pytest.fixture
def piped(kept: list[Any], load: Load, another: Callable[..., str]) -> list[Any]:
    """What a plain pipe into a database in UTC leaves."""
    if not kept:
        dsn = another()
        assert load(*LINES, dsn=dsn).states == [{"n": 1}]
        check(dsn)
        kept += contents(dsn)
    return kept


def expected(raw: bytes) -> str:
    """Return what must be in raw_data: the record's own text, but for what cannot be held."""
    return (
        raw.replace(b"a\\u0000b", "a\ufffdb".encode()).replace(b"\\ud800", b"\xef\xbf\xbd").decode()
    )


def test_every_value_is_what_the_server_reads_in_the_records_own_bytes(
    load: Load, query: Query
) -> None:
    load(*LINES)
    good = [raw for raw in RECORDS if raw[6:9] not in {b'"d"', b'"e"', b'"f"'}]
    same = "SELECT count(*) FROM bronze_x WHERE raw_data::text = ANY (%s::jsonb[]::text[])"
    assert query("SELECT count(*) FROM bronze_x") == [len(good)]
    assert query(same, [expected(raw) for raw in good]) == [len(good)]
    assert query("SELECT reason FROM bronze_ops.dead_letters ORDER BY id") == [
        "nul",
        "lone_surrogate",
        "not_a_number",
        "too_deep",
        "too_deep",
    ]
    # Everything else about a record of 1.8 MB is there too.
    assert query("SELECT DISTINCT validation_status FROM bronze_x WHERE raw_id ~ '^[0-9]+$'") == [
        "valid"
    ]


def test_a_batch_file_leaves_what_the_pipe_leaves(
    load: Load, database: str, piped: list[Any], tmp_path: Path
) -> None:
    files = [tmp_path / "a.jsonl", tmp_path / "b.jsonl.gz"]
    files[0].write_bytes(b"\n".join(RECORDS[:10]))
    files[1].write_bytes(gzip.compress(b"\n".join(RECORDS[10:]) + b"\n"))
    batches = [
        {
            "type": "BATCH",
            "stream": "users",
            "encoding": {"format": "jsonl", "compression": compression},
            "manifest": [file.as_uri()],
            "time_extracted": EXTRACTED,
            "bronze": SAID,
        }
        for file, compression in zip(files, ("none", "gzip"), strict=True)
    ]
    assert load(ABOUT, *batches, state({"n": 1})).states == [{"n": 1}]
    assert landed(contents(database)) == landed(piped)
    check(database)


def test_the_sdks_road_leaves_what_the_pipe_leaves(
    load: Load, database: str, piped: list[Any]
) -> None:
    """A map that changes nothing: the record is decoded, mapped and encoded anew."""
    assert load(*LINES, stream_maps={"users": {"id": "id"}}).states == [{"n": 1}]
    assert rows(contents(database)) == rows(piped)
    check(database)


def test_a_lost_connection_changes_nothing(
    load: Load, database: str, proxy: Proxy, piped: list[Any]
) -> None:
    proxy.arm(b"FROM STDIN", b'"40', act=Act.CUT)
    assert load(*LINES, dsn=proxy.dsn, batch_size_rows=7).states == [{"n": 1}]
    assert contents(database) == piped


def test_zones_of_server_and_client_change_nothing(
    load: Load, query: Query, database: str, piped: list[Any]
) -> None:
    for setting in ("timezone TO 'Pacific/Kiritimati'", "datestyle TO 'German, DMY'"):
        query(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET "
            + setting.replace("'", "''")
            + "', current_database()); END $$"
        )
    for zone in ("Asia/Tokyo", "Pacific/Niue"):
        load(*LINES, env={"TZ": zone, "PGTZ": zone})
        assert landed(contents(database)) == landed(piped)


@pytest.mark.extra  # for the memory that it takes, most of it on this side
def test_a_record_of_100_mb_lands_as_the_server_reads_it(load: Load, query: Query) -> None:
    text = b"ab\\u00e9\xc3\xa9\\\\" * 4_000_000
    pairs = b",".join(b"[%d,%d.%06d0]" % (n, n % 1000, n) for n in range(2_500_000))
    raw = b'{"id":2,"x":"%b","y":[%b]}' % (text, pairs)
    assert len(raw) > 100_000_000
    done = load(ABOUT, line(b'{"id":1}'), line(raw), line(b'{"id":3}'), state({"n": 3}))
    assert done.states == [{"n": 3}]
    assert query("SELECT raw_id, validation_status FROM bronze_x ORDER BY 1") == [
        (str(n), "valid") for n in (1, 2, 3)
    ]
    same = "SELECT raw_data = %s::jsonb AND raw_data->'y'->>-1 = %s FROM bronze_x"
    assert query(f"{same} WHERE raw_id = '2'", raw.decode(), "[2499999, 999.24999990]") == [True]
    assert query("SELECT count(*) FROM bronze_ops.dead_letters") == [0]
