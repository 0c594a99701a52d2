"""JSON pointers into decoded records (RFC 6901)."""

from __future__ import annotations

from typing import Any

MISSING: Any = object()
"""What :meth:`Pointer.get` returns where nothing stands at the pointer."""


class Pointer:
    """A compiled pointer, such as ``/start`` or ``/summary/0/id``."""

    def __init__(self, text: str) -> None:
        """Compile ``text``.

        Raises:
            ValueError: The text is no pointer: it must begin with a slash.
        """
        if not text.startswith("/"):
            raise ValueError(f"{text!r} is no JSON pointer: it must begin with a slash")
        self._parts = [part.replace("~1", "/").replace("~0", "~") for part in text[1:].split("/")]
        self._single = self._parts[0] if len(self._parts) == 1 else None

    @property
    def first(self) -> str:
        """The top-level member that it leads into."""
        return self._parts[0]

    def get(self, value: Any) -> Any:
        """Return what stands at the pointer, or :data:`MISSING`."""
        if self._single is not None and type(value) is dict:
            return value.get(self._single, MISSING)
        for part in self._parts:
            value = _step(value, part)
            if value is MISSING:
                break
        return value

    def without(self, value: Any) -> Any:
        """Return ``value`` without the member at the pointer; what leads to it is copied."""
        return _without(value, self._parts)


def _step(value: Any, part: str) -> Any:
    if isinstance(value, dict):
        return value.get(part, MISSING)
    if isinstance(value, list) and part.isdecimal() and int(part) < len(value):
        return value[int(part)]
    return MISSING


def _without(value: Any, parts: list[str]) -> Any:
    first, *rest = parts
    inner = _step(value, first)
    if inner is MISSING:
        return value
    if isinstance(value, list):
        changed = list(value)
        changed[int(first)] = _without(inner, rest) if rest else None
        return changed
    if rest:
        return {**value, first: _without(inner, rest)}
    return {name: member for name, member in value.items() if name != first}
