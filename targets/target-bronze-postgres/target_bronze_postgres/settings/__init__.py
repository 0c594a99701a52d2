"""Settings: what may be set, where each value comes from, and which database they name."""

from __future__ import annotations

from target_bronze_postgres.settings.database import DatabaseTarget, resolve_database
from target_bronze_postgres.settings.files import read_config
from target_bronze_postgres.settings.resolve import Settings, load_settings
from target_bronze_postgres.settings.schema import CONFIG_JSONSCHEMA

__all__ = [
    "CONFIG_JSONSCHEMA",
    "DatabaseTarget",
    "Settings",
    "load_settings",
    "read_config",
    "resolve_database",
]
