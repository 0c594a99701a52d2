"""One look at everything that ``paths`` holds: of which stream each file is, and its hash.

It opens each file once, and takes down some bytes of it. So a stream knows what is new before it
decodes anything, and how much there is to do; and what is left out is told in one place.
"""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final

from tap_garmin.fit import FileId, FitFile

from .archives import BROKEN
from .disk import shown
from .families import FAMILIES, FIT_STREAMS, ORIGINALS, OTHER_FIT
from .seen import BYTES

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterator

    from .walk import File, Walk

__all__ = ["Entry", "Index", "digest"]

BLOCK: Final = 2**20
START: Final = 4096
"""Bytes at the start of a FIT file, among which it says what it is."""
EVERY: Final = 10.0
"""Seconds between two lines of progress."""
A_LINE: Final = 50
"""Names of files that are listed in one line."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a stream: its path, and the start of its hash."""

    path: str
    digest: bytes


class Index:
    """What there is to read, stream by stream, in the order in which it lies there.

    Args:
        walk: Finds the files.
        logger: Where progress and what is left out are told.
    """

    def __init__(self, walk: Walk, logger: logging.Logger) -> None:
        """Look at everything."""
        self._walk, self._logger = walk, logger
        self._entries: dict[str, list[Entry]] = defaultdict(list)
        self._unknown: dict[str, list[str]] = defaultdict(list)
        self._number, self._told = 0, time.monotonic()
        for file in walk.files():
            self._add(file)
        self._tell()

    def of(self, stream: str) -> list[Entry]:
        """Return the files of a stream."""
        return self._entries.get(stream, [])

    def _add(self, file: File) -> None:
        """Take down a file."""
        self._number += 1
        if time.monotonic() - self._told >= EVERY:
            self._told = time.monotonic()
            self._logger.info("%d files looked at so far.", self._number)
        name = file.name.lower()
        families = [family.stream for family in FAMILIES if family.holds(name)]
        if name.startswith("._") or not (families or name.endswith((".fit", *ORIGINALS))):
            folder = file.path[: len(file.path) - len(file.name)]
            self._unknown[folder].append(file.name)
        elif not file.size:
            self._walk.warn(file.path, "it is empty (0 bytes)")
        elif (found := self._read(file)) is not None:
            hashed, start = found
            for stream in families or [_stream_of(name, start)]:
                self._entries[stream].append(Entry(file.path, hashed[:BYTES]))

    def _read(self, file: File) -> tuple[bytes, bytes] | None:
        """Return hash and start of a file; None if it cannot be read, which is told."""
        try:
            with file.open() as source:
                start = source.read(START)
                return digest(source, start), start
        except BROKEN as error:
            self._walk.warn(file.path, f"it cannot be read ({type(error).__name__})")
            return None

    def _tell(self) -> None:
        """Tell what was found, and each file that is not read."""
        known = sum(map(len, self._entries.values()))
        unknown = sum(map(len, self._unknown.values()))
        self._logger.info("%d files looked at; %d to read.", self._number, known)
        if not known:
            self._logger.warning("Setting 'paths' holds no file that can be read.")
        for folder, names in self._unknown.items():
            for start in range(0, len(names), A_LINE):
                some = ", ".join(names[start : start + A_LINE])
                self._logger.info("Not read, of no known kind: %s", shown(f"{folder}{{{some}}}"))
        if unknown:
            self._logger.warning("%d files are of no known kind and were not read.", unknown)


def digest(source: IO[bytes], start: bytes = b"") -> bytes:
    """Return the SHA-256 of what is left of a file, after bytes that have been read of it."""
    found = hashlib.sha256(start)
    for block in _blocks(source):
        found.update(block)
    return found.digest()


def _blocks(source: IO[bytes]) -> Iterator[bytes]:
    """Yield what is left of a file."""
    while block := source.read(BLOCK):
        yield block


def _stream_of(name: str, start: bytes) -> str:
    """Return the stream of an original file."""
    if name.endswith(ORIGINALS):
        return FIT_STREAMS["activity"]
    kind = FileId.of(start).kind if FitFile.is_fit(start) else None
    return FIT_STREAMS.get(kind, OTHER_FIT)
