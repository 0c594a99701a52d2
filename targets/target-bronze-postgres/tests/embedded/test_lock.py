"""Locks that end with their last holder."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from target_bronze_postgres.embedded import lock
from target_bronze_postgres.errors import ServerError

if TYPE_CHECKING:
    from pathlib import Path


def test_missing_file_is_held_by_none(tmp_path: Path) -> None:
    assert not lock.is_held(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_second_holder_waits_and_gives_up(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with lock.exclusive(path, 1):
        assert lock.is_held(path)
        with pytest.raises(ServerError, match="another process has held"), lock.exclusive(path, 0):
            pass
    assert not lock.is_held(path)


def test_program_that_inherits_it_holds_it_until_its_end(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with lock.exclusive(path, 1) as descriptor:
        heir = subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=[descriptor])
    assert lock.is_held(path)
    heir.communicate()
    assert not lock.is_held(path)
