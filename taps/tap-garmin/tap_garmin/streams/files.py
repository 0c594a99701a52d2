"""The original file of each activity: its FIT messages, in parts that a database takes in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar, Final

from tap_garmin.archive import OriginalFile, files
from tap_garmin.fit import SAMPLES, FitFile

from .details import ActivityStream

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from singer_sdk.helpers.types import Record

    from tap_garmin.activities import Entry
    from tap_garmin.fit import Message

__all__ = ["ActivityFiles"]

ACCEPT: Final = "application/zip, application/x-zip-compressed, application/octet-stream"
"""octet-stream alone is refused (406)."""
LARGEST: Final = 8 * 2**20
"""Bytes of a record."""
HEAD: Final = 64 * 2**10
"""Bytes that are left for all but the messages."""
BETWEEN: Final = 8
"""Bytes of what stands between two messages."""


class ActivityFiles(ActivityStream):
    """A FIT file, decoded; a file of more than 8 MiB as JSON comes in several records.

    A GPX or TCX file that was uploaded comes as text. The records go to a source of their own,
    because an index of their contents would be larger than all else.
    """

    name = "activity_files"
    group = "activity_files"
    path = api_endpoint = "/download-service/files/activity/{activity}"
    parent: ClassVar = {
        "stream": "activities",
        "key": ["/_tap_activity_id"],
        "source": "garmin",
    }
    primary_keys = ("_tap_activity_id", "_tap_part")
    replication_key = "_tap_start_time"
    source_timestamp: ClassVar = {"pointer": "/_tap_start_time", "form": "utc"}

    @property
    def source(self) -> str:
        """Name of the source; rows go to the bronze table of this name."""
        return "garmin_files"

    def provenance(self) -> dict[str, Any]:
        """Return what holds for the whole stream: no index of raw_data is wanted."""
        return super().provenance() | {"raw_index": "none"}

    def has(self, entry: Entry) -> bool:
        """Tell whether an activity has a file: that of a multisport activity is its parent's."""
        return not entry.is_leg

    def digest(self, entry: Entry) -> str:
        """Return what changes when the file does: an original is only ever trimmed."""
        return entry.recording

    def part(self, record: Record) -> int:
        """Return the number of the part."""
        return int(record["_tap_part"])

    def key_of(self, activity: int, part: int) -> Record:
        """Return the key of a part."""
        return {"_tap_activity_id": activity, "_tap_part": part}

    def records(self, entry: Entry) -> Iterable[Record]:
        """Yield the parts of the activity's file; of all of them, if the archive holds several."""
        answer = self.ask(self.path.format(activity=entry.id), ACCEPT)
        if not answer.content:
            return
        origin, number = self.origin, 0
        for file in files(f"{entry.id}.zip", answer.content):
            self.origin = origin | file.provenance()
            for content in self._parts(file):
                yield {
                    "_tap_activity_id": entry.id,
                    "_tap_part": number,
                    "_tap_start_time": entry.start,
                    "file": file.name,
                    **content,
                }
                number += 1
        self.origin = origin

    def _parts(self, file: OriginalFile) -> Iterator[Record]:
        """Yield the contents of a file, and tell what is wrong with it."""
        if file.warning is not None:
            found = iter([{"format": None, "warnings": [file.warning]}])
        elif FitFile.is_fit(file.data):
            found = self._decoded(file)
        else:
            found = _as_text(file.data)
        for content in found:
            if content["warnings"]:
                told = "; ".join(content["warnings"])
                self.logger.warning("%s: %s: %s.", self.name, file.path, told)
            yield content

    def _decoded(self, file: OriginalFile) -> Iterator[Record]:
        """Yield the messages of a FIT file, in parts; the last one has the warnings."""
        is_summary = self.config["fit_detail"] == "summary"
        fit = FitFile(file.data, SAMPLES if is_summary else frozenset())
        part = _Part()
        for message in fit.messages():
            if not part.takes(message):
                yield part.content(fit, is_last=False)
                part = _Part()
                part.takes(message)
        yield part.content(fit, is_last=True)


class _Part:
    """Messages that go into one record."""

    def __init__(self) -> None:
        """Start without messages."""
        self._messages: list[dict[str, Any]] = []
        self._units: dict[str, dict[str, str]] = {}
        self._size = 0

    def takes(self, message: Message) -> bool:
        """Take a message in; False if there is no room for it."""
        known = self._units.get(message.name, {})
        own = {name: unit for name, unit in message.units.items() if known.get(name, unit) != unit}
        entry = {"name": message.name, "fields": message.fields} | ({"units": own} if own else {})
        new = {name: unit for name, unit in message.units.items() if name not in known}
        size = len(json.dumps([message.name, entry, new])) + BETWEEN
        if self._messages and self._size + size > LARGEST - HEAD:
            return False
        self._size += size
        self._messages.append(entry)
        if new:
            self._units.setdefault(message.name, {}).update(new)
        return True

    def content(self, fit: FitFile, *, is_last: bool) -> Record:
        """Return the part as members of a record."""
        return {
            "format": "fit",
            "header": fit.header,
            "is_last": is_last,
            "warnings": list(fit.warnings) if is_last else [],
            "units": self._units,
            "messages": self._messages,
        }


def _as_text(data: bytes) -> Iterator[Record]:
    """Yield the text of a GPX or TCX file, in parts."""
    text = data.decode("utf-8", "replace")
    kind = next((kind for kind in ("gpx", "tcx") if _root(kind) in text[:4096]), None)
    warnings = [] if kind else ["this is no FIT, GPX or TCX file"]
    size = (LARGEST - HEAD) // 4  # a character takes four bytes at most
    for start in range(0, max(len(text), 1), size):
        yield {
            "format": kind,
            "is_last": start + size >= len(text),
            "warnings": warnings,
            "text": text[start : start + size],
        }


def _root(kind: str) -> str:
    """Return how the root element of a format begins."""
    return {"gpx": "<gpx", "tcx": "<TrainingCenterDatabase"}[kind]
