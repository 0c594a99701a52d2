"""A database with everything that can be shown, loaded by the real target: no two figures alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.messages import record, schema, state

if TYPE_CHECKING:
    from collections.abc import Callable

PARTNER = "<b>partner</b> & co"
"""An account whose name would be markup, if it were not escaped."""
DATED = {"pointer": "/at", "form": "rfc3339"}

# Of the bronze table alone: what the figures must be equal to.
BY_HAND = """
    SELECT metadata->>'account', metadata->>'stream', count(*), count(DISTINCT lineage_id),
           count(*) FILTER (WHERE version > 1), count(*) FILTER (WHERE metadata ? 'deleted'),
           count(*) FILTER (WHERE validation_status = 'invalid'),
           count(*) FILTER (WHERE validation_status = 'warning'),
           min(source_timestamp)::date::text, max(source_timestamp)::date::text,
           count(DISTINCT source_timestamp::date) FILTER (WHERE NOT metadata ? 'deleted')
    FROM {} GROUP BY 1, 2
"""
NAMES = (
    "rows", "records", "versions", "tombstones", "invalid", "warnings", "first_day", "last_day",
    "days_with_data",
)  # fmt: skip


def account(name: str, source: str = "x") -> dict[str, Any]:
    """Return the member ``bronze`` of a SCHEMA."""
    return {"source": source, "account": name, "source_timestamp": DATED, "tap": "tap-x 1.0"}


def users(account_name: str, people: range, extracted: str, **more: Any) -> list[Any]:
    """Return a SCHEMA and a record for each number, on as many days."""
    days = [f"2024-{1 + n // 28:02}-{1 + n % 28:02}T09:00:00Z" for n in people]
    records = [
        record("users", extracted, id=n, at=day, **more)
        for n, day in zip(people, days, strict=True)
    ]  # fmt: skip
    return [schema("users", bronze=account(account_name)), *records]


def fill(load: Callable[..., Any]) -> None:
    """Load two accounts, an empty stream, odd, invalid and dead records, and tombstones."""
    first, second = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
    load(*users("main", range(40), first), *users(PARTNER, range(23), first))
    load(
        *users("main", range(11), second, name="changed"),
        record("users", second, id="no integer", at="2024-05-01T00:00:00Z"),
        record("users", second, id=51, name="a\0b", at="2024-05-02T00:00:00Z"),
        record("users", second, id=52, name="a\0b", at="2024-05-02T01:00:00Z"),
        *(
            b'{"type":"RECORD","stream":"users","record":{"id":%d,"name":NaN}}\n' % n
            for n in range(60, 64)
        ),
    )
    gone = schema("users", bronze=account(PARTNER))
    kept = [m | {"version": 7} for m in users(PARTNER, range(20), second)[1:]]
    load(gone, *kept, {"type": "ACTIVATE_VERSION", "stream": "users", "version": 7})
    limits = {"remaining": 17, "resets_in_seconds": 900}
    told = [
        m | {"bronze": {"api_rate_limit_info": limits}}
        for m in users("main", range(7), first)[1:]
    ]  # fmt: skip
    load(
        schema("things", bronze=account("main", "y")),
        *(m | {"stream": "things"} for m in told),
        schema("empty", bronze=account("main", "y")),
        state({"bookmarks": {}}),
    )


def by_hand(query: Callable[..., list[Any]]) -> dict[tuple[str, str, str], dict[str, Any]]:
    """Return the figures of every stream with rows, counted in the bronze tables."""
    return {
        (source, row[0], row[1]): dict(zip(NAMES, row[2:], strict=True))
        for source in ("x", "y")
        for row in query(BY_HAND.format(f"bronze_{source}"))
    }
