"""Where the embedded server lives, and the private files of its home folder."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from target_bronze_postgres.errors import ServerError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def default_home(cwd: Path | None = None, environ: Mapping[str, str] | None = None) -> Path:
    """Tell where the embedded server of a project, or of a user without a project, lives.

    Args:
        cwd: where the search for a project starts; the working folder if None.
        environ: the environment; the process's own if None.

    Returns:
        ``<project>/data/postgres``, the project being ``MELTANO_PROJECT_ROOT`` or the nearest
        folder upwards with a ``meltano.yml``; else ``lakehouse/postgres`` in the user's data
        folder.
    """
    environ = os.environ if environ is None else environ
    start = Path.cwd() if cwd is None else cwd.absolute()
    if root := environ.get("MELTANO_PROJECT_ROOT"):
        return start / root / "data" / "postgres"
    for folder in (start, *start.parents):
        if (folder / "meltano.yml").is_file():
            return folder / "data" / "postgres"
    return platformdirs.user_data_path("lakehouse", appauthor=False) / "postgres"


@contextmanager
def clear_errors(home: Path) -> Iterator[None]:
    """Turn what the operating system refuses into one clear line.

    Raises:
        ServerError: for any OSError inside.
    """
    try:
        yield
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise ServerError(
            f"the embedded PostgreSQL in {home} cannot be used: {error.strerror}{where}. "
            "Mend that, run as the account that made it, or name a database with PG_HOST"
        ) from error


def make_folder(path: Path) -> None:
    """Make a private folder; new folders on the way to it get the usual mode.

    When root makes them in another account's folder they belong to that account.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        with suppress(FileExistsError):  # another process was quicker
            folder.mkdir(mode=0o700 if folder == path else 0o777)
            _inherit_owner(folder, folder.parent)


def _inherit_owner(new: Path | int, folder: Path) -> None:
    """Give what root just made in another account's folder to that account."""
    above = folder.stat()
    if os.geteuid() == 0 and above.st_uid != 0:
        with suppress(OSError):  # in a container that account may not exist
            os.chown(new, above.st_uid, above.st_gid)


def open_private(path: Path, flags: int) -> int:
    """Open a file that only its owner may read, making it if need be.

    Returns:
        A descriptor that programs started later do not inherit.
    """
    try:
        new = os.open(path, flags | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC)
    _inherit_owner(new, path.parent)
    return new


def write_private(path: Path, text: str) -> None:
    """Write a private file so that a reader, or a crash, meets the old or the new one, whole."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(open_private(new, os.O_WRONLY), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make renames in a folder durable."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
