"""Make a cluster, and make sure that an existing one can be started."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

from target_bronze_postgres.embedded.home import sync_folder
from target_bronze_postgres.embedded.process import serves
from target_bronze_postgres.embedded.programs import SUPERUSER, last_line
from target_bronze_postgres.errors import ServerError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from target_bronze_postgres.embedded.programs import Done, Programs

# what suits one person's machine; a later line in postgresql.conf overrides it
CONFIGURATION = """
# The embedded server's own settings. Port and address come from its command line.
cluster_name = 'lakehouse'
max_connections = 50
timezone = 'UTC'
log_timezone = 'UTC'
# messages without statements and rows: those are a person's data
log_error_verbosity = terse
log_min_error_statement = panic
log_checkpoints = off
"""
# neither a container's 64 MB /dev/shm nor systemd's RemoveIPC at log-out takes these away
CONFIGURATION_LINUX = "dynamic_shared_memory_type = sysv\n"


def create(programs: Programs, data: Path, password: str, keep: Sequence[int]) -> None:
    """Make a cluster beside its place and rename it once it is whole.

    What an interrupted attempt left is removed; the caller holds the locks that say that no
    program of that attempt lives.

    Args:
        programs: the installation and the account to make it with.
        data: where the cluster will be.
        password: of its superuser.
        keep: descriptors that initdb inherits, so that the locks outlive the caller.

    Raises:
        ServerError: initdb failed; nothing is left.
    """
    new = data.with_name(f"{data.name}.new")
    done = _initdb(programs, new, "C.UTF-8", password, keep)
    if done.status != 0 and "locale" in done.output:
        done = _initdb(programs, new, "C", password, keep)
    if done.status != 0:
        shutil.rmtree(new)
        raise ServerError(f"initdb failed in {data.parent}: {last_line(done.output)}")
    _configure(new)
    new.rename(data)
    sync_folder(data.parent)


def _initdb(programs: Programs, new: Path, locale: str, password: str, keep: Sequence[int]) -> Done:
    if new.exists():
        shutil.rmtree(new)
    new.mkdir(mode=0o700)
    programs.account.own(new)
    return programs.initdb(new, locale, password, keep)


def _configure(new: Path) -> None:
    with (new / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write(CONFIGURATION + (CONFIGURATION_LINUX if sys.platform == "linux" else ""))


def check_version(programs: Programs, data: Path) -> None:
    """Refuse a cluster that another major version made.

    Raises:
        ServerError: it did; the line tells how to bring the data over.
    """
    made_by = (data / "PG_VERSION").read_text(encoding="utf-8").strip()
    if made_by != str(version := programs.version()):
        raise ServerError(
            f"{data} was made by PostgreSQL {made_by}, the programs in {programs.folder} are "
            f"{version}: run `bronze db upgrade --old-bin-dir` with the bin folder of PostgreSQL "
            f"{made_by}; or let embedded_bin_dir name that one and run `bronze backup`, then move "
            f"{data} away and run `bronze restore` with PostgreSQL {version}"
        )


def remove_stale_pid(data: Path) -> None:
    """Remove what a server that was killed left, if its number is a zombie's or another program's.

    The server itself would take such a number for a live server and refuse to start. The caller
    holds the lock that all of our servers' processes hold, so none of them lives.

    Raises:
        ServerError: a server that was started by other means uses the folder.
    """
    if has_server(data):
        raise ServerError(
            f"a server that was started by hand uses {data}: stop it with pg_ctl first"
        )
    (data / "postmaster.pid").unlink(missing_ok=True)


def has_server(data: Path) -> bool:
    """Tell whether the number in ``postmaster.pid`` is a live server on this folder."""
    try:
        number = (data / "postmaster.pid").read_text(errors="replace").partition("\n")[0]
    except FileNotFoundError:
        return False
    return number.isdecimal() and serves(int(number), data)


def set_password(programs: Programs, data: Path, password: str, keep: Sequence[int]) -> None:
    """Give the superuser of a stopped cluster a new password, when its file was lost.

    Raises:
        ServerError: the cluster does not open.
    """
    statement = f"ALTER ROLE {SUPERUSER} PASSWORD '{password}'"
    done = programs.single(data, statement, keep)
    if done.status != 0:
        raise ServerError(f"{data} does not open: {last_line(done.output)}")
