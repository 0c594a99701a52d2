"""The input: what tap-toggl wrote when it read a made-up account of the sandbox, over HTTP.

It is kept in ``data/bench`` from one go to the next, until the tap, the sandbox or this change.
"""

from __future__ import annotations

import json
import random
import subprocess
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Final

from benchmarks.bench import DATA, ROOT
from benchmarks.child import PROGRAMS, ChildError
from tests.sandbox import Options, Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

STREAM: Final = "time_entries_history"
TABLE: Final = "bronze_toggl"
_NOW: Final = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
_DAYS: Final = 365.25
_MORE: Final = 1.01
_FEW: Final = 100
"""The generator meets the number of entries a day only on average: so more are asked for."""
_DIGITS: Final = 12
_SOURCES: Final = (ROOT / "tests/sandbox", ROOT / "taps/tap-toggl/tap_toggl", Path(__file__))


def entries(count: int, *, years: float = 5, page: int = 50, shuffled: bool = False) -> Path:
    """Return a file with a SCHEMA, ``count`` RECORD lines of time entries, and the STATE lines.

    Args:
        count: How many records.
        years: Over how long a time.
        page: Records of a response; 50 is what Toggl's reports give.
        shuffled: Whether the records, and with them keys and months, come in random order.

    Raises:
        ChildError: The tap failed.
    """
    order = "-shuffled" if shuffled else ""
    path = DATA / f"entries-{count}-{years:g}-years{order}-{_digest()}.singer"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        for outdated in DATA.glob(f"entries-{count}-{years:g}-years{order}-{'?' * _DIGITS}.*"):
            outdated.unlink()
        new = path.with_suffix(".new")
        _write(new, count, years, page)
        if shuffled:
            _shuffle(new)
        new.rename(path)
    return path


def _digest() -> str:
    files = [f for s in _SOURCES for f in ([s] if s.is_file() else sorted(s.rglob("*.py")))]
    return sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:_DIGITS]


def _write(path: Path, count: int, years: float, page: int) -> None:
    shape = Options(
        entries_per_day=(count * _MORE + _FEW) / (years * _DAYS),
        workspaces=1,
        plan="Enterprise",
        running=False,
        future=0,
    )
    with Sandbox(1, years=years, now=_NOW, toggl=shape, with_garmin=False) as sandbox:
        sandbox.toggl.largest_page_size = page
        settings = {"request_interval": 0, "api_url": sandbox.toggl.url}
        settings["api_token"] = sandbox.toggl.token
        with NamedTemporaryFile("w", suffix=".json") as config:
            json.dump(settings, config)
            config.flush()
            command = sandbox.command(str(PROGRAMS / "tap-toggl"), "--config", config.name)
            with path.open("wb") as file, _tap(command) as tap:
                file.writelines(_first(tap, count))


def _tap(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=1 << 20
    )


def _first(tap: subprocess.Popen[bytes], count: int) -> Iterator[bytes]:
    """Yield the lines of the stream until so many records came, and the STATE after them."""
    schema, record = (f'{{"type":"{k}","stream":"{STREAM}"'.encode() for k in ("SCHEMA", "RECORD"))
    state, found = b'{"type":"STATE"', 0
    for line in tap.stdout or ():
        if line.startswith(record):
            found += 1
            if found <= count:
                yield line
        elif line.startswith(schema) or (found and line.startswith(state)):
            yield line
    if found < count or tap.wait():
        raise ChildError(f"tap-toggl wrote {found} entries of {count}, and ended with {tap.wait()}")


def _shuffle(path: Path) -> None:
    """Put the records in random order; times and requests stay with the lines."""
    lines = path.read_bytes().splitlines(keepends=True)
    begin, end = b',"record":', b',"time_extracted":'
    places = [n for n, line in enumerate(lines) if line.startswith(b'{"type":"RECORD"')]
    parts = {n: (lines[n].index(begin), lines[n].rindex(end)) for n in places}
    mixed = random.Random(1).sample(places, len(places))  # noqa: S311 - so that goes compare
    with path.open("wb") as file:
        for number, line in enumerate(lines):
            if number not in parts:
                file.write(line)
                continue
            (start, stop), other = parts[number], mixed.pop()
            file.write(line[:start] + lines[other][slice(*parts[other])] + line[stop:])


def keyless(messages: Path) -> Path:
    """Return the same messages with a SCHEMA without key_properties: loaders then append."""
    path = messages.with_suffix(".keyless")
    if not path.exists():
        with messages.open("rb") as source, path.open("wb") as file:
            for line in source:
                is_schema = line.startswith(b'{"type":"SCHEMA"')
                file.write(_without_keys(line) if is_schema else line)
    return path


def _without_keys(line: bytes) -> bytes:
    return json.dumps(json.loads(line) | {"key_properties": []}).encode() + b"\n"
