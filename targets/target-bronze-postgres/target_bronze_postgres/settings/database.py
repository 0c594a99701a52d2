"""Which database: the first level that names one wins whole, and says by which setting."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict

from target_bronze_postgres.errors import SettingsError
from target_bronze_postgres.settings.sources import Found, Sources

if TYPE_CHECKING:
    from collections.abc import Mapping

    from target_bronze_postgres.embedded import EmbeddedServer
    from target_bronze_postgres.settings.resolve import Settings

# Setting or variable to libpq keyword; the first two of each name a database.
SETTINGS: Final = {
    "host": "host",
    "database": "dbname",
    "port": "port",
    "user": "user",
    "password": "password",
    "sslmode": "sslmode",
    "sslrootcert": "sslrootcert",
}
VARIABLES: Final = {
    "PG_HOST": "host",
    "PG_DB": "dbname",
    "PG_PORT": "port",
    "PG_USER": "user",
    "PG_PASS": "password",
}
# Of libpq's own variables, those that name a database.
LIBPQ_NAMING: Final = ("PGSERVICE", "PGHOST", "PGHOSTADDR", "PGDATABASE")
# As this libpq has them: PGHOST -> host.
LIBPQ_VARIABLES: Final = {
    option.envvar.decode(): option.keyword.decode()
    for option in pq.Conninfo.get_defaults()
    if option.envvar
}
MAX_PORT: Final = 65535


@dataclass(frozen=True, slots=True)
class DatabaseTarget:
    """The database that rows go to.

    Attributes:
        params: libpq keywords, password included; libpq's own variables fill what they leave out.
            Empty for the embedded server, whose parameters are known once it runs.
        origin: The setting that names the database: ``PG_HOST in /home/me/.env``.
        label: The database in words, without secrets: ``database x on 127.0.0.1:5433 as bronze``.
        embedded: The embedded server, if it is the database.
        origins: libpq keyword to the setting that gives it, as far as `params` goes.
    """

    params: dict[str, str] = field(repr=False)
    origin: str
    label: str
    embedded: EmbeddedServer | None = None
    origins: dict[str, str] = field(default_factory=dict, repr=False)


def resolve_database(
    settings: Settings,
    *,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> DatabaseTarget:
    """Find the database that the settings, the environment or ``.env`` name.

    The levels are:

    1. dsn, host and their like, from config and ``TARGET_BRONZE_POSTGRES_*``
    2. ``PG_HOST`` and its like
    3. libpq's own: ``DATABASE_URL``, then ``PGSERVICE``, ``PGHOST`` and their like
    4. the embedded server

    Values are not mixed between levels. All of them read ``.env``, the third too: Meltano puts all
    of ``.env`` into the environment, and a plain pipe must write to the same database.

    Args:
        settings: What `load_settings` made of the same environment and folder.
        environ: Environment variables; the process's own if not given.
        cwd: Folder that the search for ``.env`` starts from; the working folder if not given.

    Raises:
        SettingsError: A level holds a password or the like but names no database, a DSN cannot be
            read, or two settings contradict each other.
    """
    environ = os.environ if environ is None else environ
    sources = Sources.read({}, environ, cwd)
    return (
        _from_settings(settings, environ)
        or _from_variables(sources)
        or _from_url(sources)
        or _from_libpq(sources)
        or _embedded(settings, sources)
    )


def _from_settings(settings: Settings, environ: Mapping[str, str]) -> DatabaseTarget | None:
    """Level 1: ``dsn``, or ``host`` and its like."""
    given = {
        keyword: Found(str(value), settings.origins[name], Path())
        for name, keyword in SETTINGS.items()
        if (value := getattr(settings, name)) is not None
    }
    if settings.dsn is None:
        return _from_parts(given, "dsn, host nor database", environ)
    origin = settings.origins["dsn"]
    params = _parse_dsn(settings.dsn, origin)
    _refuse_contradictions(params, origin, given)
    params |= {keyword: found.value for keyword, found in given.items()}
    origins = dict.fromkeys(params, origin) | {k: found.origin for k, found in given.items()}
    return _explicit(params, origin, origins, environ)


def _from_variables(sources: Sources) -> DatabaseTarget | None:
    """Level 2: ``PG_HOST`` and its like."""
    given = {k: found for v, k in VARIABLES.items() if (found := sources.variable(v))}
    port = given.get("port")
    if port and not (port.value.isdecimal() and 1 <= int(port.value) <= MAX_PORT):
        raise SettingsError(
            f"PG_PORT must be a whole number from 1 to {MAX_PORT}; it is set by {port.origin}"
        )
    return _from_parts(given, "PG_HOST nor PG_DB", sources.environ)


def _from_parts(
    given: Mapping[str, Found], names: str, environ: Mapping[str, str]
) -> DatabaseTarget | None:
    """A level that is one setting a keyword; nothing if none of them is set."""
    if not given:
        return None
    naming = given.get("host") or given.get("dbname")
    if naming is None:
        places = " and ".join(found.origin for found in given.values())
        raise SettingsError(f"{places} set, but neither {names}: name the database, or unset them")
    return _explicit(
        {keyword: found.value for keyword, found in given.items()},
        naming.origin,
        {keyword: found.origin for keyword, found in given.items()},
        environ,
    )


def _explicit(
    params: dict[str, str], origin: str, origins: dict[str, str], environ: Mapping[str, str]
) -> DatabaseTarget:
    """A database of our own levels; libpq would send it elsewhere by PGHOSTADDR."""
    if environ.get("PGHOSTADDR") and "host" in params and "hostaddr" not in params:
        raise SettingsError(
            f"PGHOSTADDR would overrule the host that is set by {origins['host']}: unset PGHOSTADDR"
        )
    return DatabaseTarget(params, origin, _label(params, environ), origins=origins)


def _from_url(sources: Sources) -> DatabaseTarget | None:
    """Level 3: ``DATABASE_URL``, which libpq's own users write."""
    url = sources.variable("DATABASE_URL")
    if url is None or re.match(r"(?!postgres)[\w+.-]+://", url.value):
        return None  # another program's: MySQL, SQLite
    params = _parse_dsn(url.value, url.origin)
    return _explicit(params, url.origin, dict.fromkeys(params, url.origin), sources.environ)


def _from_libpq(sources: Sources) -> DatabaseTarget | None:
    """Level 3: what libpq finds by itself, and what it would find if ``.env`` were exported."""
    naming = next((found for v in LIBPQ_NAMING if (found := sources.variable(v))), None)
    if naming is None:
        return None
    extra = {k: found for v, k in LIBPQ_VARIABLES.items() if (found := sources.only_dotenv(v))}
    if sources.variable("PGSERVICE"):
        # A service goes before variables, and would come after parameters.
        extra = {k: found for k, found in extra.items() if k == "service"}
    everything = {
        k: found.value for v, k in LIBPQ_VARIABLES.items() if (found := sources.variable(v))
    }
    return DatabaseTarget(
        {keyword: found.value for keyword, found in extra.items()},
        naming.origin,
        _label(everything, {}),
        origins={keyword: found.origin for keyword, found in extra.items()},
    )


def _embedded(settings: Settings, sources: Sources) -> DatabaseTarget:
    """Level 4: the embedded server."""
    if sys.platform == "win32":
        raise SettingsError(
            "no setting names a database, and the embedded one does not run on Windows: set PG_HOST"
        )
    # Only here, because it builds on modules that Windows does not have.
    from target_bronze_postgres.embedded import (  # noqa: PLC0415
        EmbeddedServer,
        default_home,
    )

    home = settings.embedded_dir or default_home(sources.cwd, sources.environ)
    server = EmbeddedServer(home, bin_dir=settings.embedded_bin_dir)
    origin = settings.origins.get("embedded_dir", "embedded")
    return DatabaseTarget({}, origin, f"the embedded database in {home}", server)


def _parse_dsn(dsn: str, origin: str) -> dict[str, str]:
    """The keywords of a URI or keyword string.

    libpq's own messages quote the string, password and all, so they are not passed on.
    """
    try:
        params = {keyword: str(value) for keyword, value in conninfo_to_dict(dsn).items()}
    except (psycopg.Error, ValueError):
        raise SettingsError(_unreadable(dsn, origin)) from None
    if _password_spills(dsn, params):
        raise SettingsError(_unreadable(dsn, origin))
    return params


def _unreadable(dsn: str, origin: str) -> str:
    """The complaint about a DSN, without the DSN."""
    if re.match(r"postgres(ql)?\+\w+://", dsn):
        return f"the address in {origin} is SQLAlchemy's: start it with postgresql://"
    return (
        f"the address in {origin} cannot be read: write postgresql://user:password@host:5432/name, "
        "with %40 for @, %3A for :, %2F for / and %25 for % in user and password"
    )


def _password_spills(dsn: str, params: Mapping[str, str]) -> bool:
    """Whether an ``@`` or ``/`` in a password has put a part of it into the host or the name."""
    if not re.match(r"postgres(ql)?://", dsn):
        return False
    signs = dsn.count("@")
    ports = params.get("port", "").replace(",", "")
    return signs > 1 or (signs == 1 and "user" not in params) or not re.fullmatch(r"\d*", ports)


def _refuse_contradictions(
    params: Mapping[str, str], origin: str, given: Mapping[str, Found]
) -> None:
    """A DSN names the database alone; what else it says is not said again."""
    for keyword, found in given.items():
        if keyword in ("host", "dbname"):
            raise SettingsError(
                f"both {origin} and {found.origin} name the database: keep one of them"
            )
        if params.get(keyword, found.value) != found.value:
            raise SettingsError(
                f"{origin} and {found.origin} differ in {keyword}: keep one of them"
            )


def _label(params: Mapping[str, str], environ: Mapping[str, str]) -> str:
    """The database in words; libpq's variables fill the gaps as they will when connecting."""
    known = {k: environ[v] for v, k in LIBPQ_VARIABLES.items() if environ.get(v)} | dict(params)
    name = f"database {known['dbname']}" if "dbname" in known else "the default database"
    if "service" in known:
        name += f" of service {known['service']}"
    place = _place(known)
    role = f" as {known['user']}" if "user" in known else ""
    return re.sub(r"[^ -~\w]", "?", name + place + role)


def _place(known: Mapping[str, str]) -> str:
    """Where the server listens, in words."""
    host = known.get("host") or known.get("hostaddr")
    port = known.get("port", "5432")
    if host is None:
        return "" if "service" in known else " on the local socket"
    if host.startswith(("/", "@")):
        return f" on socket {host}:{port}"
    return f" on [{host}]:{port}" if ":" in host else f" on {host}:{port}"
