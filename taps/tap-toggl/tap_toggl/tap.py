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

from tap_toggl import configuration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from singer_sdk import Stream
    from singer_sdk.helpers.capabilities import CapabilitiesEnum

TOKEN_VARIABLE = "TOGGL_API_KEY"  # noqa: S105 - the name of a variable, not a secret
TOKEN_PAGE = "https://track.toggl.com/profile"  # noqa: S105 - where a person finds the token
STREAM_GROUPS = ["organization", "paid_plan", "timeline", "time_entry_ids"]
NO_TOKEN = (
    f"Setting 'api_token' is missing: put {TOKEN_VARIABLE}=... into .env; "
    f"the foot of {TOKEN_PAGE} shows the token."
)
NO_STREAMS = "tap-toggl has no streams yet, so nothing was read: they come with the next release."


class TapToggl(Tap):
    """Singer tap for Toggl Track."""

    name = "tap-toggl"
    package_name = "lakehouse-tap-toggl"
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
            "api_token",
            th.StringType,
            secret=True,
            title="API token",
            description=f"Your API token, from the foot of {TOKEN_PAGE}. "
            f"Without it {TOKEN_VARIABLE} is taken, from the environment or the nearest .env.",
        ),
        th.Property(
            "api_url",
            th.StringType,
            default="https://api.track.toggl.com",
            title="API address",
            description="Scheme and host of the API: https, or http to this machine. "
            "The token is sent to this host only.",
        ),
        th.Property(
            "account",
            th.StringType,
            default="main",
            title="Account",
            description="Your name for this Toggl account; it keeps several accounts apart.",
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
            default=1,
            title="Request interval",
            description="Least time between two requests, in seconds; 0 for none.",
        ),
        th.Property(
            "quota_max_wait",
            th.IntegerType(minimum=0),
            default=300,
            title="Longest wait for quota",
            description="Longest wait for a new hourly quota, in seconds. "
            "If the wait would be longer, the run ends and the next one goes on from there.",
        ),
        th.Property(
            "quota_reserve",
            th.IntegerType(minimum=0),
            default=2,
            title="Quota reserve",
            description="Requests of each hourly quota that are left for your other programs.",
        ),
        th.Property(
            "stream_groups",
            th.ArrayType(th.StringType(allowed_values=STREAM_GROUPS)),
            default=[],
            title="Stream groups",
            description="Streams that are off because they are costly or private: "
            "organization (members and groups), paid_plan (reports, invoices, expenses, "
            "timesheets, rates, audit log), timeline (programs you used), "
            "time_entry_ids (finds deleted entries of past years).",
        ),
        th.Property(
            "user_agent",
            th.StringType,
            title="User agent",
            description="What the tap calls itself towards Toggl. "
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
        """Check the settings, in lines that show no value; discovery needs no token."""
        self.append_builtin_config(self.config_jsonschema)
        found = configuration.variables()
        token = {"api_token": found.get(TOKEN_VARIABLE)}
        given = configuration.prepared(self._config, self.config_jsonschema)
        self._config = configuration.prepared(token, self.config_jsonschema) | given
        errors = configuration.problems(self._config, self.config_jsonschema)
        if raise_errors and "api_token" not in self._config:
            errors.append(NO_TOKEN)
        if errors:
            summary = "The settings cannot be used"
            raise ConfigValidationError(summary, errors=errors)
        return errors

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
