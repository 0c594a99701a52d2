"""Writes what the documentation takes from the code: ``python -m tests.documentation [--check]``.

A generated table stands between ``<!-- settings of NAME: begin -->`` and
``<!-- settings: end -->``, where NAME is the command whose ``--about`` it is taken from.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT: Final = Path(__file__).parent.parent
COMMANDS: Final = ("tap-toggl", "tap-garmin", "target-bronze-postgres")
FILES: Final = (ROOT / "README.md", *sorted(ROOT.glob("*/*/README.md")))
PART: Final = re.compile(
    r"(<!-- settings of ([\w-]+): begin -->\n).*?(<!-- settings: end -->\n)", re.DOTALL
)
DEFAULT: Final = re.compile(r"(.+?) (?:Default: (.+)|No default(.*))\.$", re.DOTALL)


@cache
def settings(command: str) -> dict[str, dict[str, Any]]:
    """Return the settings of a plugin, name to JSON Schema, from its own ``--about``."""
    line = [str(Path(sys.executable).parent / command), "--about", "--format=json"]
    done = subprocess.run(line, capture_output=True, text=True, check=True, timeout=60)
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)["settings"]["properties"]
    return found


def table(declared: Mapping[str, Mapping[str, Any]]) -> str:
    """Return settings as a Markdown table: name, default, meaning."""
    lines = ["| setting | default | what it is |", "|---|---|---|"]
    return "\n".join([*lines, *(row(*setting) for setting in declared.items())]) + "\n"


def row(name: str, schema: Mapping[str, Any]) -> str:
    """Return a setting as a row of the table.

    The default ends the description (the target's form), or is a member of the schema (the SDK's).
    """
    found = DEFAULT.fullmatch(schema["description"])
    meaning, default, consequence = found.groups() if found else (schema["description"], None, "")
    notes = [meaning, *_values(schema), *(["Secret."] if schema.get("secret") else [])]
    cells = (f"`{name}`", default or _declared(schema) or f"none{consequence}", " ".join(notes))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _declared(schema: Mapping[str, Any]) -> str | None:
    """Return the default that a schema declares, as JSON without quotation marks."""
    default = schema.get("default")
    return None if default in (None, [], {}) else json.dumps(default).strip('"')


def _values(schema: Mapping[str, Any]) -> Iterator[str]:
    """Yield the values that a setting takes, where they are a list."""
    for declared in (schema, schema.get("items", {})):
        if "enum" in declared:
            yield "One of " + ", ".join(f"`{value}`" for value in declared["enum"]) + "."


def written(text: str) -> str:
    """Return a page with its generated parts written anew."""
    return PART.sub(lambda part: part[1] + table(settings(part[2])) + part[3], text)


def main(arguments: list[str]) -> int:
    """Write the pages, or with ``--check`` only name those that are out of date."""
    status = 0
    for path in FILES:
        before = path.read_text(encoding="utf-8")
        if (after := written(before)) == before:
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
