"""``bronze db``: the embedded server, a psql at the database, its DSN and its tables."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

import click
from psycopg import pq

from target_bronze_postgres.db.migrations import create_roles, migrate
from target_bronze_postgres.embedded.upgrade import Upgrade
from target_bronze_postgres.errors import ServerError, SettingsError
from target_bronze_postgres.ops.backup.comparing import compare
from target_bronze_postgres.ops.context import Context
from target_bronze_postgres.settings.database import LIBPQ_VARIABLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from target_bronze_postgres.embedded import EmbeddedServer
    from target_bronze_postgres.settings import DatabaseTarget

VARIABLES: Final = {keyword: variable for variable, keyword in LIBPQ_VARIABLES.items()}
# Everything that libpq marks as a secret, for `bronze db dsn`.
SECRETS: Final = frozenset(
    option.keyword.decode() for option in pq.Conninfo.get_defaults() if option.dispchar == b"*"
)


@click.group()
def db() -> None:
    """Start, stop and reach the database."""


@db.command()
@click.pass_obj
def start(context: Context) -> None:
    """Start the embedded PostgreSQL; it stays when this command ends."""
    server = _embedded(context.target, "start")
    params = server.start()
    click.echo(f"running: {format_dsn(params, password=False)}")


@db.command()
@click.pass_obj
def stop(context: Context) -> None:
    """Stop the embedded PostgreSQL."""
    stopped = _embedded(context.target, "stop").stop()
    click.echo("stopped" if stopped else "was not running")


@db.command()
@click.option("--show-password", is_flag=True, help="With the password, percent-encoded.")
@click.pass_obj
def dsn(context: Context, *, show_password: bool) -> None:
    """Print the address of the database as a URI."""
    click.echo(format_dsn(_parameters(context.target), password=show_password))


@db.command(
    context_settings={
        "ignore_unknown_options": True,
        "allow_interspersed_args": False,
        "help_option_names": [],
    }
)
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def psql(ctx: click.Context, args: tuple[str, ...]) -> None:
    """Open psql at the database; ARGS go to psql as they are: -c "select 1" -At."""
    target = ctx.ensure_object(Context).target
    program = _find_psql(target.embedded)
    with _psql_environment(target) as environment:
        ctx.exit(_run(program, args, environment))


@db.command(name="migrate")
@click.option("--roles", is_flag=True, help="Make the roles bronze_loader and bronze_reader too.")
@click.pass_obj
def migrate_(context: Context, *, roles: bool) -> None:
    """Make the tables of the bronze layer, or bring them up to date."""
    with context.connect() as connection:
        for name in migrate(connection) or ["up to date"]:
            click.echo(name)
        if roles:
            create_roles(connection)
            click.echo("roles bronze_loader and bronze_reader")


@db.command()
@click.option(
    "--old-bin-dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="The bin folder of the PostgreSQL that made the data, with postgres and pg_ctl.",
)
@click.pass_obj
def upgrade(context: Context, *, old_bin_dir: Path) -> None:
    """Take the embedded PostgreSQL's data over to the major version that is installed now.

    All databases and roles come along, by pg_dump and pg_restore; rows are counted, those of the
    bronze layer compared by hashes. Loaders wait meanwhile. The old data folder stays, under a name
    such as data.17; changes of postgresql.conf stay there. It needs as much free space as the data
    takes. A kill leaves the old data as they were, and the next try works.
    """
    server = _embedded(context.target, "upgrade")
    job = Upgrade(server.home, old_bin_dir.absolute(), server.bin_dir_setting, click.echo, compare)
    if not job.run():
        click.echo("the data are of this version already: nothing to do")
        return
    kept = sorted(path.name for path in server.home.glob("data.*"))
    click.echo(f"done: the server runs; {', '.join(kept)} in {server.home} may be removed")


def _embedded(target: DatabaseTarget, verb: str) -> EmbeddedServer:
    """The embedded server, if that is the database."""
    if target.embedded is None:
        raise SettingsError(
            f"bronze db {verb} is for the embedded server only, and {target.origin} names another "
            f"database: {target.label}"
        )
    return target.embedded


def _parameters(target: DatabaseTarget) -> dict[str, str]:
    """The libpq keywords of the database, those from libpq's own variables too."""
    if target.embedded:
        return target.embedded.parameters()
    given = {k: os.environ[v] for v, k in LIBPQ_VARIABLES.items() if os.environ.get(v)}
    return given | target.params


def format_dsn(params: Mapping[str, str], *, password: bool) -> str:
    """Write libpq keywords as a URI.

    Args:
        params: libpq keywords; a missing one is left to libpq.
        password: Whether secrets are written too, percent-encoded.
    """
    rest = {k: v for k, v in params.items() if v and (password or k not in SECRETS)}
    user, secret = (quote(rest.pop(keyword, ""), safe="") for keyword in ("user", "password"))
    name = quote(rest.pop("dbname", ""), safe="")
    who = f"{user}:{secret}@" if secret else f"{user}@" if user else ""
    where = ""
    # Folders of sockets and lists of hosts have no place before the slash.
    if not re.search(r"^[/@]|,", rest.get("host", "/") + rest.get("port", "")):
        where = quote(rest.pop("host"), safe=":")
        where = f"[{where}]" if ":" in where else where
        where += f":{rest.pop('port')}" if "port" in rest else ""
    query = urlencode(rest, quote_via=quote, safe="/")
    return f"postgresql://{who}{where}/{name}" + (f"?{query}" if query else "")


def _find_psql(server: EmbeddedServer | None) -> str:
    """The embedded server's own psql, else the one on PATH."""
    program = shutil.which("psql", path=str(server.bin_dir) if server else None)
    if program is None:
        where = f"in {server.bin_dir}" if server else "on PATH"
        raise ServerError(f"there is no psql {where}: install PostgreSQL's client programs")
    return program


@contextmanager
def _psql_environment(target: DatabaseTarget) -> Iterator[dict[str, str]]:
    """The environment that leads psql to the database; the password is in a file, 0600."""
    params = target.embedded.start() if target.embedded else target.params
    environment = dict(os.environ)
    if target.embedded or params:
        # libpq would put a service before variables.
        for variable in LIBPQ_VARIABLES if target.embedded else ("PGSERVICE",):
            environment.pop(variable, None)
    environment |= {VARIABLES[k]: v for k, v in params.items() if k in VARIABLES}
    password = environment.pop("PGPASSWORD", None)
    if target.embedded:
        yield environment | {"PGPASSFILE": str(target.embedded.passfile)}
    elif password is None:
        yield environment
    else:
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", prefix="bronze-") as file:
            escaped = password.replace("\\", "\\\\").replace(":", "\\:")
            file.write(f"*:*:*:*:{escaped}\n")
            file.flush()
            yield environment | {"PGPASSFILE": file.name}


def _run(program: str, args: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run psql in the foreground.

    Not by exec, because the file with the password has to be removed afterwards.

    Returns:
        Its exit status, 128 + n if signal n ended it.
    """
    with subprocess.Popen([program, *args], env=environment) as process:  # noqa: S603 - no shell
        # Ctrl-C is for psql, which ends a query by it.
        on_interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)
        on_terminate = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        try:
            status = process.wait()
        finally:
            signal.signal(signal.SIGINT, on_interrupt)
            signal.signal(signal.SIGTERM, on_terminate)
    return 128 - status if status < 0 else status
