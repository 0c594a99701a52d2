"""What is counted and checked of a record, and the verdict: valid, warning or invalid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_bronze_postgres.record.validation import Validator

_NOTHING: frozenset[str] = frozenset()
_JOIN = "; "
_ALONE = " (of a large record only the first misfit is named)"


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

    def judge_schema(self, validator: Validator, record: Any, *, is_large: bool = False) -> None:
        """Check a record against its schema; of a large one only the first misfit is named."""
        if validator.is_valid(record):
            self.results["schema"] = True
        else:
            for reason in validator.reasons(record, only_first=is_large):
                self._note("schema", False, reason + _ALONE * is_large, "invalid")

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


def count(record: Any, known: frozenset[str] | None) -> tuple[tuple[int, int, int], frozenset[str]]:
    """Return the numbers of top-level members, of null and of unknown ones, and the unknown names.

    Unknown is what the schema does not name; a schema that names nothing knows all.
    """
    if not isinstance(record, dict):
        return (0, 0, 0), _NOTHING
    nulls = list(record.values()).count(None)
    if known is None or known.issuperset(record):
        return (len(record), nulls, 0), _NOTHING
    unknown = frozenset(record.keys() - known)
    return (len(record), nulls, len(unknown)), unknown
