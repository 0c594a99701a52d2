"""Where the embedded server lives, and the files of its home."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from target_bronze_postgres.embedded import default_home
from target_bronze_postgres.embedded.home import make_folder, write_private

if TYPE_CHECKING:
    from pathlib import Path


def test_home_is_below_the_nearest_project(tmp_path: Path) -> None:
    (tmp_path / "meltano.yml").touch()
    deep = tmp_path / "taps" / "one"
    deep.mkdir(parents=True)
    assert default_home(deep, {}) == tmp_path / "data" / "postgres"


def test_project_root_of_meltano_goes_first_unless_empty(tmp_path: Path) -> None:
    (tmp_path / "meltano.yml").touch()
    other = tmp_path / "other"
    wanted = {"MELTANO_PROJECT_ROOT": str(other)}
    assert default_home(tmp_path, wanted) == other / "data" / "postgres"
    assert default_home(tmp_path, {"MELTANO_PROJECT_ROOT": ""}) == tmp_path / "data" / "postgres"


def test_home_without_a_project_is_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    home = default_home(environ={})
    assert home.is_relative_to(tmp_path)
    assert home.parts[-2:] == ("lakehouse", "postgres")


def test_private_file_is_replaced_whole_and_only_ours(tmp_path: Path) -> None:
    old_umask = os.umask(0)
    try:
        make_folder(tmp_path / "a" / "home")
        write_private(tmp_path / "a" / "home" / "file", "one")
        (tmp_path / "a" / "home" / "file.new").write_text("left by a crash")
        write_private(tmp_path / "a" / "home" / "file", "two")
    finally:
        os.umask(old_umask)
    assert (tmp_path / "a" / "home").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "a" / "home" / "file").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "a" / "home" / "file").read_text() == "two"
    assert [path.name for path in (tmp_path / "a" / "home").iterdir()] == ["file"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files for others")
def test_what_root_makes_in_anothers_folder_is_not_roots(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 12346)
    make_folder(tmp_path / "data" / "postgres")
    write_private(tmp_path / "data" / "postgres" / "port", "1")
    for path in (tmp_path / "data", *(tmp_path / "data").rglob("*")):
        assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12346), path
