"""``bronze backup`` and ``bronze restore``."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

import click

from target_bronze_postgres.errors import BackupError
from target_bronze_postgres.ops.backup import archive, encryption, folder
from target_bronze_postgres.ops.backup.dump import check, dump
from target_bronze_postgres.ops.backup.restore import restore as write_back
from target_bronze_postgres.settings.sources import Sources

if TYPE_CHECKING:
    from collections.abc import Iterator

    from target_bronze_postgres.ops.backup.dump import Contents
    from target_bronze_postgres.ops.context import Context

VARIABLE: Final = "BRONZE_BACKUP_PASSPHRASE"

passphrase_file = click.option(
    "--passphrase-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=f"File whose first line is the passphrase; without it {VARIABLE} of the environment or "
    "the nearest .env.",
)


@click.command()
@click.argument("path", type=click.Path(path_type=str))
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    help="PATH is a folder: afterwards keep so many of its newest backups and remove the others.",
)
@click.option("--encrypt", is_flag=True, help="Ask for a passphrase if none is given otherwise.")
@passphrase_file
@click.pass_obj
def backup(
    context: Context, *, path: str, keep: int | None, encrypt: bool, passphrase_file: Path | None
) -> None:
    """Write all of the bronze layer to a file: tables, history, operations, roles and rights.

    PATH is a file, or a folder in which the file is named by its time. Loaders go on meanwhile; the
    backup is what was committed when it began. It is written beside its place (0600), read back
    and compared, and only then takes its name, so a file that is there is whole. With a passphrase
    it is encrypted by age. Passwords are never in it.

    For cron: bronze backup backups/ --keep 8
    """
    passphrase = _passphrase(passphrase_file) or (_ask(confirm=True) if encrypt else None)
    place = folder.choose(
        Path(path), in_folder=keep is not None or path.endswith("/"), encrypted=bool(passphrase)
    )
    with context.connect() as connection, folder.replacing(place) as (file, name):
        with _writing(file, passphrase) as sink:
            dump(connection, sink, _say)
        file.flush()
        contents = _check(name, passphrase)
        size = name.stat().st_size
    _tell(contents)
    click.echo(
        f"{place}: {contents.whole.rows:,} rows, {size:,} bytes, "
        f"{'encrypted, ' if passphrase else ''}read back and found whole"
    )
    for old in folder.rotate(place.parent, keep) if keep else ():
        click.echo(f"{old}: removed, {keep} are kept")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--check", "only_check", is_flag=True, help="Only read the file and tell of it.")
@passphrase_file
@click.pass_obj
def restore(
    context: Context, *, file: Path, only_check: bool, passphrase_file: Path | None
) -> None:
    """Write a backup into an empty database: PostgreSQL 15 or newer, of any version since.

    The whole file is read and compared with its sums first. Then all is written in one transaction
    and compared again, row for row by hashes, before it is committed; so a kill or an error leaves
    the database empty, and the next try works. A database with rows is refused.
    """
    passphrase = _passphrase_of(file, passphrase_file)
    contents = _check(file, passphrase)
    if only_check:
        _tell(contents)
        click.echo(f"{file}: {contents.whole.rows:,} rows, whole")
        return
    with context.connect() as connection, _reading(file, passphrase) as source:
        notes = write_back(connection, contents, source, _say)
    _tell(contents)
    click.echo(
        f"{context.target.label}: {contents.whole.rows:,} rows restored, equal to {file} row by row"
    )
    for note in notes:
        click.echo(f"note: {note}")


def _say(line: str) -> None:
    click.echo(line, err=True)


def _tell(contents: Contents) -> None:
    manifest = contents.manifest
    click.echo(
        f"backup of {manifest.created_at:%Y-%m-%d %H:%M:%S} UTC from PostgreSQL {manifest.server}, "
        f"by {manifest.program}"
    )
    for table in manifest.tables:
        if rows := contents.whole.tables[table.folder].rows:
            click.echo(f"  {table.label}: {rows:,} rows")


def _passphrase(file: Path | None) -> str | None:
    """The passphrase of the file, the environment or ``.env``; never of the command line.

    Raises:
        BackupError: The file holds none.
    """
    if file is None:
        found = Sources.read({}).variable(VARIABLE)
        return str(found.value) if found else None
    with folder.clear_errors(file), archive.damage(str(file)):
        first = file.read_text("utf-8").partition("\n")[0].removesuffix("\r")
    if not first:
        raise BackupError(f"the first line of {file} is empty: write the passphrase there")
    return first


def _passphrase_of(file: Path, passphrase_file: Path | None) -> str | None:
    """The passphrase that a backup needs, asked for if need be."""
    with folder.clear_errors(file), file.open("rb") as opened:
        if not encryption.is_encrypted(opened):
            return None
    return _passphrase(passphrase_file) or _ask(confirm=False)


def _ask(*, confirm: bool) -> str:
    answer: str = click.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm, err=True)
    return answer


@contextmanager
def _writing(file: IO[bytes], passphrase: str | None) -> Iterator[IO[bytes]]:
    if passphrase is None:
        yield file
        return
    with encryption.encrypting(file, passphrase) as sink:
        yield sink


@contextmanager
def _reading(path: Path, passphrase: str | None) -> Iterator[IO[bytes]]:
    with folder.clear_errors(path), path.open("rb") as file, archive.damage(str(path)):
        if passphrase is None:
            yield file
            return
        with encryption.decrypting(file, passphrase) as source:
            yield source


def _check(path: Path, passphrase: str | None) -> Contents:
    with _reading(path, passphrase) as source:
        return check(source, str(path))
