"""Loads what comes through a pipe, without the SDK unless a stream is mapped.

Importing it takes as long as loading tens of thousands of records. What is logged here is what the
SDK's command logs around the same load.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Final

from target_bronze_postgres.errors import BronzeError, InputError
from target_bronze_postgres.load.engine import load
from target_bronze_postgres.load.run import VERSION, Run
from target_bronze_postgres.settings.database import resolve_database
from target_bronze_postgres.settings.files import read_config
from target_bronze_postgres.settings.resolve import load_settings

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator, Sequence

    from target_bronze_postgres.load.mapping import StreamMaps
    from target_bronze_postgres.settings.resolve import Settings

NAME: Final = "target-bronze-postgres"
logger = logging.getLogger(NAME)

_FORMAT = "{asctime:23s} | {levelname:8s} | {name:30s} | {message}"
_COUNTED = ("SCHEMA", "RECORD", "BATCH", "STATE", "ACTIVATE_VERSION")


def main(config_files: Sequence[str]) -> None:
    """Load stdin with the settings of these files; an error of ours is one line and the status."""
    _log_to_stderr()
    try:
        counter = load_input(load_settings(read_config(config_files)), sys.stdin)
    except BronzeError as error:
        logger.error("%s", error)  # noqa: TRY400 - the line says it all
        sys.exit(error.exit_code)
    logger.info(
        "Reader '%s' completed processing %d lines of input (%d schemas, %d records, "
        "%d batch manifests, %d state messages, %d activate version messages).",
        *(NAME, counter.total(), *(counter[name] for name in _COUNTED)),
    )


def load_input(settings: Settings, text: IO[str] | None) -> Counter[str]:
    """Load all messages of a file or of stdin, and return how many came of each type.

    Raises:
        BronzeError: As :func:`~target_bronze_postgres.load.engine.load`.
    """
    target = resolve_database(settings)
    chosen = "no setting names one" if target.origin == "embedded" else f"set by {target.origin}"
    logger.info("%s: rows go to %s (%s)", VERSION, target.label, chosen)
    mapping = stream_maps(settings)
    with _descriptor(text) as fd:
        return load(Run(settings), target, fd, mapping)


def stream_maps(settings: Settings) -> StreamMaps | None:
    """Return the stream maps of the settings; the SDK, which is slow to import, only for them."""
    if not settings.stream_maps:
        return None
    from target_bronze_postgres.load.mapping import StreamMaps  # noqa: PLC0415 - imports the SDK

    return StreamMaps(settings.stream_maps, settings.stream_map_config or {})


def _log_to_stderr() -> None:
    level = os.environ.get("TARGET_BRONZE_POSTGRES_LOGLEVEL") or os.environ.get("LOGLEVEL") or ""
    known = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    logging.basicConfig(level=known, format=_FORMAT, style="{")
    logging.captureWarnings(capture=True)


@contextmanager
def _descriptor(text: IO[str] | None) -> Iterator[int]:
    """Give a file descriptor for what the SDK calls an input, without decoding it."""
    if text is None:  # closed by whoever started us
        raise InputError("Standard input is closed: pipe a tap's output into it.")
    try:
        descriptor = text.fileno()
    except OSError:  # text in memory, as in the SDK's tests, has none
        descriptor = None
    if descriptor is not None:
        yield descriptor
        return
    content = text.buffer.read() if hasattr(text, "buffer") else text.read().encode()
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.seek(0)
        yield file.fileno()
