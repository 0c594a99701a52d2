"""Opens connections; every failure becomes one line that names the database and the mend."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg.conninfo import make_conninfo

from target_bronze_postgres.db.isolation import ISOLATED
from target_bronze_postgres.db.sqlstate import find_refusal
from target_bronze_postgres.errors import ConnectError

if TYPE_CHECKING:
    from target_bronze_postgres.settings import DatabaseTarget

# A dead peer is noticed after a minute, also while the connection only waits.
KEEPALIVES: Final = {
    "keepalives": "1",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
}


def connect(
    target: DatabaseTarget, *, application_name: str, connect_timeout: int = 10
) -> psycopg.Connection[tuple[Any, ...]]:
    """Connect to the database, starting the embedded server if that is it.

    The connection commits every statement unless a transaction is opened, prepares no statements
    (pgbouncer in transaction mode has no room for them), and speaks UTF-8 and ISO dates. Process
    variables of libpq fill what the target leaves out.

    Args:
        target: What `resolve_database` found.
        application_name: What pg_stat_activity shows.
        connect_timeout: Seconds for each address of the host; a DSN's own comes first.

    Raises:
        ConnectError: No connection was had; its cause is psycopg's error.
        ServerError: The embedded server cannot be started.
    """
    params = ISOLATED | target.embedded.start() if target.embedded else target.params
    fixed = {"application_name": application_name, "client_encoding": "UTF8"}
    defaults = KEEPALIVES | {"connect_timeout": str(connect_timeout)}
    try:
        conninfo = make_conninfo("", **(defaults | params | fixed))
        connection = psycopg.connect(conninfo, autocommit=True, prepare_threshold=None)
        _speak_iso(connection)
    except psycopg.Error as error:
        raise ConnectError(_line(target, params, error)) from error
    except UnicodeError:
        # Not from the cause: it holds the parameters, password and all.
        raise ConnectError(
            f"cannot connect to {target.label}: its host is no host name, or another setting of it "
            "no UTF-8 text: mend them"
        ) from None
    return connection


def _speak_iso(connection: psycopg.Connection[Any]) -> None:
    """Have dates in the one style that psycopg reads, whatever the database's or the role's is.

    pgbouncer keeps this setting for its clients; it takes none in the start-up packet's options.
    """
    style = connection.info.parameter_status("DateStyle") or ""
    if not style.startswith("ISO"):
        connection.execute("SET datestyle TO 'ISO'")


def _line(target: DatabaseTarget, params: dict[str, str], error: psycopg.Error) -> str:
    """The database, the setting that names it, the cause and the settings to mend."""
    found = find_refusal(error)
    cause = found[1] if found else _own_words(error, params.get("password"))
    places = [
        f"{keyword} is set by {origin}"
        for keyword in (found[0].keywords if found else ())
        if (origin := target.origins.get(keyword, target.origin)) != target.origin
    ]
    named = "" if target.embedded else f" (set by {target.origin})"
    line = f"cannot connect to {target.label}{named}: {cause}"
    return f"{line} ({', '.join(places)})" if places else line


def _own_words(error: psycopg.Error, password: str | None) -> str:
    """What libpq or the server says, on one line, without its preamble and the password."""
    text = str(error).partition("\nMultiple connection attempts")[0]
    text = re.sub(r"^connection (?:failed|is bad): ", "", " ".join(text.split()))
    text = re.sub(r"^connection to server (?:at|on) .*? failed: (?:\w+:\s+)?", "", text)
    return text.replace(password, "***") if password else text
