"""The streams of exported files: rows of JSON files, and original files in parts."""

from __future__ import annotations

from io import BytesIO
from typing import IO, TYPE_CHECKING, Any, ClassVar, Final

from tap_garmin.fit import FileId, FitFile
from tap_garmin.parts import as_text, decoded
from tap_garmin.progress import Progress
from tap_garmin.stream import BronzeStream

from .archives import BROKEN
from .families import FAMILIES, FIT_STREAMS, ORIGINALS, OTHER_FIT
from .index import START, digest
from .rows import RowError, rows
from .seen import Seen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from singer_sdk.helpers.types import Record

    from tap_garmin.tap import TapGarmin

    from .families import Family
    from .walk import File

__all__ = ["FILE_STREAMS", "FileStream"]

IN_MEMORY: Final = 16 * 2**20
"""Bytes up to which a file is read once and held; a larger one is read twice."""
SMALLEST: Final = 2
"""Bytes of a JSON file without rows: ``[]``."""


class FileStream(BronzeStream):
    """A stream that is read file by file, each file once.

    The STATE holds which files have been read, by their hashes: a file that was renamed, or comes
    again in a later export, is not read again.
    """

    tap: TapGarmin
    every: ClassVar[int]
    """Files after which a STATE goes out, at least."""

    @property
    def detail(self) -> str | None:
        """What is taken of a file, if that can be set: with another one all are read again."""
        return None

    def records(self, file: File, source: IO[bytes], hashed: str) -> Iterable[Record]:
        """Yield the records of a file.

        Args:
            file: What is known of it.
            source: The file, at its start.
            hashed: Its SHA-256, as hexadecimal digits.
        """
        raise NotImplementedError  # each kind of file has its own

    def read(self) -> Iterable[Record]:
        """Yield the records of the files that have not been read."""
        state = self.stream_state
        seen = Seen(state.get("files") if state.get("detail") == self.detail else None)
        due = {one.path for one in self.tap.index.of(self.name) if one.digest not in seen}
        if not due:
            return
        progress = Progress(self.logger, self.name, len(due), "files")
        for file in self.tap.walk.files(due):
            if file.path in due:
                yield from self._unread(file, seen)
                progress.step()
                if seen.is_due(self.every):
                    self._keep(seen)
                    self.emit_state()
        self._keep(seen)
        progress.finish()

    def _keep(self, seen: Seen) -> None:
        """Keep in the STATE which files have been read."""
        self.bookmark(files=seen.text(), detail=self.detail)

    def _unread(self, file: File, seen: Seen) -> Iterator[Record]:
        """Yield the records of a file, unless one of the same bytes has been read."""
        try:
            with _held(file) as source:
                hashed = digest(source)
                if hashed in seen:
                    return
                source.seek(0)
                self._note(file, hashed.hex())
                yield from self.records(file, source, hashed.hex())
                seen.add(hashed)
        except BROKEN as error:
            self.tap.warn(file.path, f"it cannot be read ({type(error).__name__})")

    def _note(self, file: File, hashed: str) -> None:
        """Take down what is known of a file, for the records that are made of it.

        The time of the file stands for that of the reading: an export that was made earlier holds
        earlier versions, whenever it is loaded, and the same export loaded again nothing new.
        """
        self.received_at = file.written_at
        self.origin = {
            "file_path": file.path,
            "file_hash": hashed,
            "file_size": file.size,
            "compression_type": "zip" if file.is_packed else "none",
            "encoding": "binary" if file.name.lower().endswith(".fit") else "utf-8",
        }


class ExportStream(FileStream):
    """The rows of a family of JSON files."""

    family: ClassVar[Family]
    every = 10

    def records(self, file: File, source: IO[bytes], hashed: str) -> Iterator[Record]:  # noqa: ARG002 - others need all
        """Yield the rows, as they stand there; tell where a file breaks off or has none."""
        number = 0
        try:
            for row in rows(source, file.name, self.family.rows):
                yield from self.family.records(row)
                number += 1
        except RowError as error:
            self.tap.warn(file.path, f"{error}, after {number} rows that were read")
        else:
            if not number and file.size > SMALLEST:
                self.tap.warn(file.path, "it holds no rows of the form that is known")


class OriginalStream(FileStream):
    """Files as a watch wrote them, decoded, in parts; in the form of ``activity_files``."""

    primary_keys = ("_tap_file_hash", "_tap_part")
    source_timestamp: ClassVar = {"pointer": "/_tap_time_created", "form": "rfc3339"}
    every = 100

    @property
    def source(self) -> str:
        """Name of the source; rows go to the bronze table of this name."""
        return "garmin_files"

    def provenance(self) -> dict[str, Any]:
        """Return what holds for the whole stream: no index of raw_data is wanted."""
        return super().provenance() | {"raw_index": "none"}

    @property
    def detail(self) -> str:
        """What is taken of a file."""
        return str(self.config["fit_detail"])

    def records(self, file: File, source: IO[bytes], hashed: str) -> Iterator[Record]:
        """Yield the parts of a file, and tell what is wrong with it."""
        start = source.read(START)
        source.seek(0)
        created = FileId.of(start).created if FitFile.is_fit(start) else None
        for number, content in enumerate(self._contents(file, source, start)):
            if content["warnings"]:
                self.tap.warn(file.path, "; ".join(content["warnings"]))
            yield {
                "_tap_file_hash": hashed,
                "_tap_part": number,
                "_tap_time_created": created,
                "file": file.name,
                **content,
            }

    def _contents(self, file: File, source: IO[bytes], start: bytes) -> Iterable[Record]:
        """Return what a file holds, in parts."""
        if FitFile.is_fit(start):
            return decoded(source, self.detail)
        if file.name.lower().endswith(ORIGINALS):
            return as_text(source)
        return [{"format": None, "is_last": True, "warnings": ["this is no FIT file"]}]


def _held(file: File) -> IO[bytes]:
    """Open a file, a small one as a copy in memory: to seek back in an archive costs time."""
    source = file.open()
    if file.size > IN_MEMORY:
        return source
    with source:
        return BytesIO(source.read())


def _of_family(family: Family) -> type[FileStream]:
    """Return the stream of a family."""
    time = family.time
    members = {
        "__doc__": f"The rows of {family.file}.",
        "name": family.stream,
        "family": family,
        "primary_keys": family.key,
        "source_timestamp": {"pointer": time[0], "form": time[1]} if time else None,
    }
    return type(family.stream, (ExportStream,), members)


def _of_originals(name: str) -> type[FileStream]:
    """Return the stream of original files of a type."""
    return type(name, (OriginalStream,), {"__doc__": "Original files of a type.", "name": name})


FILE_STREAMS: Final[tuple[type[FileStream], ...]] = (
    *map(_of_family, FAMILIES),
    *map(_of_originals, [*dict.fromkeys(FIT_STREAMS.values()), OTHER_FIT]),
)
