"""Archives that are broken, cut, or made to do harm; each has some good file too where it can."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GOOD: Final = "good/UDSFile_2024-01-01_2024-01-02.json"
"""A file that must land whatever lies beside it."""
ROWS: Final = b'[{"calendarDate": "2024-01-01"}, {"calendarDate": "2024-01-02"}]'
MIB: Final = 2**20
EVIL: Final = "UDSFile_2023-01-01_2023-01-02.json"
EVIL_ROWS: Final = b'[{"calendarDate": "2023-01-01"}]'
CENTRAL: Final = b"PK\x01\x02"
LOCAL: Final = b"PK\x03\x04"
ENCRYPTED: Final = 1


def bomb(path: Path, mebibytes: int = 160) -> None:
    """Write an archive of which an entry of zeros unpacks to a thousand times its size."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        with packed.open("bomb_sleepData.json", "w") as file:
            for _ in range(mebibytes):
                file.write(bytes(MIB))
        packed.writestr(GOOD, ROWS)


def many_bombs(path: Path, number: int = 20) -> None:
    """Write an archive whose entries are each small enough, and in all are not."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(GOOD, ROWS)
        for one in range(number):
            packed.writestr(f"{one}_sleepData.json", bytes(8 * MIB))


def overlapping(path: Path, number: int = 50) -> None:
    """Write an archive whose entries are all the same bytes, named again and again."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(EVIL, EVIL_ROWS)
        (entry,) = archive.infolist()
        archive.filelist.extend([entry] * (number - 1))
        archive.writestr(GOOD, ROWS)
    path.write_bytes(packed.getvalue())


def upwards(path: Path) -> None:
    """Write an archive whose entries lead out of it, by dots, from the root, from a drive."""
    with zipfile.ZipFile(path, "w") as packed:
        for folder in ("../../", "good/../../", "/tmp/", "C:/", "..\\"):  # noqa: S108 - a name
            packed.writestr(zipfile.ZipInfo(folder + EVIL), EVIL_ROWS)
        packed.writestr(GOOD, ROWS)


def links(path: Path) -> None:
    """Write an archive with an entry that is a link to a file of the machine."""
    entry = zipfile.ZipInfo(EVIL)
    entry.create_system, entry.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr(entry, "/etc/passwd")
        packed.writestr(GOOD, ROWS)


def encrypted(path: Path) -> None:
    """Write an archive of which an entry says that it is encrypted."""
    _write(path)
    data = bytearray(path.read_bytes())
    for mark, flags in ((LOCAL, 6), (CENTRAL, 8)):
        place = data.index(mark) + flags
        data[place] |= ENCRYPTED
    path.write_bytes(data)


def wrong_checksum(path: Path) -> None:
    """Write an archive of which an entry has other bytes than its checksum says."""
    _write(path)
    path.write_bytes(path.read_bytes().replace(EVIL_ROWS, EVIL_ROWS.replace(b"2023", b"2022"), 1))


def cut(path: Path) -> None:
    """Write an archive that ends in its middle."""
    _write(path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def empty(path: Path) -> None:
    """Write an archive of 0 bytes."""
    path.write_bytes(b"")


def foreign(path: Path) -> None:
    """Write a text that is called an archive."""
    path.write_text("This is no archive.")


def deep(path: Path, levels: int = 6) -> None:
    """Write archives in archives, with a good file in each."""
    inner = b""
    for level in range(levels, -1, -1):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(GOOD, ROWS.replace(b"2024", str(2000 + level).encode()))
            if inner:
                archive.writestr(f"level{level + 1}.zip", inner)
        inner = packed.getvalue()
    path.write_bytes(inner)


def crowded(path: Path, number: int = 300) -> None:
    """Write an archive of very many entries."""
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr(GOOD, ROWS)
        for one in range(number):
            packed.writestr(f"{one:09}.txt", b"")


def large_directory(path: Path, mebibytes: int = 64) -> None:
    """Write an archive whose directory claims more bytes than one of a million entries has."""
    size = mebibytes * MIB
    with path.open("wb") as file:
        file.seek(size)
        file.write(struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, size, 0, 0))


def odd_names(path: Path) -> None:
    """Write an archive with names that would break a line, a log, or an encoding."""
    with zipfile.ZipFile(path, "w") as packed:
        for name in (
            "line\nbreak.txt",
            "\x1b[31mred.txt",
            "M\N{LATIN SMALL LETTER U WITH DIAERESIS}ller!.txt",
        ):
            packed.writestr(name, b"x")
        packed.writestr(GOOD, ROWS)


def _write(path: Path) -> None:
    """Write an archive of an entry that becomes a bad one, and of a good one."""
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr(EVIL, EVIL_ROWS)
        packed.writestr(GOOD, ROWS)


HOSTILE: Final[dict[str, Callable[[Path], None]]] = {
    make.__name__: make
    for make in (bomb, many_bombs, overlapping, upwards, links, encrypted, wrong_checksum, cut,
                 empty, foreign, deep, crowded, large_directory, odd_names)
}  # fmt: skip
"""What writes each of them, by name."""
