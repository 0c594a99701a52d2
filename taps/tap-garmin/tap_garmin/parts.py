"""Cuts a FIT, GPX or TCX file into records that a database takes in: of 8 MiB of JSON at most."""

from __future__ import annotations

import codecs
import json
from itertools import chain, pairwise
from typing import IO, TYPE_CHECKING, Any, Final

from .fit import SAMPLES, FitFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from singer_sdk.helpers.types import Record

    from .fit import Message

__all__ = ["as_text", "decoded"]

LARGEST: Final = 8 * 2**20
"""Bytes of a record."""
HEAD: Final = 64 * 2**10
"""Bytes that are left for all but the messages."""
BETWEEN: Final = 8
"""Bytes of what stands between two messages."""
ESCAPED: Final = 6
"""Bytes of JSON that a byte of text takes at most, as ``\\ufffd`` for one that is no UTF-8."""
ROOTS: Final = {"gpx": "<gpx", "tcx": "<TrainingCenterDatabase"}
"""How the root element of a format begins."""


def decoded(source: IO[bytes], detail: str) -> Iterator[Record]:
    """Yield the messages of a FIT file, in parts; the last one has the warnings.

    Args:
        source: The file, at its start.
        detail: ``all`` messages, or a ``summary`` without those that come by the second.
    """
    fit = FitFile(source, SAMPLES if detail == "summary" else frozenset())
    part = _Part()
    for message in fit.messages():
        if not part.takes(message):
            yield part.content(fit, is_last=False)
            part = _Part()
            part.takes(message)
    yield part.content(fit, is_last=True)


def as_text(source: IO[bytes]) -> Iterator[Record]:
    """Yield the text of a GPX or TCX file, in parts."""
    size = (LARGEST - HEAD) // ESCAPED
    blocks = iter(lambda: source.read(size), b"")
    texts = codecs.iterdecode(blocks, "utf-8", "replace")
    first = next(texts, "")
    kind = next((kind for kind, root in ROOTS.items() if root in first[:4096]), None)
    warnings = [] if kind else ["this is no FIT, GPX or TCX file"]
    for text, following in pairwise(chain([first], texts, [None])):
        yield {
            "format": kind,
            "is_last": following is None,
            "warnings": warnings,
            "text": text,
        }


class _Part:
    """Messages that go into one record."""

    def __init__(self) -> None:
        """Start without messages."""
        self._messages: list[dict[str, Any]] = []
        self._units: dict[str, dict[str, str]] = {}
        self._size = 0

    def takes(self, message: Message) -> bool:
        """Take a message in; False if there is no room for it."""
        known = self._units.get(message.name, {})
        own = {name: unit for name, unit in message.units.items() if known.get(name, unit) != unit}
        entry = {"name": message.name, "fields": message.fields} | ({"units": own} if own else {})
        new = {name: unit for name, unit in message.units.items() if name not in known}
        size = len(json.dumps([message.name, entry, new])) + BETWEEN
        if self._messages and self._size + size > LARGEST - HEAD:
            return False
        self._size += size
        self._messages.append(entry)
        if new:
            self._units.setdefault(message.name, {}).update(new)
        return True

    def content(self, fit: FitFile, *, is_last: bool) -> Record:
        """Return the part as members of a record."""
        return {
            "format": "fit",
            "header": fit.header,
            "is_last": is_last,
            "warnings": list(fit.warnings) if is_last else [],
            "units": self._units,
            "messages": self._messages,
        }
