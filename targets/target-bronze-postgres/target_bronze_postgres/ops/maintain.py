"""``bronze maintain``: what PostgreSQL does not do by itself for partitioned tables."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

import click
from psycopg import sql
from psycopg.rows import class_row

from target_bronze_postgres.db.migrations import check_version
from target_bronze_postgres.errors import RightsError
from target_bronze_postgres.ops import words
from target_bronze_postgres.ops.form import format_option
from target_bronze_postgres.ops.table import table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import psycopg

    from target_bronze_postgres.ops.context import Context

    Connection = psycopg.Connection[Any]

HEADINGS: Final = ("table", "partitions", "new", "rows", "table size", "indexes", "GIN pages moved")

_SOURCES = """
    SELECT o.source, o.schema_name, o.table_name, c.oid::bigint AS relation,
           pg_has_role(c.relowner, 'USAGE') AS owned
    FROM bronze_ops.sources AS o
    JOIN pg_class AS c ON c.oid = to_regclass(format('%I.%I', o.schema_name, o.table_name))
    ORDER BY o.source
"""
_PARTITIONS = "SELECT count(*) FROM pg_inherits WHERE inhparent = %s"
# One to a transaction: a loader may make another month at the same time.
_MONTH_AHEAD = """
    SELECT bronze_ops.create_partition_if_not_exists(
        %s, (date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => %s))::date)
"""
# A GIN index keeps new entries in a list, which every search reads from end to end.
_PENDING = """
    SELECT coalesce(sum(gin_clean_pending_list(i.indexrelid)), 0)::bigint
    FROM pg_partition_tree(%s::oid::regclass) AS t
    JOIN pg_index AS i ON i.indrelid = t.relid
    JOIN pg_class AS c ON c.oid = i.indexrelid
    JOIN pg_am AS a ON a.oid = c.relam
    WHERE a.amname = 'gin' AND t.isleaf
"""
_SIZES = """
    SELECT coalesce(sum(pg_table_size(t.relid)), 0)::bigint,
           coalesce(sum(pg_indexes_size(t.relid)), 0)::bigint,
           coalesce(sum(greatest(c.reltuples, 0)), 0)::bigint
    FROM pg_partition_tree(%s::oid::regclass) AS t JOIN pg_class AS c ON c.oid = t.relid
    WHERE t.isleaf
"""
_OPS_TABLES = """
    SELECT c.relname, pg_has_role(c.relowner, 'USAGE') FROM pg_class AS c
    WHERE c.relnamespace = 'bronze_ops'::regnamespace AND c.relkind = 'r' ORDER BY 1
"""
_OPS_SIZES = """
    SELECT sum(pg_table_size(oid))::bigint, sum(pg_indexes_size(oid))::bigint,
           sum(greatest(reltuples, 0))::bigint
    FROM pg_class WHERE relnamespace = 'bronze_ops'::regnamespace AND relkind = 'r'
"""


@dataclass(frozen=True, slots=True)
class Source:
    """A bronze table: its names, its OID and whether this role owns it."""

    source: str
    schema_name: str
    table_name: str
    relation: int
    owned: bool

    @property
    def name(self) -> sql.Identifier:
        """The table, quoted."""
        return sql.Identifier(self.schema_name, self.table_name)


@dataclass(frozen=True, slots=True)
class Maintained:
    """What was done to a table, and how large it is.

    Attributes:
        partitions: Monthly partitions that it has now.
        partitions_made: Those of them that were made.
        gin_pages: Pages of new entries that were moved into the GIN indexes.
        rows: As ANALYZE estimates.
        table_bytes: Size without indexes, with what is stored out of line.
        index_bytes: Size of the indexes.
    """

    table: str
    partitions: int
    partitions_made: int
    gin_pages: int
    rows: int
    table_bytes: int
    index_bytes: int


@dataclass
class Maintenance:
    """Everything that was done in a database."""

    tables: list[Maintained] = field(default_factory=list)
    database_bytes: int = 0
    seconds: float = 0.0


@click.command()
@click.option(
    "--ahead",
    type=click.IntRange(0, 120),
    default=3,
    show_default=True,
    metavar="MONTHS",
    help="Months after this one whose partitions are made.",
)
@format_option("A table for people, or JSON for programs.")
@click.pass_obj
def maintain(context: Context, /, *, ahead: int, form: str) -> None:
    """Make partitions ahead, gather statistics, clean up, and tell sizes. Once a week does.

    The server's own autovacuum gathers statistics of partitions, never of the table as a whole; so
    its queries are planned badly without ANALYZE. VACUUM keeps the tables of bronze_ops small,
    whose rows change. New entries of the index on raw_data are moved to their place. Loads and
    queries go on meanwhile. It takes the tables' owner.

    JSON is an object: "database", "tables" (a list of objects with table, partitions,
    partitions_made, gin_pages, rows, table_bytes and index_bytes; the last one is bronze_ops),
    "database_bytes" and "seconds".
    """
    with context.connect() as conn:
        done = maintain_all(conn, ahead, _tell)
    if form == "json":
        click.echo(json.dumps({"database": context.target.label} | asdict(done), indent=2))
    else:
        click.echo("\n".join(_as_text(done, context.target.label)))


def _tell(name: str) -> None:
    """Tell on a terminal which table is at hand: a large one takes minutes."""
    if sys.stderr.isatty():
        click.echo(f"{name} ...", err=True)


def maintain_all(conn: Connection, ahead: int, tell: Callable[[str], None]) -> Maintenance:
    """Look after every bronze table and those of bronze_ops.

    Args:
        conn: A connection in autocommit mode: VACUUM runs in no transaction.
        ahead: Months whose partitions are made ahead.
        tell: Called with the name of each table before its turn.

    Raises:
        RightsError: The role owns not all of them.
    """
    done, started = Maintenance(), time.monotonic()
    if check_version(conn):
        # Whatever the role or the database sets, this may take its time.
        conn.execute("SELECT set_config('statement_timeout', '0', false)")
        for source in _owned(conn):
            tell(source.table_name)
            done.tables.append(_maintain(conn, source, ahead))
        tell("bronze_ops")
        done.tables.append(_maintain_ops(conn))
    row = conn.execute("SELECT pg_database_size(current_database())").fetchone()
    done.database_bytes = row[0] if row else 0
    done.seconds = round(time.monotonic() - started, 3)
    return done


def _owned(conn: Connection) -> list[Source]:
    """Return all bronze tables.

    Raises:
        RightsError: VACUUM would leave out tables of others with a mere warning.
    """
    with conn.cursor(row_factory=class_row(Source)) as cursor:
        sources = cursor.execute(_SOURCES).fetchall()
    foreign = [source.table_name for source in sources if not source.owned]
    foreign += [f"bronze_ops.{name}" for name, owned in conn.execute(_OPS_TABLES) if not owned]
    if foreign:
        raise RightsError(
            f"Role {conn.info.user} does not own {foreign[0]}: run `bronze maintain` as the owner "
            "of the tables"
        )
    return sources


def _maintain(conn: Connection, source: Source, ahead: int) -> Maintained:
    before = _one(conn, _PARTITIONS, source.relation)
    for month in range(ahead + 1):
        conn.execute(_MONTH_AHEAD, (source.source, month))
    partitions = _one(conn, _PARTITIONS, source.relation)
    pages = _one(conn, _PENDING, source.relation)
    conn.execute(sql.SQL("VACUUM {}").format(source.name))
    conn.execute(sql.SQL("ANALYZE {}").format(source.name))
    row = conn.execute(_SIZES, (source.relation,)).fetchone()
    table_bytes, index_bytes, rows = row or (0, 0, 0)
    made = partitions - before
    name = source.table_name
    return Maintained(name, partitions, made, pages, rows, table_bytes, index_bytes)


def _maintain_ops(conn: Connection) -> Maintained:
    for name, _ in conn.execute(_OPS_TABLES).fetchall():
        conn.execute(sql.SQL("VACUUM (ANALYZE) {}").format(sql.Identifier("bronze_ops", name)))
    row = conn.execute(_OPS_SIZES).fetchone()
    table_bytes, index_bytes, rows = row or (0, 0, 0)
    return Maintained("bronze_ops", 0, 0, 0, rows, table_bytes, index_bytes)


def _one(conn: Connection, query: Any, *parameters: Any) -> int:
    row = conn.execute(query, parameters).fetchone()
    return int(row[0]) if row else 0


def _as_text(done: Maintenance, label: str) -> Iterator[str]:
    if not done.tables:
        yield f"{label}: nothing loaded yet"
        return
    yield label
    yield ""
    yield from table(HEADINGS, [_cells(one) for one in done.tables], right=HEADINGS[1:])
    yield f"\nThe database takes {words.size(done.database_bytes)}; {done.seconds:.1f} s."


def _cells(one: Maintained) -> Sequence[str]:
    numbers = (one.partitions, one.partitions_made, one.rows)
    sizes = (words.size(one.table_bytes), words.size(one.index_bytes))
    return (one.table, *(f"{number:,}" for number in numbers), *sizes, f"{one.gin_pages:,}")
