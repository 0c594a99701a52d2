"""The tap: its settings, their checks, its command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import click
from singer_sdk import Tap
from singer_sdk import typing as th
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers.capabilities import (
    STREAM_MAPS_CONFIG,
    PluginCapabilities,
    TapCapabilities,
)

from tap_garmin import configuration

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from singer_sdk import Stream
    from singer_sdk.helpers.capabilities import CapabilitiesEnum

KEY_VARIABLE = "GARMIN_API_KEY"
KEY_PAGE = "https://connect.garmin.com/app/settings/personalApiToken"
COMPANY_VARIABLES = ("GARMIN_CLIENT_ID", "GARMIN_CLIENT_SECRET")
STREAM_GROUPS = ["activity_details", "activity_files", "day_samples", "food", "menstrual_cycle"]
NO_KEY = (
    f"Setting 'api_key' is missing: make a key on {KEY_PAGE} and put {KEY_VARIABLE}=... "
    "into .env, or read files with auth_mode 'files'."
)
NO_PATHS = "Setting 'paths' is missing: with auth_mode 'files' it names the files to read."
FOR_COMPANIES = (
    f"{' and '.join(COMPANY_VARIABLES)} are not used: Garmin gives them to companies only. "
    f"A person makes a key on {KEY_PAGE}: put it into .env as {KEY_VARIABLE}."
)
NO_STREAMS = "tap-garmin has no streams yet, so nothing was read: they come with the next release."


class TapGarmin(Tap):
    """Singer tap for Garmin Connect."""

    name = "tap-garmin"
    package_name = "lakehouse-tap-garmin"
    # Flattening and batch files would change records or hide them from the message stream.
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        PluginCapabilities.ABOUT,
        TapCapabilities.CATALOG,
        TapCapabilities.DISCOVER,
        TapCapabilities.STATE,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]
    config_jsonschema: ClassVar[dict[str, Any]] = th.PropertiesList(
        th.Property(
            "auth_mode",
            th.StringType,
            default="api_key",
            allowed_values=["api_key", "files"],
            title="Way in",
            description="api_key reads the Garmin Connect Personal API; "
            "files reads what you exported from Garmin, without network.",
        ),
        th.Property(
            "api_key",
            th.StringType,
            secret=True,
            title="API key",
            description=f"Your personal API key, made on {KEY_PAGE}. "
            f"Without it {KEY_VARIABLE} is taken, from the environment or the nearest .env.",
        ),
        th.Property(
            "paths",
            th.ArrayType(th.StringType),
            title="Files",
            description="With auth_mode files: exported archives, folders or single files.",
        ),
        th.Property(
            "api_url",
            th.StringType,
            default="https://personal.connectapi.garmin.com",
            title="API address",
            description="Scheme and host of the API: https, or http to this machine. "
            "The key is sent to this host only.",
        ),
        th.Property(
            "account",
            th.StringType,
            default="main",
            title="Account",
            description="Your name for this Garmin account; it keeps several accounts apart.",
        ),
        th.Property(
            "start_date",
            th.StringType,
            title="Start date",
            description="First day to read, such as 2019-01-01. Without it all history is read.",
        ),
        th.Property(
            "end_date",
            th.StringType,
            title="End date",
            description="Last day to read. Without it the tap reads up to now.",
        ),
        th.Property(
            "request_interval",
            th.DecimalType(minimum=0, maximum=3600),
            default=0.5,
            title="Request interval",
            description="Least time between two requests, in seconds; 0 for none.",
        ),
        th.Property(
            "quota_max_wait",
            th.IntegerType(minimum=0),
            default=300,
            title="Longest wait for quota",
            description="Longest wait after Garmin asked to slow down, in seconds. "
            "If the wait would be longer, the run ends and the next one goes on from there.",
        ),
        th.Property(
            "stream_groups",
            th.ArrayType(th.StringType(allowed_values=STREAM_GROUPS)),
            default=[],
            title="Stream groups",
            description="Streams that are off because they are costly or private: "
            "activity_details and activity_files (a request an activity), "
            "day_samples (a request a day), food, menstrual_cycle.",
        ),
        th.Property(
            "user_agent",
            th.StringType,
            title="User agent",
            description="What the tap calls itself towards Garmin. "
            "Without it, its name and version.",
        ),
        additional_properties=False,
    ).to_dict()

    @classmethod
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        """Add stream maps alone: the SDK adds flattening too, whatever the capabilities say."""
        for name in ("stream_maps", "stream_map_config"):
            config_jsonschema["properties"][name] = STREAM_MAPS_CONFIG["properties"][name]

    def discover_streams(self) -> Sequence[Stream]:
        """Return the streams that can be read: none in this version."""
        return []

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Check the settings, in lines that show no value; discovery needs no credentials."""
        self.append_builtin_config(self.config_jsonschema)
        found = configuration.variables()
        key = {"api_key": found.get(KEY_VARIABLE)}
        given = configuration.prepared(self._config, self.config_jsonschema)
        self._config = configuration.prepared(key, self.config_jsonschema) | given
        errors = configuration.problems(self._config, self.config_jsonschema)
        if any(name in found for name in COMPANY_VARIABLES):
            self.logger.warning(FOR_COMPANIES)
        if raise_errors:
            errors.extend(self._missing())
        if errors:
            summary = "The settings cannot be used"
            raise ConfigValidationError(summary, errors=errors)
        return errors

    def _missing(self) -> Iterator[str]:
        """Yield a line if the chosen way in lacks its key or its files."""
        mode = self._config.get("auth_mode")
        if mode == "api_key" and "api_key" not in self._config:
            yield NO_KEY
        if mode == "files" and not self._config.get("paths"):
            yield NO_PATHS

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
        """Refuse ``--test``: without streams a test would succeed and show nothing."""
        if value != "disabled":
            raise click.ClickException(NO_STREAMS)
        super().cb_test(ctx, param, value)

    @classmethod
    def invoke(cls, **options: Any) -> None:
        """Check the settings, then say that there is nothing to read.

        Raises:
            click.ClickException: Always, but for ``--about``, which ends before.
        """
        super().invoke(**options)
        raise click.ClickException(NO_STREAMS)
