"""Where values come from: the config, the environment and the nearest ``.env``, in this order."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dotenv import dotenv_values

from target_bronze_postgres.errors import SettingsError
from target_bronze_postgres.settings.files import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PREFIX: Final = "TARGET_BRONZE_POSTGRES_"


@dataclass(frozen=True, slots=True)
class Found:
    """A value, and where it was found.

    Attributes:
        value: As it stands there: text, or any JSON value in a config. May be a secret.
        origin: How messages name the place: ``config: host``, ``PG_HOST in /home/me/.env``.
        folder: The folder that relative paths in the value start from.
    """

    value: Any = field(repr=False)
    origin: str
    folder: Path


@dataclass(frozen=True, slots=True)
class Sources:
    """The three places, read once."""

    config: Mapping[str, Any] = field(repr=False)
    environ: Mapping[str, str] = field(repr=False)
    cwd: Path
    dotenv: Mapping[str, str] = field(repr=False)
    dotenv_path: Path | None

    @classmethod
    def read(
        cls,
        config: Mapping[str, Any],
        environ: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Sources:
        """Find and read the ``.env``.

        Args:
            config: What the command line's config file says.
            environ: Environment variables; the process's own if not given.
            cwd: Folder to search from; the working folder if not given.

        Raises:
            SettingsError: The ``.env`` cannot be read.
        """
        environ = os.environ if environ is None else environ
        cwd = Path.cwd() if cwd is None else cwd
        path = nearest(".env", environ, cwd)
        return cls(config, environ, cwd, _read_dotenv(path) if path else {}, path)

    def setting(self, name: str) -> Found | None:
        """The declared setting `name`; empty text and null are as good as not there."""
        value = self.config.get(name)
        if value is not None and value != "":
            return Found(value, f"config: {name}", self.cwd)
        return self.variable(PREFIX + name.upper())

    def variable(self, name: str) -> Found | None:
        """The environment variable `name`, else the one in ``.env``; empty is as good as unset."""
        if value := self.environ.get(name):
            return Found(value, name, self.cwd)
        return self.only_dotenv(name)

    def only_dotenv(self, name: str) -> Found | None:
        """The variable `name` of ``.env``, if the environment does not have it."""
        value = self.dotenv.get(name)
        if self.dotenv_path is None or not value or self.environ.get(name):
            return None
        return Found(value, f"{name} in {self.dotenv_path}", self.dotenv_path.parent)

    def variables(self) -> Iterator[str]:
        """The names of all variables that are not empty, sorted."""
        return iter(sorted({n for m in (self.environ, self.dotenv) for n, v in m.items() if v}))


def _read_dotenv(path: Path) -> dict[str, str]:
    """The variables of the file; a name without ``=`` is no variable."""
    try:
        # Read as Meltano reads it, ${NAME} and all; editors on Windows write a byte order mark.
        values = dotenv_values(path, encoding="utf-8-sig")
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read ({error.strerror}): let this user read it"
        ) from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not UTF-8 text: save it as UTF-8") from error
    return {name: value for name, value in values.items() if value is not None}
