"""Finds the files that the setting ``paths`` names on the disk: by pattern, in folders, by link."""

from __future__ import annotations

import glob
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["files", "matches", "shown"]

CONTROL: Final = dict.fromkeys([*range(32), *range(127, 160), 0x2028, 0x2029], "\N{WHITE SQUARE}")
"""Characters that would break a line of the log."""


def matches(pattern: str) -> list[Path]:
    """Return the paths that a pattern names, by name; one that exists is taken as it stands.

    Brackets in the name of a file would be a pattern otherwise.
    """
    path = Path(pattern).expanduser()
    if path.exists():
        return [path]
    return [Path(found) for found in sorted(glob.glob(str(path), recursive=True))]  # noqa: PTH207 - Path.glob takes no absolute pattern


def shown(path: str) -> str:
    """Return a path for the log: names are anybody's, in an archive at least."""
    return path.translate(CONTROL)


def files(patterns: Iterable[str], warn: Callable[[str, str], None]) -> Iterator[tuple[Path, str]]:
    """Yield each file once, with its path relative to what names it; those of a folder by name.

    Args:
        patterns: Files, folders, or patterns of them.
        warn: Is told the path of what is left out, and why.
    """
    seen: set[Path] = set()
    for path in (path for pattern in patterns for path in matches(pattern)):
        found: Iterator[tuple[Path, str]] = iter([(path, path.name)])
        if path.is_dir():
            found = ((one, one.relative_to(path).as_posix()) for one in _within(path, path, warn))
        for file, name in found:
            if file not in seen:
                seen.add(file)
                yield file, os.fsencode(name).decode("utf-8", "replace")


def _within(folder: Path, root: Path, warn: Callable[[str, str], None]) -> Iterator[Path]:
    """Yield the files in a folder, and in the folders in it."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        warn(str(folder.relative_to(root)), f"it cannot be read ({error.strerror})")
        return
    for entry in entries:
        path = Path(entry.path)
        if entry.is_symlink():
            yield from _linked(path, root, warn)
        elif entry.is_dir():
            yield from _within(path, root, warn)
        elif entry.is_file():
            yield path
        else:
            warn(path.relative_to(root).as_posix(), "it is no file and no folder")


def _linked(path: Path, root: Path, warn: Callable[[str, str], None]) -> Iterator[Path]:
    """Yield a link to a file of the same folder; a folder in it is read where it lies."""
    name = path.relative_to(root).as_posix()
    try:
        end = path.resolve(strict=True)
    except (OSError, RuntimeError):  # a loop, or nothing
        warn(name, "it is a link that leads nowhere")
        return
    if not end.is_relative_to(root.resolve()):
        warn(name, "it is a link that leads out of the folder")
    elif end.is_file():
        yield path
