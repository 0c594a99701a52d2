"""What measurements share: the options, a server of their own, the target, folders."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, LiteralString

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from benchmarks import child

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.child import Done

ROOT: Final = Path(__file__).resolve().parent.parent
DATA: Final = ROOT / "data" / "bench"
"""Git-ignored: inputs, the environments of other loaders, and the server while it runs."""

_LEDGER: Final = ("heads", "runs", "days", "dead_letters", "streams")


@dataclass(frozen=True)
class Bench:
    """One go of measurements.

    Attributes:
        parameters: libpq's parameters of the server, as a superuser.
        psql: The program.
        folder: For what need not outlive the go.
        rows: Records of the input that loads are compared by.
        runs: How often what is compared is run, alternating.
        many: Records of the input that shows what grows.
        queried: Records that are queried.
        clients: Connections that query at once.
    """

    parameters: Mapping[str, str]
    psql: Path
    folder: Path
    rows: int
    runs: int
    many: int
    queried: int
    clients: int

    @property
    def maintenance(self) -> str:
        """The DSN of the server's own database."""
        return make_conninfo(**self.parameters)

    def say(self, text: str) -> None:
        """Tell how far the measuring has come."""
        print(text, file=sys.stderr, flush=True)

    def fresh_database(self, name: str) -> str:
        """Make an empty database, in place of one of that name; return its DSN."""
        self.drop_database(name)
        with psycopg.connect(self.maintenance, autocommit=True) as conn:
            conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return make_conninfo(**{**self.parameters, "dbname": name})

    def drop_database(self, name: str) -> None:
        """Drop a database if it is there."""
        with psycopg.connect(self.maintenance, autocommit=True) as conn:
            dropped = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
            conn.execute(dropped.format(sql.Identifier(name)))

    def load(self, dsn: str, messages: Path, **settings: Any) -> Done:
        """Give a file of messages to the target, as a process of its own.

        Raises:
            ChildError: It failed.
        """
        config = self.folder / "target.json"
        config.write_text(json.dumps({"dsn": dsn, **settings}), encoding="utf-8")
        config.chmod(0o600)
        command = [str(child.PROGRAMS / "target-bronze-postgres"), "--config", str(config)]
        return child.run(command, stdin=messages)

    def copy(self, dsn: str, table: str, rows: Path) -> Done:
        """Load a file of ready rows by one COPY of psql's, in one transaction.

        Raises:
            ChildError: psql failed.
        """
        command = [str(self.psql), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", dsn]
        return child.run([*command, "--command", f"\\copy {table} from '{rows}'"])

    def write_rows(self, dsn: str, table: str, rows: Path) -> None:
        """Write the rows of a table to a file, in the order of their ids, as COPY takes them."""
        query = sql.SQL("COPY (SELECT * FROM {} ORDER BY id) TO STDOUT")
        with (
            psycopg.connect(dsn) as conn,
            rows.open("wb") as file,
            conn.cursor().copy(query.format(sql.Identifier(table))) as blocks,
        ):
            file.writelines(blocks)

    def empty(self, dsn: str, table: str) -> None:
        """Take all rows out of a bronze table and the ledger; tables and partitions stay."""
        names = [sql.Identifier(table), *(sql.Identifier("bronze_ops", n) for n in _LEDGER)]
        with psycopg.connect(dsn, autocommit=True) as conn:
            conn.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(names)))
            conn.execute("CHECKPOINT")  # so that no run pays for the one before it

    def ask(self, dsn: str, query: LiteralString, *parameters: Any) -> Any:
        """Return the only value of a query."""
        with psycopg.connect(dsn, autocommit=True) as conn:
            row = conn.execute(query, parameters or None).fetchone()
        return None if row is None else row[0]


def machine() -> str:
    """Return what kind of machine this is: processor, cores, memory, system."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    system = os.uname()
    return (
        f"{_processor() or system.machine}, {os.cpu_count()} cores, {memory:.0f} GiB, "
        f"{system.sysname} {system.release}"
    )


def _processor() -> str | None:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, None)
