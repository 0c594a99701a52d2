"""Fixtures of the record tests: one connection to the real server, which says what JSONB does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def connection(server: dict[str, str]) -> Iterator[psycopg.Connection[Any]]:
    """A connection in autocommit mode, whose session stands in UTC."""
    with psycopg.connect(autocommit=True, **server) as conn:  # type: ignore[arg-type] # all text
        conn.execute("SET TimeZone = 'UTC'")
        yield conn
