"""What the machine has left: disk and memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from target_bronze_postgres.ops.figures import Figures
    from target_bronze_postgres.settings import DatabaseTarget


@dataclass(frozen=True, slots=True)
class Machine:
    """What is free here.

    Attributes:
        disk_free: Bytes free on the disk that holds the database's files if they are on this
            machine, else on that of the working folder.
        has_database: Whether that disk is the database's.
        memory_free: Bytes of memory that programs could have without swapping.
    """

    disk_free: int
    has_database: bool
    memory_free: int


def look(target: DatabaseTarget, found: Figures | None) -> Machine:
    """Look at this machine; without figures of a database that answers, at the embedded one's."""
    folder = target.embedded.home if target.embedded else _data_directory(found)
    memory = int(psutil.virtual_memory().available)
    if folder is not None:
        try:
            return Machine(psutil.disk_usage(str(folder)).free, True, memory)
        except OSError:  # it is not there yet, or not for this user to enter
            pass
    return Machine(psutil.disk_usage(str(Path.cwd())).free, False, memory)


def _data_directory(found: Figures | None) -> Path | None:
    """The database's folder, if the server is on this machine and tells.

    A name in /proc, as embedded servers have it, means another folder to each process.
    """
    told = found.data_directory if found else None
    return Path(told) if told and not told.startswith("/proc/") else None
