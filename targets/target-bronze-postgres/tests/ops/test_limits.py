"""``bronze.yml``: what may stand in it, what it means, and how trouble with it is told."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from target_bronze_postgres.errors import SettingsError
from target_bronze_postgres.ops import limits
from target_bronze_postgres.ops.limits import LIMITS, Freshness, Limits

if TYPE_CHECKING:
    from pathlib import Path


def loaded(tmp_path: Path, text: str) -> Limits:
    path = tmp_path / "bronze.yml"
    path.write_text(text)
    return limits.load(path)


def test_without_a_file_the_defaults_hold() -> None:
    found = limits.load()
    assert found.file is None
    assert found.get("freshness", "x", "main", "s") == Freshness(
        on_schedule=True, time=timedelta(hours=1)
    )
    assert found.get("run_time", "x", "main") == timedelta(minutes=5)
    assert found.get("completeness") == 1
    assert found.get("free_disk") == 10**9
    assert found.get("database_size") is found.get("key_ends", "x") is None


def test_the_nearest_file_upwards_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded(tmp_path, "quality: 7%")
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert limits.load().get("quality") == 0.07
    (below / "bronze.yml").write_text("")
    assert limits.load().get("quality") == 0.95


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("freshness: 90 min", "freshness", Freshness(on_schedule=False, time=timedelta(hours=1.5))),
        ("freshness: schedule", "freshness", Freshness(on_schedule=True, time=timedelta())),
        ("freshness: schedule + 2 d", "freshness", Freshness(on_schedule=True, time=timedelta(2))),
        ("freshness: off", "freshness", None),
        ("freshness: 'off'", "freshness", None),
        ("run_time: 1 h 30 min", "run_time", timedelta(hours=1.5)),
        ("run_time: 1.5h", "run_time", timedelta(hours=1.5)),
        ("completeness: 99.5%", "completeness", 0.995),
        ("quality: 0%", "quality", 0.0),
        ("free_disk: 2 GiB", "free_disk", 2 << 30),
        ("database_size: 50 GB", "database_size", 50 * 10**9),
        ("key_ends: 2027-05-31", "key_ends", date(2027, 5, 31)),
        ("", "free_memory", 64 * 10**6),
    ],
)
def test_values(tmp_path: Path, text: str, name: str, value: Any) -> None:
    assert loaded(tmp_path, text).get(name) == value


NEAREST = """
quality: 10%
sources:
  x:
    quality: 20%
    streams:
      s: {quality: 30%}
    accounts:
      a:
        quality: 40%
        run_time: 9 min
        streams:
          s: {quality: 50%}
      2: {quality: 60%}
"""


@pytest.mark.parametrize(
    ("names", "value"),
    [
        (("y", "a", "s"), 0.1),
        (("x", "b", "t"), 0.2),
        (("x", "b", "s"), 0.3),
        (("x", "a", "t"), 0.4),
        (("x", "a", "s"), 0.5),
        (("x", "2", "s"), 0.6),  # a number is a name too; an account comes before a stream
    ],
)
def test_the_nearest_value_counts(
    tmp_path: Path, names: tuple[str, str, str], value: float
) -> None:
    found = loaded(tmp_path, NEAREST)
    assert found.get("quality", *names) == value
    assert found.get("run_time", "x", "a") == timedelta(minutes=9)
    assert found.get("run_time", "x", "b") == timedelta(minutes=5)
    assert found.expected == [("x", None), ("x", "a"), ("x", "2")]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("freshnes: 7 h", "freshnes is no limit: did you mean freshness?"),
        ("xyz: 7 h", "xyz is no limit: take it out"),
        ("source: {}", "source is no limit: did you mean sources?"),
        ("sources: {x: {free_disk: 1 GB}}",
         "sources.x.free_disk: free_disk is set once for all: move it up"),
        ("sources: {x: {streams: {s: {run_time: 1 h}}}}",
         ("sources.x.streams.s.run_time: run_time is set for all, a source or an account: "
         "move it up")),
        ("sources: {x: 5}", "sources.x must hold names and values"),
        ("sources: [x]", "sources must hold names and values"),
        ("- x", "the file must hold names and values"),
        ("run_time: 5", "run_time must be a time such as 30 min, 7 h or 2 d, or off"),
        ("run_time: 5 weeks", "run_time must be a time such as 30 min, 7 h or 2 d, or off"),
        ("run_time: 5 h and more", "run_time must be a time such as 30 min, 7 h or 2 d, or off"),
        ("run_time: -5 h", "run_time must be a time such as 30 min, 7 h or 2 d, or off"),
        ("freshness: schedule + x",
         "freshness must be a time such as 7 h, or schedule + 1 h, or off"),
        ("quality: 0", "quality must be a share from 0% to 100%, such as 99.5%, or off"),
        ("quality: 101%", "quality must be a share from 0% to 100%, such as 99.5%, or off"),
        ("free_disk: 1 h", "free_disk must be a size such as 500 MB or 2 GiB, or off"),
        ("key_ends: soon", "key_ends must be a date such as 2027-05-31, or off"),
        ("key_ends: 2027-05-31 10:00:00", "key_ends must be a date such as 2027-05-31, or off"),
    ],
)  # fmt: skip
def test_trouble_is_one_line_that_names_the_place(tmp_path: Path, text: str, line: str) -> None:
    with pytest.raises(SettingsError) as error:
        loaded(tmp_path, text)
    assert str(error.value) == f"{tmp_path / 'bronze.yml'}: {line}"


@pytest.mark.parametrize("content", [b"a: [", b"\xff", b"a: !!python/object:os.system x"])
def test_what_is_no_yaml(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bronze.yml"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"bronze\.yml is not YAML(, line 1)?: mend the file"):
        limits.load(path)


def test_a_default_is_written_as_it_would_be_in_the_file() -> None:
    for limit in LIMITS:
        assert limit.default is None or limit.parse(limit.default) is not None
