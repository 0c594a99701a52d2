"""One run of the loader: its identity, its settings, its clock."""

from __future__ import annotations

import os
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING
from uuid import UUID

from target_bronze_postgres.record import repair
from target_bronze_postgres.record.times import Plausible

if TYPE_CHECKING:
    from collections.abc import Mapping

    from target_bronze_postgres.settings.resolve import Settings

PACKAGE = "lakehouse-target-bronze-postgres"
VERSION = metadata.version(PACKAGE)


def uuid7() -> UUID:
    """Return a UUID of version 7: ordered by the time it was made (RFC 9562, 5.7)."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds << 80) | secrets.randbits(80)
    value = value & ~(0xF << 76) | (0x7 << 76)
    return UUID(int=value & ~(0x3 << 62) | (0x2 << 62))


def pipeline_run_id(environ: Mapping[str, str], loader_id: UUID) -> str:
    """Return the run id that Meltano's user gave, else Meltano's own id, else the loader's."""
    named = environ.get("MELTANO_RUN_ID") or environ.get("MELTANO_PARENT_CONTEXT_UUID")
    return repair.text(named or str(loader_id))


@dataclass
class Run:
    """A process that loads one input."""

    settings: Settings
    loader_id: UUID = field(default_factory=uuid7)
    run_id: str = ""
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        """Take the run id from the environment unless one was given."""
        self.run_id = self.run_id or pipeline_run_id(os.environ, self.loader_id)

    @property
    def target_version(self) -> str:
        """Name and version of this target."""
        return f"target-bronze-postgres {VERSION}"

    def pipeline_version(self, tap: str | None) -> str:
        """Return the versions of tap, if it says so, and target."""
        return ", ".join(filter(None, (tap, self.target_version)))

    def plausible(self) -> Plausible:
        """Return the days that a source timestamp may lie in today."""
        return Plausible(
            self.settings.plausible_from,
            self.settings.plausible_days_ahead,
            datetime.now(UTC).date(),
        )
