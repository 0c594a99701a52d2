"""The tap: its settings, their checks, its streams."""

from __future__ import annotations

from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, Final

from singer_sdk import typing as th
from singer_sdk.exceptions import ConfigValidationError

from . import configuration
from .account import Account
from .api import KEY_PAGE, KEY_VARIABLE, GarminClient
from .plugin import BronzeTap
from .streams import GROUPS, STREAMS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from singer_sdk import Stream

    from .errors import Pause

__all__ = ["TapGarmin"]

CHOICES: Final = [*dict.fromkeys([*GROUPS, *chain.from_iterable(GROUPS.values())])]
OFF: Final = "; ".join(f"{group} ({', '.join(names)})" for group, names in GROUPS.items())
COMPANY_VARIABLES: Final = ("GARMIN_CLIENT_ID", "GARMIN_CLIENT_SECRET")
NO_KEY: Final = (
    f"Setting 'api_key' is missing: make a key on {KEY_PAGE} and put {KEY_VARIABLE}=... into .env."
)
NO_FILES: Final = (
    "Setting 'auth_mode' cannot be 'files' in this version: leave it out, or set it to 'api_key'."
)
FOR_COMPANIES: Final = (
    f"{' and '.join(COMPANY_VARIABLES)} are not used: Garmin gives them to companies only. "
    f"A person makes a key on {KEY_PAGE}: put it into .env as {KEY_VARIABLE}."
)


class TapGarmin(BronzeTap):
    """Singer tap for Garmin Connect."""

    name = "tap-garmin"
    package_name = "lakehouse-tap-garmin"
    source = "garmin"
    config_jsonschema: ClassVar[dict[str, Any]] = th.PropertiesList(
        th.Property(
            "auth_mode",
            th.StringType,
            default="api_key",
            allowed_values=["api_key", "files"],
            title="Way in",
            description="api_key reads the Garmin Connect Personal API; "
            "files is for what you exported from Garmin, which this version does not read yet. "
            "Default: `api_key`.",
        ),
        th.Property(
            "api_key",
            th.StringType,
            secret=True,
            title="API key",
            description=f"Your personal API key, made on {KEY_PAGE}. "
            f"Default: `{KEY_VARIABLE}` of the environment or the nearest `.env`.",
        ),
        th.Property(
            "paths",
            th.ArrayType(th.StringType),
            title="Files",
            description="With auth_mode files: exported archives, folders or single files. "
            "No default.",
        ),
        th.Property(
            "api_url",
            th.StringType,
            default="https://personal.connectapi.garmin.com",
            title="API address",
            description="Scheme and host of the API: https, or http to this machine. "
            "The key is sent to this host only. "
            "Default: `https://personal.connectapi.garmin.com`.",
        ),
        th.Property(
            "account",
            th.StringType,
            default="main",
            title="Account",
            description="Your name for this Garmin account; it keeps several accounts apart. "
            "Default: `main`.",
        ),
        th.Property(
            "start_date",
            th.StringType,
            title="Start date",
            description="First day to read, such as 2019-01-01. "
            "Default: the first day that has data.",
        ),
        th.Property(
            "end_date",
            th.StringType,
            title="End date",
            description="Last day to read. Default: tomorrow, where a traveller may be.",
        ),
        th.Property(
            "request_interval",
            th.DecimalType(minimum=0, maximum=3600),
            default=0.5,
            title="Request interval",
            description="Least time between two requests, in seconds; 0 for none. Default: 0.5.",
        ),
        th.Property(
            "quota_max_wait",
            th.IntegerType(minimum=0),
            default=300,
            title="Longest wait for quota",
            description="Longest wait after Garmin asked to slow down, in seconds. "
            "If the wait would be longer, the run ends and the next one goes on from there. "
            "Default: 300.",
        ),
        th.Property(
            "stream_groups",
            th.ArrayType(th.StringType(allowed_values=CHOICES)),
            default=[],
            title="Stream groups",
            description="Streams to read as well, which are off because they are costly or "
            f"private, by group or by name: {OFF}. "
            "No default.",
        ),
        th.Property(
            "fit_detail",
            th.StringType,
            default="all",
            allowed_values=["summary", "all"],
            title="Detail of FIT files",
            description="What activity_files takes of a file: `all` messages, or a `summary` "
            "without those that come by the second. Default: `all`.",
        ),
        th.Property(
            "sweep_deletions",
            th.BooleanType,
            default=False,
            title="Look for all deletions",
            description="Whether each run reads the whole list of activities and all weigh-ins "
            "again, to see what was deleted or uploaded late more than a month ago: a request for "
            "each 40 activities, and one for each year. Default: `false`.",
        ),
        th.Property(
            "user_agent",
            th.StringType,
            title="User agent",
            description="What the tap calls itself towards Garmin. Default: its name and version.",
        ),
        additional_properties=False,
    ).to_dict()

    @cached_property
    def client(self) -> GarminClient:
        """Where requests are sent; nothing is sent before the first one is needed."""
        return GarminClient(
            self.config["api_key"],
            self.config["api_url"],
            user_agent=self.config.get("user_agent") or f"{self.name}/{self.plugin_version}",
            interval=float(self.config["request_interval"]),
            max_wait=self.config["quota_max_wait"],
            logger=self.logger,
        )

    @cached_property
    def account(self) -> Account:
        """What all streams share."""
        return Account(self.client, self.config, self.state.get("bookmarks", {}), self.logger)

    def pause(self, stream: str, pause: Pause) -> None:
        """End the run: Garmin asks to wait whatever the request."""
        super().pause(stream, pause)
        self.is_over = True

    def discover_streams(self) -> Sequence[Stream]:
        """Return all streams; neither network nor credentials are needed."""
        return [stream(self) for stream in STREAMS]

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Check the settings, in lines that show no value; discovery needs no credentials."""
        self.append_builtin_config(self.config_jsonschema)
        found = configuration.variables()
        key = {"api_key": configuration.shortcut(KEY_VARIABLE)}
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
        """Yield a line if the chosen way in cannot be taken."""
        if self._config.get("auth_mode") == "files":
            yield NO_FILES
        elif "api_key" not in self._config:
            yield NO_KEY
