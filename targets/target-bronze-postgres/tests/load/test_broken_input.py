"""Whatever the bytes are: every RECORD line that was read is accounted for, and no traceback."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contents import check
from tests.messages import as_input, record, schema, state

if TYPE_CHECKING:
    from tests.conftest import Load

LINES = as_input(
    schema(bookmark_properties=["at"]),
    *(record(id=n, name=f"é{n}", at="2024-01-01", extracted="2024-02-01") for n in range(6)),
    state({"n": 1}),
    {"type": "RECORD", "stream": "users", "record": {"id": 1}, "bronze": {"file_size": 5}},
    {"type": "ACTIVATE_VERSION", "stream": "users", "version": 7},
    schema(key_properties=["id", "name"]),
    *(record(id=n, name=f"é{n}") for n in range(4)),
    state({"n": 2}),
)
PIECES = (
    *(b"NaN", b"-Infinity", b"1e400000", b"\\u0000", b"\\ud800", b"\x00", b"\xff", b"\\\\u0000"),
    *(
        b"\n",
        b"\r\n",
        b"\xef\xbb\xbf",
        b" ",
        b"\t",
        b"{",
        b"}",
        b"[",
        b"]",
        b'"',
        b"\\",
        b",",
        b":",
    ),
    *(b"null", b"1e5", b'"id":', b"9" * 5000, b"[" * 600, b"]" * 600, b'{"a":' * 501 + b"}" * 501),
)
edits = st.lists(
    st.tuples(
        st.integers(0, len(LINES) - 1),
        st.integers(0, 12),
        st.one_of(st.just(b""), st.sampled_from(PIECES)),
    ),
    min_size=1,
    max_size=4,
)
TABLES = "runs, heads, streams, days, dead_letters".replace(", ", ", bronze_ops.")
STOPPED = re.compile(r"Line (\d+) of the input is ")
SUMS = """
    SELECT coalesce(sum(records_read), 0)::int, coalesce(sum(dead_letters), 0)::int
    FROM bronze_ops.runs
"""


def edited(changes: list[tuple[int, int, bytes]]) -> bytes:
    """Return the lines with bytes taken out and others put in."""
    text = LINES
    for at, length, piece in changes:
        text = text[:at] + piece + text[at + length :]
    return text


def records(text: bytes, log: str) -> int | None:
    """Count the RECORD lines before the one that ended the run; None if a reader cannot tell."""
    lines = text.split(b"\n")
    if stopped := STOPPED.search(log):
        lines = lines[: int(stopped.group(1)) - 1]
    count = 0
    for line in lines:
        try:
            message = json.loads(line)
        except ValueError:
            if b"RECORD" in line:
                return None
        else:
            count += message["type"] == "RECORD"
    return count


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(edits)
def test_every_line_that_was_read_is_accounted_for(
    load: Load, database: str, changes: list[tuple[int, int, bytes]]
) -> None:
    text = edited(changes)
    with psycopg.connect(database, autocommit=True) as conn:
        if conn.execute("SELECT to_regclass('bronze_x') IS NOT NULL").fetchone() == (True,):
            conn.execute(f"TRUNCATE bronze_x, bronze_ops.{TABLES}".encode())
        done = load(text, fails=None, batch_size_rows=3)
        assert (done.returncode == 0) == (STOPPED.search(done.stderr) is None)
        if conn.execute("SELECT to_regclass('bronze_x') IS NOT NULL").fetchone() != (True,):
            return
        read, letters = conn.execute(SUMS).fetchone() or (0, 0)
        expected = records(text, done.stderr)
        assert expected in {None, read}
        kept = conn.execute(
            "SELECT coalesce(sum(times), 0)::int FROM bronze_ops.dead_letters WHERE NOT landed"
        ).fetchone()
        assert kept == (letters,)
    check(database)
