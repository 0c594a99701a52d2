"""Runs a tap in this process, over real HTTP, at the time of a sandbox; keeps what it wrote.

A process a run would take a second each; the command line has tests of its own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

import click
import time_machine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from singer_sdk import Tap

    from tests.sandbox.clock import Clock


class Cut(BaseException):
    """Ends a run in the middle, as a kill does: nothing is written any more."""


@dataclass
class Run:
    """The lines of a run, oldest first, and the lines of trouble it ended with."""

    lines: list[str] = field(default_factory=list)
    failure: str | None = None

    @cached_property
    def messages(self) -> list[dict[str, Any]]:
        """The messages of a run that has ended; numbers have their digits."""
        return [json.loads(line, parse_float=Decimal) for line in self.lines]

    def of(self, stream: str, kind: str = "RECORD") -> list[dict[str, Any]]:
        """Return the messages of a stream."""
        return [m for m in self.messages if m["type"] == kind and m.get("stream") == stream]

    def records(self, stream: str) -> list[dict[str, Any]]:
        """Return the records of a stream that are not marked as deleted."""
        return [m["record"] for m in self.of(stream) if "deleted_at" not in m["bronze"]]

    def deleted(self, stream: str) -> list[dict[str, Any]]:
        """Return the records of a stream that are marked as deleted."""
        return [m["record"] for m in self.of(stream) if "deleted_at" in m["bronze"]]

    @property
    def state(self) -> dict[str, Any]:
        """The last STATE; an empty one if there is none."""
        states = [m["value"] for m in self.messages if m["type"] == "STATE"]
        return states[-1] if states else {}

    def bookmark(self, stream: str) -> dict[str, Any]:
        """Return what the last STATE holds of a stream."""
        found: dict[str, Any] = self.state.get("bookmarks", {}).get(stream, {})
        return found

    def until(self, line: int) -> Run:
        """Return the run as a target saw it that read so many lines."""
        return Run(self.lines[:line])


class Runner:
    """Runs a tap with settings that all its runs share.

    Args:
        tap: The tap's class.
        clock: Whose time the tap sees.
        settings: Settings of every run; callables are asked at each run.
    """

    def __init__(
        self, tap: type[Tap], clock: Clock, settings: Mapping[str, Any | Callable[[], Any]]
    ) -> None:
        """Run nothing yet."""
        self._tap, self._clock, self._settings = tap, clock, settings

    def __call__(
        self,
        *streams: str,
        state: Mapping[str, Any] | None = None,
        cut_after: int | None = None,
        **settings: Any,
    ) -> Run:
        """Run the tap: with these streams alone if any are named, else with those of its defaults.

        Args:
            streams: Names of streams, selected through a catalog.
            state: The STATE to go on from.
            cut_after: Lines after which the run is cut.
            settings: Settings of this run alone.
        """
        run = Run()
        shared = {name: v() if callable(v) else v for name, v in self._settings.items()}
        config = {name: v for name, v in (shared | settings).items() if v is not None}
        with time_machine.travel(self._clock.now().timestamp(), tick=True):
            catalog = self._catalog(config, streams) if streams else None
            options = {"config": config, "catalog": catalog, "state": json.loads(_text(state))}
            self._sync(options, run, cut_after)
        return run

    def _catalog(self, config: dict[str, Any], streams: Iterable[str]) -> dict[str, Any]:
        """Return the tap's own catalog with these streams selected, and no others."""
        catalog: dict[str, Any] = json.loads(json.dumps(self._tap(config=config).catalog_dict))
        for entry in catalog["streams"]:
            (root,) = (part for part in entry["metadata"] if not part["breadcrumb"])
            root["metadata"]["selected"] = entry["tap_stream_id"] in streams
        return catalog

    def _sync(self, options: dict[str, Any], run: Run, cut_after: int | None) -> None:
        """Run the tap to its end, its trouble, or the cut."""
        tap: Any = self._tap(**options)

        def write(message: Any) -> None:
            if cut_after is not None and len(run.lines) >= cut_after:
                raise Cut
            run.lines.append(writer.serialize_message(message))

        writer = tap.message_writer
        writer.write_message = write
        try:
            tap.sync_all()
            tap.conclude()
        except click.ClickException as error:
            run.failure = error.message
        except Cut:
            pass


def _text(state: Mapping[str, Any] | None) -> str:
    """Return a STATE as text, as a file would hold it."""
    return json.dumps(state or {})
