"""``bronze.yml``: the limits that ``check`` and ``serve`` hold the figures against.

Every limit has a default, so the file may be missing. A value may be set for all, for a source, for
an account of it and for a stream of either; the nearest one counts.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

import yaml

from target_bronze_postgres.errors import SettingsError
from target_bronze_postgres.settings.files import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

FILE: Final = "bronze.yml"
UNITS: Final = {"s": 1, "min": 60, "h": 3_600, "d": 86_400}
SIZES: Final = {
    "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
}  # fmt: skip
PART: Final = re.compile(r"(\d+(?:\.\d+)?) ?([A-Za-z]+)")


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old the last load may be: the longest pause of the schedule and some time, or a time."""

    on_schedule: bool
    time: timedelta

    def bound(self, pause: timedelta) -> timedelta:
        """Return the age allowed where the schedule pauses so long."""
        return self.time + pause if self.on_schedule else self.time


def _duration(value: Any) -> timedelta:
    return timedelta(seconds=_sum(value, UNITS, "a time such as 30 min, 7 h or 2 d"))


def _size(value: Any) -> int:
    return int(_sum(value, SIZES, "a size such as 500 MB or 2 GiB"))


def _sum(value: Any, units: Mapping[str, float], meaning: str) -> float:
    text = value.strip() if isinstance(value, str) else ""
    parts = PART.findall(text)
    if not parts or PART.sub("", text).strip() or any(unit not in units for _, unit in parts):
        raise ValueError(meaning)
    return sum(float(number) * units[unit] for number, unit in parts)


def _freshness(value: Any) -> Freshness:
    found = re.fullmatch(r"schedule(?: *\+ *(.+))?", value) if isinstance(value, str) else None
    try:
        if found is None:
            return Freshness(on_schedule=False, time=_duration(value))
        return Freshness(on_schedule=True, time=_duration(found[1] or "0 s"))
    except ValueError:
        raise ValueError("a time such as 7 h, or schedule + 1 h") from None


def _share(value: Any) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?%", value) if isinstance(value, str) else None
    if found and float(found[1]) <= 100:  # noqa: PLR2004 - percent
        return float(found[1]) / 100
    raise ValueError("a share from 0% to 100%, such as 99.5%")


def _date(value: Any) -> date:
    if type(value) is date:  # a datetime is one too, and no day
        return value
    raise ValueError("a date such as 2027-05-31")


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit.

    Attributes:
        name: Its key in the file.
        default: As it would stand there; None for none.
        parse: Makes the value of what stands in the file, or raises ValueError with what is
            wanted there.
        of: What it may be set for: ``stream`` means anything, ``account`` not a single stream,
            ``all`` only everything at once.
    """

    name: str
    default: str | None
    parse: Callable[[Any], Any]
    of: str

    def value(self, given: Any) -> Any:
        """Return a value of the file as this limit's; None where it is off."""
        # YAML 1.1 reads a bare off as false.
        return None if given is False or given == "off" else self.parse(given)


LIMITS: Final = (
    Limit("freshness", "schedule + 1 h", _freshness, "stream"),
    Limit("schedule", "24 h", _duration, "stream"),
    Limit("completeness", "100%", _share, "stream"),
    Limit("accuracy", "99%", _share, "stream"),
    Limit("quality", "95%", _share, "stream"),
    Limit("error_rate", "1%", _share, "account"),
    Limit("run_time", "5 min", _duration, "account"),
    Limit("key_life", "7 d", _duration, "account"),
    Limit("key_ends", None, _date, "account"),
    Limit("database_size", None, _size, "all"),
    Limit("free_disk", "1 GB", _size, "all"),
    Limit("free_memory", "64 MB", _size, "all"),
)
BY_NAME: Final = {limit.name: limit for limit in LIMITS}
BELOW: Final[dict[str, dict[str, str]]] = {
    "all": {"sources": "source"},
    "source": {"accounts": "account", "streams": "stream"},
    "account": {"streams": "stream"},
    "stream": {},
}
"""The sections of a level, and what the names in each are."""
REACH: Final = {"all": ("all", "account", "stream"), "stream": ("stream",)}
"""The limits that a level may set; sources and accounts all but those that are set once for all."""


@dataclass(frozen=True, slots=True)
class Level:
    """What one level of the file sets, and the levels below it, by name."""

    values: Mapping[str, Any] = field(default_factory=dict)
    sources: Mapping[str, Level] = field(default_factory=dict)
    accounts: Mapping[str, Level] = field(default_factory=dict)
    streams: Mapping[str, Level] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Limits:
    """All limits, as the file sets them.

    Attributes:
        file: The file; None for the defaults alone.
    """

    top: Level = field(default_factory=Level)
    file: Path | None = None

    @property
    def expected(self) -> list[tuple[str, str | None]]:
        """Sources, and accounts of them, that the file names: they should have landed."""
        return [
            (name, account)
            for name, source in self.top.sources.items()
            for account in (None, *source.accounts)
        ]

    def get(
        self, name: str, source: str | None = None, account: str = "", stream: str | None = None
    ) -> Any:
        """Return a limit for everything, a source's account or a stream of it; None for off."""
        found = BY_NAME[name]
        value = None if found.default is None else found.parse(found.default)
        for level in self._levels(source, account, stream):
            value = level.values.get(name, value)
        return value

    def _levels(self, source: str | None, account: str, stream: str | None) -> Iterator[Level]:
        """Yield the levels that hold for a stream, the nearest last."""
        yield self.top
        if source is None or (of_source := self.top.sources.get(source)) is None:
            return
        of_account = of_source.accounts.get(account, Level())
        yield from (of_source, of_source.streams.get(stream or "", Level()))
        yield from (of_account, of_account.streams.get(stream or "", Level()))


def load(path: Path | None = None) -> Limits:
    """Read the limits of a file, or of the nearest ``bronze.yml`` upwards; else the defaults.

    Raises:
        SettingsError: The file cannot be read, or something in it is unknown or wrong.
    """
    found = path or nearest(FILE)
    if found is None:
        return Limits()
    document = read_yaml(found)
    try:
        return Limits(_level(document or {}, "", "all"), found)
    except ValueError as error:
        raise SettingsError(f"{found}: {error}") from None


def read_yaml(path: Path) -> Any:
    """Return what a YAML file holds.

    Raises:
        SettingsError: It cannot be read.
    """
    try:
        return yaml.safe_load(path.read_text("utf-8-sig"))
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise SettingsError(f"{path} is not YAML{line}: mend the file") from None


def _level(document: Any, where: str, kind: str) -> Level:
    """One level of the file; ``where`` is its place, such as ``sources.toggl``."""
    if not isinstance(document, dict):
        raise ValueError(f"{where or 'the file'} must hold names and values")  # noqa: TRY004
    reach = REACH.get(kind, ("account", "stream"))
    allowed = [limit.name for limit in LIMITS if limit.of in reach]
    values: dict[str, Any] = {}
    below: dict[str, dict[str, Level]] = {}
    for name, value in document.items():
        place = f"{where}.{name}" if where else str(name)
        if name in BELOW[kind]:
            below[name] = dict(_named(value, place, BELOW[kind][name]))
        elif name in allowed:
            values[name] = _value(BY_NAME[name], value, place)
        else:
            raise ValueError(_unknown(str(name), place, [*allowed, *BELOW[kind]]))
    return Level(values, **below)


def _named(document: Any, where: str, kind: str) -> Iterator[tuple[str, Level]]:
    """The levels below one, by name; a number or date for a name is text too."""
    if not isinstance(document, dict):
        raise ValueError(f"{where} must hold names and values")  # noqa: TRY004
    for name, value in document.items():
        yield str(name), _level({} if value is None else value, f"{where}.{name}", kind)


def _value(limit: Limit, given: Any, place: str) -> Any:
    try:
        return limit.value(given)
    except ValueError as error:
        raise ValueError(f"{place} must be {error}, or off") from None


def _unknown(name: str, place: str, known: list[str]) -> str:
    if name in BY_NAME:
        what = {"all": "once for all", "account": "for all, a source or an account"}
        return f"{place}: {name} is set {what[BY_NAME[name].of]}: move it up"
    near = difflib.get_close_matches(name, known, n=1)
    return f"{place} is no limit: " + (f"did you mean {near[0]}?" if near else "take it out")
