"""Files of BATCH messages are read line by line, or one clear error says why not."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest

from target_bronze_postgres.errors import InputError
from target_bronze_postgres.singer.batchfiles import read_manifest

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = b'{"format": "jsonl"}'
GZIP = b'{"format": "jsonl", "compression": "gzip"}'
LINES = [b'{"id": 1, "name": "Zo\xc3\xab"}', b'{"id": 2}']


def read(encoding: bytes, *addresses: Any) -> list[bytes]:
    """Return all lines of a manifest's files."""
    return list(read_manifest(encoding, list(addresses)))


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A file of two records."""
    path = tmp_path / "records.jsonl"
    path.write_bytes(b"\n".join(LINES) + b"\n")
    return path


@pytest.fixture
def zipped(tmp_path: Path) -> Path:
    """The same, compressed."""
    path = tmp_path / "records.jsonl.gz"
    path.write_bytes(gzip.compress(b"\n".join(LINES)))
    return path


def test_plain_and_gzip(plain: Path, zipped: Path) -> None:
    for encoding in (PLAIN, b'{"format":"jsonl","compression":null}'):
        assert read(encoding, plain.as_uri()) == LINES
    assert read(b'{"format":"jsonl","compression":"none"}', plain.as_uri()) == LINES
    assert read(GZIP, zipped.as_uri()) == LINES


def test_several_files_in_their_order(plain: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    other.write_bytes(b"3\n")
    assert read(PLAIN, other.as_uri(), plain.as_uri(), other.as_uri()) == [b"3", *LINES, b"3"]


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"", []),
        (b"\n \r\n", []),
        (b"1\r\n2\r\n", [b"1", b"2"]),
        (b"1\n\n2", [b"1", b"2"]),
        (b" 1\t\n", [b"1"]),
    ],
)
def test_odd_ends_of_lines(tmp_path: Path, content: bytes, lines: list[bytes]) -> None:
    path = tmp_path / "f"
    path.write_bytes(content)
    assert read(PLAIN, str(path)) == lines
    path.write_bytes(gzip.compress(content))
    assert read(GZIP, str(path)) == lines


@pytest.mark.parametrize(
    "name", ["a b.jsonl", "100%25.jsonl", "ü#1?x=2.jsonl", "a+b;c.jsonl", "é 😀"]
)
def test_paths_of_any_letters(plain: Path, name: str) -> None:
    path = plain.rename(plain.with_name(name))
    assert read(PLAIN, path.as_uri()) == LINES  # percent-encoded
    assert read(PLAIN, path.as_uri().replace("file://", "file://localhost")) == LINES
    assert read(PLAIN, path.as_uri().replace("file://", "file:")) == LINES
    assert read(PLAIN, str(path)) == LINES  # as it is


def test_a_relative_path(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(plain.parent)
    assert read(PLAIN, plain.name) == LINES


@pytest.mark.parametrize("manifest", [[], None])
def test_a_manifest_without_files(manifest: Any) -> None:
    assert list(read_manifest(PLAIN, manifest)) == []


def fails(encoding: bytes, *addresses: Any) -> str:
    """Return the error of a manifest that cannot be read."""
    with pytest.raises(InputError) as caught:
        read(encoding, *addresses)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    error = fails(PLAIN, (tmp_path / "missing").as_uri())
    assert f"{tmp_path}/missing cannot be read: No such file or directory" in error
    assert "cannot be read: Is a directory" in fails(PLAIN, str(tmp_path))
    assert "cannot be read" in fails(PLAIN, str(tmp_path / "a\x00b"))
    assert "cannot be read" in fails(PLAIN, "file:///a%00b")
    assert "cannot be read" in fails(PLAIN, "")


def test_corrupt_gzip(zipped: Path) -> None:
    whole = zipped.read_bytes()
    header, checks = whole[:10], whole[-8:]
    for corrupt in (
        LINES[0],
        whole[:-5],
        header + b"\xff" * 30 + checks,
        whole[:-8] + bytes(4) + whole[-4:],
        whole + b"more",
    ):
        zipped.write_bytes(corrupt)
        assert "records.jsonl.gz is no whole gzip file" in fails(GZIP, zipped.as_uri())


def test_lines_before_a_corrupt_end_are_read_first(tmp_path: Path) -> None:
    path = tmp_path / "f.gz"
    lines = [b'{"id": %d}' % number for number in range(100_000)]
    path.write_bytes(gzip.compress(b"\n".join(lines))[:-50])
    found = read_manifest(GZIP, [str(path)])
    assert next(found) == lines[0]
    with pytest.raises(InputError, match="no whole gzip file"):
        list(found)


@pytest.mark.parametrize(
    ("encoding", "error"),
    [
        (b"null", "without an encoding"),
        (b"{}", "without an encoding"),
        (b'"jsonl"', "without an encoding"),
        (b'{"format": 5}', "without an encoding"),
        (b'{"format": "jsonl', "without an encoding"),
        (b'{"format": "\xff"}', "without an encoding"),
        (b'{"format": "jsonl", "x": ' + b"[" * 5_000, "without an encoding"),
        (b'{"format": "parquet"}', "format 'parquet'"),
        (b'{"format": "jsonl", "compression": "zstd"}', "compression 'zstd'"),
    ],
    ids=lambda part: ascii(part)[:40],
)
def test_unknown_encodings(plain: Path, encoding: bytes, error: str) -> None:
    assert error in fails(encoding, plain.as_uri())


@pytest.mark.parametrize(
    "address",
    [
        "s3://user:hunter2@bucket/f.jsonl",
        "https://user:hunter2@example.com/f.jsonl",
        "http://[broken",
        "file://elsewhere/tmp/f.jsonl",
        "ftp://localhost/f.jsonl",
    ],
)
def test_files_on_other_machines(address: str) -> None:
    error = fails(PLAIN, address)
    assert "not on this machine" in error
    assert "hunter2" not in error


@pytest.mark.parametrize("manifest", ["f.jsonl", 5, {"f": 1}, [5], ["f", None], [["f"]], True])
def test_a_manifest_that_is_no_list_of_files(manifest: Any) -> None:
    with pytest.raises(InputError, match="no list of files"):
        list(read_manifest(json.dumps({"format": "jsonl"}).encode(), manifest))
