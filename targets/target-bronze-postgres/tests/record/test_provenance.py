"""The ``bronze`` member of messages: all of it is optional, none of it may be malformed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from target_bronze_postgres.errors import InputError
from target_bronze_postgres.record import provenance
from target_bronze_postgres.record.provenance import (
    NO_RECORD,
    NO_STREAM,
    Parent,
    RecordProvenance,
    SourceTimestamp,
    StreamProvenance,
)


def test_messages_of_foreign_taps_have_none() -> None:
    assert provenance.of_stream(b"null") == NO_STREAM == StreamProvenance()
    assert provenance.of_record(b"null") == (NO_RECORD, None) == (RecordProvenance(), None)
    assert provenance.of_stream(b"{}") == NO_STREAM
    assert provenance.of_record(b" {} ") == (NO_RECORD, None)


def test_everything_of_a_stream() -> None:
    member = {
        "tap": "tap-toggl 0.1.0",
        "source": "toggl",
        "account": "main",
        "parameters": {"start_date": "2020-01-01", "paths": ["a"]},
        "source_timestamp": {"pointer": "/start", "form": "epoch_ms"},
        "deleted": "/server_deleted_at",
        "volatile": ["/row_number", "/a/b"],
        "parent": {"stream": "projects", "key": ["/project_id"]},
        "api_version": "v9",
        "api_endpoint": "/me/time_entries",
        "a member of a later version": 1,
    }
    assert provenance.of_stream(json.dumps(member).encode()) == StreamProvenance(
        tap="tap-toggl 0.1.0",
        source="toggl",
        account="main",
        parameters={"start_date": "2020-01-01", "paths": ["a"]},
        source_timestamp=SourceTimestamp("/start", "epoch_ms"),
        deleted="/server_deleted_at",
        volatile=("/row_number", "/a/b"),
        parent=Parent("projects", ("/project_id",)),
        api_version="v9",
        api_endpoint="/me/time_entries",
    )


def test_the_usual_form_of_a_timestamp() -> None:
    known = provenance.of_stream(b'{"source_timestamp": {"pointer": "/at"}}')
    assert known.source_timestamp == SourceTimestamp("/at", "rfc3339")


def test_everything_of_a_record() -> None:
    member: dict[str, Any] = {
        "api_endpoint": "/me",
        "api_request_id": "r-1",
        "api_response_code": 200,
        "api_rate_limit_info": {"remaining": 29},
        "file_path": "a.zip!b.fit",
        "file_hash": "ab",
        "file_size": 2**40,
        "compression_type": "zip",
        "encoding": "binary",
        "deleted_at": "2024-01-31",
    }
    expected = RecordProvenance(**member)
    assert provenance.of_record(json.dumps(member).encode()) == (expected, None)


@pytest.mark.parametrize(
    ("member", "named"),
    [
        ("[]", "array"),
        ("5", "int"),
        ('"x"', "str"),
        ('{"source": 5}', "$.source"),
        ('{"volatile": "/a"}', "$.volatile"),
        ('{"volatile": [5]}', "$.volatile"),
        ('{"parent": {"stream": "a"}}', "key"),
        ('{"source_timestamp": {"form": "utc"}}', "pointer"),
        ('{"parameters": [1]}', "$.parameters"),
        ('{"source": NaN}', "malformed"),
        ('{"source": "x"', "malformed"),
        ('{"source": "\\ud83d"}', "malformed"),
        ('{"parameters": ' + '{"a":' * 5_000 + "1" + "}" * 5_001, "malformed"),
    ],
    ids=lambda text: text[:30],
)
def test_malformed_members_of_a_schema(member: str, named: str) -> None:
    with pytest.raises(InputError, match="a SCHEMA whose bronze member is malformed") as caught:
        provenance.of_stream(member.encode())
    assert named in str(caught.value)


@pytest.mark.parametrize(
    ("member", "named"),
    [
        ('{"api_response_code": "hunter2"}', "$.api_response_code"),
        ('{"api_response_code": 2147483648}', "$.api_response_code"),
        ('{"api_response_code": -2147483649}', "$.api_response_code"),
        ('{"api_response_code": 200.5}', "$.api_response_code"),
        ('{"file_size": 9223372036854775808}', "$.file_size"),
        ('{"file_size": 1e30}', "$.file_size"),
        ('{"api_rate_limit_info": "hunter2"}', "$.api_rate_limit_info"),
        ('{"deleted_at": {}}', "$.deleted_at"),
    ],
)
def test_malformed_members_of_a_record(member: str, named: str) -> None:
    # INTEGER and BIGINT columns hold no more: a COPY with such a number would fail as a whole.
    known, fault = provenance.of_record(member.encode())
    assert known == provenance.NO_RECORD
    assert fault is not None
    assert fault.startswith("bronze member is malformed: ")
    assert named in fault
    assert "hunter2" not in fault


def test_the_sound_members_of_a_record_are_taken() -> None:
    known, fault = provenance.of_record(
        b'{"file_size": "x", "file_path": "a/b", "unknown": 5, "api_response_code": 200,'
        b' "encoding": []}'
    )
    assert known == RecordProvenance(file_path="a/b", api_response_code=200)
    assert fault is not None
    assert "$.file_size" in fault


def test_numbers_that_the_columns_just_hold() -> None:
    known, _ = provenance.of_record(
        b'{"api_response_code": -2147483648, "file_size": 9223372036854775807}'
    )
    assert (known.api_response_code, known.file_size) == (-(2**31), 2**63 - 1)
