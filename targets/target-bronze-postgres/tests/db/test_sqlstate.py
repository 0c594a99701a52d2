"""Which errors another try can mend, by the errors of a real server where it makes them."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors

from target_bronze_postgres.db.sqlstate import REFUSALS, is_transient
from target_bronze_postgres.errors import ConnectError

PASSING = [
    "08006", "08P01", "25006", "25P03", "40001", "40P01", "53100", "53300", "55P03", "57P01",
    "57P02", "57P03", "57P05",
]  # fmt: skip


@pytest.mark.parametrize("code", PASSING)
def test_passing_troubles(code: str) -> None:
    assert is_transient(errors.lookup(code)("x"))


@pytest.mark.parametrize(
    "code", ["22P02", "23505", "42501", "42P01", "28P01", "3D000", "57014", "57P04", "54000"]
)
def test_lasting_troubles(code: str) -> None:
    assert not is_transient(errors.lookup(code)("x"))


def test_other_errors_do_not_pass() -> None:
    assert not is_transient(ValueError("x"))
    assert not is_transient(None)
    assert not is_transient(ConnectError("without a cause"))
    assert not is_transient(psycopg.ProgrammingError("x"))


def test_an_unknown_refusal_is_not_tried_again() -> None:
    error = ConnectError("x")
    error.__cause__ = psycopg.OperationalError("connection failed: unheard of")
    assert not is_transient(error)


def test_a_connection_that_was_cut(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as victim:
        pid = victim.info.backend_pid
        with psycopg.connect(database, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        with pytest.raises(psycopg.OperationalError) as cut:
            victim.execute("SELECT 1")
        assert is_transient(cut.value)
        with pytest.raises(psycopg.OperationalError) as closed:
            victim.execute("SELECT 1")
        assert closed.value.sqlstate is None
        assert is_transient(closed.value)


def test_a_lock_that_was_not_had(database: str) -> None:
    with psycopg.connect(database) as holder, psycopg.connect(database) as waiter:
        holder.execute("CREATE TABLE held ()")
        holder.commit()
        holder.execute("LOCK TABLE held")
        waiter.execute("SET lock_timeout = '10ms'")
        with pytest.raises(psycopg.Error) as caught:
            waiter.execute("LOCK TABLE held")
    assert is_transient(caught.value)


def test_every_refusal_names_a_mend() -> None:
    for refusal in REFUSALS:
        assert "{1}" not in refusal.cause or refusal.pattern.groups
        assert refusal.cause == refusal.cause.strip()
