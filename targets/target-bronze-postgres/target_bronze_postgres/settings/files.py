"""Config files, as ``--config`` names them, and files that are found by their name."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from target_bronze_postgres.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def read_config(files: Sequence[str]) -> dict[str, Any]:
    """Merge config files as singer-sdk does; ``ENV`` is no file, the environment is always read.

    Raises:
        SettingsError: A file cannot be read or is no JSON object.
    """
    return {
        name: value
        for file in files
        if file != "ENV"
        for name, value in _read_object(Path(file)).items()
    }


def _read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file."""
    try:
        config = json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        # Not with the parser's words: they may quote a password.
        line = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise SettingsError(f"{path} is not JSON{line}: mend the file") from None
    if not isinstance(config, dict):
        raise SettingsError(f"{path} is not a JSON object: write the settings between {{ and }}")
    return config


def nearest(
    name: str, environ: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Path | None:
    """Find the file of this name in the nearest folder upwards.

    Meltano's project has the word, so that a pipe inside it reads what `meltano run` reads.

    Args:
        name: The file's name.
        environ: Environment variables; the process's own if not given.
        cwd: Folder to search from; the working folder if not given.
    """
    start = (Path.cwd() if cwd is None else cwd).absolute()
    folders = [start, *start.parents]
    if root := (os.environ if environ is None else environ).get("MELTANO_PROJECT_ROOT"):
        folders.insert(0, Path(root).absolute())
    # os.path.isfile, because Path.is_file raises where a folder may not be entered.
    return next((f / name for f in folders if os.path.isfile(f / name)), None)  # noqa: PTH113
