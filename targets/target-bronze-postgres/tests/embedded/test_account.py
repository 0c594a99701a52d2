"""Which account runs the server: oneself, the folder's owner, nobody, or a namespace's."""

from __future__ import annotations

import os
import pwd
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from target_bronze_postgres.embedded import EmbeddedServer, account
from target_bronze_postgres.embedded.account import UNPRIVILEGED, Account, Way
from target_bronze_postgres.errors import ServerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="root alone can become others")


def owner_of_process(embedded: EmbeddedServer) -> int:
    pid = (embedded.home / "data" / "postmaster.pid").read_text().split()[0]
    return (embedded.home / "data").joinpath("/proc", pid).stat().st_uid


@pytest.fixture
def nobody() -> Account:
    entry = pwd.getpwnam(UNPRIVILEGED)
    return Account(entry.pw_uid, entry.pw_gid, Way.SWITCH)


@pytest.fixture
def theirs(readable_folder: Path, readable_bin: Path, nobody: Account) -> Iterator[EmbeddedServer]:
    """A server in a folder of an ordinary user."""
    project = readable_folder / "project"
    project.mkdir(mode=0o700)
    if os.geteuid() == 0:
        nobody.own(project)
    server = EmbeddedServer(project / "data" / "postgres", bin_dir=readable_bin)
    yield server
    server.stop()


def test_ordinary_user_runs_it_as_himself(
    theirs: EmbeddedServer, ordinary: Callable[[Callable[[], str]], str]
) -> None:
    port = ordinary(lambda: theirs.start()["port"])
    assert theirs.parameters()["port"] == port
    assert owner_of_process(theirs) == theirs.home.stat().st_uid != 0


@needs_root
def test_root_and_the_folders_owner_take_turns(
    theirs: EmbeddedServer, ordinary: Callable[[Callable[[], str]], str]
) -> None:
    port = theirs.start()["port"]
    for path in (theirs.home.parent, *theirs.home.parent.rglob("*")):
        assert path.stat().st_uid == theirs.home.parent.parent.stat().st_uid, path
    assert ordinary(lambda: theirs.start()["port"]) == port
    assert ordinary(lambda: str(theirs.stop())) == "True"
    assert theirs.start()["port"] == port
    assert theirs.stop()
    assert ordinary(lambda: theirs.start()["port"]) == port


@needs_root
def test_root_runs_it_as_nobody_below_a_private_folder(
    running: EmbeddedServer, nobody: Account
) -> None:
    private = [folder for folder in running.home.parents if folder.stat().st_mode & 0o077 == 0]
    assert private
    assert {folder.stat().st_uid for folder in (running.home, *private)} == {0}
    assert owner_of_process(running) == (running.home / "data").stat().st_uid == nobody.uid


@needs_root
def test_owner_without_a_name_is_passed_over(tmp_path: Path, nobody: Account) -> None:
    os.chown(tmp_path, 54321, 54321)
    assert account.choose(tmp_path / "data") == nobody
    assert account.choose(tmp_path).uid == 54321


def test_root_that_can_become_nobody_else_uses_a_namespace(
    empty: EmbeddedServer, nobody: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = replace(nobody, way=Way.NAMESPACE)
    if not inside.can("/bin/sh", "-c", ":"):
        pytest.skip("this kernel forbids user namespaces")
    monkeypatch.setattr(account, "choose", lambda _: inside)
    empty.start()
    assert owner_of_process(empty) == os.geteuid()
    assert empty.stop()


def test_namespace_shows_the_caller_as_the_account(nobody: Account) -> None:
    inside = replace(nobody, way=Way.NAMESPACE)
    if not inside.can("/bin/sh", "-c", ":"):
        pytest.skip("this kernel forbids user namespaces")
    assert inside.can("/bin/sh", "-c", f"test $(id -u) = {nobody.uid}")
    assert not inside.can("/bin/sh", "-c", "exit 3")
    assert not inside.can("/nonexistent")


def test_a_program_that_is_not_there_cannot_be_run() -> None:
    assert not Account(os.geteuid(), os.getegid(), Way.SELF).can("/nonexistent")


def test_ways_are_tried_in_turn(
    tmp_path: Path, nobody: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(account, "_for_root", lambda _: nobody)
    possible = {Way.NAMESPACE}
    monkeypatch.setattr(Account, "can", lambda self, *_: self.way in possible)
    assert account.choose(tmp_path).way is Way.NAMESPACE
    possible.clear()
    with pytest.raises(ServerError, match="run as an ordinary user, or name a database"):
        account.choose(tmp_path)


def test_root_without_an_unprivileged_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "UNPRIVILEGED", "no-such-account")
    monkeypatch.setattr(account, "_entry", lambda _: None)
    with pytest.raises(ServerError, match="no account no-such-account"):
        account._for_root(tmp_path / "data")


def message(call: Callable[[], object]) -> str:
    with pytest.raises(ServerError) as caught:
        call()
    return str(caught.value)


def test_folder_of_another_account_is_refused(
    ordinary: Callable[[Callable[[], str]], str],
) -> None:
    line = ordinary(lambda: message(lambda: account.choose(Path("/etc"))))
    assert line.startswith("/etc belongs to root: run as that account or as root")


def test_user_without_a_name_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    with pytest.raises(ServerError, match="user 54321 has no entry in /etc/passwd"):
        account.choose(tmp_path / "data")


@pytest.mark.parametrize("call", ["start", "stop", "is_running", "parameters"])
def test_folder_that_cannot_be_read(
    call: str, theirs: EmbeddedServer, ordinary: Callable[[Callable[[], str]], str]
) -> None:
    theirs.home.mkdir(parents=True, mode=0)
    try:
        line = ordinary(lambda: message(getattr(theirs, call)))
    finally:
        theirs.home.chmod(0o700)
    assert "cannot be used: Permission denied" in line
    assert "\n" not in line
