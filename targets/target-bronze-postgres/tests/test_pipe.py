"""A plain load starts without the SDK, and nobody can tell."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from target_bronze_postgres.__main__ import plain_load
from tests.messages import as_input, record, schema, state

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import ConfigFile

COMMAND = (
    "import sys; from target_bronze_postgres.__main__ import main\n"
    "try: main()\n"
    "finally: print('SDK' if 'singer_sdk' in sys.modules else 'plain')"
)
TEXT = as_input(schema(), record(id=1), {**record(id=2), "record": {}}, state({"n": 2}))


@pytest.mark.parametrize(
    ("arguments", "files"),
    [
        ([], []),
        (["--config", "a.json"], ["a.json"]),
        (["--config=a=b.json", "--config", "ENV"], ["a=b.json", "ENV"]),
        (["--version"], None),
        (["--config", "a.json", "--about"], None),
        (["--config"], None),
        (["--config", "--about"], None),
        (["--config="], None),
        (["a.json"], None),
    ],
)
def test_only_a_plain_load_does_without_the_sdk(arguments: list[str], files: list[str]) -> None:
    assert plain_load(arguments) == files


def run(
    arguments: list[str], environ: dict[str, str], folder: Path, text: bytes = TEXT
) -> tuple[int, list[str], str]:
    """Return the exit status, the lines on stdout, and stderr without its times."""
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *arguments],
        input=text,
        capture_output=True,
        env=environ,
        cwd=folder,
        check=False,
    )
    log = re.sub(r"^[-\d]+ [:,\d]+", "", done.stderr.decode(), flags=re.MULTILINE)
    return done.returncode, done.stdout.decode().splitlines(), log


def test_both_ways_do_and_say_the_same(
    config_file: ConfigFile, environ: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "in").write_bytes(TEXT)
    run(["--config", config_file()], environ, tmp_path, b"")  # makes the tables
    first = ["--config", config_file(account="first")]
    second = ["--config", config_file(account="second"), "--input", "in"]
    plain, sdk = run(first, environ, tmp_path), run(second, environ, tmp_path)
    assert plain == (0, ['{"n": 2}', "plain"], sdk[2].replace("second", "first"))
    assert sdk[:2] == (0, ['{"n": 2}', "SDK"])
    assert "2 records read: 2 new" in plain[2]


def test_an_error_is_the_same_line(
    config_file: ConfigFile, environ: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "in").write_bytes(b"junk")
    run(["--config", config_file()], environ, tmp_path, b"")  # makes the tables
    for files in ([config_file()], ["missing.json"], [config_file(colour="red")]):
        arguments = [f"--config={file}" for file in files]
        plain = run(arguments, environ, tmp_path, b"junk")
        sdk = run([*arguments, "--input", "in"], environ, tmp_path)
        assert plain[0] == sdk[0] == 1
        assert plain[2] == sdk[2]
        assert "Traceback" not in plain[2]


def test_the_log_is_as_loud_as_the_environment_asks(
    config_file: ConfigFile, environ: dict[str, str], tmp_path: Path
) -> None:
    quiet = {**environ, "LOGLEVEL": "debug", "TARGET_BRONZE_POSTGRES_LOGLEVEL": "error"}
    assert run(["--config", config_file()], quiet, tmp_path)[2] == ""


def test_a_log_config_of_the_sdk_holds(
    config_file: ConfigFile, environ: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "log.yaml").write_text("version: 1\nroot: {level: ERROR, handlers: []}\n")
    logged = {**environ, "SINGER_SDK_LOG_CONFIG": str(tmp_path / "log.yaml")}
    assert run(["--config", config_file()], logged, tmp_path) == (0, ['{"n": 2}', "SDK"], "")


def test_mapped_streams_have_the_sdk(
    config_file: ConfigFile, environ: dict[str, str], tmp_path: Path
) -> None:
    config = config_file(stream_maps={"users": {"twice": "'x' * 2"}})
    assert run(["--config", config], environ, tmp_path)[:2] == (0, ['{"n": 2}', "SDK"])
