"""What is counted and checked of a record, and the verdict: valid, warning or invalid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_bronze_postgres.record.validation import Validator

_NOTHING: frozenset[str] = frozenset()
_JOIN = "; "


class Checks:
    """The checks of one record: each passes, fails or is skipped, and may have a remark.

    A failed ``schema`` or ``key`` makes the record invalid, any other remark makes it a warning.
    """

    __slots__ = ("_remarks", "results", "status")

    def __init__(self) -> None:
        """Begin without a check."""
        self.results: dict[str, bool | None] = {}
        self._remarks: list[str] = []
        self.status = "valid"

    @property
    def message(self) -> str | None:
        """All remarks, or None."""
        return _JOIN.join(self._remarks) if self._remarks else None

    def passed(self, check: str) -> None:
        """Note that a check passed."""
        self.results[check] = True

    def failed(self, check: str, remark: str) -> None:
        """Note that a check failed, but the record is only odd."""
        self._note(check, False, remark, "warning")

    def skipped(self, check: str, remark: str) -> None:
        """Note that a check could not be made."""
        self._note(check, None, remark, "warning")

    def judge_schema(self, validator: Validator, record: Any) -> None:
        """Check a record against its schema."""
        if validator.is_valid(record):
            self.results["schema"] = True
        else:
            for reason in validator.reasons(record):
                self._note("schema", False, reason, "invalid")

    def judge_key(self, names: Sequence[str], *, whole: bool) -> None:
        """Check that a record has every part of its key."""
        if whole:
            self.results["key"] = True
        else:
            remark = f"the key ({', '.join(names)}) is missing or null in a part"
            self._note("key", False, remark, "invalid")

    def _note(self, check: str, result: bool | None, remark: str, status: str) -> None:
        self.results[check] = result
        self._remarks.append(remark)
        if self.status != "invalid":
            self.status = status


def metrics(record: Any, known: frozenset[str] | None) -> tuple[int, int, int]:
    """Return the numbers of top-level members, of null ones, and of those that no schema names."""
    if not isinstance(record, dict):
        return 0, 0, 0
    unknown = 0 if known is None else len(record.keys() - known)
    return len(record), list(record.values()).count(None), unknown


def unknown_fields(record: Any, known: frozenset[str] | None) -> frozenset[str]:
    """Return the top-level members that the schema does not name."""
    if known is None or not isinstance(record, dict) or record.keys() <= known:
        return _NOTHING
    return frozenset(record.keys() - known)
