"""Config files, as ``--config`` names them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from target_bronze_postgres.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence


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
