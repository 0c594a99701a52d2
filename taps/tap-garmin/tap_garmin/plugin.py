"""What every tap does on the command line: settings, signals, one line for trouble.

Every tap of this repository holds a copy of this file; a test holds that the copies are the same.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import click
from singer_sdk import Tap
from singer_sdk.helpers.capabilities import (
    STREAM_MAPS_CONFIG,
    PluginCapabilities,
    TapCapabilities,
)

from . import configuration
from .errors import CredentialsError, TapError, UnreachableError
from .messages import BronzeWriter

if TYPE_CHECKING:
    from types import FrameType

    from singer_sdk.helpers.capabilities import CapabilitiesEnum

    from .errors import Pause

__all__ = ["BronzeTap"]

NO_READER = "Nothing reads this tap's messages any more: did the target end? Its log says why."
UNWRITTEN = "Cannot write this tap's messages: {}. What was written before stays good."


class BronzeTap(Tap):
    """A tap that notes trouble, stream by stream, and tells it in one line each at the end."""

    # Flattening and batch files would change records or hide them from the message stream.
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        PluginCapabilities.ABOUT,
        TapCapabilities.CATALOG,
        TapCapabilities.DISCOVER,
        TapCapabilities.STATE,
        TapCapabilities.TEST,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]
    source: ClassVar[str]
    """Name of the source, such as ``toggl``."""

    def __init__(self, **options: Any) -> None:
        """Start with no trouble; ``version`` is that of the full tables of this run."""
        self.version = time.time_ns() // 1_000_000
        self.failures: list[str] = []
        self.is_over = False
        super().__init__(**{"message_writer": BronzeWriter()} | options)

    def fail(self, stream: str, error: TapError) -> None:
        """Note that a stream ended with trouble; what every stream would meet ends the run."""
        line = f"{stream}: {error}"
        if isinstance(error, (CredentialsError, UnreachableError)):
            line, self.is_over = str(error), True
        self.failures.append(line)

    def pause(self, stream: str, pause: Pause) -> None:
        """Tell that a stream goes on in the next run."""
        self.logger.warning("%s: %s", stream, pause)

    def conclude(self) -> None:
        """Tell of the trouble that was noted.

        Raises:
            click.ClickException: There was some.
        """
        if self.failures:
            raise click.ClickException("\n".join(dict.fromkeys(self.failures)))

    def load_state(self, state: dict[str, Any]) -> None:
        """Take over the STATE of the last run, but for the days that were asked for in it.

        A target has taken those in; another one, which it is handed to, has not got their records.
        """
        super().load_state(state)
        for bookmark in self.state.get("bookmarks", {}).values():
            bookmark.pop("asked", None)

    def parameters(self) -> dict[str, Any]:
        """Return the settings of this run without secrets, as JSON values.

        Values for stream maps may be secret, such as the salt of a hash.
        """
        return {
            name: str(value) if isinstance(value, (float, Decimal)) else value
            for name, value in self.config.items()
            if name != "stream_map_config"
            and not self.config_jsonschema["properties"].get(name, {}).get("secret")
        }

    @classmethod
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        """Add stream maps alone: the SDK adds flattening too, whatever the capabilities say."""
        for name in ("stream_maps", "stream_map_config"):
            config_jsonschema["properties"][name] = STREAM_MAPS_CONFIG["properties"][name]

    @classmethod
    def cb_config(cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]) -> Any:
        """Read the settings' files, and for ``ENV`` the variables.

        Raises:
            click.BadParameter: A file cannot be read or holds no JSON object.
        """
        given = super().cb_config(ctx, param, ())
        try:
            given.config |= configuration.from_files(path for path in value if path != "ENV")
        except ValueError as error:
            raise click.BadParameter(str(error), ctx, param) from None
        if "ENV" in value:
            schema, prefix = cls.config_jsonschema, cls._env_var_prefix
            given.config |= configuration.from_variables(schema, prefix)
        return given

    @classmethod
    def cb_test(cls, ctx: click.Context, param: click.Option, value: str) -> None:
        """Read one record of each stream, or write the schemas alone; trouble ends it."""
        if value == "all":
            given = ctx.params.get("config")
            tap = cls(config=given.config if given else {})
            tap.run_connection_test()
            tap.conclude()
            ctx.exit()
        super().cb_test(ctx, param, value)

    @classmethod
    def invoke(
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: Any = None,
        state: Any = None,
        catalog: Any = None,
        **_: Any,
    ) -> None:
        """Run the tap, as the SDK does, and tell trouble in one line each.

        Raises:
            click.ClickException: A file cannot be used, or a stream ended with trouble.
        """
        super(Tap, cls).invoke(about=about, about_format=about_format)
        if sys.stdout is None:
            raise click.ClickException(NO_READER)
        cls.print_version(print_fn=cls.logger.info)
        tap = cls(
            config=config.config if config else {},
            state=_object(state, "--state"),
            catalog=_object(catalog, "--catalog"),
        )
        try:
            tap.sync_all()
        except OSError as error:
            # What is still buffered cannot be written either; the interpreter would complain of it.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            gone = isinstance(error, BrokenPipeError)
            line = NO_READER if gone else UNWRITTEN.format(error.strerror)
            raise click.ClickException(line) from None
        tap.conclude()

    def _handle_termination(self, signum: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG002
        """End with status 128 + n: the SDK's 0 would pass a part for the whole.

        No STATE is written here: the signal may have come in the middle of a line. A second
        signal ends the process at once.
        """
        signal.signal(signum, signal.SIG_DFL)
        raise SystemExit(128 + signum)


def _object(file: Any, option: str) -> dict[str, Any] | None:
    """Return the JSON object in an open file, None if there is no file.

    Raises:
        click.ClickException: The file holds something else.
    """
    if file is None:
        return None
    try:
        return configuration.parsed(file.read())
    except ValueError:
        raise click.ClickException(
            f"The file of {option}, '{file.name}', must hold one JSON object."
        ) from None
