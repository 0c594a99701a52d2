"""What a STATE of this tap holds, so that one of another tap, or a damaged one, is told at once.

Each module changes its own part of it in place; members that are not named here are let through.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from singer_sdk.plugin_base import JSONSchemaValidator

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["problem"]

Schema = dict[str, Any]

NUMBER: Final[Schema] = {"type": "integer"}
TEXT: Final[Schema] = {"type": "string"}
DAY: Final[Schema] = {"type": "string", "format": "date"}


def _object(members: Schema, needed: tuple[str, ...] = (), others: Schema | None = None) -> Schema:
    """Return the schema of an object with some members, others by a schema of their own."""
    found: Schema = {"type": "object", "properties": members, "required": list(needed)}
    return found if others is None else found | {"additionalProperties": others}


def _map(values: Schema) -> Schema:
    """Return the schema of an object whose members are of one kind."""
    return _object({}, others=values)


def _list(items: Schema) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": items}


TIMES: Final = dict.fromkeys(("changed_at", "read_at", "read_until"), NUMBER)
PLAN: Final = {"closed": TEXT, "retention": NUMBER}
QUOTA: Final = _object({"remaining": NUMBER, "resets_at": NUMBER}, ("remaining", "resets_at"))
WORKSPACE: Final = _object(
    {"id": NUMBER, "organization_id": NUMBER} | PLAN, ("id", "organization_id")
)
ACCOUNT: Final = _object(
    {
        "user_id": NUMBER,
        "time_zone": TEXT,
        "created_on": TEXT,
        "asked_at": _map(NUMBER),
        "workspaces": _list(WORKSPACE),
        "organizations": _map(_object(PLAN)),
    }
)
WINDOW: Final = _object(
    {"first": DAY, "last": DAY, "why": TEXT, "reached": DAY, "begins": DAY},
    ("first", "last", "why"),
)
PLACE: Final = _object(
    {
        "windows": _list(WINDOW),
        "oldest": DAY,
        "ended": TEXT,
        "newest_at": NUMBER,
        "edge": NUMBER,
        "asked": _list(_list(DAY)),
    }
) | {"dependencies": {"newest_at": ["oldest"], "ended": ["oldest"]}}
PAGE_SIZE: Final = _object(
    {"asked": NUMBER, "granted": NUMBER, "untried": _list(NUMBER)}, ("untried",)
)
HISTORY: Final = _object(TIMES | {"workspaces": _map(PLACE), "page_size": PAGE_SIZE})
RATES: Final = _object(
    TIMES | {"workspaces": _map(_object({"done_at": NUMBER, "after": _list(NUMBER)}))}
)
BOOKMARKS: Final = _object(
    {
        "_quota": _map(QUOTA),
        "_account": ACCOUNT,
        "_activity": _object({"days": _list(DAY)}),
        "time_entries_history": HISTORY,
        "rates": RATES,
    },
    others=_object(TIMES),
)
SCHEMA: Final = _object({"bookmarks": BOOKMARKS})


def problem(state: Mapping[str, Any]) -> str | None:
    """Return one clear line if a STATE cannot be one that this tap wrote, else None."""
    validator = JSONSchemaValidator(SCHEMA, format_checker=JSONSchemaValidator.FORMAT_CHECKER)
    error = next(validator.iter_errors(state), None)
    if error is None:
        return None
    place = "/".join(str(part) for part in error.path)
    return (
        f"The STATE is none of this tap's ({place or 'it'} is not what it should be): run once "
        "without it (in Meltano: --full-refresh). All is read anew then; a target that knows the "
        "records adds nothing."
    )
