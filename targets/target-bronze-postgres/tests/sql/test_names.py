"""Sources of any name, length and alphabet have tables with safe and distinct names."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[Any]

IDENTIFIER = re.compile(r"bronze_[a-z0-9_]{1,33}")
# What is made for a source beside its table, or by the server for a partition.
DERIVED = (
    *("", "_latest", "_id_seq", "_pkey", "_y2024m01", "_y2024m01_pkey", "_y2024m01_raw_data_idx"),
    *("_y2024m01_lineage_id_idx", "_y0001m12_environment_idx"),
)
ODD = (
    *("toggl", "Toggl", "TOGGL", "toggl ", " toggl", "toggl\n", "toggl-2", "toggl_2", "toggl.2"),
    *("toggl_latest", "toggl_y2024m01", "toggl_id_seq", "toggl_pkey", "toggl_y2024m01_pkey"),
    *("toggl_y2024m01_lineage_id_idx", "toggl_y2024m01_raw_data_idx", "toggl_latest_latest"),
    *("toggl_y2024m1", "latest", "_latest", "id_seq", "y2024m01", "_y2024m01", "_pkey"),
    *("s" * 33, "s" * 34, "s" * 70, "s" * 69 + "t", "S" * 70, "é" * 70, "s" * 2_000),
    *("", " ", "_", "__", "-", "1", "2024", "😀", "😁", "é", "è", "ß", "ss", "SS", "İ", "日本語"),
    *("a/b", "a_b", "a__b", "a.b", 'a"b', "a'b", "a\\b", "a%sb", "a%Ib", "a{b}", "a;b", "a$$b"),
    *('x"; DROP TABLE bronze_toggl; --', "x'; DROP TABLE bronze_toggl; --", "$ddl$", "select"),
    *("user", "table", "public.toggl", "pg_class", "toggl_x0123456789ab", "x0123456789ab"),
)

plain = st.from_regex(r"[a-b_]{0,3}", fullmatch=True)
near = st.tuples(plain, st.sampled_from(DERIVED), plain).map("".join)
hashed = st.from_regex(r"a{0,19}_x[0-9a-f]{12}", fullmatch=True)
sources = st.text(st.characters(codec="utf-8", exclude_characters="\x00")) | near | hashed


def table_names(connection: Connection, names: list[str]) -> list[str]:
    """Return the name of each source's table."""
    rows = connection.execute(
        "SELECT bronze_ops.table_name(s) FROM unnest(%s::text[]) WITH ORDINALITY AS u (s, n)"
        " ORDER BY n",
        (names,),
    )
    return [row[0] for row in rows]


def assert_safe_and_distinct(connection: Connection, names: list[str]) -> None:
    """Check names of tables by themselves and against all that is made for the other sources."""
    tables = table_names(connection, names)
    for table in tables:
        assert IDENTIFIER.fullmatch(table)
        assert len(table) <= 40
    made = Counter(table + end for table in tables for end in DERIVED)
    assert made.most_common(1)[0][1] == 1


@pytest.mark.parametrize(
    "source", ["toggl", "garmin", "a", "x_2", "github", "_", "2024", "toggl_y2024", "s" * 33]
)
def test_plain_names_are_kept(owner: Connection, source: str) -> None:
    assert table_names(owner, [source]) == [f"bronze_{source}"]


def test_odd_names_keep_what_is_readable(owner: Connection) -> None:
    names = table_names(owner, ["Toggl Track 2", "Ärzte/Zoë", "s" * 70, "", "😀"])
    assert [name[:-12] for name in names] == [
        "bronze_toggl_track_2_x",
        "bronze_rzte_zo_x",
        f"bronze_{'s' * 19}_x",
        "bronze__x",
        "bronze__x",
    ]


def test_names_stay_what_they_are(owner: Connection) -> None:
    # The loader and old databases know tables by these names.
    assert table_names(owner, ["Toggl", "日本語"]) == [
        "bronze_toggl_x879e5728ff19",
        "bronze__x77710aedc74e",
    ]


def test_odd_names_are_safe_and_distinct(owner: Connection) -> None:
    assert_safe_and_distinct(owner, list(ODD))


# The function looks at nothing but its argument, so one database serves every example.
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(sources, unique=True, min_size=1, max_size=30))
def test_names_are_safe_and_distinct(owner: Connection, names: list[str]) -> None:
    assert_safe_and_distinct(owner, names)


@pytest.mark.parametrize(
    ("day", "ending"),
    [
        ("2024-01-31", "_y2024m01"),
        ("2024-12-01", "_y2024m12"),
        ("0001-01-01", "_y0001m01"),
        ("9999-12-31", "_y9999m12"),
    ],
)
def test_names_of_partitions(owner: Connection, day: str, ending: str) -> None:
    row = owner.execute(
        "SELECT bronze_ops.partition_name('toggl', %s), bronze_ops.partition_name(%s, %s)",
        (day, "s" * 70, day),
    ).fetchone()
    assert row
    assert row[0] == f"bronze_toggl{ending}"
    assert row[1].endswith(ending)
    assert len(row[1]) <= 49


def test_all_odd_names_side_by_side(owner: Connection) -> None:
    with owner.transaction():
        for source in ODD:
            owner.execute("SELECT bronze_ops.create_source(%s, 'public', 'none')", (source,))
            owner.execute(
                "SELECT bronze_ops.create_partition_if_not_exists(%s, '2024-01-15')", (source,)
            )
    made = owner.execute(
        """
        SELECT s.source, p.relname
        FROM bronze_ops.sources AS s
        JOIN pg_class AS c ON c.relname = s.table_name AND c.relkind = 'p'
        JOIN pg_class AS v ON v.relname = s.table_name || '_latest' AND v.relkind = 'v'
        JOIN pg_inherits AS i ON i.inhparent = c.oid
        JOIN pg_class AS p ON p.oid = i.inhrelid
        """
    ).fetchall()
    assert sorted(source for source, _ in made) == sorted(ODD)
    assert sorted(name for _, name in made) == sorted(
        f"{name}_y2024m01" for name in table_names(owner, list(ODD))
    )
