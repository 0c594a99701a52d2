"""All files that the setting ``paths`` names or holds, archives in archives too.

They come in the order in which they lie on the disk or in their archive, so that an archive is
read from its start to its end. What is refused is told with its path and hides nothing else.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Final

from tap_garmin import clock

from . import disk
from .archives import BROKEN, Nested, nested, refusal
from .limits import Budget

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from pathlib import Path

    from .limits import Limits

__all__ = ["File", "Walk"]

BETWEEN: Final = "!"
"""Stands between an archive and its entry."""
UNDATED: Final = 1980
"""Year of entries that tell none."""
HEADER: Final = 30
"""Bytes of the header before an entry, at least."""
TOO_MANY: Final = "the rest is left out: it has more entries than setting 'max_zip_entries' allows"


@dataclass(frozen=True, slots=True)
class File:
    """A file, still closed. It must be read before the walk goes on."""

    path: str
    """Relative to what ``paths`` names: ``export.zip!Part1.zip!1.fit``."""
    name: str
    """The file's own, without folders."""
    size: int
    written_at: datetime
    """When it was written, as its archive or the disk tells."""
    is_packed: bool
    open: Callable[[], IO[bytes]]
    """Opens it for reading; it can seek. Raises one of ``archives.BROKEN``."""


@dataclass(frozen=True, slots=True)
class _Archive:
    """An archive: where it lies, how deep, and what may still be taken of it."""

    path: str
    size: int
    depth: int
    written_at: datetime
    budget: Budget


class Walk:
    """The files below the paths.

    Args:
        patterns: The setting ``paths``.
        limits: How far archives are trusted.
        warn: Is told the path of what is not read, and why, at every walk.
    """

    def __init__(
        self, patterns: Iterable[str], limits: Limits, warn: Callable[[str, str], None]
    ) -> None:
        """Look at nothing yet."""
        self._patterns, self._limits, self.warn = list(patterns), limits, warn

    def files(self, wanted: Collection[str] | None = None) -> Iterator[File]:
        """Yield the files, in order: all, or those of the wanted paths.

        An archive that holds nothing that is wanted is not opened.
        """
        ways = None if wanted is None else {*wanted, *_archives_of(wanted)}
        for path, name in disk.files(self._patterns, self.warn):
            if ways is None or name in ways:
                yield from self._of(path, name, ways)

    def _of(self, path: Path, name: str, ways: set[str] | None) -> Iterator[File]:
        """Yield a file of the disk, or those of an archive."""
        try:
            facts = path.stat()
            # A disk may tell any time, such as one to come.
            moment = max(0.0, min(facts.st_mtime, clock.seconds()))
            written = datetime.fromtimestamp(moment, UTC)
            if not _is_archive(name):
                own = name.rpartition("/")[2]
                yield File(name, own, facts.st_size, written, False, lambda: path.open("rb"))
                return
            budget = Budget(self._limits, facts.st_size)
            archive = _Archive(name, facts.st_size, 0, written, budget)
            with path.open("rb") as file:
                stream = Nested(file, facts.st_size, self._limits.directory_bytes)
                yield from self._in(archive, stream, ways)
        except OSError as error:
            self.warn(name, f"it cannot be read ({error.strerror or type(error).__name__})")

    def _in(self, archive: _Archive, stream: Nested, ways: set[str] | None) -> Iterator[File]:
        """Yield the files of an archive."""
        if not archive.size:
            self.warn(archive.path, "it is empty (0 bytes)")
            return
        try:
            packed = zipfile.ZipFile(stream)
        except BROKEN as error:
            why = f"it is no ZIP archive, or one that is cut or damaged ({type(error).__name__})"
            self.warn(archive.path, why)
            return
        with packed:
            for entry in self._accepted(archive, packed):
                if ways is None or f"{archive.path}{BETWEEN}{entry.filename}" in ways:
                    yield from self._entry(archive, packed, entry, ways)

    def _accepted(self, archive: _Archive, packed: zipfile.ZipFile) -> Iterator[zipfile.ZipInfo]:
        """Yield the entries that may be read, in the order in which they lie in the archive."""
        end = 0
        for entry in sorted(packed.infolist(), key=lambda entry: entry.header_offset):
            if not archive.budget.takes_entry():
                self.warn(archive.path, TOO_MANY)
                return
            # Entries that share bytes are a bomb, and would be decompressed over and over.
            why = "it lies over another entry" if entry.header_offset < end else None
            why = why or refusal(entry, self._limits, archive.budget)
            end = entry.header_offset + HEADER + entry.compress_size
            if why:
                self.warn(f"{archive.path}{BETWEEN}{entry.filename}", why)
            elif not entry.is_dir():
                yield entry

    def _entry(
        self,
        archive: _Archive,
        packed: zipfile.ZipFile,
        entry: zipfile.ZipInfo,
        ways: set[str] | None,
    ) -> Iterator[File]:
        """Yield an entry, or the files of the archive that it is."""
        path, written = f"{archive.path}{BETWEEN}{entry.filename}", _written(entry, archive)
        if not _is_archive(path):
            name = entry.filename.rpartition("/")[2]
            yield File(path, name, entry.file_size, written, True, lambda: packed.open(entry))
            return
        if archive.depth >= self._limits.depth:
            self.warn(path, "it lies in more archives than setting 'max_zip_depth' allows")
            return
        inner = replace(
            archive, path=path, size=entry.file_size, depth=archive.depth + 1, written_at=written
        )
        try:
            stream = nested(packed, entry, self._limits.directory_bytes)
        except BROKEN as error:
            self.warn(path, f"it cannot be unpacked ({type(error).__name__})")
            return
        yield from self._in(inner, stream, ways)


def _is_archive(path: str) -> bool:
    """Tell whether a file is an archive, by its name."""
    return path.lower().endswith(".zip")


def _archives_of(paths: Iterable[str]) -> Iterator[str]:
    """Yield the archives that the paths lead through."""
    for path in paths:
        parts = path.split(BETWEEN)
        yield from (BETWEEN.join(parts[:number]) for number in range(1, len(parts)))


def _written(entry: zipfile.ZipInfo, archive: _Archive) -> datetime:
    """Return when an entry was written; its archive's time if it tells none, or a later one.

    Archives keep a clock without a zone. It is taken for UTC, which is hours off at most.
    """
    try:
        found = datetime(*entry.date_time, tzinfo=UTC)
    except ValueError:
        return archive.written_at
    is_known = entry.date_time[0] > UNDATED and found < archive.written_at
    return found if is_known else archive.written_at
