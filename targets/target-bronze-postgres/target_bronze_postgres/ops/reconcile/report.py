"""What a comparison found, in words and in JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from target_bronze_postgres.ops.reconcile.cost import Cost
    from target_bronze_postgres.ops.reconcile.days import Days

HEADINGS: Final = ("stream", "source", "bronze", "missing", "changed", "vanished", "read")
EXAMPLES: Final = 5


@dataclass
class Line:
    """A stream: records of the source and of bronze, and what differs.

    Attributes:
        is_whole: Whether it was read to its end; if not, what vanished is not known.
        examples: lineage_ids by what became of them: missing, changed, vanished.
        loaded: Whether ``--fix`` loaded what was missing or changed.
        buried: Tombstones that ``--fix --deletions`` wrote.
        note: What else there is to say.
    """

    account: str
    stream: str
    source: int
    bronze: int
    missing: int
    changed: int
    vanished: int
    is_whole: bool
    examples: dict[str, list[str]] = field(default_factory=dict)
    loaded: bool = False
    buried: int = 0
    note: str = ""

    @property
    def numbers(self) -> tuple[int, ...]:
        """What is kept of it: source, bronze, missing, changed, vanished, buried."""
        differing = (self.missing, self.changed, self.vanished)
        return (self.source, self.bronze, *differing, self.buried)

    @property
    def left(self) -> int:
        """Differences that are still there."""
        differing = 0 if self.loaded else self.missing + self.changed
        return differing + self.vanished - self.buried


@dataclass
class Report:
    """All of it.

    Attributes:
        goes_on: Whether the tap goes on where it stopped, in another run.
        orphans: Heads without a row, by month.
        mended: Heads that lost their row, and let records in again.
    """

    source: str
    days: Days
    lines: list[Line]
    goes_on: bool = False
    orphans: dict[str, int] = field(default_factory=dict)
    mended: int = 0

    @property
    def left(self) -> int:
        """Differences that are still there, heads without a row included."""
        return sum(line.left for line in self.lines) + sum(self.orphans.values())

    @property
    def is_whole(self) -> bool:
        """Whether all streams were read to their ends."""
        return all(line.is_whole for line in self.lines) and bool(self.lines)

    def as_json(self) -> str:
        """The stable form; the help of ``bronze reconcile`` names its members."""
        return json.dumps(
            {
                "source": self.source,
                "first_day": str(self.days.first),
                "last_day": str(self.days.last),
                "whole": self.is_whole,
                "differences_left": self.left,
                "heads_without_row": self.orphans,
                "heads_mended": self.mended,
                "streams": [asdict(line) for line in self.lines],
            },
            indent=2,
            ensure_ascii=False,
        )

    def as_text(self) -> Iterator[str]:
        """Yield the lines of a table, examples, and what it comes to."""
        yield f"{self.source}, {self.days} (UTC), compared with the source"
        yield from _table([_cells(line) for line in self.lines])
        for line in self.lines:
            for word, lineages in line.examples.items():
                more = getattr(line, word) - len(lineages)
                rest = f" and {more:,} more" if more > 0 else ""
                yield f"{word}: {', '.join(lineages)}{rest}"
            if line.note:
                yield f"{line.stream}: {line.note}"
        yield from self._heads()
        yield from self._conclusion()

    def _heads(self) -> Iterator[str]:
        if self.mended:
            yield f"{self.mended:,} heads had lost their row and were mended."
        if self.orphans:
            months = ", ".join(f"{month} ({number:,})" for month, number in self.orphans.items())
            yield f"{sum(self.orphans.values()):,} heads have no row: {months}."
        else:
            yield "Every head has its row."

    def _conclusion(self) -> Iterator[str]:
        if not self.lines:
            yield "The tap sent no stream: nothing was compared."
            return
        fixed = sum(line.missing + line.changed for line in self.lines if line.loaded)
        buried = sum(line.buried for line in self.lines)
        if fixed or buried:
            yield f"Mended: {fixed:,} records loaded, {buried:,} marked as deleted."
        for line in self.lines:
            if not line.is_whole:
                end = "the same command goes on" if self.goes_on else "the tap's lines say why"
                yield f"{line.stream} was not read to its end: {end}."
        if self.left:
            yield f"{self.left:,} differences are left.{self._advice()}"
        elif self.is_whole:
            total = sum(line.source for line in self.lines)
            yield (
                f"Nothing is wrong: {total:,} records of {len(self.lines)} streams are in bronze "
                "as the source has them, and no others."
            )
        else:
            yield "Nothing is wrong in what was read."

    def _advice(self) -> str:
        differing = any((line.missing or line.changed) and not line.loaded for line in self.lines)
        vanished = any(line.vanished > line.buried for line in self.lines)
        advice = []
        if differing or self.orphans:
            advice.append("--fix loads what is missing or changed")
        if vanished:
            advice.append("--fix --deletions marks what vanished as deleted")
        return f" {'; '.join(advice)}." if advice else ""


def _cells(line: Line) -> tuple[str, ...]:
    counts = (line.source, line.bronze, line.missing, line.changed)
    return (
        line.stream,
        *(f"{count:,}" for count in counts),
        f"{line.vanished:,}" if line.is_whole else "?",
        "to its end" if line.is_whole else "in part",
    )


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    if not rows:
        return
    widths = [max(map(len, column)) for column in zip(HEADINGS, *rows, strict=True)]
    for row in (HEADINGS, *rows):
        first, *numbers, last = row
        cells = [first.ljust(widths[0]), *map(str.rjust, numbers, widths[1:-1]), last]
        yield "  ".join(cells).rstrip()


def cost_line(cost: Cost | None, days: Days, label: str, quota: object) -> str:
    """What reading costs, before anything is read."""
    if cost is None:
        return f"{label} reads {days}; what that costs is not known for this source."
    parts = ", ".join(f"{name} {number}" for name, number in cost.streams.items() if number)
    known = ""
    if isinstance(quota, dict) and quota:
        known = "; quota last seen: " + ", ".join(f"{k} {v}" for k, v in quota.items())
    return f"{label} reads {days}: about {cost.total} requests ({parts}{known})."
