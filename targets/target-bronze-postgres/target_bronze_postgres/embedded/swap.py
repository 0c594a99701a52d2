"""Puts the cluster of a newer major version into its place, also after a kill in the middle.

What an upgrade makes lies in ``upgrade/`` of the home folder. Once that is whole and compared, the
file ``upgrade/ready`` is written; from then on whoever starts the server finishes the swap first.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

from target_bronze_postgres.embedded.home import sync_folder, write_private

if TYPE_CHECKING:
    from pathlib import Path

FOLDER: Final = "upgrade"
READY: Final = "ready"


def mark_ready(home: Path) -> None:
    """Note that the new cluster is whole: there is no way back but by hand from now on."""
    write_private(home / FOLDER / READY, "\n")


def is_ready(home: Path) -> bool:
    """Tell whether a new cluster waits for its place."""
    return (home / FOLDER / READY).is_file()


def finish(home: Path) -> None:
    """Put the new cluster into its place; the old one stays beside it.

    The caller holds the lock of the home folder, and no server runs on either.
    """
    new, data = home / FOLDER / "new" / "data", home / "data"
    if new.is_dir():
        if data.is_dir():
            data.rename(_free_name(data))
        new.rename(data)
        sync_folder(home)
    shutil.rmtree(home / FOLDER)


def _free_name(data: Path) -> Path:
    """Return a name for the old cluster, such as ``data.17``."""
    major = (data / "PG_VERSION").read_text(encoding="utf-8").strip()
    names = [f"data.{major}", *(f"data.{major}.{number}" for number in range(2, 1000))]
    return next(path for name in names if not (path := data.with_name(name)).exists())
