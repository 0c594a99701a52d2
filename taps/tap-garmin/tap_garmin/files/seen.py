"""Which files a stream has read, told by their hashes, as the STATE keeps it.

A STATE goes out again and again, whole. So it holds 8 bytes of each file's SHA-256, all as one text
in Base64: 11 bytes a file, 32 KB for 3,000 files, 1.4 MB at most. As JSON lists of whole hashes the
same would take six times as much. Two of 100,000 files share their 8 bytes once in four billion
exports. Beyond ``MOST`` files those read first are forgotten; were they read again, the target
would find them unchanged.
"""

from __future__ import annotations

import base64
import binascii
from itertools import islice
from typing import Final

__all__ = ["Seen"]

MOST: Final = 2**17
"""Files that are remembered."""
BYTES: Final = 8
"""Bytes of a hash that are kept."""
SHARE: Final = 50
"""The STATE goes out after this part of the files that it holds, so that all STATE together grow
with the number of files, and not with its square."""


class Seen:
    """The files that have been read.

    Args:
        text: What the STATE holds.
    """

    def __init__(self, text: object = None) -> None:
        """Take what was kept; nothing if it cannot be read."""
        self._kept: dict[bytes, None] = dict.fromkeys(_parts(text))
        self._new = 0

    def __contains__(self, digest: bytes) -> bool:
        """Tell whether a file of this hash has been read."""
        return digest[:BYTES] in self._kept

    def add(self, digest: bytes) -> None:
        """Note a file; forget the first ones if they are too many."""
        self._kept[digest[:BYTES]] = None
        self._new += 1
        for first in list(islice(self._kept, max(len(self._kept) - MOST, 0))):
            del self._kept[first]

    def is_due(self, every: int) -> bool:
        """Tell whether enough files were added since ``text`` was taken, ``every`` at least."""
        return self._new >= max(every, len(self._kept) // SHARE)

    def text(self) -> str:
        """Return what the STATE is to hold."""
        self._new = 0
        return base64.b64encode(b"".join(self._kept)).decode()


def _parts(text: object) -> list[bytes]:
    """Return the hashes that a text holds."""
    try:
        data = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except binascii.Error:
        return []
    whole = len(data) - len(data) % BYTES
    return [data[start : start + BYTES] for start in range(0, whole, BYTES)]
