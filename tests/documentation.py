"""Writes what the documentation takes from the code: ``python -m tests.documentation [--check]``.

A generated part stands between ``<!-- settings: begin -->`` and ``<!-- settings: end -->``.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT: Final = Path(__file__).parent.parent
TARGET: Final = "target-bronze-postgres"
FILES: Final = (ROOT / "README.md", ROOT / "targets" / TARGET / "README.md")
PART: Final = re.compile(r"(<!-- settings: begin -->\n).*?(<!-- settings: end -->\n)", re.DOTALL)
DEFAULT: Final = re.compile(r"(.+?) (?:Default: (.+)|No default(.*))\.$", re.DOTALL)


def settings() -> dict[str, dict[str, Any]]:
    """Return the settings of the target, name to JSON Schema, from its own ``--about``."""
    command = [str(Path(sys.executable).parent / TARGET), "--about", "--format=json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)["settings"]["properties"]
    return found


def table(declared: Mapping[str, Mapping[str, Any]]) -> str:
    """Return settings as a Markdown table: name, default, meaning."""
    lines = ["| setting | default | what it is |", "|---|---|---|"]
    return "\n".join([*lines, *(row(*setting) for setting in declared.items())]) + "\n"


def row(name: str, schema: Mapping[str, Any]) -> str:
    """Return a setting as a row of the table; its default ends its description."""
    found = DEFAULT.fullmatch(schema["description"])
    # The SDK describes its own settings otherwise.
    meaning, default, consequence = found.groups() if found else (schema["description"], None, "")
    notes = [meaning, *_values(schema), *(["Secret."] if schema.get("secret") else [])]
    cells = (f"`{name}`", default or f"none{consequence}", " ".join(notes))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _values(schema: Mapping[str, Any]) -> Iterator[str]:
    """Yield the values that a setting takes, where they are a list."""
    if "enum" in schema:
        yield "One of " + ", ".join(f"`{value}`" for value in schema["enum"]) + "."


def written(text: str, settings_table: str) -> str:
    """Return a page with its generated part written anew."""
    return PART.sub(lambda part: part[1] + settings_table + part[2], text)


def main(arguments: list[str]) -> int:
    """Write the pages, or with ``--check`` only name those that are out of date."""
    settings_table = table(settings())
    status = 0
    for path in FILES:
        before = path.read_text(encoding="utf-8")
        if (after := written(before, settings_table)) == before:
            continue
        name = path.relative_to(ROOT)
        if "--check" in arguments:
            sys.stderr.write(f"{name} is out of date: run make docs\n")
            status = 1
        else:
            path.write_text(after, encoding="utf-8")
            sys.stdout.write(f"{name} written\n")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
