"""The tap: its settings, and the streams it reads."""

from __future__ import annotations

from datetime import UTC, date, datetime, tzinfo
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import click
from singer_sdk.exceptions import ConfigValidationError

from . import clock, configuration
from .account import Account, zone_of
from .activity import Activity
from .api import Toggl
from .history import History, Limits
from .plugin import BronzeTap
from .quota import Quota
from .settings import NO_TOKEN, SCHEMA, TOKEN_VARIABLE, zone_problems
from .state import problem as state_problem
from .streams import STREAMS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from singer_sdk import Stream

    from .account import Workspace
    from .errors import Pause

__all__ = ["TapToggl"]

DAY = 86_400
HISTORY = "time_entries_history"


class TapToggl(BronzeTap):
    """Singer tap for Toggl Track."""

    name = "tap-toggl"
    package_name = "lakehouse-tap-toggl"
    source = "toggl"
    config_jsonschema: ClassVar[dict[str, Any]] = SCHEMA

    def __init__(self, **options: Any) -> None:
        """Ask nothing yet."""
        self._told: set[str] = set()
        super().__init__(**options)

    @cached_property
    def quota(self) -> Quota:
        """What is left of each hourly quota."""
        return Quota(self.kept("quota"), self.config["quota_reserve"])

    @cached_property
    def api(self) -> Toggl:
        """Toggl's API; nothing is sent before a stream asks."""
        agent = self.config.get("user_agent") or f"tap-toggl/{self.plugin_version}"
        return Toggl(self.config, self.quota, agent, self.logger)

    @cached_property
    def account(self) -> Account:
        """Whose account it is."""
        return Account(self.api, self.kept("account"))

    @cached_property
    def activity(self) -> Activity:
        """The newest days with entries."""
        return Activity(self.kept("activity"))

    def load_state(self, state: dict[str, Any]) -> None:
        """Take over the STATE of the last run.

        Raises:
            click.ClickException: It is that of another tap, or damaged.
        """
        if line := state_problem(state):
            raise click.ClickException(line)
        super().load_state(state)

    def kept(self, part: str) -> dict[str, Any]:
        """Return a part of the STATE that belongs to no stream, to be changed in place."""
        return self._bookmark(f"_{part}")

    def _bookmark(self, name: str) -> dict[str, Any]:
        """Return what the STATE holds by a name, to be changed in place."""
        bookmarks: dict[str, Any] = self.state.setdefault("bookmarks", {})
        found: dict[str, Any] = bookmarks.setdefault(name, {})
        return found

    def pause(self, stream: str, pause: Pause) -> None:
        """Tell that a stream goes on in the next run, a reason once."""
        text = str(pause)
        if text in self._told:
            self.logger.info("%s: goes on in the next run, too.", stream)
        else:
            self._told.add(text)
            super().pause(stream, pause)

    def conclude(self) -> None:
        """Tell how many requests were made, then of the trouble that was noted.

        Raises:
            click.ClickException: There was some.
        """
        for bucket, used in self.quota.used.items():
            left = self.quota.left(bucket, clock.seconds())
            rest = "" if left is None else f", {left} left this hour but for the reserve"
            self.logger.info("%d requests of the quota of %s%s.", used, bucket, rest)
        super().conclude()

    def history(self, workspace: Workspace) -> History:
        """Return how far the history of a workspace has been read."""
        kept = self._bookmark(HISTORY).setdefault("workspaces", {})
        every = self.config.get("reread_every_days", 1 if self.is_for_all else 7)
        limits = Limits(
            today=self.account.day(clock.now()),
            start=self.start,
            end=self.end,
            born=self.account.created_on,
            retention=workspace.retention,
            reread_days=self.config["reread_days"],
            reread_every=every * DAY - 4 * 3600,  # runs do not start to the second
        )
        return History(kept.setdefault(str(workspace.id), {}), limits)

    @cached_property
    def history_is_coming_in(self) -> bool:
        """Whether this run goes on with a history that the last one left unfinished."""
        known = self._bookmark(HISTORY).get("workspaces", {})
        numbers = [str(one.id) for one in self.account.known if not one.closed]
        begun = [known[number] for number in numbers if number in known]
        unfinished = any("ended" not in one and "skipped" not in one for one in begun)
        return unfinished and self.reads_history

    @property
    def reads_history(self) -> bool:
        """Whether history is selected."""
        return self.streams[HISTORY].selected

    def tell_silence(self) -> None:
        """Warn if an account that was busy has turned silent."""
        if line := self.activity.warning(clock.now().date()):
            self.logger.warning("%s", line)

    @property
    def is_for_all(self) -> bool:
        """Whether everybody's data of the workspaces is read, not the person's own alone."""
        return bool(self.config["mode"] == "workspace")

    @property
    def is_for_files(self) -> bool:
        """Whether exported files are all that is read."""
        return bool(self.config.get("auth_mode") == "files")

    @property
    def start(self) -> date | None:
        """First day to read, None for all."""
        return _day(self.config.get("start_date"))

    @property
    def end(self) -> date | None:
        """Last day to read, None for now."""
        return _day(self.config.get("end_date"))

    @cached_property
    def csv_zone(self) -> tzinfo:
        """Time zone of exported files: the setting's, else the profile's if it is known."""
        name = self.config.get("csv_time_zone") or self.kept("account").get("time_zone")
        if found := zone_of(name):
            return found
        self.logger.warning("Times of CSV files are taken for UTC: see setting csv_time_zone.")
        return UTC

    def is_wanted(self, stream: str, group: str | None) -> bool:
        """Tell whether a stream of the API is on if no catalog says otherwise."""
        if self.is_for_files:
            return False
        wanted = self.config.get("stream_groups") or []
        return group is None or group in wanted or stream in wanted

    @property
    def streams(self) -> dict[str, Stream]:
        """The streams in the order in which they are read: cheap ones first, history last."""
        if self._streams is None:
            place: dict[type, int] = {kind: number for number, kind in enumerate(STREAMS)}
            found = sorted(super().streams.items(), key=lambda item: place[type(item[1])])
            self._streams = dict(found)
        return self._streams

    def discover_streams(self) -> Sequence[Stream]:
        """Return all streams."""
        return [kind(self) for kind in STREAMS]

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Check the settings, in lines that show no value; discovery needs no token."""
        self.append_builtin_config(self.config_jsonschema)
        token = {"api_token": configuration.shortcut(TOKEN_VARIABLE)}
        given = configuration.prepared(self._config, self.config_jsonschema)
        self._config = configuration.prepared(token, self.config_jsonschema) | given
        errors = configuration.problems(self._config, self.config_jsonschema)
        errors += zone_problems(self._config)
        if raise_errors and not self._has_source():
            errors.append(NO_TOKEN)
        if errors:
            summary = "The settings cannot be used"
            raise ConfigValidationError(summary, errors=errors)
        return errors

    def _has_source(self) -> bool:
        """Tell whether the settings name something to read from."""
        name = "paths" if self._config.get("auth_mode") == "files" else "api_token"
        return bool(self._config.get(name))


def _day(text: str | None) -> date | None:
    """Return the day of a setting, None if it is not set."""
    return datetime.fromisoformat(text).date() if text else None
