"""What a measurement yields: a figure, how far its runs lay apart, and the bar it is held to."""

from __future__ import annotations

import operator
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MIB: Final = 1 << 20


@dataclass(frozen=True)
class Bar:
    """What a figure must reach."""

    sign: str
    limit: float
    holds: Callable[[float, float], bool]

    def met(self, value: float) -> bool:
        """Tell whether a value reaches it."""
        return self.holds(value, self.limit)


def at_most(limit: float) -> Bar:
    """Return the bar of what should be small."""
    return Bar("≤", limit, operator.le)


def at_least(limit: float) -> Bar:
    """Return the bar of what should be large."""
    return Bar("≥", limit, operator.ge)


def below(limit: float) -> Bar:
    """Return the bar of what must stay under a limit."""
    return Bar("<", limit, operator.lt)


@dataclass(frozen=True)
class Figure:
    """One row of the table.

    Attributes:
        what: What was measured.
        value: The median, or the only value; None where it could not be had.
        unit: What it counts: ``s``, ``MiB``, ``times`` and so on.
        spread: The least and the greatest of several runs.
        bar: What it should reach.
        note: What a reader should know; in place of a value, why there is none.
    """

    what: str
    value: float | None
    unit: str
    spread: tuple[float, float] | None = None
    bar: Bar | None = None
    note: str = ""

    @property
    def is_missed(self) -> bool:
        """Whether it was measured and its bar is not met."""
        return not (self.bar is None or self.value is None or self.bar.met(self.value))

    def cells(self) -> tuple[str, ...]:
        """Return it as a row: what, value, spread, bar, whether it is met, note."""
        if self.value is None:
            return (self.what, "-", "", self._bar(), "", self.note)
        spread = "" if self.spread is None else "-".join(map(number, self.spread))
        met = "" if self.bar is None else ("NO" if self.is_missed else "yes")
        value = f"{number(self.value)} {self.unit}".strip()
        return (self.what, value, spread, self._bar(), met, self.note)

    def _bar(self) -> str:
        return "" if self.bar is None else f"{self.bar.sign} {number(self.bar.limit)}"


HEAD: Final = ("what", "median", "spread", "bar", "met", "note")


def number(value: float) -> str:
    """Return a number with the digits that mean something."""
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"  # noqa: PLR2004 - where commas help


def median_of(
    what: str, values: Sequence[float], unit: str, bar: Bar | None = None, note: str = ""
) -> Figure:
    """Return the figure of several runs."""
    return Figure(what, statistics.median(values), unit, (min(values), max(values)), bar, note)


def ratio_of(
    what: str,
    above: Sequence[float],
    under: Sequence[float],
    bar: Bar | None = None,
    note: str = "",
) -> Figure:
    """Return the figure of how often one thing takes the time of another, run by run."""
    ratios = [one / other for one, other in zip(above, under, strict=True)]
    return median_of(what, ratios, "times", bar, note)


def as_text(figures: Sequence[Figure]) -> str:
    """Return figures as a table for a screen."""
    rows = [HEAD, *(figure.cells() for figure in figures)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def as_markdown(figures: Sequence[Figure]) -> str:
    """Return figures as a table in Markdown."""
    rows = [HEAD, ("---",) * len(HEAD), *(figure.cells() for figure in figures)]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows)
