"""``make demo``: every stream lands, a second time nothing does, and nothing else is contacted."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from target_bronze_postgres.embedded import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parent.parent.parent
LOOPBACK_UP: Final = """
import fcntl, os, socket, struct, sys
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
    request = struct.pack("16sh", b"lo", 0)
    (flags,) = struct.unpack_from("h", fcntl.ioctl(link, SIOCGIFFLAGS, request), 16)
    fcntl.ioctl(link, SIOCSIFFLAGS, struct.pack("16sh", b"lo", flags | IFF_UP))
os.execv(sys.argv[1], sys.argv[1:])
"""
"""A network of its own begins with its loopback down."""
TWICE: Final = """
set -e
"$0" -m tests.demo "$1" > "$1/first.txt"
"$2/bronze" status --format json > "$1/status.json"
"$0" -m tests.demo "$1" > "$1/second.txt"
"$2/bronze" db stop
"""


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """A folder for the demonstration's data; the embedded server in it is stopped at the end."""
    folder = tmp_path / "data"
    folder.mkdir()
    yield folder
    EmbeddedServer(folder / "postgres").stop()


@pytest.fixture
def alone() -> list[str]:
    """The words before a command that give it a network without any other machine."""
    unshare = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]
    words = [*unshare, sys.executable, "-c", LOOPBACK_UP]
    if not shutil.which("unshare"):
        pytest.skip("needs unshare (util-linux)")
    if subprocess.run([*words, "/bin/true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets no process have a network of its own")
    return words


def test_the_demonstration_twice_with_no_other_network(
    data: Path, tmp_path: Path, alone: list[str]
) -> None:
    programs = Path(sys.executable).parent
    done = subprocess.run(
        [*alone, "/bin/sh", "-c", TWICE, sys.executable, data, programs],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "TARGET_BRONZE_POSTGRES_EMBEDDED_DIR": str(data / "postgres"),
        },
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    streams = json.loads((data / "status.json").read_text())["streams"]
    names = {(stream["source"], stream["stream"]) for stream in streams}
    assert {("toggl", "time_entries_history"), ("garmin", "sleep")} < names
    assert all(stream["run_records_read"] == stream["run_rows_new"] > 0 for stream in streams)
    assert all(stream["quality"] == 1 for stream in streams)
    assert "wrote 0 rows" not in (data / "first.txt").read_text()
    assert "wrote 0 rows" in (data / "second.txt").read_text()
