"""Fixtures of the loader's tests."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from target_bronze_postgres.embedded import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def own() -> Iterator[EmbeddedServer]:
    """A server for tests that kill it or fill its disk, in a folder that all may enter."""
    with tempfile.TemporaryDirectory(prefix="bronze-own-") as folder:
        Path(folder).chmod(0o755)
        server = EmbeddedServer(Path(folder) / "postgres")
        server.start()
        yield server
        server.stop()
