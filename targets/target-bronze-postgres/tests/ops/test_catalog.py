"""``bronze catalog``: fields, keys, and names that are markup."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.messages import record, schema

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

    Bronze = Callable[..., Result]


@pytest.mark.usefixtures("named")
def test_a_database_without_tables(bronze: Bronze) -> None:
    assert bronze("catalog").stdout.splitlines()[-1] == "Nothing has been loaded yet."


def test_fields_and_keys(
    bronze: Bronze, load: Callable[..., Any], named: str, query: Callable[..., list[Any]]
) -> None:
    assert named
    properties = {
        "b": {"type": ["integer", "null"], "description": "In <metres> | a *second*."},
        "a|`x`": True,
    }
    body = {"type": "object", "properties": properties}
    load(schema("s", schema=body, key_properties=[]), record("s", b=1, new=2))
    query(
        """INSERT INTO bronze_ops.reconciliations (source, account, stream, first_day, last_day,
            started_at, ended_at, records_source, changed)
        VALUES ('x', 'main', 's', '2024-01-01', '2024-01-31', now(), '2026-01-01', 3, 1)"""
    )
    lines = bronze("catalog").stdout.splitlines()
    assert "Table `public.bronze_x`." in lines
    assert "| key | none: a record is its content |" in lines
    assert "| accuracy | 66.6% on 2026-01-01 00:00 UTC |" in lines
    assert lines[-3:] == [
        r"| a\|\`x\` | any |  |",
        r"| `b` | integer, null | In \<metres\> \| a \*second\*. |",
        "| `new` | - | not in the schema |",
    ]
