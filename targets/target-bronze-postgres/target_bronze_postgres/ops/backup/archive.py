"""The file of a backup: tar, Zstandard, SHA-256; written and read as a stream."""

from __future__ import annotations

import hashlib
import io
import struct
import tarfile
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Final, Protocol

import zstandard

from target_bronze_postgres.errors import BackupError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

SUMS: Final = "SHA256SUMS"
LEVEL: Final = 3
_SKIPPABLE: Final = struct.pack("<II", 0x184D2A5B, hashlib.sha256().digest_size)
_TRAILER: Final = len(_SKIPPABLE) + hashlib.sha256().digest_size
_DAMAGED: Final = (
    zstandard.ZstdError,
    tarfile.TarError,
    EOFError,
    ValueError,  # a member's name or a line of SHA256SUMS
)


class Writable(Protocol):
    """What a backup is written to."""

    def write(self, data: bytes, /) -> object:
        """Write all of the bytes."""


class _Summed:
    """Passes bytes on and sums them up."""

    def __init__(self, sink: Writable) -> None:
        self._sink = sink
        self.sum = hashlib.sha256()

    def write(self, data: bytes, /) -> int:
        self.sum.update(data)
        self._sink.write(data)
        return len(data)


class ArchiveWriter:
    """Writes members one after another; the end is written where the context ends well."""

    def __init__(self, sink: Writable) -> None:
        """Write to ``sink``, which stays open."""
        self._sink = sink
        self._summed = _Summed(sink)
        compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True, threads=1)
        self._zstd = compressor.stream_writer(self._summed, closefd=False)  # type: ignore[arg-type] # write() is all it needs
        self._tar = tarfile.open(  # noqa: SIM115 - closed by __exit__
            fileobj=self._zstd, mode="w|", format=tarfile.PAX_FORMAT
        )
        self._sums: list[str] = []

    def add(self, name: str, content: bytes) -> None:
        """Add a member, whole."""
        self._sums.append(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
        self._put(name, content)

    def __enter__(self) -> Self:
        """Return the writer."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        """Write sums and trailer; after an error write nothing: the file is of no use."""
        if kind is None:
            self._put(SUMS, "".join(self._sums).encode())
            self._tar.close()
            self._zstd.close()  # type: ignore[no-untyped-call] # its stubs
            self._sink.write(_SKIPPABLE + self._summed.sum.digest())

    def _put(self, name: str, content: bytes) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mode = len(content), 0o600
        self._tar.addfile(member, io.BytesIO(content))


class _Checked(io.RawIOBase):
    """Reads a file up to its trailer, and tells at the end whether the trailer is right."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self._ahead = source.read(_TRAILER)
        self._sum = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # what Python gives
        data = self._ahead + self._source.read(len(buffer))
        here, self._ahead = data[:-_TRAILER], data[-_TRAILER:]
        self._sum.update(here)
        buffer[: len(here)] = here
        return len(here)

    def is_right(self) -> bool:
        return self._ahead == _SKIPPABLE + self._sum.digest()


@contextmanager
def damage(label: str) -> Iterator[None]:
    """Turn what a damaged file does to its readers into one line.

    Raises:
        BackupError: For any of it.
    """
    try:
        yield
    except _DAMAGED as error:
        raise BackupError(
            f"{label} is damaged or no backup ({str(error) or type(error).__name__}): nothing was "
            "changed; take another backup"
        ) from error


def members(source: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each member, each checked; the end tells of a damaged file.

    Raises:
        ValueError: The file is not what was written; likewise the other errors of ``damage``.
    """
    checked = _Checked(source)
    decompressor = zstandard.ZstdDecompressor()
    with (
        decompressor.stream_reader(checked, read_across_frames=True) as plain,  # type: ignore[arg-type] # a raw stream is enough
        tarfile.open(fileobj=plain, mode="r|") as tar,
    ):
        seen: list[str] = []
        for member in tar:
            file = tar.extractfile(member)
            content = file.read() if file else b""
            tar.members.clear()  # type: ignore[attr-defined] # it would keep them all
            if member.name == SUMS:
                if content.decode() != "".join(seen):
                    raise ValueError("the members are not those of SHA256SUMS")
                seen.clear()
                break
            seen.append(f"{hashlib.sha256(content).hexdigest()}  {member.name}\n")
            yield member.name, content
        else:
            raise EOFError("it ends too early")
        while plain.read(1 << 20):
            pass
    if not checked.is_right():
        raise ValueError("its bytes are not those that were written")
