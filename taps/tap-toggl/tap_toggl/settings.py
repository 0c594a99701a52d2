"""What may be set."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from singer_sdk import typing as th

from .account import zone_of
from .api import TOKEN_PAGE
from .streams import GROUPS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["NO_TOKEN", "SCHEMA", "TOKEN_VARIABLE", "zone_problems"]

TOKEN_VARIABLE: Final = "TOGGL_API_KEY"  # noqa: S105 - the name of a variable, not a secret
NO_TOKEN: Final = (
    f"Setting 'api_token' is missing: put {TOKEN_VARIABLE}=... into .env; "
    f"the foot of {TOKEN_PAGE} shows the token. "
    "(To read exported files alone, set 'auth_mode' to files and name them in 'paths'.)"
)
OPTIONAL: Final = list(dict.fromkeys([*GROUPS, *chain.from_iterable(GROUPS.values())]))
GROUPS_TEXT: Final = "; ".join(f"{group} ({', '.join(names)})" for group, names in GROUPS.items())

SCHEMA: Final[dict[str, Any]] = th.PropertiesList(
    th.Property(
        "auth_mode",
        th.StringType(allowed_values=["api_token", "files"]),
        default="api_token",
        title="Way in",
        description="api_token reads Toggl's API, and files too if paths names some; "
        "files reads those alone. Default: `api_token`.",
    ),
    th.Property(
        "api_token",
        th.StringType,
        secret=True,
        title="API token",
        description=f"Your API token, from the foot of your profile page, {TOKEN_PAGE}. "
        f"Default: `{TOKEN_VARIABLE}` of the environment or the nearest `.env`.",
    ),
    th.Property(
        "api_url",
        th.StringType,
        default="https://api.track.toggl.com",
        title="API address",
        description="Scheme and host of the API: https, or http to this machine. "
        "The token is sent to this host only. Default: `https://api.track.toggl.com`.",
    ),
    th.Property(
        "account",
        th.StringType,
        default="main",
        title="Account",
        description="Your name for this Toggl account; it keeps several accounts apart. "
        "Default: `main`.",
    ),
    th.Property(
        "mode",
        th.StringType(allowed_values=["personal", "workspace"]),
        default="personal",
        title="Mode",
        description="personal reads what is yours; workspace reads what everybody has in your "
        "workspaces, as far as you may see it, and costs more of the organizations' quotas. "
        "Default: `personal`.",
    ),
    th.Property(
        "start_date",
        th.StringType,
        title="Start date",
        description="First day to read, such as 2019-01-01. Default: all history.",
    ),
    th.Property(
        "end_date",
        th.StringType,
        title="End date",
        description="Last day to read; with it, changes of entries are not kept up. Default: now.",
    ),
    th.Property(
        "request_interval",
        th.DecimalType(minimum=0, maximum=3600),
        default=1,
        title="Request interval",
        description="Least time between two requests, in seconds; 0 for none. Default: `1`.",
    ),
    th.Property(
        "quota_max_wait",
        th.IntegerType(minimum=0),
        default=300,
        title="Longest wait for quota",
        description="Longest wait for a new hourly quota, in seconds. "
        "If the wait would be longer, the run ends and the next one goes on from there. "
        "Default: `300`.",
    ),
    th.Property(
        "quota_reserve",
        th.IntegerType(minimum=0),
        default=2,
        title="Quota reserve",
        description="Requests of each hourly quota that are left for your other programs. "
        "Default: `2`.",
    ),
    th.Property(
        "lookback_days",
        th.IntegerType(minimum=1, maximum=88),
        default=1,
        title="Look-back",
        description="Days before the last run from which on changes of entries are asked for "
        "again. Default: `1`.",
    ),
    th.Property(
        "reread_days",
        th.IntegerType(minimum=0, maximum=364),
        default=35,
        title="Days read again",
        description="How many days back the reports are read again now and then: it shows what "
        "Toggl does not tell as a change, such as a deleted tag; 0 for never. Default: `35`.",
    ),
    th.Property(
        "reread_every_days",
        th.IntegerType(minimum=1),
        title="Days between reading again",
        description="After how many days they are read again. Default: 7; 1 in workspace mode.",
    ),
    th.Property(
        "stream_groups",
        th.ArrayType(th.StringType(allowed_values=OPTIONAL)),
        default=[],
        title="Stream groups",
        description="Streams that are off because they are costly or private, by group or by "
        f"name: {GROUPS_TEXT}. Default: none.",
    ),
    th.Property(
        "paths",
        th.ArrayType(th.StringType),
        title="Files",
        description="Exported CSV files of time entries to read: files, folders or ZIP archives. "
        "Default: none.",
    ),
    th.Property(
        "csv_time_zone",
        th.StringType,
        title="Time zone of files",
        description="IANA time zone of the times in these files, such as Europe/Berlin. "
        "Default: that of your profile, else UTC.",
    ),
    th.Property(
        "user_agent",
        th.StringType,
        title="User agent",
        description="What the tap calls itself towards Toggl. Default: its name and version.",
    ),
    additional_properties=False,
).to_dict()


def zone_problems(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line if ``csv_time_zone`` is no time zone."""
    name = settings.get("csv_time_zone")
    if isinstance(name, str) and zone_of(name) is None:
        yield "Setting 'csv_time_zone' must be a time zone such as Europe/Berlin."
