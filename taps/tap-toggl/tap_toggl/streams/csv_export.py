"""Time entries that the person exported as CSV files: what remains of a closed account, too."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections import Counter
from datetime import date
from typing import TYPE_CHECKING, ClassVar, Final

from tap_toggl import clock
from tap_toggl.errors import AnswerError
from tap_toggl.files import csv_files
from tap_toggl.stream import BronzeStream
from tap_toggl.walltime import form_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from singer_sdk.helpers.types import Record

    from tap_toggl.files import File
    from tap_toggl.tap import TapToggl
    from tap_toggl.walltime import WallTime

__all__ = ["CsvTimeEntries"]

NEEDED: Final = {"Start date", "Start time", "Duration"}
"""Columns that tell an export of time entries from other CSV files."""
IDENTITY: Final = (
    "Email",
    "Start date",
    "Start time",
    "End date",
    "End time",
    "Description",
    "Project",
    "Tags",
)
LONGEST_CELL: Final = 1 << 24


class CsvTimeEntries(BronzeStream):
    """Rows of the files that setting ``paths`` names, a record a row, cells as they stand there.

    Exported rows have no id. Their key is a hash of what tells an entry, and how often the same
    stood in the file before; so the same file, or one that overlaps it, adds nothing.
    """

    name = "csv_time_entries"
    primary_keys = ("_tap_key",)
    source_timestamp: ClassVar[Mapping[str, str]] = {"pointer": "/_tap_start", "form": "rfc3339"}

    def __init__(self, tap: TapToggl) -> None:
        """Be on if there are files to read."""
        self.toggl = tap
        self.selected_by_default = bool(tap.config.get("paths"))
        super().__init__(tap)
        self.is_asked_for = self.selected_by_default

    def read(self) -> Iterator[Record]:
        """Yield the rows of every file; a file that cannot be read does not hide the others."""
        for file in csv_files(self.config.get("paths") or []):
            try:
                yield from self._rows(file)
            except AnswerError as error:
                self.tap.fail(self.name, error)

    def _rows(self, file: File) -> Iterator[Record]:
        """Yield the rows of one file."""
        records = list(_cells(file))
        if not records or not records[0].keys() >= NEEDED:
            self.logger.warning("%s is skipped: it holds no exported time entries.", file.name)
            return
        self.origin, self.received_at = file.origin(), clock.now()
        reader, seen = self._reader(file, records), Counter[str]()
        days: set[str] = set()
        for record in records:
            number = _hash(record)
            seen[number] += 1
            start = _start(reader, record)
            days.update(moment[:10] for moment in start.values())
            yield {"_tap_key": f"{number}-{seen[number]}"} | start | record
        if days:  # what lies between two entries was exported, too
            self.note_asked(date.fromisoformat(min(days)), date.fromisoformat(max(days)))

    def _reader(self, file: File, records: list[Record]) -> WallTime | None:
        """Return how to read the file's times; tell if that is not certain."""
        days = [record.get("Start date", "") for record in records]
        times = [record.get("Start time", "") for record in records]
        found = form_of(days, times, self.toggl.csv_zone)
        if found is None:
            self.logger.warning(
                "%s: the form of its dates is not certain, so its rows get no time of their own. "
                "Export with dates such as 2024-01-31 (profile page, date format).",
                file.name,
            )
        return found


def _cells(file: File) -> Iterator[Record]:
    """Yield the rows of a file, a cell by the name of its column.

    Raises:
        AnswerError: It is no CSV file in UTF-8.
    """
    csv.field_size_limit(LONGEST_CELL)
    lines = csv.reader(io.StringIO(file.text(), newline=""), strict=True)
    try:
        header = next(lines, [])
        for row in lines:
            if row:
                more = {"_tap_more": row[len(header) :]} if len(row) > len(header) else {}
                yield dict(zip(header, row, strict=False)) | more
    except csv.Error as error:
        raise AnswerError(f"{file.name} is no CSV file that can be read ({error}).") from None


def _hash(record: Record) -> str:
    """Return the hash of what tells an entry from others."""
    parts = json.dumps([record.get(column, "") for column in IDENTITY])
    return hashlib.sha256(parts.encode()).hexdigest()[:32]


def _start(reader: WallTime | None, record: Record) -> Record:
    """Return the member that tells when an entry began, if that can be read."""
    day, time = record.get("Start date", ""), record.get("Start time", "")
    found = reader.rfc3339(day, time) if reader else None
    return {"_tap_start": found} if found else {}
