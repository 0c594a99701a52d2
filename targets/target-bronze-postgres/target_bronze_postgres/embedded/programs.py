"""Run PostgreSQL's programs on a data folder, as the account that owns it."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from target_bronze_postgres.errors import ServerError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_bronze_postgres.embedded.account import Account

SUPERUSER = "bronze"
HOST = "127.0.0.1"
START_SECONDS = 300  # recovery after a crash reads up to 1 GB of log
LIMIT_SECONDS = 600  # for any program; it is slow disks that take long
OPEN_FILES = Path("/proc/self/fd")


@dataclass(frozen=True)
class Done:
    """How a program ended: its exit status and what it printed, stderr included."""

    status: int
    output: str


@dataclass(frozen=True)
class Programs:
    """The programs of one PostgreSQL installation, run as one account.

    They inherit the open data folder and, where there is a ``/proc``, call it by a name that asks
    nothing of the folders above it; the working folder would be such a name too, but PostgreSQL 15
    changes it. Their environment is empty but for the folder and for what loading a program takes:
    a server outlives its starter and must not carry the starter's secrets along.
    """

    folder: Path
    account: Account

    def version(self) -> int:
        """Return the major version, such as 18.

        Raises:
            ServerError: the program does not run.
        """
        done = self._run("postgres", "--version", data=Path("/"))
        found = re.match(r"postgres \(PostgreSQL\) (\d+)", done.output)
        if found is None:
            raise ServerError(f"{self.folder / 'postgres'} does not run: {last_line(done.output)}")
        return int(found[1])

    def initdb(self, data: Path, locale: str, password: str, keep: Sequence[int]) -> Done:
        """Make a cluster in an empty folder; the password goes through a pipe.

        Args:
            data: the folder, which the account owns.
            locale: ``C.UTF-8`` or ``C``.
            password: of the superuser.
            keep: descriptors that the program inherits.
        """
        source, sink = os.pipe()
        try:
            self.account.own(source)
            os.write(sink, f"{password}\n".encode())
            os.close(sink)
            return self._run(
                "initdb",
                f"--username={SUPERUSER}",
                f"--pwfile=/dev/fd/{source}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                f"--locale={locale}",
                "--lc-messages=C",
                "--data-checksums",
                data=data,
                keep=(*keep, source),
            )
        finally:
            os.close(source)

    def single(self, data: Path, statement: str, keep: Sequence[int]) -> Done:
        """Run one statement on a stopped cluster, without a password."""
        arguments = ("--single", "postgres")
        return self._run("postgres", *arguments, data=data, keep=keep, text=f"{statement}\n")

    def start(self, data: Path, port: int, log: int, keep: Sequence[int]) -> Done:
        """Start the server in a session of its own and wait until it takes connections.

        Args:
            data: the data folder.
            port: to listen on, on loopback; there is no socket file, so no limit to its path.
            log: the descriptor that the server's messages go to.
            keep: descriptors that the server inherits.
        """
        options = f"-c port={port} -c listen_addresses={HOST} -c unix_socket_directories="
        return self._run(
            "pg_ctl",
            *("start", "-s", "-w", "-t", str(START_SECONDS), "-o", options),
            data=data,
            keep=keep,
            log=log,
        )

    def stop(self, data: Path, seconds: int) -> Done:
        """Stop the server: sessions are cut off, what is committed is written out."""
        arguments = ("stop", "-s", "-w", "-m", "fast", "-t", str(seconds))
        return self._run("pg_ctl", *arguments, data=data)

    def _run(
        self,
        program: str,
        *arguments: str,
        data: Path,
        keep: Sequence[int] = (),
        log: int = subprocess.PIPE,
        text: str = "",
    ) -> Done:
        command = self.account.command([str(self.folder / program), *arguments])
        folder = os.open(data, os.O_RDONLY | os.O_DIRECTORY)
        name = OPEN_FILES / str(folder) if OPEN_FILES.is_dir() else data
        try:
            done = subprocess.run(  # noqa: S603 - the arguments are this package's own
                command,
                check=False,
                cwd="/",
                env=_environment(name),
                input=text,
                stdout=log,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                pass_fds=(*keep, folder),
                start_new_session=True,  # Ctrl-C in the starter's terminal does not reach it
                timeout=LIMIT_SECONDS,
                **self.account.identity(),
            )
        except subprocess.TimeoutExpired:
            raise ServerError(f"{program} did not end within {LIMIT_SECONDS} s on {data}") from None
        finally:
            os.close(folder)
        return Done(done.returncode, done.stdout or "")


def _environment(data: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    return {"PATH": os.defpath, "LC_ALL": "C", "PGDATA": str(data), **kept}


def last_line(output: str) -> str:
    """Return the line that tells why a program failed: the last fatal one, else the last."""
    lines = [line.strip() for line in output.splitlines() if line.strip()] or ["no message"]
    grave = [line for line in lines if "FATAL:" in line or "PANIC:" in line or "error:" in line]
    return (grave or lines)[-1].split("FATAL:")[-1].split("error:")[-1].strip()
