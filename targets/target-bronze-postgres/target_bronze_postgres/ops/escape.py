"""Shows bytes and foreign text so that no terminal obeys them."""

from __future__ import annotations

from typing import Final

__all__ = ["escaped", "escaped_bytes"]

_BYTES: Final = range(0xDC80, 0xDD00)
"""What "surrogateescape" makes of the bytes 0x80 to 0xff."""
_TWO_DIGITS: Final = 0x100


def escaped(text: str) -> str:
    r"""Return text in which only printable characters stand as they are.

    Control characters, line breaks, marks that turn the direction of writing, and half a surrogate
    pair become ``\x1b``, ``\u202e`` and the like; a backslash is doubled.
    """
    return "".join(map(_escaped, text))


def escaped_bytes(data: bytes) -> str:
    r"""Return bytes as :func:`escaped` text; what is no UTF-8 becomes ``\xff``."""
    # A handler that writes the backslash itself would have it doubled.
    return escaped(data.decode("utf-8", "surrogateescape"))


def _escaped(character: str) -> str:
    if character == "\\":
        return r"\\"
    if character.isprintable():
        return character
    code = ord(character)
    if code in _BYTES:
        return f"\\x{code - _BYTES.start + 0x80:02x}"
    return f"\\x{code:02x}" if code < _TWO_DIGITS else ascii(character)[1:-1]
