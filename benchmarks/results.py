"""Writes ``RESULTS.md``: a section a measurement; a go replaces the sections that it made."""

from __future__ import annotations

import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.bench import ROOT, machine
from benchmarks.figures import as_markdown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.figures import Figure

PATH: Final = Path(__file__).with_name("RESULTS.md")
INTRODUCTION: Final = """\
# Results

What `make bench` measured, newest figures of each part. Values are medians of alternating runs, the
spread is their least and greatest; a ratio is taken run by run. Both sides of a comparison load the
same records from an empty table with the same partitions and indexes.

"""


def write(name: str, title: str, how: str, figures: Sequence[Figure]) -> None:
    """Write the section of a measurement, in place of an older one; others stay.

    Args:
        name: The measurement's name, as ``ONLY`` takes it.
        title: Its heading.
        how: Sizes, runs and versions of the go.
        figures: What came out.
    """
    text = f"## {title}\n\n`make bench ONLY={name}`. {how}\n\n{as_markdown(figures)}\n"
    known = _sections() | {name: text}
    PATH.write_text(INTRODUCTION + "\n".join(known.values()), encoding="utf-8")


def _sections() -> dict[str, str]:
    if not PATH.exists():
        return {}
    parts = re.split(r"^(?=## )", PATH.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    names = (re.search(r"ONLY=(\w+)", part) for part in parts)
    pairs = zip(names, parts, strict=True)
    return {found[1]: part.rstrip() + "\n" for found, part in pairs if found}


def surroundings(server: str) -> str:
    """Return when and where a go was made: date, machine, versions, commit."""
    names = ("lakehouse-target-bronze-postgres", "psycopg", "msgspec", "jsonschema-rs")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, commit {_commit()}; {machine()}; PostgreSQL {server}, "
        f"Python {platform.python_version()}, {versions}."
    )


def _commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"
