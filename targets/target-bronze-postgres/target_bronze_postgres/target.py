"""The plugin: command line, settings and ``--about`` of the SDK around the project's own loop."""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, ClassVar

from singer_sdk import Target
from singer_sdk.exceptions import RecordsWithoutSchemaException
from singer_sdk.helpers.capabilities import (
    STREAM_MAPS_CONFIG,
    PluginCapabilities,
    TargetCapabilities,
)
from singer_sdk.io_base import SingerReader

from target_bronze_postgres.errors import BronzeError, MissingSchemaError
from target_bronze_postgres.load.run import PACKAGE
from target_bronze_postgres.pipe import load_input
from target_bronze_postgres.settings.files import read_config
from target_bronze_postgres.settings.resolve import load_settings
from target_bronze_postgres.settings.schema import CONFIG_JSONSCHEMA

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterator, Sequence

    import click
    from singer_sdk.helpers.capabilities import CapabilitiesEnum
    from singer_sdk.sinks import Sink

    from target_bronze_postgres.settings.resolve import Settings

logger = logging.getLogger("target-bronze-postgres")

# The SDK says which members stream maps may have; a plain object is all that settings ask for.
_STREAM_MAPS = {
    name: STREAM_MAPS_CONFIG["properties"][name] for name in ("stream_maps", "stream_map_config")
}


class RecordsWithoutSchemaError(MissingSchemaError, RecordsWithoutSchemaException):
    """A message of a stream comes before the stream's SCHEMA, as the SDK's users catch it."""


@dataclass(frozen=True)
class ConfigFiles:
    """What ``--config`` names, read only when the SDK asks for it: logging is set up by then.

    The SDK's own reader would answer a missing or broken file with a traceback.
    """

    files: Sequence[str]
    parse_env: ClassVar[bool] = False  # the environment is always read, by load_settings

    @property
    def config(self) -> dict[str, Any]:
        """The settings of all files; of several, the later ones win.

        Raises:
            SettingsError: A file cannot be read or is no JSON object.
        """
        return read_config(self.files)


class MessageLoop(SingerReader):
    """Stands where the SDK reads messages, and runs the engine instead.

    The SDK's own loop drains by count alone and emits STATE only at the end.
    """

    settings: Settings

    def process_lines(
        self,
        file_input: IO[str] | None,
        callbacks: dict[str, Callable[[dict[str, Any]], None]],  # noqa: ARG002 - the SDK's sinks
    ) -> Counter[str]:
        """Load all messages of a file, or of stdin, and return how many came of each type."""
        try:
            return load_input(self.settings, file_input or sys.stdin)
        except MissingSchemaError as error:
            raise RecordsWithoutSchemaError(str(error)) from error


@contextmanager
def _without(line: str) -> Iterator[None]:
    """Keep a line of the SDK out of the log: it is not so here, settings come from there too."""

    def differs(entry: logging.LogRecord) -> bool:
        return entry.getMessage() != line

    logger.addFilter(differs)
    try:
        yield
    finally:
        logger.removeFilter(differs)


class TargetBronzePostgres(Target):
    """Singer target that keeps every version of every raw record in PostgreSQL."""

    name = "target-bronze-postgres"
    package_name = PACKAGE
    config_jsonschema: ClassVar[dict[str, Any]] = CONFIG_JSONSCHEMA | {
        "properties": CONFIG_JSONSCHEMA["properties"] | _STREAM_MAPS
    }
    message_reader_class = MessageLoop
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        PluginCapabilities.ABOUT,
        PluginCapabilities.ACTIVATE_VERSION,
        PluginCapabilities.BATCH,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.STRUCTURED_LOGGING,
        TargetCapabilities.VALIDATE_RECORDS,
    ]

    def __init__(self, **options: Any) -> None:
        """Read and check the settings before anything else."""
        with _without("Skipping parse of env var settings..."):
            # Settings are read from the environment all the same, by load_settings.
            fixed = {"setup_mapper": False, "parse_env_config": False}
            super().__init__(**{**options, **fixed})
        self.message_reader.settings = load_settings(self._config)  # type: ignore[attr-defined] # our own reader

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:  # noqa: ARG002 - the SDK's signature
        """Leave validation to :func:`load_settings`: the SDK's messages hold the values."""
        return []

    def _setup_signal_handlers(self) -> None:
        """Leave signals to the engine, and to Python until it runs."""

    @classmethod
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        """Add none of the SDK's settings: those that apply are declared, the others do nothing."""

    def process_endofpipe(self) -> None:
        """Do nothing: the message loop has committed all when it returns."""

    def get_sink_class(self, stream_name: str) -> type[Sink]:
        """Refuse: there are no sinks."""
        raise NotImplementedError(stream_name)

    @classmethod
    def print_version(cls, print_fn: Callable[[Any], None] = print) -> None:
        """Print the version; at the start of a run the first line says where rows go instead."""
        if print_fn != cls.logger.info:
            super().print_version(print_fn)

    @classmethod
    def cb_config(cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]) -> Any:  # noqa: ARG003 - click's signature
        """Leave reading to :meth:`invoke`, where trouble is one line."""
        return ConfigFiles(value)

    @classmethod
    def invoke(cls, **options: Any) -> None:
        """Run; an error of ours is one line, without a traceback."""
        try:
            super().invoke(**options)
        except BronzeError as error:
            logger.error("%s", error)  # noqa: TRY400 - the line says it all
            sys.exit(error.exit_code)

    @classmethod
    def get_singer_command(cls) -> click.Command:
        """Name what the command does."""
        command = super().get_singer_command()
        command.help = "Load Singer messages from stdin into bronze tables of PostgreSQL."
        return command
