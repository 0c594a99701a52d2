"""What counts as new: compares a record with the head of its lineage. Pure, to be proven.

- No head: version 1.
- Same content as the head: unchanged.
- Extracted later than the head, or later in this run while no time says that it is earlier: the
  next version and the new head.
- Extracted earlier than the head, or with an equal or missing time and a head of an earlier run:
  unchanged if the lineage ever had this content, else the next version. It becomes the head unless
  it is strictly earlier.

So an input that is loaded again, whole or after a kill at any point, adds nothing, and A, B, A read
at three times are three versions.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Collection


Content = tuple[bytes, bool]
"""A content hash, and whether it is a tombstone's."""


Place = tuple[int | None, str | None]
"""A source timestamp, in microseconds since 2000, and what else chooses the partition."""


class Outcome(Enum):
    """What becomes of a record."""

    NEW = auto()
    """The first version of its lineage."""
    CHANGED = auto()
    """The next version, and the new head."""
    LATE = auto()
    """The next version, but the head stays: it was extracted later."""
    UNCHANGED = auto()
    """Nothing is written."""


class Head(msgspec.Struct, gc=False):
    """The newest version of a lineage.

    ``version`` is the highest number given, ``day`` the partition key in days since 2000,
    ``extracted`` the latest time seen (microseconds since 1970), ``mine`` whether this process
    wrote it. ``place`` is known of those that this process wrote lately alone: the source timestamp
    and the ``partition_by`` of its row.
    """

    version: int
    content_hash: bytes
    raw_hash: bytes | None
    id: int
    day: int
    extracted: int | None
    seen_version: int | None
    mine: bool
    deleted: bool
    place: Place | None = None


def decide(
    head: Head | None,
    content: Content,
    extracted: int | None,
    history: Collection[Content],
) -> Outcome:
    """Decide on a record.

    Args:
        head: The head of its lineage, if there is one.
        content: What it says.
        extracted: When it was extracted, in microseconds since 1970.
        history: Contents that the lineage had before its head; it may be empty where
            :func:`may_need_history` says that it does not matter.
    """
    if head is None:
        return Outcome.NEW
    if content == (head.content_hash, head.deleted):
        return Outcome.UNCHANGED
    timed = extracted is not None and head.extracted is not None
    earlier = timed and extracted < head.extracted  # type: ignore[operator] # both are numbers here
    later = timed and extracted > head.extracted  # type: ignore[operator] # likewise
    if later or (head.mine and not earlier):
        return Outcome.CHANGED
    if content in history:
        return Outcome.UNCHANGED
    return Outcome.LATE if earlier else Outcome.CHANGED


def may_need_history(head: Head, extracted: int | None) -> bool:
    """Tell whether :func:`decide` could ask for the history of a lineage with this head."""
    later = extracted is not None and head.extracted is not None and extracted > head.extracted
    return not later
