"""Connections that come about, and the one line of those that do not."""

from __future__ import annotations

import socket
import struct
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from target_bronze_postgres.db.connect import connect
from target_bronze_postgres.db.sqlstate import is_transient
from target_bronze_postgres.errors import ConnectError
from target_bronze_postgres.settings import DatabaseTarget, load_settings, resolve_database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    MakeTarget = Callable[..., DatabaseTarget]
    MakeServer = Callable[..., str]


def refusal(target: DatabaseTarget, **options: Any) -> ConnectError:
    with pytest.raises(ConnectError) as caught:
        connect(target, application_name="test", **options)
    assert "\n" not in str(caught.value)
    assert "sekret" not in str(caught.value)
    return caught.value


def error_response(sqlstate: str, message: str, severity: str = "FATAL") -> bytes:
    """What a server sends in place of a welcome."""
    fields = f"S{severity}\0VFATAL\0C{sqlstate}\0M{message}\0\0".encode()
    return b"E" + struct.pack("!i", len(fields) + 4) + fields


def at(port: str, **params: str) -> DatabaseTarget:
    known = {"host": "127.0.0.1", "port": port, "user": "u", "password": "sekret", "dbname": "d"}
    return DatabaseTarget(known | params, "PG_HOST", "database d on 127.0.0.1")


@pytest.fixture
def role(database: str) -> Iterator[str]:
    """An ordinary role with the password `sekret`."""
    with psycopg.connect(database, autocommit=True) as owner:
        name = f"r_{owner.info.dbname}"
        owner.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'sekret'").format(sql.Identifier(name))
        )
        yield name
        owner.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def test_a_connection_suits_a_loader_behind_pgbouncer(make_target: MakeTarget) -> None:
    with connect(make_target(client_encoding="latin1"), application_name="loader") as connection:
        assert connection.autocommit
        assert connection.prepare_threshold is None
        assert connection.info.encoding == "utf-8"
        parameters = connection.info.get_parameters()
        assert parameters["keepalives_idle"] == "30"
        assert parameters["connect_timeout"] == "10"
        shown = connection.execute("SHOW application_name").fetchone()
    assert shown == ("loader",)


def test_what_a_dsn_says_of_times_comes_first(make_target: MakeTarget) -> None:
    target = make_target(connect_timeout="7", keepalives_idle="5")
    with connect(target, application_name="test") as connection:
        parameters = connection.info.get_parameters()
    assert (parameters["connect_timeout"], parameters["keepalives_idle"]) == ("7", "5")


def test_wrong_password(make_target: MakeTarget) -> None:
    target = make_target(password="sekret")
    target.origins["password"] = "PG_PASS in /home/me/.env"
    error = refusal(target)
    assert str(error) == (
        "cannot connect to database x on y (set by config: host): wrong password, or no such role: "
        "mend user and password (password is set by PG_PASS in /home/me/.env)"
    )
    assert not is_transient(error)


def test_no_password(make_target: MakeTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSFILE", "/nonexistent")
    target = make_target()
    del target.params["password"]
    assert "asks for a password and none is set: set password" in str(refusal(target))


def test_unknown_database(make_target: MakeTarget) -> None:
    error = refusal(make_target(dbname="nowhere"))
    assert "the database nowhere does not exist: make it with `createdb nowhere`" in str(error)
    assert not is_transient(error)


def test_unknown_role(make_target: MakeTarget) -> None:
    assert "wrong password, or no such role" in str(refusal(make_target(user="nobody_at_all")))


def test_role_without_login(make_target: MakeTarget, database: str, role: str) -> None:
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(sql.Identifier(role)))
    error = refusal(make_target(user=role, password="sekret"))
    assert f"the role {role} cannot log in: make it with `createuser {role}`" in str(error)


def test_role_that_may_not_connect(make_target: MakeTarget, database: str, role: str) -> None:
    with psycopg.connect(database, autocommit=True) as owner:
        name = owner.info.dbname
        owner.execute(
            sql.SQL("REVOKE CONNECT ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name))
        )
    error = refusal(make_target(user=role, password="sekret"))
    assert f"GRANT CONNECT ON DATABASE {name} TO the role" in str(error)


def test_no_connection_left(make_target: MakeTarget, database: str, role: str) -> None:
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute(sql.SQL("ALTER ROLE {} CONNECTION LIMIT 0").format(sql.Identifier(role)))
    error = refusal(make_target(user=role, password="sekret"))
    assert "the server has no connection left" in str(error)
    assert is_transient(error)


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
    error = refusal(at(port))
    assert "connection refused, no PostgreSQL listens there: start it" in str(error)
    assert is_transient(error)


def test_no_socket(tmp_path: Path) -> None:
    error = refusal(at("5432", host=str(tmp_path)))
    assert "connection refused, no PostgreSQL listens there" in str(error)


def test_unknown_host() -> None:
    # Not even nearly a name, so that no name server is asked.
    error = refusal(at("5432", host="fe80::zz"))
    assert "the host name is unknown: mend host" in str(error)
    assert not is_transient(error)


def test_nobody_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        error = refusal(at(str(listener.getsockname()[1])), connect_timeout=2)
    assert "no answer in time: mend host and port, or the network" in str(error)
    assert is_transient(error)


def test_server_without_tls(answering: MakeServer) -> None:
    error = refusal(at(answering(b""), sslmode="require"))
    assert "the server has no TLS and sslmode asks for it: set sslmode to prefer" in str(error)


def test_missing_root_certificate(answering: MakeServer) -> None:
    port = answering(b"", tls=b"S")
    error = refusal(at(port, sslmode="verify-full", sslrootcert="/nonexistent/root.crt"))
    assert "the file of root certificates cannot be read: mend sslrootcert" in str(error)


@pytest.mark.parametrize(
    ("sqlstate", "message", "line", "transient"),
    [
        ("57P03", "the database system is starting up", "the server is starting up or", True),
        ("57P03", "the database system is not yet accepting connections", "starting up or", True),
        ("53300", "sorry, too many clients already", "has no connection left", True),
        (
            "28000",
            'no pg_hba.conf entry for host "::1", user "u", database "d", no encryption',
            "without TLS: set sslmode to require",
            False,
        ),
        (
            "28000",
            'no pg_hba.conf entry for host "::1", user "u", database "d", SSL encryption',
            "does not let this host, role and database in: add an entry",
            False,
        ),
        ("28000", 'role "u" does not exist', "the role u cannot log in", False),
        ("28000", 'Peer authentication failed for user "u"', "mend user, or connect by", False),
        (
            "28000",
            "connection requires a valid client certificate",
            "asks for a client certificate",
            False,
        ),
        ("08P01", 'no such database: "lake"', "the database lake does not exist", False),
        ("08P01", "no such user: lake", "the role lake is unknown to pgbouncer", False),
    ],
    ids=lambda value: str(value)[:20] if isinstance(value, str) else str(value),
)
def test_what_a_server_says(
    answering: MakeServer, sqlstate: str, message: str, line: str, *, transient: bool
) -> None:
    error = refusal(at(answering(error_response(sqlstate, message))))
    assert line in str(error)
    assert is_transient(error) is transient


def test_words_of_an_unknown_language_are_passed_on(answering: MakeServer) -> None:
    message = "Passwort »sekret«\nist falsch"
    error = refusal(at(answering(error_response("28P01", message, "FATALER_FEHLER"))))
    assert str(error).endswith("(set by PG_HOST): Passwort »***« ist falsch")
    assert not is_transient(error)


def test_a_server_that_hangs_up(answering: MakeServer) -> None:
    error = refusal(at(answering(b"")))
    assert "the server closed the connection: look into its log" in str(error)
    assert is_transient(error)


def test_what_is_no_postgresql(answering: MakeServer) -> None:
    error = refusal(at(answering(b"HTTP/1.1 400 Bad Request\r\n\r\n")))
    assert "what answers there is not PostgreSQL: mend host and port" in str(error)


def test_unknown_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSERVICEFILE", "/dev/null")
    monkeypatch.setenv("PGSERVICE", "lake")
    target = resolve_database(load_settings({}, environ={}), environ={"PGSERVICE": "lake"})
    assert "the service lake is in no service file: mend PGSERVICE" in str(refusal(target))


@pytest.mark.parametrize(("keyword", "value"), [("password", "sekret\udcff"), ("host", "a..b")])
def test_what_cannot_be_sent(keyword: str, value: str) -> None:
    assert "its host is no host name, or another" in str(refusal(at("1", **{keyword: value})))


def test_of_several_addresses_the_telling_one_speaks(make_target: MakeTarget) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = listener.getsockname()[1]
    good = make_target()
    host, port = good.params["host"], good.params["port"]
    target = make_target(host=f"{host},127.0.0.1", port=f"{port},{closed}", dbname="nowhere")
    assert "the database nowhere does not exist" in str(refusal(target))


def embedded(server: Mapping[str, str]) -> DatabaseTarget:
    """The test's server in the role of the embedded one."""
    manager: Any = SimpleNamespace(start=lambda: dict(server))
    return DatabaseTarget({}, "embedded", "the embedded database", manager)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PGOPTIONS", "-c default_transaction_read_only=on -c nonsense=1"),
        ("PGSSLMODE", "verify-full"),
        ("PGSSLNEGOTIATION", "direct"),
        ("PGCHANNELBINDING", "require"),
        ("PGREQUIREAUTH", "none"),
        ("PGTARGETSESSIONATTRS", "standby"),
        ("PGGSSENCMODE", "require"),
        ("PGUSER", "somebody"),
        ("PGPASSWORD", "sekret"),
        ("PGPORT", "1"),
        ("PGSSLROOTCERT", "/nonexistent"),
        ("PGLOADBALANCEHOSTS", "random"),
        ("PGCLIENTENCODING", "latin1"),
        ("PGSERVICEFILE", "/nonexistent"),
    ],
)
def test_libpqs_variables_do_not_reach_the_embedded_server(
    server: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with connect(embedded(server), application_name="test") as connection:
        assert connection.execute("SHOW default_transaction_read_only").fetchone() == ("off",)
        assert connection.info.encoding == "utf-8"


def test_trouble_with_the_embedded_server_names_no_setting(server: Mapping[str, str]) -> None:
    error = refusal(embedded({**server, "dbname": "nowhere"}))
    assert str(error).startswith("cannot connect to the embedded database: the database nowhere")


def test_dates_are_iso_whatever_the_role_prefers(make_target: MakeTarget) -> None:
    target = make_target(options="-c datestyle=German,DMY -c timezone=Asia/Tokyo")
    with connect(target, application_name="test") as connection:
        found = connection.execute("SELECT timestamptz '2024-02-29 23:30:00Z', date '2024-02-29'")
        assert found.fetchone() == (datetime(2024, 2, 29, 23, 30, tzinfo=UTC), date(2024, 2, 29))
