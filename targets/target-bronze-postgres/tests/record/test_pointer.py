"""JSON pointers find what RFC 6901 says, and leave out what they point to."""

from __future__ import annotations

from typing import Any

import pytest

from target_bronze_postgres.record.pointer import MISSING, Pointer

RECORD: dict[str, Any] = {
    "start": "2024",
    "null": None,
    "summary": [{"id": 5}, [6, 7]],
    "a/b": 1,
    "m~n": 2,
    "": 3,
    "~1": 4,
    "0": {"01": 5},
}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("/start", "2024"),
        ("/null", None),
        ("/summary/0/id", 5),
        ("/summary/1/1", 7),
        ("/a~1b", 1),
        ("/m~0n", 2),
        ("/", 3),
        ("/~01", 4),
        ("/0/01", 5),
        ("/missing", MISSING),
        ("/start/x", MISSING),
        ("/null/x", MISSING),
        ("/summary/2", MISSING),
        ("/summary/-1", MISSING),
        ("/summary/-", MISSING),
        ("/summary/id", MISSING),
        ("/a/b", MISSING),
        ("/m~n/", MISSING),
    ],
)
def test_get(text: str, found: Any) -> None:
    assert Pointer(text).get(RECORD) == found


@pytest.mark.parametrize("record", [None, 5, "start", [], ["start"], {}])
def test_records_that_have_no_such_member(record: Any) -> None:
    assert Pointer("/start").get(record) is MISSING
    assert Pointer("/start").without(record) == record


@pytest.mark.parametrize("text", ["", "start", "#/start", "$.start", " /start"])
def test_texts_that_are_no_pointer(text: str) -> None:
    with pytest.raises(ValueError, match="must begin with a slash"):
        Pointer(text)


def test_without_leaves_the_record_as_it_is() -> None:
    record = {"a": {"b": [{"c": 1, "d": 2}, 3]}, "e": 4}
    assert Pointer("/e").without(record) == {"a": {"b": [{"c": 1, "d": 2}, 3]}}
    assert Pointer("/a/b/0/c").without(record) == {"a": {"b": [{"d": 2}, 3]}, "e": 4}
    assert record == {"a": {"b": [{"c": 1, "d": 2}, 3]}, "e": 4}


def test_without_keeps_the_places_of_an_array() -> None:
    assert Pointer("/a/0").without({"a": [1, 2]}) == {"a": [None, 2]}
    assert Pointer("/a/5").without({"a": [1, 2]}) == {"a": [1, 2]}
