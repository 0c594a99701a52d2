"""Names of any alphabet and length, and every date from the year 1 to 9999, through the loader."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.messages import record, schema, state

if TYPE_CHECKING:
    from tests.conftest import Load, Query

NAMES = (
    *("toggl", "Toggl", "TOGGL", "toggl_latest", "toggl_y2024m01", "toggl_pkey", "bronze_toggl"),
    *("l" * 70, "l" * 69 + "m", "l" * 63, "ö" * 70, "名" * 70),
    *('"', "'", "''", '""', "`", "\\", "%s", "%I", "$1", "a b", " a", "a ", "a\tb", "a\nb", "a;b"),
    *("😀", "é", "e\u0301", "ñandú", "имя", "اسم", "\u202eabc", "\ufeff", "null", "NULL", "\\N"),
    *(
        'x"; drop table bronze_ops.heads; --',
        "x'; drop table bronze_ops.heads; --",
        "select",
        "user",
    ),
    *("0", "-1", "1.5", "a/b", "a%2Fb", "a.b", "#", "a#b", "pg_catalog", "public", "bronze_ops"),
)


def test_sources_accounts_and_streams_of_any_name_are_kept_apart(load: Load, query: Query) -> None:
    lines: list[Any] = []
    for number, name in enumerate(NAMES):
        about = {
            "source": name,
            "account": name,
            "tap": name,
            "source_timestamp": {"pointer": "/a"},
        }
        first = schema(name, key_properties=[name], schema={}, bronze=about)
        lines += [first, record(name, None, **{name: number, "a": "2024-01-15"})]
        lines += [
            schema(f"{name}_", bronze=about | {"source": "one"}),
            record(f"{name}_", id=number),
        ]
    known = state(dict.fromkeys(NAMES, 1))
    assert load(*lines, known).states == [known["value"]]
    load(*lines)
    tables = dict(query("SELECT source, table_name FROM bronze_ops.sources"))
    assert tables.keys() == {*NAMES, "one"}
    assert len(set(tables.values())) == len(NAMES) + 1
    for number, name in enumerate(NAMES):
        found = f"source, raw_id, lineage_source, metadata->>'stream' FROM {tables[name]}"
        assert query(f"SELECT {found}") == [(name, str(number), f"{name}.{name}", name)]
    assert query("SELECT count(*), count(DISTINCT lineage_id) FROM bronze_one") == [
        (len(NAMES), len(NAMES))
    ]
    assert query("SELECT sum(rows_new)::int, sum(rows_unchanged)::int FROM bronze_ops.runs") == [
        (2 * len(NAMES), 2 * len(NAMES))
    ]
    latest = query("SELECT viewname FROM pg_views WHERE schemaname = 'public'")
    assert len(latest) == len(NAMES) + 1


OFFSETS = ("Z", "+14:00", "-14:00", "+00:01", "-11:30", "+05:45")
DAYS = (
    *("0001-01-01", "0001-01-02", "0001-12-31", "0004-02-29", "0100-03-01", "0999-12-31"),
    *("1000-01-01", "1582-10-04", "1582-10-15", "1600-02-29", "1900-02-28", "1969-12-31"),
    *("1970-01-01", "2000-02-29", "2023-02-28", "2024-02-29", "2024-12-31", "2038-01-19"),
    *("2100-02-28", "9998-12-31", "9999-01-01", "9999-12-30", "9999-12-31"),
    *(f"2023-{month:02}-01" for month in range(1, 13)),
)
CLOCKS = ("00:00:00", "13:59:59.999999", "23:59:59.999999", "12:00:00.5")
MOMENTS = [f"{day}T{clock}{offset}" for day in DAYS for clock in CLOCKS for offset in OFFSETS]
# PostgreSQL knows years before 1 and after 9999, so it can say where a moment lies.
ASKED = """
    WITH moments AS (
        SELECT at, at::timestamptz AT TIME ZONE 'UTC' AS utc FROM unnest(%s::text[]) AS m (at)
    )
    SELECT at, to_char(utc, 'YYYY-MM-DD HH24:MI:SS.US'), to_char(utc, 'YYYY-MM-DD') FROM moments
    WHERE utc >= '0001-01-01' AND utc < '10000-01-01'
"""
FOUND = """
    SELECT raw_data->>'at', to_char(source_timestamp, 'YYYY-MM-DD HH24:MI:SS.US'),
           to_char(partition_key, 'YYYY-MM-DD')
    FROM bronze_x WHERE source_timestamp IS NOT NULL AND validation_status = 'valid'
"""
BRONZE = {"source_timestamp": {"pointer": "/at", "form": "rfc3339"}}


def test_every_moment_of_ten_thousand_years_lies_in_its_utc_month(load: Load, query: Query) -> None:
    lines = [record(id=n, at=at) for n, at in enumerate(MOMENTS)]
    load(schema(bronze=BRONZE), *lines, plausible_from="0001-01-01", plausible_days_ahead=3_000_000)
    expected = query(ASKED, MOMENTS)
    assert len(MOMENTS) > len(expected) > len(MOMENTS) - 60
    assert set(query(FOUND)) == set(expected)
    # Those that lie before the year 1 or after 9999 in UTC land all the same.
    assert query("SELECT count(*) FROM bronze_x") == [len(MOMENTS)]
    outside = "SELECT DISTINCT validation_status, metadata->>'partition_by' FROM bronze_x"
    assert query(f"{outside} WHERE source_timestamp IS NULL") == [("warning", "ingested_at")]
    misplaced = (
        "SELECT count(*) FROM bronze_x"
        " WHERE tableoid::regclass::text <> 'bronze_x_y' || to_char(partition_key, 'YYYY\"m\"MM')"
    )
    assert query(misplaced) == [0]


@pytest.mark.parametrize("rows", [1, 100])
def test_a_timestamp_that_moves_takes_only_its_own_version_along(
    load: Load, query: Query, rows: int
) -> None:
    moves = [
        "2024-01-31T23:30:00-02:00",
        "2024-02-01T00:30:00+14:00",
        "2020-02-29",
        None,
        "rubbish",
    ]
    lines = [
        record(id=1, at=at, extracted=f"2024-05-0{n}T00:00:00Z") for n, at in enumerate(moves, 1)
    ]
    for _ in range(2):
        load(schema(bronze=BRONZE), *lines, batch_size_rows=rows)
        assert query(
            "SELECT version, source_timestamp::text, tableoid::regclass::text FROM bronze_x"
            " ORDER BY version"
        ) == [
            (1, "2024-02-01 01:30:00", "bronze_x_y2024m02"),
            (2, "2024-01-31 10:30:00", "bronze_x_y2024m01"),
            (3, "2020-02-29 00:00:00", "bronze_x_y2020m02"),
            (4, None, "bronze_x_y2024m05"),
            (5, None, "bronze_x_y2024m05"),
        ]
        assert query("SELECT version FROM bronze_x_latest") == [5]
