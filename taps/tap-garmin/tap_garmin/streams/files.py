"""The original file of each activity: its FIT messages, in parts that a database takes in."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, ClassVar, Final

from tap_garmin.archive import OriginalFile, files
from tap_garmin.fit import FitFile
from tap_garmin.parts import as_text, decoded

from .details import ActivityStream

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from singer_sdk.helpers.types import Record

    from tap_garmin.activities import Entry

__all__ = ["ActivityFiles"]

ACCEPT: Final = "application/zip, application/x-zip-compressed, application/octet-stream"
"""octet-stream alone is refused (406)."""


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
            found = decoded(BytesIO(file.data), self.config["fit_detail"])
        else:
            found = as_text(BytesIO(file.data))
        for content in found:
            if content["warnings"]:
                told = "; ".join(content["warnings"])
                self.logger.warning("%s: %s: %s.", self.name, file.path, told)
            yield content
