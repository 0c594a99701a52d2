"""The rows of a JSON file, one at a time, whatever its size; numbers with their digits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Final

import ijson  # type: ignore[import-untyped] # it has no types
from ijson.common import ObjectBuilder  # type: ignore[import-untyped] # likewise

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Row", "RowError", "rows"]

DEEPEST: Final = 400
"""Levels of a row; the writer of JSON cannot go much deeper."""
LARGEST: Final = 64 * 2**20
"""Bytes of a row, and of what lies between two."""
MARK: Final = b"\xef\xbb\xbf"
"""What some programs put before UTF-8."""


class RowError(Exception):
    """The file breaks off, or is no JSON; its text is one clear line."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row: the file's name, the path of names that leads to it, its number there, its value."""

    file: str
    path: tuple[str, ...]
    number: int
    value: dict[str, Any]


def rows(source: IO[bytes], file: str, where: str) -> Iterator[Row]:
    """Yield the objects at the paths that a pattern matches: ``item`` is any place of a list.

    Args:
        source: The file, at its start.
        file: Its name.
        where: Matches a whole path, names joined by slashes; that of the whole file is empty.

    Raises:
        RowError: After the rows that stand before the trouble.
    """
    place, number = re.compile(where), 0
    bounded = _Bounded(source)
    try:
        for path, value in _objects(bounded, place):
            yield Row(file, path, number, value)
            number += 1
            bounded.start_anew()
    except (ijson.JSONError, ValueError, ArithmeticError) as error:
        raise RowError(f"it breaks off or is no JSON ({type(error).__name__})") from None


def _objects(source: _Bounded, place: re.Pattern[str]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield path and value of the objects at a place."""
    path: list[str] = []
    builder: ObjectBuilder | None = None
    outside = 0  # levels that are open around the object that is being built
    for event, value in ijson.basic_parse(source):
        if event == "map_key":
            path[-1] = value
        if builder is not None:
            builder.event(event, value)
        elif event == "start_map" and place.fullmatch("/".join(path)):
            builder, outside = ObjectBuilder(), len(path)
            builder.event(event, value)
        if event in {"start_map", "start_array"}:
            path.append("" if event == "start_map" else "item")
            if len(path) > DEEPEST:
                raise ValueError(path)
        elif event in {"end_map", "end_array"}:
            path.pop()
            if builder is not None and len(path) == outside:
                yield tuple(path), builder.value
                builder = None


class _Bounded:
    """A file that ends with an error where a row takes too many bytes."""

    def __init__(self, source: IO[bytes]) -> None:
        """Pass over the mark of UTF-8."""
        self._source, self._taken = source, 0
        if source.read(len(MARK)) != MARK:
            source.seek(0)

    def start_anew(self) -> None:
        """Count from here on."""
        self._taken = 0

    def read(self, size: int) -> bytes:
        """Return the next bytes.

        Raises:
            ValueError: Too many have been read since the last row.
        """
        block = self._source.read(size)
        self._taken += len(block)
        if self._taken > LARGEST:
            raise ValueError(self._taken)
        return block
