"""Settings as the user gives them: empty means unset, text becomes numbers, trouble one clear line.

Every tap of this repository holds a copy of this file, because each tap installs and works alone;
``tests/test_repository.py`` holds that the copies are the same. No line that this module makes
shows a setting's value: it may be a secret.
"""

from __future__ import annotations

import difflib
import ipaddress
import json
import os
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

from dotenv import dotenv_values, find_dotenv
from singer_sdk.plugin_base import JSONSchemaValidator

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from jsonschema.exceptions import ValidationError

IN_HEADERS = ("api_token", "api_key", "user_agent")
"""Settings that are sent in the header of a request."""
ARTICLES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
}


def variables() -> dict[str, str]:
    """Return the environment over the nearest ``.env`` file, without empty values."""
    nearest = dotenv_values(find_dotenv(usecwd=True))
    return {name: value for name, value in {**nearest, **os.environ}.items() if value}


def shortcut(name: str) -> str | None:
    """Return a variable that stands for a setting, such as ``TOGGL_API_KEY``, outside Meltano.

    Inside, ``meltano.yml`` says which plugin takes it: a second account that has no key of its own
    must not read the first one's data under its own name.
    """
    return None if os.environ.get("MELTANO_EXTRACTOR_NAME") else variables().get(name)


def from_files(paths: Iterable[str]) -> dict[str, Any]:
    """Return the settings of JSON files, a later file over an earlier one.

    Each file is opened once, so that a pipe may stand for a file.

    Args:
        paths: Files that hold one JSON object each.

    Raises:
        ValueError: A file cannot be read or holds something else; the message is one clear line.
    """
    settings: dict[str, Any] = {}
    for path in paths:
        try:
            settings.update(parsed(Path(path).read_text(encoding="utf-8")))
        except OSError as error:
            raise ValueError(f"cannot read '{path}': {error.strerror}.") from None
        except ValueError:
            raise ValueError(f"'{path}' must hold one JSON object.") from None
    return settings


def parsed(text: str) -> dict[str, Any]:
    """Return the JSON object that a text holds.

    Raises:
        ValueError: The text is no JSON, or holds something else.
    """
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError(type(value).__name__)  # noqa: TRY004 - both causes are one to the caller
    return value


def from_variables(schema: Mapping[str, Any], prefix: str) -> dict[str, str]:
    """Return the settings that variables name, such as ``TAP_X_START_DATE``.

    Args:
        schema: JSON Schema of the settings.
        prefix: What every variable starts with, such as ``TAP_X_``.
    """
    known = variables()
    named = {name: prefix + name.upper() for name in schema["properties"]}
    return {name: known[variable] for name, variable in named.items() if variable in known}


def prepared(given: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings without the empty ones, text converted to each setting's type."""
    properties = schema["properties"]
    return {
        name: _converted(value, properties.get(name, {})) if isinstance(value, str) else value
        for name, value in given.items()
        if value is not None and not (isinstance(value, str) and not value.strip())
    }


def _converted(text: str, declared: Mapping[str, Any]) -> Any:
    """Return text as the declared type; as it is if it cannot be, so that the check names it."""
    kinds = declared.get("type", ["string"])
    if "string" in kinds:
        return text
    if "array" in kinds and not text.lstrip().startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    try:
        return json.loads(text, parse_constant=_refuse)
    except ValueError:
        return text


def _refuse(constant: str) -> NoReturn:
    """Refuse NaN and Infinity, which JSON does not know."""
    raise ValueError(constant)


def problems(settings: dict[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """Return one line for each unknown or wrong setting; fill in defaults.

    Args:
        settings: Settings as ``prepared`` returns them; defaults are added in place.
        schema: JSON Schema of the settings.
    """
    errors = JSONSchemaValidator(schema).iter_errors(settings)
    lines = [line for error in errors for line in _lines(error, schema)]
    checks = (_address_problems, _header_problems, _period_problems)
    return lines or [line for check in checks for line in check(settings)]


def _lines(error: ValidationError, schema: Mapping[str, Any]) -> Iterator[str]:
    """Yield what to tell the user of one violation of the settings' schema."""
    if not error.path and isinstance(error.instance, dict):
        yield from _unknown(error.instance, schema["properties"])
    else:
        setting = ".".join(str(part) for part in error.path)
        yield f"Setting '{setting}' must be {_expected(error)}."


def _unknown(settings: Mapping[str, Any], known: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each setting that does not exist, with the nearest one that does."""
    for name in settings.keys() - known.keys():
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else "take it out, or see --about for a list."
        yield f"Setting '{name}' is unknown: {hint}"


def _expected(error: ValidationError) -> str:
    """Return what a setting must be, from the rule that it breaks."""
    rule: Any = error.validator_value
    match error.validator:
        case "type":
            kinds = [rule] if isinstance(rule, str) else rule
            return " or ".join(ARTICLES[kind] for kind in kinds if kind in ARTICLES)
        case "enum":
            return "one of " + ", ".join(str(choice) for choice in rule)
        case "minimum":
            return f"{rule} or more"
        case "maximum":
            return f"{rule} or less"
        case _:
            return f"as --about says (rule {error.validator})"


def _address_problems(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line if ``api_url`` is more than scheme and host, or could send secrets in clear."""
    if not _sound(settings["api_url"]):
        yield (
            "Setting 'api_url' must be scheme and host alone, such as https://host: "
            "https, or http to this machine."
        )


def _sound(address: str) -> bool:
    """Tell whether an address is a bare scheme and host that credentials may be sent to."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or "@" in parts.netloc or parts.path.strip("/") or parts.query or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _loopback(host))


def _loopback(host: str) -> bool:
    """Tell whether a host name means this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _header_problems(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each setting that no header can carry, such as a key with a line break."""
    for name in IN_HEADERS:
        value = settings.get(name) or ""
        if not (value.isascii() and value.isprintable()):
            yield f"Setting '{name}' must be one line of plain letters, digits and signs."


def _period_problems(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line if a date cannot be read, or the period ends before it starts."""
    days = {name: _day(settings[name]) for name in ("start_date", "end_date") if name in settings}
    for name, day in days.items():
        if day is None:
            yield (
                f"Setting '{name}' must be a date such as 2024-01-31, "
                "or a time such as 2024-01-31T08:00:00Z."
            )
    start, end = days.get("start_date"), days.get("end_date")
    if start and end and end < start:
        yield "Setting 'end_date' must not be before 'start_date'."


def _day(text: str) -> date | None:
    """Return the day of a date or time in ISO form, None if it is neither."""
    try:
        return datetime.fromisoformat(text).date()
    except ValueError:
        return None
