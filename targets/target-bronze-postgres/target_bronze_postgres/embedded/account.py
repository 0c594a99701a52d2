"""Which account runs the server's programs: oneself, or for root another one."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from target_bronze_postgres.embedded import namespace
from target_bronze_postgres.errors import ServerError

if TYPE_CHECKING:
    from collections.abc import Sequence

UNPRIVILEGED = "nobody"


class Way(Enum):
    """How a program comes to run as an account."""

    SELF = "as the one who asks"
    SWITCH = "root becomes the account"
    NAMESPACE = "root is shown to the program as the account"


@dataclass(frozen=True)
class Account:
    """An account that the server's programs run as."""

    uid: int
    gid: int
    way: Way

    def command(self, arguments: Sequence[str]) -> list[str]:
        """Return the command line that runs a program as this account."""
        if self.way is not Way.NAMESPACE:
            return list(arguments)
        script = [sys.executable, "-I", "-S", str(namespace.__file__)]
        return [*script, str(self.uid), str(self.gid), *arguments]

    def identity(self) -> dict[str, Any]:
        """Return the arguments of ``subprocess.run`` that make it switch accounts."""
        if self.way is not Way.SWITCH:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, file: int | Path) -> None:
        """Give a file, a folder or an open descriptor to this account."""
        if self.way is Way.SWITCH:
            os.chown(file, self.uid, self.gid)

    def adopt(self, folder: Path) -> None:
        """Give a folder with all in it to this account: ``cp`` by root makes all of it root's."""
        if self.way is Way.SWITCH and folder.stat().st_uid != self.uid:
            for path, _, names in os.walk(folder):
                for name in (".", *names):
                    os.chown(Path(path, name), self.uid, self.gid, follow_symlinks=False)

    def can(self, *arguments: str) -> bool:
        """Tell whether a command, run as this account, succeeds."""
        try:
            done = subprocess.run(  # noqa: S603 - the arguments are this package's own
                self.command(arguments),
                check=False,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                **self.identity(),
            )
        except OSError:
            return False
        return done.returncode == 0


def choose(data: Path) -> Account:
    """Choose the account that runs the server on a data folder, which may not exist yet.

    Raises:
        ServerError: the folder is another account's, or root can become nobody else here.
    """
    if os.geteuid() != 0:
        return _oneself(data)
    account = _for_root(data)
    for way in (Way.SWITCH, Way.NAMESPACE):
        candidate = replace(account, way=way)
        if candidate.can("/bin/sh", "-c", ":"):
            return candidate
    raise ServerError(
        "PostgreSQL does not run as root, and root can become no other account here: run as an "
        "ordinary user, or name a database with PG_HOST"
    )


def _oneself(data: Path) -> Account:
    uid = os.geteuid()
    if data.exists():
        if (owner := data.stat().st_uid) != uid:
            raise ServerError(
                f"{data} belongs to {_name(owner)}: run as that account or as root, or name "
                "another database with PG_HOST"
            )
    elif _entry(uid) is None:
        raise ServerError(
            f"user {uid} has no entry in /etc/passwd, and PostgreSQL needs one: add it, or name a "
            "database with PG_HOST"
        )
    return Account(uid, os.getegid(), Way.SELF)


def _for_root(data: Path) -> Account:
    nearest = next(path for path in (data, *data.parents) if path.exists())
    owner = nearest.stat()
    # initdb needs a name; a folder shared with a container may belong to a number without one
    if owner.st_uid != 0 and (nearest == data or _entry(owner.st_uid)):
        return Account(owner.st_uid, owner.st_gid, Way.SWITCH)
    try:
        entry = pwd.getpwnam(UNPRIVILEGED)
    except KeyError:
        raise ServerError(
            f"PostgreSQL does not run as root, and there is no account {UNPRIVILEGED} to run it: "
            "run as an ordinary user, or name a database with PG_HOST"
        ) from None
    return Account(entry.pw_uid, entry.pw_gid, Way.SWITCH)


def _entry(uid: int) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwuid(uid)
    except KeyError:
        return None


def _name(uid: int) -> str:
    entry = _entry(uid)
    return entry.pw_name if entry else f"user {uid}"
