"""What a source may send one day: members that no schema knows, in every form that JSON allows."""

from __future__ import annotations

from typing import Any, Final

import msgspec

# Raw keeps the digits and the escapes exactly as they stand here.
STRANGE: Final[dict[str, Any]] = {
    "strange_decimal": msgspec.Raw(b"0.1234567890123456789012345678901234567890"),
    "strange_numbers": msgspec.Raw(b"[1.0,1.10,1E+5,-0,1e-7,100]"),
    "strange_integer": msgspec.Raw(b"1180591620717411303424"),
    "strange_nulls": {"null": None, "deeper": {"null": None, "list": [None]}},
    "strange_empty": {"list": [], "object": {}, "text": "", "zero": 0, "false": False},
    "strange_text": "\N{GRINNING FACE} \U00020000 \N{RIGHT-TO-LEFT MARK}é é",
    "strange_escapes": msgspec.Raw(rb'"\ud83d\ude00 \u00e9 \/ \" \\ \b\f\n\r\t \u0001 \u2028"'),
    "strange member": {"a.b": 1, "a/b~c": 2, "": 3, "$ref": "file:///nowhere"},
}


def strange(record: dict[str, Any]) -> dict[str, Any]:
    """Return the record with the strange members added."""
    return record | STRANGE
