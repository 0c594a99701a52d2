"""The original file of an activity, as Garmin serves it: in a ZIP archive, or bare."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["OriginalFile", "files"]

LARGEST: Final = 512 * 2**20
"""Bytes of a file beyond which it is not unpacked: no watch writes as much."""
BROKEN: Final = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
)


@dataclass(frozen=True, slots=True)
class OriginalFile:
    """A file: its path within the archive, its bytes, and what was odd about them."""

    path: str
    data: bytes
    compression: str | None
    warning: str | None = None

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.path.rpartition("!")[2]

    def provenance(self) -> dict[str, Any]:
        """Return what is known of the file, as members of the RECORD's ``bronze``."""
        facts = {
            "file_path": self.path,
            "file_hash": hashlib.sha256(self.data).hexdigest(),
            "file_size": len(self.data),
            "compression_type": self.compression,
        }
        return {name: value for name, value in facts.items() if value is not None}


def files(archive: str, data: bytes) -> Iterator[OriginalFile]:
    """Yield the files of an archive; the bytes themselves where they are none.

    Args:
        archive: What the archive is called.
        data: Its bytes.
    """
    if not data.startswith(b"PK"):
        yield OriginalFile(archive, data, None)
        return
    try:
        with zipfile.ZipFile(BytesIO(data)) as packed:
            members = [member for member in packed.infolist() if not member.is_dir()]
            for member in members:
                yield _unpacked(packed, member, archive)
    except BROKEN as error:
        why = f"the archive is damaged ({type(error).__name__})"
        yield OriginalFile(archive, data, None, why)


def _unpacked(packed: zipfile.ZipFile, member: zipfile.ZipInfo, archive: str) -> OriginalFile:
    """Return a member of an archive; one that is damaged without its bytes."""
    path = f"{archive}!{member.filename}"
    if member.file_size > LARGEST:
        return OriginalFile(path, b"", "zip", f"the file has {member.file_size} bytes: too large")
    try:
        return OriginalFile(path, packed.read(member), "zip")
    except BROKEN as error:
        why = f"the file cannot be unpacked ({type(error).__name__})"
        return OriginalFile(path, b"", "zip", why)
