r"""Repairs of text that JSON may carry and PostgreSQL's JSONB may not.

``\u0000`` and lone surrogates become U+FFFD, in the bytes of the line, so that all else stays as it
came. https://www.postgresql.org/docs/current/datatype-json.html
"""

from __future__ import annotations

import re

NUL = "nul"
SURROGATE = "lone_surrogate"

REPLACEMENT = b"\xef\xbf\xbd"
"""U+FFFD in UTF-8."""

# A surrogate pair, any other \u escape, or a two-character escape: read left to right, an escaped
# backslash before u0000 is never taken for the start of an escape.
_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u([0-9a-fA-F]{4})|\\.",
    re.DOTALL,
)
_SURROGATES = range(0xD800, 0xE000)


def repair(text: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Return JSON text whose escapes JSONB takes, and the names of what was repaired."""
    found: set[str] = set()
    repaired = text
    if b"\\u" in text:
        # Not re.sub(): it would keep a piece for every escape, gigabytes for a long text.
        pieces, end = [], 0
        for match in _ESCAPE.finditer(text):
            if (name := _fault(match.group(1))) is not None:
                found.add(name)
                pieces += [text[end : match.start()], rb"\ufffd"]
                end = match.end()
        repaired = b"".join((*pieces, text[end:])) if pieces else text
    if b"\x00" in repaired:
        found.add(NUL)
        repaired = repaired.replace(b"\x00", REPLACEMENT)
    return repaired, tuple(sorted(found))


def _fault(digits: bytes | None) -> str | None:
    code = -1 if digits is None else int(digits, 16)
    if code == 0:
        return NUL
    return SURROGATE if code in _SURROGATES else None


def text(value: str) -> str:
    """Return text that a PostgreSQL TEXT column takes: NUL and lone surrogates become U+FFFD."""
    value = value.replace("\x00", "\ufffd")
    if value.isascii():
        return value
    return "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in value)
