"""How far an archive is trusted: a ZIP of some kilobytes can unpack to more than any disk holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Budget", "Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What is read at most. Sizes are bytes, and unpacked."""

    depth: int
    """Archives within an archive."""
    entries: int
    """Entries of an archive, those of the archives in it included."""
    file_bytes: int
    """Size of an entry."""
    ratio: int
    """Unpacked over packed size, of an entry and of an archive with all that is in it."""
    free_bytes: int
    """Size up to which the ratio does not matter."""

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Limits:
        """Return what the settings say."""
        return cls(
            config["max_zip_depth"],
            config["max_zip_entries"],
            config["max_file_bytes"],
            config["max_zip_ratio"],
            config["zip_ratio_free_bytes"],
        )

    @property
    def directory_bytes(self) -> int:
        """Largest size of an archive's directory: an entry takes less than this, on average."""
        return max(160 * self.entries, 2**20)

    def is_bloated(self, unpacked: int, packed: int) -> bool:
        """Tell whether so many bytes are too many to come out of so few."""
        return unpacked > self.free_bytes and unpacked > self.ratio * packed


@dataclass(slots=True)
class Budget:
    """What has been taken of an archive on the disk and of all archives in it."""

    limits: Limits
    packed: int
    """Size of the archive on the disk."""
    entries: int = 0
    unpacked: int = 0

    def takes_entry(self) -> bool:
        """Count an entry; False if it is one too many."""
        self.entries += 1
        return self.entries <= self.limits.entries

    def takes(self, size: int) -> bool:
        """Count the unpacked size of an entry; False if the archive yields too much in all."""
        if self.limits.is_bloated(self.unpacked + size, self.packed):
            return False
        self.unpacked += size
        return True
