"""Run a command in a user namespace that gives the caller another number; run as a script.

    python namespace.py UID GID COMMAND [ARGUMENT ...]

Inside, the caller's account has the number UID; files keep their owner. It needs neither
privileges nor a second account, only a kernel that allows user namespaces.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

CLONE_NEWUSER = 0x10000000


def main(arguments: list[str]) -> None:
    """Enter a new user namespace and become the command.

    Raises:
        OSError: the kernel refuses user namespaces here, or the command cannot be run.
    """
    uid, gid, *command = arguments
    outer_uid, outer_gid = os.geteuid(), os.getegid()
    # os.unshare needs Python 3.12
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{uid} {outer_uid} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{gid} {outer_gid} 1", encoding="ascii")
    os.execv(command[0], command)  # noqa: S606 - becomes the command, no shell wanted


if __name__ == "__main__":
    main(sys.argv[1:])
