"""Memory stays flat whatever is read: no archive, no large file and no list of rows is held."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.peak_memory import run

if TYPE_CHECKING:
    from collections.abc import Callable

TAP = str(Path(sys.executable).parent / "tap-garmin")
MIB = 2**20
MOST = 200 * MIB
"""The program alone takes 90 MiB."""


def large_archive(path: Path) -> None:
    """Write an archive in an archive with files of 200 MiB in all."""
    noise = os.urandom(MIB)
    with (
        zipfile.ZipFile(path / "export.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=0) as outer,
        outer.open("Part1.zip", "w") as file,
        zipfile.ZipFile(file, "w") as inner,
    ):
        for number in range(4):
            with inner.open(f"{number}.fit", "w") as one:
                one.write(bytes([number]))
                for _ in range(50):
                    one.write(noise)


def long_list(path: Path) -> None:
    """Write a JSON file with rows of 160 MiB in all."""
    with (path / "UDSFile_1_2.json").open("w") as file:
        for number in range(160):
            row = {"calendarDate": f"day {number}", "text": "x" * MIB}
            file.write(("," if number else "[") + json.dumps(row))
        file.write("]")


@pytest.mark.parametrize(("make", "records"), [(large_archive, 4), (long_list, 160)])
def test_memory_is_flat(make: Callable[[Path], None], records: int, tmp_path: Path) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()
    make(folder)
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"auth_mode": "files", "paths": [str(folder)]}))
    out = tmp_path / "out.singer"
    with out.open("wb") as written:
        peak = run([TAP, "--config", str(config)], stdout=written, stderr=subprocess.DEVNULL)
    assert peak.status == 0
    with out.open("rb") as lines:
        assert sum(line.startswith(b'{"type":"RECORD"') for line in lines) == records
    assert peak.memory < MOST
