"""One ZIP archive as a stream, on the disk or within another archive, and what is read of it.

``zipfile`` reads any file that can seek, an entry of another archive too, so no archive is ever
unpacked to the disk or held in memory. Two things would make it slow or unsafe there, and are
mended here. To seek back in a deflated entry is to decompress it again from its start: ``Nested``
moves only when bytes are asked for, and keeps the last ones, among which the directory lies. And
``zipfile`` believes the size that an archive gives for its directory: a read of more than a
directory can need is refused.
"""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .limits import Budget, Limits

__all__ = ["BROKEN", "Nested", "nested", "refusal"]

BROKEN: Final = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    NotImplementedError,  # a compression or a version that zipfile does not know
    RuntimeError,  # an encrypted entry
    ValueError,  # names, sizes and extra fields that make no sense
    struct.error,
    OverflowError,
)
"""What ``zipfile`` raises when an archive is damaged, encrypted or packed in an odd way."""
KEPT: Final = 4 * 2**20
"""Bytes that a stream keeps of what it read last: a directory of 3,000 files takes a tenth."""
BLOCK: Final = 2**18
LOCAL_HEADER: Final = struct.Struct("<26xHH")
"""Lengths of name and extra field at the end of a local header."""
ENCRYPTED: Final = 0x1


class Nested(io.RawIOBase):
    """An archive on the disk or in another one, as a file that can seek.

    Args:
        source: Where the bytes come from; what is before the start has to be read to seek there.
        size: How many bytes there are.
        largest: Largest read that is answered.
        start: Where they start in the source.
    """

    def __init__(self, source: IO[bytes], size: int, largest: int, start: int = 0) -> None:
        """Read nothing yet."""
        self._source, self._size, self._largest, self._start = source, size, largest, start
        self._position = 0
        self._kept = bytearray()
        self._kept_from = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Note a position; nothing is moved before bytes are asked for."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise OSError("a position before the start")
        self._position = base + offset
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        """Return bytes from the position on.

        Raises:
            zipfile.BadZipFile: More than the largest read is asked for.
        """
        left = max(self._size - self._position, 0)
        size = left if size is None or size < 0 else min(size, left)
        if size > self._largest:
            raise zipfile.BadZipFile("its directory is too large")
        while size and not self._holds(size) and self._advance():
            pass
        first = self._position - self._kept_from
        found = bytes(self._kept[first : first + size])
        self._position += len(found)
        return found

    def _holds(self, size: int) -> bool:
        """Tell whether so many bytes from the position on are kept."""
        end = self._kept_from + len(self._kept)
        return self._kept_from <= self._position and self._position + size <= end

    def _advance(self) -> bool:
        """Read one block on, from elsewhere if what is kept does not lead to the position."""
        reached = self._kept_from + len(self._kept)
        is_ahead = self._is_direct and self._position > reached
        if self._position < self._kept_from or is_ahead or not self._kept:
            self._move()
        if self._is_direct:  # others may have read there since
            self._source.seek(self._start + self._kept_from + len(self._kept))
        block = self._source.read(BLOCK)
        self._kept += block
        surplus = min(len(self._kept) - KEPT, self._position - self._kept_from)
        if surplus >= KEPT:
            del self._kept[:surplus]
            self._kept_from += surplus
        return bool(block)

    def _move(self) -> None:
        """Keep nothing, and go to where the position can be reached from."""
        self._kept.clear()
        self._kept_from = self._position if self._is_direct else 0
        if not self._is_direct:
            self._source.seek(self._start)

    @property
    def _is_direct(self) -> bool:
        """Whether to seek in the source costs nothing."""
        return not isinstance(self._source, zipfile.ZipExtFile)


def nested(packed: zipfile.ZipFile, entry: zipfile.ZipInfo, largest: int) -> Nested:
    """Return an archive that is an entry of another one.

    What is stored is a stretch of the outer archive; what is deflated comes as it is decompressed.

    Raises:
        zipfile.BadZipFile: There is no such entry (or another one of ``BROKEN``).
    """
    if entry.compress_type != zipfile.ZIP_STORED or packed.fp is None:
        return Nested(packed.open(entry), entry.file_size, largest)
    packed.open(entry).close()  # checks the header
    packed.fp.seek(entry.header_offset)
    name, extra = LOCAL_HEADER.unpack(packed.fp.read(LOCAL_HEADER.size))
    start = entry.header_offset + LOCAL_HEADER.size + name + extra
    return Nested(packed.fp, entry.file_size, largest, start)


def refusal(entry: zipfile.ZipInfo, limits: Limits, budget: Budget) -> str | None:
    """Return why an entry is not read; None if it is, and then its size is taken off the budget."""
    return next(_refusals(entry, limits, budget), None)


def _refusals(entry: zipfile.ZipInfo, limits: Limits, budget: Budget) -> Iterator[str]:
    """Yield what speaks against reading an entry."""
    if _leads_out(entry.filename):
        yield "its path leads out of the archive"
    if stat.S_ISLNK(entry.external_attr >> 16):
        yield "it is a link"
    if entry.flag_bits & ENCRYPTED:
        yield "it is encrypted"
    if entry.file_size > limits.file_bytes:
        yield f"it has {entry.file_size} bytes, more than setting 'max_file_bytes' allows"
    sizes = f"{entry.compress_size} bytes would become {entry.file_size}"
    if limits.is_bloated(entry.file_size, entry.compress_size):
        yield f"{sizes}, more than setting 'max_zip_ratio' allows"
    if not budget.takes(entry.file_size):
        yield f"{sizes}, and the archive in all more than setting 'max_zip_ratio' allows"


def _leads_out(name: str) -> bool:
    """Tell whether the name of an entry is absolute or leads upwards."""
    parts = name.replace("\\", "/").split("/")
    return not parts[0] or ".." in parts or parts[0].endswith(":")
