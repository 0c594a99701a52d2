"""Tell whether a process number is a server on a data folder."""

from __future__ import annotations

import subprocess
from pathlib import Path

PROC = Path("/proc")


def serves(pid: int, data: Path) -> bool:
    """Tell whether a process is a live PostgreSQL server on this data folder.

    A zombie is not, nor is a program that happens to have the number now. Without ``/proc`` any
    PostgreSQL server of this number counts, as its folder cannot be seen.
    """
    if not (PROC / "self").exists():
        return _serves_by_ps(pid)
    folder = PROC / str(pid)
    try:
        return _is_live_postgres(folder) and (folder / "cwd").samefile(data)
    except PermissionError:
        # another account's, whose folder a container's root may not see either
        return folder.stat().st_uid == data.stat().st_uid
    except OSError:  # it has ended
        return False


def _is_live_postgres(folder: Path) -> bool:
    name, _, rest = (folder / "stat").read_text(errors="replace").rpartition(")")
    return name.endswith("(postgres") and rest.split()[0] not in "ZX"


def _serves_by_ps(pid: int) -> bool:
    columns = ("-o", "stat=", "-o", "comm=", "-p", str(pid))
    found = subprocess.run(["ps", *columns], capture_output=True, text=True, check=False).stdout  # noqa: S603, S607 - a number; the system's own ps
    state, _, command = found.strip().partition(" ")
    return not state.startswith("Z") and Path(command.strip()).name == "postgres"
