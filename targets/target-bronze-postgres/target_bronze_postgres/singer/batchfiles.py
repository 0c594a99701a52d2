"""Files that a BATCH message points to: JSON lines, plain or gzip, on this machine.

https://sdk.meltano.com/en/latest/batch.html
"""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import msgspec

from target_bronze_postgres.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Encoding(msgspec.Struct):
    format: str
    compression: str | None = None


def read_manifest(encoding: bytes, manifest: Any) -> Iterator[bytes]:
    """Yield the lines of the files of a manifest, each a record.

    Raises:
        InputError: The encoding is unknown, or a file cannot be read.
    """
    try:
        known = msgspec.json.decode(encoding, type=_Encoding)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("a BATCH without an encoding.") from error
    if known.format != "jsonl" or known.compression not in {None, "none", "gzip"}:
        raise InputError(
            f"a BATCH in format {known.format!r} with compression {known.compression!r}: "
            "this target reads jsonl, plain or gzip. Set batch_config of the tap."
        )
    for address in _addresses(manifest):
        yield from _read_file(_path(address), compressed=known.compression == "gzip")


def _addresses(manifest: Any) -> list[str]:
    if manifest is None:
        return []
    if not isinstance(manifest, list) or not all(isinstance(name, str) for name in manifest):
        raise InputError("a BATCH whose manifest is no list of files: fix the tap.")
    return manifest


def _path(address: str) -> Path:
    scheme, _, rest = address.partition(":")
    if scheme != "file" and not rest.startswith("//"):
        return Path(address)
    host, slash, path = rest.removeprefix("//").partition("/")
    if scheme != "file" or host not in {"", "localhost"}:
        raise InputError(f"a BATCH with a file that is not on this machine ({scheme}://…).")
    return Path(unquote(slash + path))


def _read_file(path: Path, *, compressed: bool) -> Iterator[bytes]:
    try:
        with gzip.open(path) if compressed else path.open("rb") as file:
            for line in file:
                if stripped := line.strip():
                    yield stripped
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"a BATCH whose file {path} is no whole gzip file.") from error
    except (OSError, ValueError) as error:  # ValueError: NUL in the path
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"a BATCH whose file {path} cannot be read: {reason}.") from error
