"""Finds CSV files in what the person exported: files, folders, archives, archives in archives."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .errors import AnswerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["File", "csv_files"]

LARGEST: Final = 1 << 30
"""Bytes of a file; exported years have a few million."""
DEEPEST: Final = 3
"""Archives within archives."""


@dataclass(frozen=True, slots=True)
class File:
    """One CSV file, or why there is none."""

    name: str
    """Relative path; ``export.zip!year.csv`` for a file in an archive."""
    content: bytes = b""
    is_packed: bool = False
    problem: str = ""
    """One clear line if the file cannot be read."""

    def origin(self) -> dict[str, Any]:
        """Return what is known of the file, for the ``bronze`` member of its records."""
        known = {
            "file_path": self.name,
            "file_hash": hashlib.sha256(self.content).hexdigest(),
            "file_size": len(self.content),
            "encoding": "utf-8",
        }
        return known | ({"compression_type": "zip"} if self.is_packed else {})

    def text(self) -> str:
        """Return what the file holds, without the mark that Toggl puts first.

        Raises:
            AnswerError: It cannot be read, or is not UTF-8.
        """
        if self.problem:
            raise AnswerError(self.problem)
        try:
            return self.content.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise AnswerError(f"{self.name} is not UTF-8, as Toggl writes its exports.") from None


def csv_files(paths: Iterable[str]) -> Iterator[File]:
    """Yield every CSV file that the paths name or hold, in the order of their names."""
    for path in map(Path, paths):
        if path.is_dir():
            for inner in sorted(path.rglob("*")):
                if inner.is_file() and inner.suffix.lower() in {".csv", ".zip"}:
                    yield from _opened(inner, inner.relative_to(path).as_posix())
        else:
            yield from _opened(path, path.name)


def _opened(path: Path, name: str) -> Iterator[File]:
    """Yield a file, or those of an archive."""
    try:
        if path.stat().st_size > LARGEST:
            yield _too_large(name)
            return
        content = path.read_bytes()
    except OSError as error:
        yield File(name, problem=f"Cannot read '{path}': {error.strerror}. See setting 'paths'.")
        return
    yield from _unpacked(name, content, 0)


def _too_large(name: str) -> File:
    """Return why a file is not read."""
    return File(name, problem=f"{name} is larger than {LARGEST >> 20} MiB, which is not read.")


def _unpacked(name: str, content: bytes, depth: int) -> Iterator[File]:
    """Yield a CSV file, or those that an archive holds."""
    if not name.lower().endswith(".zip"):
        yield File(name, content, is_packed=depth > 0)
        return
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in sorted(archive.infolist(), key=lambda one: one.filename):
                if member.filename.lower().endswith((".csv", ".zip")) and depth < DEEPEST:
                    yield from _member(archive, member, f"{name}!{member.filename}", depth + 1)
    except (zipfile.BadZipFile, OSError, EOFError):
        yield File(name, problem=f"{name} is no archive that can be read: export it again.")


def _member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str, depth: int
) -> Iterator[File]:
    """Yield what a member of an archive holds."""
    if member.file_size > LARGEST:
        yield _too_large(name)
        return
    try:
        content = archive.read(member)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError) as error:
        yield File(name, problem=f"{name} cannot be unpacked ({type(error).__name__}).")
        return
    yield from _unpacked(name, content, depth)
