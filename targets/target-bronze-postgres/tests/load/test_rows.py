"""A record becomes a row whose every column says what it should."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.messages import record, schema, state

if TYPE_CHECKING:
    from tests.conftest import Load, Query

BRONZE = {
    "tap": "tap-toggl 0.1.0",
    "source": "toggl",
    "account": "Zoë",
    "parameters": {"start_date": "2020-01-01"},
    "source_timestamp": {"pointer": "/start", "form": "rfc3339"},
    "volatile": ["/row_number"],
    "parent": {"stream": "projects", "key": ["/project_id"]},
    "api_version": "v9",
    "api_endpoint": "/me/time_entries",
}
RESPONSE = {
    "api_endpoint": "/me/time_entries?since=1",
    "api_request_id": "r-1",
    "api_response_code": 200,
    "api_rate_limit_info": {"remaining": 29},
}
FILE = {
    "file_path": "export.zip!a/b.fit",
    "file_hash": "ab" * 32,
    "file_size": 12,
    "compression_type": "zip",
    "encoding": "binary",
}


def test_every_column_is_filled(load: Load, query: Query) -> None:
    entry = {"id": 7, "start": "2024-01-31T23:30:00-02:00", "project_id": 5, "x": None}
    message = record("time_entries", "2024-03-01T10:00:00+01:00", **entry) | {"version": 3}
    load(
        schema("time_entries", bookmark_properties=["at"], bronze=BRONZE),
        message | {"bronze": RESPONSE},
        env={"MELTANO_RUN_ID": "run-1", "MELTANO_ENVIRONMENT": "prod"},
    )
    names = query(
        "SELECT column_name::text FROM information_schema.columns "
        "WHERE table_name = 'bronze_toggl' ORDER BY ordinal_position"
    )
    row = dict(zip(names, query("SELECT * FROM bronze_toggl")[0], strict=True))
    now = row.pop("ingested_at")
    assert row.pop("processing_start_time") <= row.pop("processing_end_time") <= now
    assert row.pop("processing_duration").total_seconds() >= 0
    assert isinstance(row.pop("id"), int)
    assert str(row.pop("source_timestamp")) == "2024-02-01 01:30:00"
    assert str(row.pop("partition_key")) == "2024-02-01"
    assert str(row.pop("lineage_timestamp")) == "2024-03-01 09:00:00"
    content_hash = row["metadata"].pop("content_hash")
    assert content_hash.startswith("c1:")
    assert len(content_hash) == 35
    assert row.pop("pipeline_version").startswith("tap-toggl 0.1.0, target-bronze-postgres 0.")
    assert float(row.pop("quality_score")) == 1
    assert row == {
        "source": "toggl",
        "raw_data": entry,
        "raw_id": "7",
        "validation_status": "valid",
        "error_message": None,
        "metadata": {
            "stream": "time_entries",
            "account": "Zoë",
            "time_extracted": "2024-03-01T10:00:00+01:00",
            "stream_version": 3,
        },
        "version": 1,
        "environment": "prod",
        "pipeline_run_id": "run-1",
        "pipeline_parameters": {"start_date": "2020-01-01"},
        "lineage_id": "toggl/Zo%C3%AB/time_entries/7",
        "parent_lineage_ids": ["toggl/Zo%C3%AB/projects/5"],
        "lineage_type": "source",
        "lineage_source": "toggl.time_entries",
        "lineage_metadata": {"key_properties": ["id"], "replication_key": "at"},
        "quality_metrics": {"fields": 4, "nulls": 1, "unknown_fields": 3},
        "quality_checks": {
            "schema": True,
            "key": True,
            "source_timestamp": True,
            "text": True,
        },
        "file_path": None,
        "file_hash": None,
        "file_size": None,
        "compression_type": None,
        "encoding": None,
        "api_version": "v9",
        **RESPONSE,
        "processing_steps": ["parse", "look up", "validate", "hash", "version", "copy"],
        "processing_errors": None,
    }


@pytest.mark.parametrize(
    ("env", "run_id"),
    [
        ({"MELTANO_RUN_ID": "mine", "MELTANO_PARENT_CONTEXT_UUID": "its"}, "mine"),
        ({"MELTANO_RUN_ID": "", "MELTANO_PARENT_CONTEXT_UUID": "its"}, "its"),
        ({}, "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
    ],
)
def test_a_run_has_the_id_that_meltano_gives_it_or_one_of_its_own(
    load: Load, query: Query, env: dict[str, str], run_id: str
) -> None:
    load(schema(), record(id=1), env=env)
    [(row, run)] = query("SELECT pipeline_run_id, run_id FROM bronze_x, bronze_ops.runs")
    assert row == run
    assert re.fullmatch(run_id, row)


def test_a_record_of_a_file_says_which(load: Load, query: Query) -> None:
    load(schema(bronze=BRONZE), record(id=1) | {"bronze": FILE})
    columns = ", ".join(FILE)
    assert query(f"SELECT {columns}, api_endpoint FROM bronze_toggl") == [
        (*FILE.values(), "/me/time_entries")
    ]


def test_a_foreign_tap_needs_only_a_source(load: Load, query: Query) -> None:
    load(
        schema(bookmark_properties=["at"]),
        record(id=1, at="2024-02-29T12:00:00Z"),
        record(id=2, at="not a time"),
        record(id=3, at=None),
    )
    found = query(
        "SELECT raw_id, source_timestamp::text, validation_status FROM bronze_x ORDER BY 1"
    )
    assert found == [
        ("1", "2024-02-29 12:00:00", "valid"),
        ("2", None, "valid"),
        ("3", None, "valid"),
    ]


def test_the_members_of_the_message_win_over_the_settings(load: Load, query: Query) -> None:
    load(schema(bronze=BRONZE), record(id=1), source="other", account="other")
    assert query("SELECT source, account FROM bronze_ops.streams") == [("toggl", "Zoë")]


def test_the_account_is_a_setting_for_foreign_taps(load: Load, query: Query) -> None:
    load(schema(), record(id=1), account="wife")
    assert query("SELECT lineage_id FROM bronze_x") == ["x/wife/users/1"]


@pytest.mark.parametrize(
    ("properties", "body", "expected"),
    [
        (["id"], '{"id": "a b/c"}', ("a b/c", "x/main/users/a%20b%2Fc")),
        (["id"], '{"id": 1e0}', ("1", "x/main/users/1")),
        (["id"], '{"id": ""}', ("", "x/main/users/")),
        (["id"], '{"id": 0}', ("0", "x/main/users/0")),
        (["id"], '{"id": false}', ("false", "x/main/users/false")),
        (["a", "b"], '{"b": "y", "a": 1}', ('[1,"y"]', "x/main/users/1/y")),
        (['q"x'], '{"q\\"x": 5}', ("5", "x/main/users/5")),
    ],
)
def test_keys(
    load: Load, query: Query, properties: list[str], body: str, expected: tuple[str, str]
) -> None:
    line = f'{{"type": "RECORD", "stream": "users", "record": {body}}}\n'.encode()
    load(schema(key_properties=properties, schema={}), line)
    assert query("SELECT raw_id, lineage_id FROM bronze_x") == [expected]


@pytest.mark.parametrize("body", ['{"name": "n"}', '{"id": null, "name": "n"}', "[1]", "5", "{}"])
def test_a_record_without_its_key_lands_by_its_content(load: Load, query: Query, body: str) -> None:
    line = f'{{"type": "RECORD", "stream": "users", "record": {body}}}\n'.encode()
    load(schema(), line, line)
    [(lineage, status, error, raw)] = query(
        "SELECT lineage_id, validation_status, error_message, raw_data FROM bronze_x"
    )
    assert lineage.startswith("x/main/users/#")
    assert status == "invalid"
    assert "the key (id) is missing or null" in error
    assert raw == json.loads(body)
    assert query("SELECT rows_new, rows_unchanged, invalid FROM bronze_ops.runs") == [(1, 1, 1)]


def test_a_version_that_no_bigint_holds_is_none(load: Load, query: Query) -> None:
    load(schema(), record(id=1) | {"version": 2**63}, record(id=2) | {"version": -(2**63)})
    assert query("SELECT metadata->>'stream_version' FROM bronze_x ORDER BY raw_id") == [
        None,
        str(-(2**63)),
    ]


def test_a_keyless_stream_keeps_each_content_once(load: Load, query: Query) -> None:
    load(schema(key_properties=[]), record(id=1), record(id=2), record(id=1))
    assert query("SELECT version, validation_status FROM bronze_x") == [(1, "valid")] * 2


def test_long_identities_stay_short_and_distinct(load: Load, query: Query) -> None:
    load(
        schema("s" * 70),
        record("s" * 70, id="k" * 500),
        record("s" * 70, id="k" * 499 + "l"),
        account="ä" * 70,
    )
    found = query("SELECT lineage_id FROM bronze_x")
    assert len(set(found)) == 2
    assert all(len(lineage) <= 200 for lineage in found)


def test_misfits_are_stored_with_every_reason(load: Load, query: Query) -> None:
    body = {
        "type": "object",
        "properties": {"id": {}, "a": {"properties": {"b": {"type": "null"}}}},
    }
    load(
        schema(schema=body | {"required": ["id", "c"]}),
        record(id=1, a={"b": "secret"}),
        record(id=2, c=1),
    )
    assert query("SELECT validation_status, error_message FROM bronze_x ORDER BY raw_id") == [
        ("invalid", '/: "c" is a required property; /a/b: value is not of type "null"'),
        ("valid", None),
    ]
    assert query("SELECT invalid, records_read FROM bronze_ops.runs") == [(1, 2)]


def test_of_a_large_record_the_first_misfit_is_named(load: Load, query: Query) -> None:
    """All of them would take a thousand times its memory."""
    body = {"properties": {"name": {"items": {"type": "string"}}}}
    load(schema(schema=body), record(id=1, name=["x", *[1] * 50_000]), record(id=2, name=[1, 2]))
    first = '/name/{}: value is not of type "string"'
    assert query("SELECT validation_status, error_message FROM bronze_x ORDER BY raw_id") == [
        ("invalid", first.format(1) + " (of a large record only the first misfit is named)"),
        ("invalid", f"{first.format(0)}; {first.format(1)}"),
    ]


@pytest.mark.parametrize(
    ("settings", "body", "error"),
    [
        ({}, {"type": "nonsense"}, "the schema is broken"),
        ({"validate_records": False}, {}, "validation is switched off"),
    ],
)
def test_what_cannot_be_validated_is_a_warning(
    load: Load, query: Query, settings: dict[str, Any], body: dict[str, Any], error: str
) -> None:
    load(schema(schema=body), record(id=1), **settings)
    [(status, message, score)] = query(
        "SELECT validation_status, error_message, quality_score FROM bronze_x"
    )
    assert status == "warning"
    assert error in message
    assert score == 1


def test_unknown_fields_are_noted_once_in_the_catalog(load: Load, query: Query) -> None:
    load(schema(), record(id=1, new=1), record(id=2, new=1, newer=2), record(id=3))
    assert query("SELECT unknown_fields FROM bronze_ops.streams") == [["new", "newer"]]
    assert query("SELECT DISTINCT validation_status FROM bronze_x") == ["valid"]


def test_exact_numbers_and_text_survive(load: Load, query: Query) -> None:
    body = (
        '{"id":1,"d":0.1234567890123456789012345678901234567890,"i":1180591620717411303424,'
        '"z":1.10,"e":1e2,"s":"","n":"NULL","b":"\\\\N","u":"\\\\u0000","t":"a\\tb","q":"\\"😀",'
        '"l":[],"o":{"x":{"y":null}}}'
    )
    load(schema(), f'{{"type":"RECORD","stream":"users",\t"record":\r{body}}}\r\n'.encode())
    assert query("SELECT raw_data::text = %s::jsonb::text FROM bronze_x", body) == [True]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1969-12-31T23:59:59Z", ("2024-03-01", "1969-12-31 23:59:59", "extracted_at", "warning")),
        ("2999-01-01T00:00:00Z", ("2024-03-01", "2999-01-01 00:00:00", "extracted_at", "warning")),
        ("0001-01-01T00:00:00+14:00", ("2024-03-01", None, "extracted_at", "warning")),
        ("rubbish", ("2024-03-01", None, "extracted_at", "warning")),
        ("1970-01-01T00:00:00Z", ("1970-01-01", "1970-01-01 00:00:00", None, "valid")),
        (None, ("2024-03-01", None, None, "valid")),
    ],
)
def test_odd_dates_land_by_the_day_of_extraction(
    load: Load, query: Query, value: str | None, expected: tuple[str | None, ...]
) -> None:
    load(schema(bronze=BRONZE), record(extracted="2024-03-01T00:00:00Z", id=1, start=value))
    found = query(
        "SELECT partition_key::text, source_timestamp::text, metadata->>'partition_by',"
        " validation_status FROM bronze_toggl"
    )
    assert found == [expected]


def test_the_catalog_and_the_days_say_what_the_table_says(load: Load, query: Query) -> None:
    days = ["2024-01-31", "2024-02-01", "2024-02-01", None]
    load(
        schema(bookmark_properties=["at"]),
        *(record(id=number, at=day) for number, day in enumerate(days)),
        record(id=0, at="2024-01-30"),
        state({"x": 1}),
    )
    assert query("SELECT day::text, records FROM bronze_ops.days ORDER BY 1") == query(
        "SELECT source_timestamp::date::text, count(*) FROM bronze_x"
        " WHERE source_timestamp IS NOT NULL GROUP BY 1 ORDER BY 1"
    )
    catalog = "rows, versions, first_source_timestamp::text, last_source_timestamp::text"
    assert query(f"SELECT {catalog} FROM bronze_ops.streams") == [
        (5, 1, "2024-01-30 00:00:00", "2024-02-01 00:00:00")
    ]


def test_the_catalog_notes_so_many_unknown_fields_and_no_more(load: Load, query: Query) -> None:
    members: list[dict[str, Any]] = [{f"{n} {m}": 1 for m in range(300)} for n in range(5)]
    load(schema(), *(record(id=n, **fields) for n, fields in enumerate(members)))
    assert query("SELECT cardinality(unknown_fields) FROM bronze_ops.streams") == [1000]


def test_what_the_database_sets_for_others_does_not_hinder_a_load(load: Load, query: Query) -> None:
    load(schema(), record(id=1))
    query(
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.5);"
        " NEW.error_message := current_setting('synchronous_commit'); RETURN NEW; END $$;"
        "CREATE TRIGGER note BEFORE INSERT ON bronze_x FOR EACH ROW EXECUTE FUNCTION note()"
    )
    for setting in ("synchronous_commit = off", "statement_timeout = 400"):
        query(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET "
            + setting
            + "', current_database()); END $$"
        )
    load(schema(), record(id=2))
    assert query("SELECT error_message FROM bronze_x WHERE raw_id = '2'") == ["on"]


def test_a_batch_may_last_for_years(load: Load, query: Query) -> None:
    load(schema(), record(id=1), batch_max_seconds=1e9)
    assert query("SELECT count(*) FROM bronze_x") == [1]


@pytest.mark.parametrize(("asked", "made"), [("none", "none"), (None, "jsonb_path_ops")])
def test_a_tap_may_choose_the_index_of_its_table(
    load: Load, query: Query, asked: str | None, made: str
) -> None:
    bronze = {"source": "files"} | ({"raw_index": asked} if asked else {})
    load(
        schema("fit", bronze=bronze),
        record("fit", id=1),
        env={"TARGET_BRONZE_POSTGRES_RAW_INDEX": "jsonb_path_ops"},
    )
    assert query("SELECT raw_index FROM bronze_ops.sources") == [made]


def test_a_parent_may_belong_to_another_source(load: Load, query: Query) -> None:
    parent = {"stream": "activities", "key": ["/activity"], "source": "garmin"}
    load(
        schema("files", bronze={"source": "garmin_files", "parent": parent}),
        record("files", id=1, activity=7),
    )
    rows = query("SELECT parent_lineage_ids::text FROM bronze_garmin_files")
    assert "garmin/main/activities/7" in rows[0]
