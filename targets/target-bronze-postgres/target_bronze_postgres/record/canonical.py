"""The content hash, rule ``c1``: equal exactly where the JSONB of two records is equal.

The hash is blake2b-128 over the record with sorted keys, the last of duplicate keys, and numbers as
JSONB prints them: 1e0 is 1, 1E+5 is 100000, -0 is 0, but 1.0 is not 1. No number passes through a
double.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from hashlib import blake2b
from typing import Any, NoReturn

import msgspec

from target_bronze_postgres.db import limits

RULE = "c1"

_LONG = 1 << 20
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_SQUARE = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


class Unstorable(Exception):  # noqa: N818 - it says what the record is, and never reaches a user
    """JSONB cannot hold this value; ``reason`` is the dead letter's."""

    def __init__(self, reason: str, error: str) -> None:
        """Name the reason in a word and the error in a sentence."""
        super().__init__(error)
        self.reason = reason


def jsonb_number(text: str) -> Decimal:
    """Return a JSON number such that ``str`` is equal exactly where JSONB prints the same.

    Raises:
        Unstorable: The number is outside of what PostgreSQL's NUMERIC holds.
    """
    try:
        number = Decimal(text)
    except InvalidOperation as error:  # an exponent of twenty digits or more
        raise _out_of_range() from error
    if not number:
        number = number.copy_abs()
    if "e" in text or "E" in text or len(text) > limits.NUMERIC_FRACTION_DIGITS:
        return _within_limits(number)
    return number


def _within_limits(number: Decimal) -> Decimal:
    exponent = number.as_tuple().exponent
    if (
        not isinstance(exponent, int)
        or exponent > limits.NUMERIC_EXPONENT
        or -exponent > limits.NUMERIC_FRACTION_DIGITS
        or (number and number.adjusted() >= limits.NUMERIC_INTEGER_DIGITS)
    ):
        raise _out_of_range()
    return Decimal(format(number, "f")) if exponent > 0 else number


def _out_of_range() -> Unstorable:
    return Unstorable("number_out_of_range", "a number is outside of what a NUMERIC holds")


_fast_decode = msgspec.json.Decoder(float_hook=jsonb_number).decode
_encoder = msgspec.json.Encoder(order="sorted", decimal_format="number")


def decode(raw: bytes | msgspec.Raw) -> Any:
    """Decode one JSON value: integers to int, other numbers to Decimal.

    Raises:
        Unstorable: JSONB cannot hold it, or it is no JSON.
    """
    try:
        return _fast_decode(raw)
    except Unstorable:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _slow_decode(bytes(raw))


def _slow_decode(raw: bytes) -> Any:
    # msgspec refuses integers of more than 4,300 digits; what else it refuses gets its reason here.
    try:
        value = json.loads(
            raw.decode("utf-8"),
            parse_int=jsonb_number,
            parse_float=jsonb_number,
            parse_constant=_refuse_constant,
        )
        canonical(value)
    except UnicodeEncodeError as error:
        raise Unstorable("lone_surrogate", "the record holds half a surrogate pair") from error
    except UnicodeDecodeError as error:
        raise Unstorable("invalid_utf8", "the record is not UTF-8") from error
    except RecursionError as error:
        raise Unstorable("too_deep", f"the record is deeper than {limits.JSON_DEPTH}") from error
    except ValueError as error:
        raise Unstorable("invalid_json", "the record is no JSON") from error
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise Unstorable("not_a_number", f"{name} is no JSON number")


def is_too_deep(raw: bytes | msgspec.Raw) -> bool:
    """Tell whether a JSON text nests deeper than every supported Python decodes and encodes."""
    if len(raw) <= 2 * limits.JSON_DEPTH:
        return False
    if len(raw) < _LONG:  # else counting costs more than it spares, a copy first of all
        text = bytes(raw)
        if text.count(b"[") + text.count(b"{") <= limits.JSON_DEPTH:
            return False
    return depth(raw) > limits.JSON_DEPTH


def depth(raw: bytes | msgspec.Raw) -> int:
    """Return how deep the brackets of a JSON text nest, or one more than the limit."""
    left = _STRING.sub(b"", memoryview(raw)).translate(_SQUARE, _NO_BRACKETS)
    level = 0
    while b"[]" in left and level <= limits.JSON_DEPTH:
        left = left.replace(b"[]", b"")  # the innermost level
        level += 1
    return level


def canonical(value: Any) -> bytes:
    """Return the JSON text that the content hash is over."""
    return _encoder.encode(value)


def content_hash(value: Any) -> bytes:
    """Return the content hash, 16 bytes, of a decoded record."""
    return blake2b(_encoder.encode(value), digest_size=16).digest()


def raw_hash(raw: bytes | msgspec.Raw, salt: bytes = b"") -> bytes:
    """Return blake2b-128 of the very bytes, 16 bytes: equal bytes are equal content.

    ``salt``, of at most 16 bytes, sets apart what equal bytes mean under different circumstances.
    """
    return blake2b(raw, digest_size=16, salt=salt).digest()
