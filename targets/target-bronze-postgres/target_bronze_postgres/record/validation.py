"""Validates records against their stream's JSON Schema. A misfit is described, never raised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jsonschema_rs

if TYPE_CHECKING:
    from collections.abc import Callable

_REASON_LENGTH = 1_000
_PATTERNS = jsonschema_rs.FancyRegexOptions(backtrack_limit=100_000)


class Validator:
    """A compiled schema. A schema without ``$schema`` is draft 7, as in the Singer SDK.

    ``broken`` says why the schema could not be compiled, and is None if it could. ``is_valid``
    tells whether a decoded record fits; none fits a broken schema. Formats are not asserted, as in
    the SDK. Nothing outside of the schema is read: jsonschema-rs would follow references to files
    and hosts.
    """

    def __init__(self, schema: Any) -> None:
        """Compile ``schema``, a decoded JSON Schema."""
        self.broken: str | None = None
        self._compiled: Any = None
        self.is_valid: Callable[[Any], bool] = _never
        build = (
            jsonschema_rs.validator_for
            if isinstance(schema, dict) and "$schema" in schema
            else jsonschema_rs.Draft7Validator
        )
        try:
            # mask keeps record contents out of messages, which would hold all of a large value.
            self._compiled = build(
                schema,
                mask="value",
                validate_formats=False,
                offline=True,
                pattern_options=_PATTERNS,
            )
            self.is_valid = self._compiled.is_valid
        except (ValueError, RecursionError) as error:
            self.broken = f"the schema is broken: {_first_line(error)}"

    def reasons(self, record: Any, *, only_first: bool = False) -> list[str]:
        """Return every misfit as ``/path: what is wrong``, or the first one alone.

        All at once take two kilobytes each while they are found: a gigabyte for a megabyte of
        numbers that should be texts.
        """
        try:
            errors = self._first(record) if only_first else self._compiled.iter_errors(record)
            return [
                f"{_pointer(error.instance_path)}: {error.message}"[:_REASON_LENGTH]
                for error in errors
            ]
        except ValueError:
            # An error carries the value, and neither 256 levels nor integers of more than 4,300
            # digits come back from jsonschema-rs.
            return ["/: does not fit; no path, since a value is too deep or a number too long"]

    def _first(self, record: Any) -> list[jsonschema_rs.ValidationError]:
        try:
            self._compiled.validate(record)
        except jsonschema_rs.ValidationError as error:
            return [error]
        return []


def _never(_record: Any) -> bool:
    return False


def _pointer(path: list[str | int]) -> str:
    parts = (str(part).replace("~", "~0").replace("/", "~1") for part in path)
    return "/" + "/".join(parts)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:_REASON_LENGTH]


def known_fields(schema: Any) -> frozenset[str] | None:
    """Return the top-level members that a schema names, None where it names none."""
    properties = schema.get("properties") if isinstance(schema, dict) else None
    return frozenset(properties) if isinstance(properties, dict) else None
