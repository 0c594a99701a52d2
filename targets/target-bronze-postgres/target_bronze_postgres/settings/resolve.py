"""From config, environment and ``.env`` to typed settings, with every problem in one message."""

from __future__ import annotations

import difflib
import json
import math
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from target_bronze_postgres.errors import SettingsError
from target_bronze_postgres.settings.schema import CONFIG_JSONSCHEMA
from target_bronze_postgres.settings.sources import PREFIX, Found, Sources

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PROPERTIES: Final[dict[str, dict[str, Any]]] = CONFIG_JSONSCHEMA["properties"]

# Settings that singer-sdk gives to other targets.
SDK_SETTINGS: Final = frozenset(
    {
        "add_record_metadata",
        "batch_config",
        "faker_config",
        "flattening_enabled",
        "flattening_max_depth",
        "flattening_max_key_length",
        "flattening_separator",
        "hard_delete",
        "load_method",
        "process_activate_version_messages",
    }
)

# What other PostgreSQL targets call these settings: too far from ours to be found by likeness.
OTHER_NAMES: Final = {
    "sqlalchemy_url": "dsn",
    "url": "dsn",
    "dbname": "database",
    "username": "user",
    "ssl_mode": "sslmode",
    "ssl_certificate_authority": "sslrootcert",
    "schema": "default_target_schema",
}

PATHS: Final = frozenset({"embedded_dir", "embedded_bin_dir"})
# A misspelt variable says nothing by itself, so only a near miss is taken for one.
NEAR_MISS: Final = 0.85

BOOLEANS: Final = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, typed; their meaning, units and defaults are told in `CONFIG_JSONSCHEMA`.

    Attributes:
        origins: For each setting that is not at its default, the place that sets it.
    """

    dsn: str | None = field(repr=False)
    host: str | None
    port: int | None
    user: str | None
    password: str | None = field(repr=False)
    database: str | None
    sslmode: str | None
    sslrootcert: str | None
    default_target_schema: str
    embedded_dir: Path | None
    embedded_bin_dir: Path | None
    source: str | None
    account: str
    environment: str | None
    validate_records: bool
    raw_index: Literal["jsonb_ops", "jsonb_path_ops", "none"]
    plausible_from: date
    plausible_days_ahead: int
    batch_size_rows: int
    batch_size_bytes: int
    batch_max_seconds: float
    max_retries: int
    stream_maps: dict[str, Any] | None
    # May hold the user's own secrets, such as the salt of a hash.
    stream_map_config: dict[str, Any] | None = field(repr=False)
    origins: Mapping[str, str] = field(repr=False)


def load_settings(
    config: Mapping[str, Any],
    *,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Settings:
    """Resolve every setting: config, ``TARGET_BRONZE_POSTGRES_*``, ``.env``, default.

    Args:
        config: The parsed config file, without defaults filled in. Empty text is unset.
        environ: Environment variables; the process's own if not given.
        cwd: Folder that the search for ``.env`` starts from; the working folder if not given.

    Raises:
        SettingsError: All problems, joined by "; ". No value of a setting is in it.
    """
    sources = Sources.read(config, environ, cwd)
    problems = [*_unknown_settings(config), *_misspelt_variables(sources)]
    found = {name: sources.setting(name) for name in PROPERTIES}
    found["environment"] = found["environment"] or sources.variable("MELTANO_ENVIRONMENT")
    values: dict[str, Any] = {}
    for name, place in found.items():
        try:
            values[name] = _value(name, place)
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise SettingsError("; ".join(problems))
    origins = {name: place.origin for name, place in found.items() if place}
    return Settings(**values, origins=origins)


def _value(name: str, place: Found | None) -> Any:
    """The typed value of a setting, or its default."""
    schema = PROPERTIES[name]
    if place is None:
        default = schema.get("default")
        return None if default is None else _convert(default, schema)
    try:
        value = _convert(place.value, schema)
    except (ValueError, TypeError, LookupError, OverflowError):
        # Not from the cause: its text may hold the value, and the value may be a secret.
        raise ValueError(
            f"{name} must be {_expected(schema)}; it is set by {place.origin}"
        ) from None
    return place.folder / Path(value).expanduser() if name in PATHS else value


def _kind(schema: Mapping[str, Any]) -> str:
    """The type beside null, `date` for texts that are dates."""
    kind = next(kind for kind in schema["type"] if kind != "null")
    return schema.get("format", kind)  # type: ignore[no-any-return]  # a JSON Schema is Any


def _convert(value: Any, schema: Mapping[str, Any]) -> Any:
    """The value as the schema's type; text is read as that type, as the environment is all text."""
    match _kind(schema):
        case "integer" | "number" as kind:
            return _number(value, schema, whole=kind == "integer")
        case "boolean":
            return value if isinstance(value, bool) else BOOLEANS[str(value).lower()]
        case "object":
            return _object(value)
        case "date":
            return datetime.fromisoformat(value).date()
        case _:
            return _text(value, schema)


def _number(value: Any, schema: Mapping[str, Any], *, whole: bool) -> int | float:
    """A finite number inside the schema's bounds."""
    if isinstance(value, bool):
        raise TypeError
    number = int(value) if whole else float(value)
    # int() cuts 1.5 down to 1.
    exact = not whole or isinstance(value, str) or number == value
    inside = (
        schema.get("minimum", -math.inf) <= number <= schema.get("maximum", math.inf)
        and number > schema.get("exclusiveMinimum", -math.inf)
        and math.isfinite(number)
    )
    if not (exact and inside):
        raise ValueError
    return number


def _object(value: Any) -> dict[str, Any]:
    """A JSON object, or the text of one."""
    parsed = json.loads(value) if isinstance(value, str) else value
    if not isinstance(parsed, dict):
        raise TypeError
    return parsed


def _text(value: Any, schema: Mapping[str, Any]) -> str:
    """Text that fits the schema; bytes count, as PostgreSQL counts them in names."""
    if not isinstance(value, str):
        raise TypeError
    if len(value.encode()) > schema.get("maxLength", math.inf) or "\0" in value:
        raise ValueError
    if value not in schema.get("enum", [value]):
        raise ValueError
    return value


def _expected(schema: Mapping[str, Any]) -> str:
    """What a value must be, in words."""
    match _kind(schema):
        case "integer" | "number" as kind:
            return ("a whole number" if kind == "integer" else "a number") + _bounds(schema)
        case "boolean":
            return "true or false"
        case "object":
            return "a JSON object"
        case "date":
            return "a date such as 2024-12-31"
    if "enum" in schema:
        return "one of " + ", ".join(schema["enum"])
    return f"text of at most {schema['maxLength']} bytes" if "maxLength" in schema else "text"


def _bounds(schema: Mapping[str, Any]) -> str:
    """The bounds of a number, in words."""
    if "maximum" in schema:
        return f" from {schema['minimum']} to {schema['maximum']}"
    if "minimum" in schema:
        return f" of at least {schema['minimum']}"
    return f" greater than {schema['exclusiveMinimum']}"


def _unknown_settings(config: Mapping[str, Any]) -> Iterator[str]:
    """One sentence for every name in the config that is no setting."""
    for name in config:
        if name in SDK_SETTINGS:
            yield (
                f"{name} is a setting of other singer-sdk targets that this target does not have: "
                "take it out of the config"
            )
        elif name not in PROPERTIES:
            yield f"{name} is not a setting: {_suggestion(name)}"


def _suggestion(name: str) -> str:
    """The nearest known name, if one is near."""
    near = difflib.get_close_matches(name, PROPERTIES, n=1)
    nearest = OTHER_NAMES.get(name) or next(iter(near), None)
    return f"did you mean {nearest}?" if nearest else "take it out of the config"


def _misspelt_variables(sources: Sources) -> Iterator[str]:
    """One sentence for every variable that is nearly, but not quite, that of a setting."""
    known = {PREFIX + name.upper() for name in PROPERTIES}
    # Meltano hands nested settings over one by one.
    nested = (f"{PREFIX}STREAM_MAPS_", f"{PREFIX}STREAM_MAP_CONFIG_")
    for variable in sources.variables():
        if not variable.startswith(PREFIX) or variable in known or variable.startswith(nested):
            continue
        name = variable.removeprefix(PREFIX).lower()
        if near := difflib.get_close_matches(name, PROPERTIES, n=1, cutoff=NEAR_MISS):
            yield f"{variable} is not a setting: did you mean {PREFIX}{near[0].upper()}?"
