"""Takes the embedded server's data over to another major version, by pg_dump and pg_restore.

All databases, roles and rights come along, the user's own tables too. Both servers run meanwhile,
on ports of their own that nobody knows, and the lock of the home folder keeps loaders waiting. The
old cluster is only read, and stays. A kill leaves it as it was; the next try begins anew.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from target_bronze_postgres.db.isolation import ISOLATED
from target_bronze_postgres.embedded import account, binaries, lock, swap
from target_bronze_postgres.embedded.home import clear_errors, make_folder, write_private
from target_bronze_postgres.embedded.programs import SUPERUSER, Programs, last_line
from target_bronze_postgres.embedded.server import WAIT_SECONDS, EmbeddedServer
from target_bronze_postgres.errors import ServerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Connection = psycopg.Connection[Any]
    Say = Callable[[str], None]
    Compare = Callable[[Connection, Connection], None]

POSTGRES: Final = "postgres"
"""The database that every cluster has."""
CLIENTS: Final = ("pg_dump", "pg_dumpall", "pg_restore", "psql")
_HAS_LZ4: Final = """
    SELECT FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)
"""
_DATABASES: Final = "SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY datname"
_TABLES: Final = """
    SELECT n.nspname, c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    ORDER BY 1, 2
"""


@dataclass(frozen=True)
class Upgrade:
    """An upgrade of the cluster in a home folder.

    Args:
        home: The folder of the embedded server.
        old_bin: The programs of the version that made the cluster.
        new_bin: Those of the version to go to; the wheel's if None.
        say: Told of each step.
        compare: Compares the bronze tables of an old and a new database; raises where they differ.
    """

    home: Path
    old_bin: Path
    new_bin: Path | None
    say: Say
    compare: Compare

    def run(self) -> bool:
        """Take everything over; False if the cluster is of the new version already.

        Raises:
            ServerError: A step failed; the old cluster is as it was.
        """
        with clear_errors(self.home):
            if not (self.home / "data").is_dir() and not swap.is_ready(self.home):
                raise ServerError(f"there is no cluster in {self.home}: nothing to upgrade")
            if swap.is_ready(self.home):
                self.say("a new cluster is ready from an earlier try")
            elif not self._take_over():
                return False
            self.say("putting the new cluster into its place")
            EmbeddedServer(self.home, bin_dir=self.new_bin).start()  # it finishes the swap
            return True

    def _take_over(self) -> bool:
        before, after = self._version(self.old_bin), self._version(self.new_bin)
        made_by = (self.home / "data" / "PG_VERSION").read_text(encoding="utf-8").strip()
        if made_by == str(after):
            return False
        if made_by != str(before):
            raise ServerError(
                f"{self.home / 'data'} was made by PostgreSQL {made_by}, and {self.old_bin} has "
                f"{before}: name the bin folder of PostgreSQL {made_by}"
            )
        if before > after:
            raise ServerError(
                f"{self.home / 'data'} is of PostgreSQL {before}, the programs are {after}: there "
                "is no way back"
            )
        self._check_programs()
        self.say(f"stopping the server; from PostgreSQL {before} to {after}")
        EmbeddedServer(self.home, bin_dir=self.old_bin).stop()
        with lock.exclusive(self.home / "lock", WAIT_SECONDS):
            if lock.is_held(self.home / "alive"):
                raise ServerError("another process has just started the server: try again")
            self._copy()
        return True

    def _copy(self) -> None:
        """Make the new cluster and fill it; the caller holds the lock of the home folder."""
        folder = self.home / swap.FOLDER
        self._clear(folder)
        with (
            self._server(folder / "old", self.old_bin) as old,
            self._server(folder / "new", self.new_bin) as new,
        ):
            self.say("copying roles")
            self._copy_roles(old, new)
            for name in self._databases(old):
                self.say(f"copying database {name}")
                self._copy_database(old, new, name)
                self.say(f"comparing database {name}")
                self._compare(old, new, name)
        swap.mark_ready(self.home)

    def _clear(self, folder: Path) -> None:
        """Remove what a killed try left, its servers too."""
        for name, bin_dir in (("old", self.old_bin), ("new", self.new_bin)):
            with suppress(FileNotFoundError):
                EmbeddedServer(folder / name, bin_dir=bin_dir).stop()
        if folder.is_dir():
            shutil.rmtree(folder)
        make_folder(folder)
        make_folder(folder / "old")
        (folder / "old" / "data").symlink_to(self.home / "data", target_is_directory=True)
        shutil.copyfile(self.home / "pgpass", folder / "old" / "pgpass")
        (folder / "old" / "pgpass").chmod(0o600)

    @contextmanager
    def _server(self, home: Path, bin_dir: Path | None) -> Iterator[EmbeddedServer]:
        server = EmbeddedServer(home, bin_dir=bin_dir)
        server.start()
        try:
            yield server
        finally:
            server.stop()

    def _copy_roles(self, old: EmbeddedServer, new: EmbeddedServer) -> None:
        """Copy all roles with their passwords; the superuser is there already."""
        with tempfile.TemporaryFile("w+b", dir=self.home / swap.FOLDER) as script:
            dump = ("pg_dumpall", "--roles-only", "--no-sync")
            self._run(old, *dump, stdout=script)
            script.seek(0)
            made = f"CREATE ROLE {SUPERUSER};\n".encode()
            roles = b"".join(line for line in script if line != made)
            script.seek(0)
            script.truncate()
            script.write(roles)
            script.seek(0)
            quiet = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1")
            psql = ("psql", *quiet, f"--dbname={POSTGRES}")
            self._run(new, *psql, stdin=script)
        write_private(new.passfile, old.passfile.read_text(encoding="utf-8"))

    def _databases(self, server: EmbeddedServer) -> list[str]:
        with _connect(server, POSTGRES) as conn:
            return [name for (name,) in conn.execute(_DATABASES)]

    def _copy_database(self, old: EmbeddedServer, new: EmbeddedServer, name: str) -> None:
        create = []
        if name != POSTGRES:
            create = ["--create"]  # with its settings and its owner
            with _connect(new, POSTGRES) as conn:
                conn.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
        database = f"--dbname={make_conninfo(dbname=name)}"
        dump = ["pg_dump", "--format=custom", database]
        with _connect(new, POSTGRES) as conn:
            if conn.execute(_HAS_LZ4).rowcount == 0:  # a build without it refuses such columns
                dump.append("--no-toast-compression")
        restore = ("pg_restore", "--exit-on-error", f"--dbname={POSTGRES}", *create)
        with self._popen(old, *dump) as source:
            try:
                self._run(new, *restore, stdin=source.stdout)
            finally:
                if source.stdout:
                    source.stdout.close()  # or pg_dump would wait for ever
                said = source.stderr.read() if source.stderr else b""
        if source.returncode:
            raise ServerError(f"pg_dump failed: {last_line(said.decode(errors='replace'))}")

    def _compare(self, old: EmbeddedServer, new: EmbeddedServer, name: str) -> None:
        """Compare how many rows each table has, and the bronze tables row by row.

        Raises:
            ServerError: They differ.
        """
        with _connect(old, name) as before, _connect(new, name) as after:
            one, other = _counts(before), _counts(after)
            if one != other:
                table = next(t for t in one | other if one.get(t) != other.get(t))
                raise ServerError(
                    f"{'.'.join(table)} of database {name} has {one.get(table)} rows in the old "
                    f"cluster and {other.get(table)} in the new one: nothing was changed"
                )
            self.compare(before, after)

    def _run(
        self, server: EmbeddedServer, program: str, *arguments: str, stdin: Any = None,
        stdout: Any = subprocess.DEVNULL,
    ) -> None:  # fmt: skip
        done = subprocess.run(  # noqa: S603 - this package's own arguments
            [str(self._clients() / program), *arguments],
            stdin=stdin or subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            env=_environment(server),
            check=False,
        )
        if done.returncode:
            raise ServerError(
                f"{program} failed: {last_line(done.stderr.decode(errors='replace'))}"
            )

    def _popen(
        self, server: EmbeddedServer, program: str, *arguments: str
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - this package's own arguments
            [str(self._clients() / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(server),
        )

    def _clients(self) -> Path:
        return binaries.find(self.new_bin)

    def _check_programs(self) -> None:
        folder = self._clients()
        if missing := [name for name in CLIENTS if not (folder / name).is_file()]:
            raise ServerError(
                f"{folder} has no {missing[0]}: let embedded_bin_dir name a PostgreSQL with its "
                "client programs"
            )

    def _version(self, bin_dir: Path | None) -> int:
        who = account.choose(self.home / "data")
        return Programs(binaries.usable(bin_dir, who), who).version()


def _connect(server: EmbeddedServer, database: str) -> Connection:
    params = ISOLATED | server.parameters() | {"dbname": database, "client_encoding": "UTF8"}
    return psycopg.connect(make_conninfo("", **params), autocommit=True)


def _counts(conn: Connection) -> dict[tuple[str, str], int]:
    found = {}
    for name in conn.execute(_TABLES).fetchall():
        row = conn.execute(
            sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(*name))
        ).fetchone()
        found[name] = row[0] if row else 0
    return found


def _environment(server: EmbeddedServer) -> dict[str, str]:
    """The environment that leads a program to a server; the password stays in its file."""
    params = server.parameters()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | {
        "PGHOST": params["host"],
        "PGPORT": params["port"],
        "PGUSER": params["user"],
        "PGPASSFILE": str(server.passfile),
        "PGSSLMODE": "disable",
    }
