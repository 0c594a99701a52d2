"""The record types of the Personal API: their members and types, as Garmin publishes them.

``fields.json`` holds for each record type the name of each member and its type: ``int``, ``float``,
``str``, ``bool``, ``date``, ``utc`` and ``local`` (times, as text or as milliseconds), ``UUID``,
another record type, or ``list[...]`` of one of these.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("fields.json")


@cache
def _all() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads(FILE.read_text())
    return found


def fields(record: str) -> dict[str, str]:
    """Return the members of a record type with their types; KeyError if there is no such type."""
    return _all()[record]


def is_record(kind: str) -> bool:
    """Tell whether a type is a record type."""
    return kind in _all()


def with_nulls(record: str, value: dict[str, Any]) -> dict[str, Any]:
    """Return a record with every member that it lacks as null, and so the records in it."""
    full = dict.fromkeys(fields(record)) | value
    for name, kind in fields(record).items():
        full[name] = _filled(kind, full[name])
    return full


def _filled(kind: str, value: Any) -> Any:
    if kind.startswith("list[") and isinstance(value, list):
        return [_filled(kind[5:-1], item) for item in value]
    return with_nulls(kind, value) if is_record(kind) and isinstance(value, dict) else value
