"""Backups with a passphrase: age, https://age-encryption.org, by the library pyrage.

age reads a passphrase for whole files in memory only, as far as pyrage goes. So a key is made for
each backup: it is encrypted with the passphrase, and the backup, as a stream, to the key.
"""

from __future__ import annotations

import os
import tarfile
import threading
from contextlib import contextmanager
from functools import lru_cache
from typing import IO, TYPE_CHECKING, Any, Final

import pyrage  # type: ignore[import-untyped] # it has no types

from target_bronze_postgres.errors import BackupError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEY: Final = "key.age"
BODY: Final = "backup.tar.zst.age"
_BLOCK: Final = tarfile.BLOCKSIZE


def is_encrypted(file: IO[bytes]) -> bool:
    """Tell whether a file is a backup with a passphrase; its position stays."""
    here = file.tell()
    start = file.read(len(KEY) + 1)
    file.seek(here)
    return start == KEY.encode() + b"\0"


@contextmanager
def encrypting(file: IO[bytes], passphrase: str) -> Iterator[IO[bytes]]:
    """Give a stream whose bytes end up encrypted in a file that can be sought."""
    identity = pyrage.x25519.Identity.generate()
    key = pyrage.passphrase.encrypt(str(identity).encode(), passphrase)
    file.write(_header(KEY, len(key)) + key + _padding(len(key)))
    header = file.tell()
    file.write(_header(BODY, 0))
    start = file.tell()
    recipients = [identity.to_public()]
    with _through(lambda source: pyrage.encrypt_io(source, file, recipients)) as sink:
        yield sink
    size = file.tell() - start
    file.write(_padding(size) + bytes(2 * _BLOCK))
    file.seek(header)
    file.write(_header(BODY, size))
    file.seek(0, os.SEEK_END)


@contextmanager
def decrypting(file: IO[bytes], passphrase: str) -> Iterator[IO[bytes]]:
    """Give a stream of what was encrypted.

    Raises:
        BackupError: The passphrase is another one.
        ValueError: The file is damaged.
    """
    key, size = _open(file)
    identity = _unlocked(key, passphrase)
    body = _Part(file, size)
    with _from(lambda sink: pyrage.decrypt_io(body, sink, [identity])) as source:
        yield source


@lru_cache(maxsize=1)
def _unlocked(key: bytes, passphrase: str) -> Any:
    """Return the identity that a key holds; it takes a second on purpose, so it is kept.

    Raises:
        BackupError: The passphrase is another one.
    """
    try:
        return pyrage.x25519.Identity.from_str(pyrage.passphrase.decrypt(key, passphrase).decode())
    except pyrage.DecryptError as error:
        raise BackupError(
            "the passphrase is not that of the backup, or the backup is damaged: nothing was "
            "changed"
        ) from error


class _Part:
    """The next bytes of a file, as a file."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._left = file, size

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        return data


def _open(file: IO[bytes]) -> tuple[bytes, int]:
    """Return the encrypted key and the size of what follows; the outer archive is checked whole."""
    with tarfile.open(fileobj=file, mode="r:") as tar:
        members = {member.name: member for member in tar.getmembers()}
    if list(members) != [KEY, BODY]:
        raise ValueError("it is no backup with a passphrase")
    key, body = members[KEY], members[BODY]
    file.seek(key.offset_data)
    content = file.read(key.size)
    expected = _header(KEY, key.size) + content + _padding(key.size) + _header(BODY, body.size)
    file.seek(body.offset_data + body.size)
    end = file.read()
    file.seek(0)
    if file.read(len(expected)) != expected or end != _padding(body.size) + bytes(2 * _BLOCK):
        raise ValueError("its bytes are not those that were written")
    return content, body.size


def _header(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    return member.tobuf(format=tarfile.GNU_FORMAT)


def _padding(size: int) -> bytes:
    return bytes(-size % _BLOCK)


@contextmanager
def _through(work: Callable[[IO[bytes]], object]) -> Iterator[IO[bytes]]:
    """Give the writing end of a pipe that ``work`` reads on another thread."""
    reading, writing = os.pipe()
    source, sink = os.fdopen(reading, "rb"), os.fdopen(writing, "wb", buffering=1 << 16)
    with _running(work, source), sink:
        yield sink


@contextmanager
def _from(work: Callable[[IO[bytes]], object]) -> Iterator[IO[bytes]]:
    """Give the reading end of a pipe that ``work`` writes on another thread."""
    reading, writing = os.pipe()
    source, sink = os.fdopen(reading, "rb", buffering=1 << 16), os.fdopen(writing, "wb")
    with _running(work, sink), source:
        yield source


@contextmanager
def _running(work: Callable[[IO[bytes]], object], end: IO[bytes]) -> Iterator[None]:
    """Run ``work`` on its end of a pipe, which it closes; its error is raised at the end."""
    errors: list[Exception] = []

    def run() -> None:
        try:
            with end:
                work(end)
        except Exception as error:  # noqa: BLE001 - raised on the thread that waits for it
            errors.append(error)

    thread = threading.Thread(target=run, name="bronze-age")
    thread.start()
    try:
        yield
    except BrokenPipeError:  # the thread has ended, by an error that tells more
        thread.join()
        if not errors:
            raise
    finally:
        thread.join()
    if errors:
        raise ValueError(f"age: {errors[0]}") from errors[0]
