"""``bronze dead-letters``: shown so that no terminal obeys them, landed once when they can."""

from __future__ import annotations

import base64
import json
import stat
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from target_bronze_postgres.db import limits
from target_bronze_postgres.db.migrations import create_roles
from target_bronze_postgres.ops.escape import escaped, escaped_bytes
from tests.messages import record, schema

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    from tests.conftest import Load, Query

    Bronze = Callable[..., Result]

pytestmark = pytest.mark.usefixtures("named")

NAN = b'{"type": "RECORD", "stream": "users", "record": {"id": 2, "name": NaN}}'
DEEP = b"[" * 400 + b"]" * 400
AT = {"source": "x", "source_timestamp": {"pointer": "/at", "form": "rfc3339"}}


def deep(number: int = 2, stream: str = "users", **more: Any) -> bytes:
    """Return a line of 400 levels."""
    line = json.dumps(record(stream, id=number, name=[], **more)).encode()
    return line.replace(b'"name": []', b'"name": ' + DEEP)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Make the target one that takes fewer levels of nesting, or mend it."""

    def make(wanted: bool) -> None:
        monkeypatch.setattr(limits, "JSON_DEPTH", 100 if wanted else 500)

    return make


def ids(query: Query, where: str = "true") -> list[str]:
    return [
        str(number)
        for number in query(f"SELECT id FROM bronze_ops.dead_letters WHERE {where} ORDER BY id")
    ]


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b'{"a": "caf\xc3\xa9 \\u0000"}', '{"a": "café \\\\u0000"}'),
        (b"\x1b]0;owned\x07\r\n\x00\x7f", r"\x1b]0;owned\x07\x0d\x0a\x00\x7f"),
        (b"\xff\xc3", r"\xff\xc3"),
        ("\u009b31m \u202e \u2028 \ufeff".encode(), r"\x9b31m \u202e \u2028 \ufeff"),
        ("\U000e0001".encode(), r"\U000e0001"),
        (b"\xed\xa0\xbd", r"\xed\xa0\xbd"),
    ],
)
def test_bytes_are_escaped(data: bytes, shown: str) -> None:
    assert escaped_bytes(data) == shown
    assert escaped("\ud83d\x1b") == r"\ud83d\x1b"


def test_list_shows_what_is_dead_and_with_all_the_rest(
    bronze: Bronze, load: Load, query: Query
) -> None:
    assert bronze("dead-letters", "list").stdout.endswith(": no dead letters\n")
    odd = b'{"type": "RECORD", "stream": "odd\\u001b[31m", "record": {"id": 1, "name": NaN}}\n'
    nul = b'{"type": "RECORD", "stream": "users", "record": {"id": 3, "name": "\\u0000"}}\n'
    load(schema(), schema("odd\x1b[31m"), record(id=1), NAN + b"\n", nul, odd)
    listed = bronze("dead-letters", "list").stdout
    assert [line.split()[1] for line in listed.splitlines()[1:]] == [
        r"x/main/odd\x1b[31m",
        "x/main/users",
    ]
    assert "\x1b" not in listed
    every = json.loads(bronze("dead-letters", "list", "--all", "--format", "json").stdout)
    assert every["total"] == 3
    assert [(one["reason"], one["status"]) for one in every["letters"]] == [
        ("not_a_number", "dead"),
        ("not_a_number", "dead"),
        ("nul", "landed"),
    ]
    assert "message" not in every["letters"][0]
    few = bronze("dead-letters", "list", "--limit", "1").stdout
    assert few.splitlines()[-1] == "1 more: see --limit and the filters"
    for option, value in (("reason", "x"), ("source", "y"), ("account", "z"), ("stream", "")):
        assert "no dead letters" in bronze("dead-letters", "list", f"--{option}", value).stdout
    some = bronze("dead-letters", "list", "--stream", "users", "--reason", "not_a_number").stdout
    assert len(some.splitlines()) == 2
    assert len(ids(query)) == 3


def test_show_escapes_and_the_exact_bytes_are_to_be_had(
    bronze: Bronze, load: Load, query: Query, tmp_path: Path
) -> None:
    line = NAN.replace(b"NaN", b'NaN, "x": "\x1b]0;owned\x07\xff\\n' + b"y" * 20_000 + b'"')
    load(schema(), line + b"\n")
    (number,) = ids(query)
    shown = bronze("dead-letters", "show", number).stdout
    assert r"NaN, \"x\": ".replace(r"\"", '"') + r'"\x1b]0;owned\x07\xff\\nyyy' in shown
    assert not set(shown) & {"\x1b", "\x07"}
    assert "more bytes: see --all and --output" in shown
    assert "y" * 20_000 in bronze("dead-letters", "show", number, "--all").stdout
    document = json.loads(bronze("dead-letters", "show", number, "--format", "json").stdout)
    assert base64.b64decode(document["letter"]["message_base64"]) == line
    written = bronze("dead-letters", "show", number, "--output", "letter")
    assert written.stdout == f"{len(line):,} bytes written to letter\n"
    assert (tmp_path / "letter").read_bytes() == line
    assert stat.S_IMODE((tmp_path / "letter").stat().st_mode) == 0o600
    again = bronze("dead-letters", "show", number, "--output", "letter")
    assert (again.exit_code, again.stderr) == (1, "Error: letter cannot be written: File exists\n")
    missing = bronze("dead-letters", "show", "77")
    assert (missing.exit_code, missing.stdout) == (1, "")
    assert missing.stderr.startswith("Error: There is no dead letter 77")


def test_what_can_land_now_lands_once(
    bronze: Bronze, load: Load, query: Query, narrow: Callable[[bool], None]
) -> None:
    narrow(True)
    at = "2024-05-06T07:08:09Z"
    load(schema(bronze=AT), record(id=1), deep(2, at=at) + b"\n", NAN + b"\n", record(id=3))
    assert query("SELECT reason FROM bronze_ops.dead_letters ORDER BY 1") == [
        "not_a_number",
        "too_deep",
    ]
    assert bronze("dead-letters", "replay", "--reason", "too_deep").exit_code == 1
    narrow(False)
    done = bronze("dead-letters", "replay", "--format", "json")
    assert done.exit_code == 1
    document = json.loads(done.stdout)
    (dead,) = document["dead"]
    assert (dead["reason"], dead["times"], dead["status"]) == ("not_a_number", 2, "dead")
    assert [str(number) for number in document["landed"]] == ids(query, "replayed_at IS NOT NULL")
    row = "SELECT raw_id, version, source_timestamp::text, pipeline_run_id FROM bronze_x"
    assert query(row + " WHERE raw_id = '2'") == [
        ("2", 1, "2024-05-06 07:08:09", document["run_id"])
    ]
    assert query("SELECT count(*) FROM bronze_x") == [3]
    # What was replayed is not dead any more, and does not come again.
    again = bronze("dead-letters", "replay", "--reason", "too_deep")
    assert (again.exit_code, again.stdout) == (0, "0 landed, 0 still dead\n")
    assert "no dead letters" in bronze("dead-letters", "list", "--reason", "too_deep").stdout
    counters = "records_read = rows_new + rows_changed + rows_unchanged + dead_letters"
    assert query(
        f"SELECT bool_and({counters}), bool_and(status = 'success') FROM bronze_ops.runs"
    ) == [(True, True)]


def test_a_replay_that_was_killed_before_it_marked_writes_nothing_twice(
    bronze: Bronze, load: Load, query: Query, narrow: Callable[[bool], None]
) -> None:
    narrow(True)
    load(schema(), deep() + b"\n")
    narrow(False)
    # What the loader had done by then; the mark is missing.
    load(schema(), deep() + b"\n")
    (number,) = ids(query, "replayed_at IS NULL")
    assert bronze("dead-letters", "replay", number).stdout == "1 landed, 0 still dead\n"
    assert query("SELECT version FROM bronze_x") == [1]
    assert ids(query, "replayed_at IS NOT NULL") == [number]


def test_letters_of_several_accounts_and_of_a_foreign_tap_keep_their_place(
    bronze: Bronze, load: Load, query: Query, narrow: Callable[[bool], None]
) -> None:
    narrow(True)
    at = "2024-05-06T07:08:09Z"
    foreign = schema(bookmark_properties=["at"])
    load(foreign, record(id=1, at=at), deep(2, at=at) + b"\n", source="shelf", account="anna")
    load(foreign, deep(2, at=at) + b"\n", source="shelf", account="ben")
    narrow(False)
    assert bronze("dead-letters", "replay", "--source", "shelf").stdout.startswith("2 landed")
    rows = "SELECT lineage_id, source_timestamp::text, lineage_metadata->>'replication_key'"
    assert query(rows + " FROM bronze_shelf ORDER BY 1") == [
        ("shelf/anna/users/1", "2024-05-06 07:08:09", "at"),
        ("shelf/anna/users/2", "2024-05-06 07:08:09", "at"),
        # Of this account nothing had landed, so that nothing tells which member is the bookmark.
        ("shelf/ben/users/2", None, None),
    ]


def test_a_schema_file_goes_before_the_catalog(
    bronze: Bronze,
    load: Load,
    query: Query,
    narrow: Callable[[bool], None],
    tmp_path: Path,
) -> None:
    narrow(True)
    load(schema(bronze={"source": "x", "account": "anna"}), deep() + b"\n", record(id=3))
    narrow(False)
    mended = schema(key_properties=["id"], bronze={"source": "y", "account": "someone"})
    mended["schema"] = {"type": "object", "properties": {"name": {"type": "array"}}}
    (tmp_path / "schemas").write_text(json.dumps(mended) + "\n\n" + json.dumps(record(id=9)))
    assert bronze("dead-letters", "replay", "--schema", "schemas").exit_code == 0
    found = "SELECT lineage_id, quality_metrics->>'unknown_fields' FROM bronze_x WHERE raw_id = '2'"
    assert query(found) == [("x/anna/users/2", "1")]  # id, which it does not name


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", "schemas holds no SCHEMA message: `tap-x --test=schema` writes some"),
        (b"{", "schemas does not hold JSON messages, a line each"),
        (b'{"type": "SCHEMA", "stream": "others"}', "--schema names a file without a SCHEMA of"),
    ],
)
def test_a_schema_file_that_does_not_do(
    bronze: Bronze, load: Load, tmp_path: Path, content: bytes, line: str
) -> None:
    load(schema(), NAN + b"\n")
    (tmp_path / "schemas").write_bytes(content)
    done = bronze("dead-letters", "replay", "--schema", "schemas")
    assert (done.exit_code, done.stdout) == (1, "")
    assert line in done.stderr
    assert "cannot be read" in bronze("dead-letters", "replay", "--schema", "nowhere").stderr


def test_lines_of_a_batch_file_are_replayed_as_such(
    bronze: Bronze,
    load: Load,
    query: Query,
    narrow: Callable[[bool], None],
    tmp_path: Path,
) -> None:
    narrow(True)
    lines = [json.loads(deep(number))["record"] for number in (2, 3)]
    (tmp_path / "batch").write_text("\n".join([*map(json.dumps, lines), '{"id": 4, "name": NaN}']))
    batch = {"type": "BATCH", "stream": "users", "manifest": [(tmp_path / "batch").as_uri()]}
    load(schema(), batch | {"encoding": {"format": "jsonl", "compression": "none"}})
    assert len(ids(query)) == 3
    narrow(False)
    done = bronze("dead-letters", "replay")
    assert done.stdout.startswith("2 landed, 1 still dead\n")
    assert query("SELECT raw_id FROM bronze_x ORDER BY 1") == ["2", "3"]
    assert query("SELECT times FROM bronze_ops.dead_letters ORDER BY 1") == [1, 1, 2]


def test_letters_of_mapped_streams_need_the_taps_schema(
    bronze: Bronze,
    load: Load,
    query: Query,
    narrow: Callable[[bool], None],
    tmp_path: Path,
) -> None:
    narrow(True)
    maps = {"users": {"__alias__": "people", "at": None}}
    load(schema(), deep(2, at="x") + b"\n", stream_maps=maps)
    narrow(False)
    without = bronze("dead-letters", "replay")
    assert (without.exit_code, without.stdout) == (1, "")
    assert "name the tap's own with --schema FILE" in without.stderr
    (tmp_path / "maps.json").write_text(json.dumps({"stream_maps": maps, "source": "x"}))
    refused = bronze("--config", "maps.json", "dead-letters", "replay")
    assert "stream_maps is set" in refused.stderr
    (tmp_path / "schemas").write_text(json.dumps(schema()))
    done = bronze("--config", "maps.json", "dead-letters", "replay", "--schema", "schemas")
    assert done.stdout == "1 landed, 0 still dead\n"
    assert query("SELECT lineage_id, raw_data ? 'at' FROM bronze_x") == [("x/main/people/2", False)]


def test_purge_takes_what_is_old_and_has_landed(bronze: Bronze, load: Load, query: Query) -> None:
    assert bronze("dead-letters", "purge", "--older-than", "0").stdout == "0 purged\n"
    nul = b'{"type": "RECORD", "stream": "users", "record": {"id": 3, "name": "\\u0000"}}\n'
    load(schema(), schema("others"), NAN + b"\n", nul, nul.replace(b"users", b"others"))
    query("UPDATE bronze_ops.dead_letters SET received_at = now() - interval '90 days'")
    query("UPDATE bronze_ops.dead_letters SET received_at = now() WHERE stream = 'others'")
    purge = ("dead-letters", "purge", "--older-than")
    assert bronze(*purge, "91", "--dead").stdout == "0 purged\n"
    assert bronze(*purge, "90", "--dry-run").stdout == "1 would be purged\n"
    assert bronze(*purge, "90").stdout == "1 purged\n"
    assert query("SELECT reason, stream FROM bronze_ops.dead_letters ORDER BY 1") == [
        ("not_a_number", "users"),
        ("nul", "others"),
    ]
    document = json.loads(bronze(*purge, "0", "--stream", "others", "--format", "json").stdout)
    assert (document["purged"], document["dry_run"]) == (1, False)
    assert bronze(*purge, "0", "--dead").stdout == "1 purged\n"
    assert bronze("dead-letters", "purge").exit_code == 2


def test_the_reader_lists_and_may_not_see_or_delete(
    bronze: Bronze, load: Load, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(schema(), NAN + b"\n")
    with psycopg.connect(database, autocommit=True) as conn:
        create_roles(conn)
    monkeypatch.setenv(
        "TARGET_BRONZE_POSTGRES_DSN", make_conninfo(database, options="-c role=bronze_reader")
    )
    listed = bronze("dead-letters", "list", "--format", "json")
    (letter,) = json.loads(listed.stdout)["letters"]
    for verb in (
        ("show", str(letter["id"])),
        ("replay",),
        ("purge", "--older-than", "0", "--dead"),
    ):
        refused = bronze("dead-letters", *verb)
        assert (refused.exit_code, refused.stdout) == (1, "")
        assert "permission denied" in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
