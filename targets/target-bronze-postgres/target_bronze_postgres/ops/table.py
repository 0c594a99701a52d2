"""Tables of text for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_bronze_postgres.ops.escape import escaped

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["table"]


def table(
    headings: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[str] = ()
) -> Iterator[str]:
    """Yield the lines of a table: headings, then rows; control characters are escaped.

    Args:
        headings: Names of the columns.
        rows: Their cells.
        right: Columns that stand to the right, as numbers do.
    """
    lines = [list(headings), *([escaped(str(cell)) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = zip(headings, line, widths, strict=True)
        aligned = (c.rjust(width) if name in right else c.ljust(width) for name, c, width in cells)
        yield "  ".join(aligned).rstrip()
