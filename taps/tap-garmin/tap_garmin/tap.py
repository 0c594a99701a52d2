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
from .files.disk import matches, shown
from .files.index import Index
from .files.limits import Limits
from .files.streams import FILE_STREAMS
from .files.walk import Walk
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
    "Setting 'paths' is missing: with auth_mode 'files' it names what you exported from Garmin, "
    "such as ~/Downloads/export.zip."
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
            "files reads what you exported from Garmin, without any network. "
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
            description="With auth_mode files: the account export as a ZIP archive or unpacked, "
            "and folders of FIT files; patterns such as `~/exports/*.zip` too. "
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
            description="What is taken of a FIT file: `all` messages, or a `summary` "
            "without those that come by the second. Default: `all`.",
        ),
        th.Property(
            "max_zip_depth",
            th.IntegerType(minimum=0, maximum=10),
            default=3,
            title="Deepest archive",
            description="How many archives deep an archive may lie in others; deeper ones are "
            "left out with a warning. Default: 3.",
        ),
        th.Property(
            "max_zip_entries",
            th.IntegerType(minimum=1, maximum=10_000_000),
            default=200_000,
            title="Most entries",
            description="Entries of an archive, those of archives in it included; what comes "
            "after them is left out with a warning. Default: 200000.",
        ),
        th.Property(
            "max_file_bytes",
            th.IntegerType(minimum=1),
            default=2 * 2**30,
            title="Largest entry",
            description="Unpacked bytes of an entry of an archive; a larger one is left out with "
            "a warning. Default: 2147483648 (2 GiB).",
        ),
        th.Property(
            "max_zip_ratio",
            th.IntegerType(minimum=1),
            default=200,
            title="Highest ratio",
            description="How many times its packed size an entry of an archive, or all of them "
            "together, may unpack to; what is more is left out with a warning. Default: 200.",
        ),
        th.Property(
            "zip_ratio_free_bytes",
            th.IntegerType(minimum=0),
            default=100 * 2**20,
            title="Size without a ratio",
            description="Unpacked bytes up to which max_zip_ratio does not matter. "
            "Default: 104857600 (100 MiB).",
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

    def __init__(self, **options: Any) -> None:
        """Ask and open nothing yet."""
        self._told: set[str] = set()
        super().__init__(**options)

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
    def walk(self) -> Walk:
        """The files of the setting ``paths``."""
        return Walk(self.config["paths"], Limits.of(self.config), self.warn)

    @cached_property
    def index(self) -> Index:
        """What these files are; they are looked at when the first stream is read."""
        return Index(self.walk, self.logger)

    def warn(self, path: str, why: str) -> None:
        """Tell what is not read or is odd, once a run."""
        line = f"{shown(path)}: {why}"
        if line not in self._told:
            self._told.add(line)
            self.logger.warning("%s.", line)

    @cached_property
    def account(self) -> Account:
        """What all streams share."""
        return Account(self.client, self.config, self.state.get("bookmarks", {}), self.logger)

    def pause(self, stream: str, pause: Pause) -> None:
        """End the run: Garmin asks to wait whatever the request."""
        super().pause(stream, pause)
        self.is_over = True

    @property
    def is_for_files(self) -> bool:
        """Whether exported files are read, and nothing is asked of Garmin."""
        return bool(self.config.get("auth_mode") == "files")

    def discover_streams(self) -> Sequence[Stream]:
        """Return the streams of the way in; neither network nor credentials are needed.

        Those of the other one are left out: a catalog must not lead from files to the network.
        """
        return [stream(self) for stream in (FILE_STREAMS if self.is_for_files else STREAMS)]

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
            patterns = self._config.get("paths") or []
            if not patterns:
                yield NO_FILES
            for pattern in patterns:
                if not matches(pattern):
                    yield f"Setting 'paths' names nothing that exists: '{pattern}'."
        elif "api_key" not in self._config:
            yield NO_KEY
