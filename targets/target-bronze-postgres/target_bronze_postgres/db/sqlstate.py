"""What the errors of PostgreSQL mean to a loader: decisions by SQLSTATE, as data in one place.

The codes are those of https://www.postgresql.org/docs/current/errcodes-appendix.html.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import psycopg

from target_bronze_postgres.errors import ConnectError

# Another try, on a new connection, can succeed.
TRANSIENT_CLASSES: Final = frozenset(
    {
        "08",  # connection exception: also everything that pgbouncer says about its servers
        "40",  # transaction rollback: deadlock, serialization failure
        "53",  # insufficient resources: connections, memory, disk
    }
)
TRANSIENT_CODES: Final = frozenset(
    {
        "25006",  # read-only transaction: after a failover, until the address leads to the primary
        "25P03",  # idle in transaction too long: the server has closed the connection
        "55P03",  # lock not available within lock_timeout
        "57P01",  # admin shutdown
        "57P02",  # crash shutdown
        "57P03",  # cannot connect now: starting up, shutting down
        "57P05",  # idle session too long: the server has closed the connection
    }
)

# The server cannot hold what it is given: a value, or a value's size or depth.
DATA_REFUSED: Final = (
    psycopg.DataError,  # class 22
    psycopg.errors.ProgramLimitExceeded,  # 54000
    psycopg.errors.StatementTooComplex,  # 54001: deeper than its stack
)

# The role lacks a right: the owner has to grant it.
RIGHTS: Final = frozenset({"42501"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a connection was not had.

    libpq keeps no SQLSTATE of a failed connection, so the text decides. A server that speaks
    another language falls through to its own words.

    Attributes:
        pattern: Searched for in the text of libpq or of the server.
        cause: The line for the user, in which ``{1}`` is the pattern's first group.
        transient: Whether it may pass by itself.
        keywords: libpq keywords whose settings are worth a look.
    """

    pattern: re.Pattern[str]
    cause: str
    transient: bool = False
    keywords: tuple[str, ...] = ()


def _refusal(pattern: str, cause: str, *keywords: str, transient: bool = False) -> Refusal:
    return Refusal(re.compile(pattern), cause, transient, keywords)


# In this order: of a name with several addresses one may refuse and another say what is wrong.
REFUSALS: Final = (
    _refusal(
        r"password authentication failed",
        "wrong password, or no such role: mend user and password",
        "user",
        "password",
    ),
    _refusal(
        r"no password supplied|empty password returned",
        "the server asks for a password and none is set: set password (or PG_PASS)",
        "user",
    ),
    _refusal(
        r"(?:Peer|Ident|GSSAPI|LDAP|PAM|RADIUS|certificate) authentication failed",
        "the server does not take this system user for the role: mend user, or connect by host",
        "user",
        "host",
    ),
    _refusal(
        r'role "(.*?)" (?:does not exist|is not permitted to log in)',
        "the role {1} cannot log in: make it with `createuser {1}`, or mend user",
        "user",
    ),
    _refusal(
        r'no such user: "?(.*?)"?$', "the role {1} is unknown to pgbouncer: mend user", "user"
    ),
    _refusal(
        r'database "(.*?)" does not exist|no such database: "?(.*?)"?$',
        "the database {1} does not exist: make it with `createdb {1}`, or mend its name",
        "dbname",
    ),
    _refusal(
        r'permission denied for database "(.*?)"',
        "the role may not connect to it: GRANT CONNECT ON DATABASE {1} TO the role",
        "user",
    ),
    _refusal(
        r"no pg_hba\.conf entry .*, (?:no encryption|SSL off)",
        "the server's pg_hba.conf has no entry for this host, role and database without TLS: "
        "set sslmode to require, or add an entry",
        "sslmode",
    ),
    _refusal(
        r"no pg_hba\.conf entry|pg_hba\.conf rejects",
        "the server's pg_hba.conf does not let this host, role and database in: add an entry",
        "host",
    ),
    _refusal(
        r"server does not support SSL",
        "the server has no TLS and sslmode asks for it: set sslmode to prefer, or turn TLS on",
        "sslmode",
    ),
    _refusal(
        r"root certificate file .* does not exist|(?:read|locate) root certificate file",
        "the file of root certificates cannot be read: mend sslrootcert",
        "sslrootcert",
    ),
    _refusal(
        r"does not match host name|server common name",
        "the server's certificate is for another host name: mend host",
        "host",
    ),
    _refusal(
        r"certificate verify failed",
        "the server's certificate is not signed by a certificate in sslrootcert: mend sslrootcert",
        "sslrootcert",
    ),
    _refusal(
        r"requires a valid client certificate",
        "the server asks for a client certificate: name it by sslcert and sslkey in dsn",
        "user",
    ),
    _refusal(
        r'definition of service "(.*?)" not found',
        "the service {1} is in no service file: mend PGSERVICE or the file",
        "service",
    ),
    _refusal(r"service file .* not found", "the service file is missing: mend PGSERVICEFILE"),
    _refusal(
        r"the database system is|recovery state has not been yet reached",
        "the server is starting up or shutting down: try again in a moment",
        transient=True,
    ),
    _refusal(
        r"too many (?:clients|connections)|remaining connection slots|no more connections allowed",
        "the server has no connection left: close some, or raise its limit",
        transient=True,
    ),
    _refusal(
        r"session is (?:not )?read-only|server is (?:not )?in hot standby mode",
        "no server has the target_session_attrs that are asked for",
        "host",
        transient=True,
    ),
    _refusal(
        r"invalid response to SSL negotiation|expected authentication request|unsupported frontend",
        "what answers there is not PostgreSQL: mend host and port",
        "host",
        "port",
    ),
    _refusal(
        r"Temporary failure in name resolution",
        "the host name cannot be looked up just now: try again, or mend the network",
        "host",
        transient=True,
    ),
    _refusal(
        r"failed to resolve host|could not translate host name",
        "the host name is unknown: mend host",
        "host",
    ),
    _refusal(
        r"timeout expired|[Tt]imed out|No route to host|Network is unreachable",
        "no answer in time: mend host and port, or the network",
        "host",
        "port",
        transient=True,
    ),
    _refusal(
        r"Connection refused|Is the server running",
        "connection refused, no PostgreSQL listens there: start it, or mend host and port",
        "host",
        "port",
        transient=True,
    ),
    _refusal(
        r"server closed the connection unexpectedly|Connection reset|EOF detected",
        "the server closed the connection: look into its log, or mend host and port",
        "host",
        transient=True,
    ),
)


def find_refusal(error: psycopg.Error) -> tuple[Refusal, str] | None:
    """Recognise why a connection failed.

    Returns:
        The refusal, and its cause with the names filled in; None for an unknown text.
    """
    text = str(error)
    for refusal in REFUSALS:
        if match := refusal.pattern.search(text):
            name = next((group for group in match.groups() if group), "")
            return refusal, refusal.cause.replace("{1}", name)
    return None


def is_transient(error: BaseException | None) -> bool:
    """Whether another try, on a new connection, can succeed.

    Args:
        error: What psycopg raised, or the `ConnectError` that was made of it.
    """
    if isinstance(error, ConnectError):
        cause = error.__cause__
        found = find_refusal(cause) if isinstance(cause, psycopg.Error) else None
        return found is not None and found[0].transient
    if not isinstance(error, psycopg.Error):
        return False
    if error.sqlstate:
        return error.sqlstate in TRANSIENT_CODES or error.sqlstate[:2] in TRANSIENT_CLASSES
    # No answer from the server at all: the connection broke under a statement, or was not had.
    found = find_refusal(error)
    return found[0].transient if found else isinstance(error, psycopg.OperationalError)
