"""Takes secrets out of records, at any depth.

Every tap of this repository holds a copy of this file; a test holds that the copies are the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

__all__ = ["without"]


def without(names: AbstractSet[str], value: Any) -> Any:
    """Return a JSON value without the members of these names, at any depth.

    Args:
        names: Names of members that hold secrets.
        value: What a JSON text holds; it is not changed.
    """
    if isinstance(value, dict):
        return {name: without(names, member) for name, member in value.items() if name not in names}
    if isinstance(value, list):
        return [without(names, member) for member in value]
    return value
