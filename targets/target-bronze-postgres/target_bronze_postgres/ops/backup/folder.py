"""Files of backups: written beside their place, renamed once they are whole, the oldest removed."""

from __future__ import annotations

import fcntl
import os
import re
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Final

from target_bronze_postgres.embedded.home import sync_folder
from target_bronze_postgres.errors import BackupError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME: Final = re.compile(r"bronze-\d{8}T\d{6}Z\.(tar\.zst|tar)")


def choose(path: Path, *, in_folder: bool, encrypted: bool) -> Path:
    """Return the file to write: ``path`` itself, or a new one in it, named by the time.

    Args:
        path: A file or a folder.
        in_folder: Whether it is a folder even if it does not exist yet.
        encrypted: Whether the file is going to be: it is another kind of archive then.

    Raises:
        BackupError: The folder cannot be made.
    """
    if not in_folder and not path.is_dir():
        return path
    with clear_errors(path):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    ending = "tar" if encrypted else "tar.zst"
    return path / f"bronze-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.{ending}"


@contextmanager
def replacing(path: Path) -> Iterator[tuple[IO[bytes], Path]]:
    """Give a private file (0600) to write, and its name; it takes ``path`` when all went well.

    What a killed process left is written over.

    Raises:
        BackupError: The file cannot be written, or another process writes it.
    """
    partial = path.with_name(f"{path.name}.partial")
    with clear_errors(path):
        file = _open_alone(partial)
        try:
            with file:
                yield file, partial
                file.flush()
                os.fsync(file.fileno())
                partial.replace(path)
        except BaseException:
            with suppress(OSError):
                partial.unlink()
            raise
        sync_folder(path.absolute().parent)


def _open_alone(partial: Path) -> IO[bytes]:
    """Open a file, empty, that no other process writes.

    Raises:
        BackupError: One does.
    """
    while True:
        descriptor = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        file = os.fdopen(descriptor, "r+b")
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.fchmod(descriptor, 0o600)
            if partial.exists() and os.path.samestat(os.fstat(descriptor), partial.stat()):
                file.truncate(0)
                return file
        except BlockingIOError:
            file.close()
            raise BackupError(f"another process writes {partial}: wait for it, or end it") from None
        except BaseException:
            file.close()
            raise
        file.close()  # the other process has just renamed it


def rotate(folder: Path, keep: int) -> list[Path]:
    """Remove all but the newest backups that bear a time as their name; return those removed.

    Raises:
        BackupError: One cannot be removed.
    """
    with clear_errors(folder):
        found = sorted(path for path in folder.iterdir() if NAME.fullmatch(path.name))
        old = found[:-keep]
        for path in old:
            path.unlink()
    return old


@contextmanager
def clear_errors(path: Path) -> Iterator[None]:
    """Turn what the operating system refuses into one line.

    Raises:
        BackupError: For any OSError inside.
    """
    try:
        yield
    except OSError as error:
        raise BackupError(
            f"{error.filename or path} cannot be used: {error.strerror}: mend that, or name "
            "another file"
        ) from error
