"""A connection that is opened again, with the work on it, when the server went away."""

from __future__ import annotations

import logging
import random
import threading
from typing import TYPE_CHECKING, Any, TypeVar

import backoff
import psycopg

from target_bronze_postgres.db.connect import connect
from target_bronze_postgres.db.sqlstate import DATA_REFUSED, RIGHTS, is_transient
from target_bronze_postgres.errors import BronzeError, ConnectError, DatabaseError, RightsError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from backoff.types import Details

    from target_bronze_postgres.settings.database import DatabaseTarget

    Connection = psycopg.Connection[Any]

logger = logging.getLogger(__name__)

T = TypeVar("T")

_FIRST_WAIT = 0.25
_LONGEST_WAIT = 30


IDLE = "10min"
"""Longer than we ever pause between two statements of a transaction."""

# Whatever the database or the role sets: work may take its time, and a commit is durable. But a
# server that does not notice that we are gone, since nothing reaches it, must not keep our locks
# for the two hours of its keepalives.
_OURS = """
    SELECT set_config('statement_timeout', '0', true), set_config('lock_timeout', '0', true),
           set_config('idle_in_transaction_session_timeout', %s, true),
           set_config('tcp_keepalives_idle', '60', true),
           set_config('tcp_keepalives_interval', '10', true),
           set_config('tcp_keepalives_count', '6', true),
           set_config('synchronous_commit', CASE current_setting('synchronous_commit')
                      WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, true)
"""


class Session:
    """Runs work on a connection, one at a time, whichever thread asks."""

    def __init__(self, target: DatabaseTarget, name: str, max_retries: int) -> None:
        """Connect to ``target`` when first needed; ``name`` is what pg_stat_activity shows."""
        self._target = target
        self._name = name
        self._connection: Connection | None = None
        self._lock = threading.RLock()
        self._retrying = backoff.on_exception(
            backoff.expo,
            (psycopg.Error, ConnectError),
            factor=_FIRST_WAIT,
            max_value=_LONGEST_WAIT,
            jitter=_jitter,
            max_tries=max_retries + 1,
            giveup=lambda error: not is_transient(error),
            on_backoff=_log_retry,
            logger=None,
        )(self._attempt)

    def run(self, work: Callable[[Connection], T], *, again: bool = True) -> T:
        """Call ``work`` with a connection, again on a new one after a transient error.

        ``work`` may run several times, so it must be all in a transaction or harmless to repeat.
        Without ``again`` it runs once.

        Raises:
            DatabaseError: The server refused, or did not come back in ``max_retries`` tries.
        """
        with self._lock:
            try:
                result: T = (self._retrying if again else self._attempt)(work)
            except DATA_REFUSED:
                raise
            except psycopg.Error as error:
                raise _explained(error, self._target.label) from error
            return result

    def transact(self, work: Callable[[Connection], T], *, again: bool = True) -> T:
        """Call ``work`` as :meth:`run` does, within one transaction.

        Raises:
            DatabaseError: As :meth:`run`.
        """

        def whole(conn: Connection) -> T:
            with conn.transaction():
                # For this transaction only: a pooler may give its connection to others.
                conn.execute(_OURS, (IDLE,))
                return work(conn)

        return self.run(whole, again=again)

    def __enter__(self) -> Self:
        """Nothing is opened before it is needed."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection; the server rolls back what was not committed."""
        self.close()

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _attempt(self, work: Callable[[Connection], T]) -> T:
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._target, application_name=self._name)
            # A stricter default would read the heads as they were before the locks were had.
            self._connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
        try:
            return work(self._connection)
        except psycopg.Error as error:
            if is_transient(error):
                self.close()
            raise


def _jitter(wait: float) -> float:
    """Spread loaders that lost the same server, but wait at least half as long as is meant.

    Eight waits are then 31 seconds at least: a server that was killed needs some to recover.
    """
    return wait / 2 + random.uniform(0, wait / 2)  # noqa: S311 - no secret


def _log_retry(details: Details) -> None:
    error = details.get("exception")
    logger.warning(
        "The database does not answer (%s); try %d follows in %.1f s",
        _short(error) if isinstance(error, psycopg.Error) else error,
        details["tries"] + 1,
        details.get("wait", 0),
    )


def _short(error: psycopg.Error) -> str:
    # message_primary leaves out DETAIL, which can hold values of a row.
    words = error.diag.message_primary or str(error).strip() or type(error).__name__
    return f"{error.sqlstate}: {words}" if error.sqlstate else words.splitlines()[0]


def _explained(error: psycopg.Error, label: str) -> BronzeError:
    if error.sqlstate in RIGHTS:
        return RightsError(
            f"{label}: {_short(error)}. The role needs the rights of bronze_loader: run "
            "`bronze db migrate --roles` as the owner, then GRANT bronze_loader TO the role."
        )
    return DatabaseError(f"{label}: {_short(error)}")
