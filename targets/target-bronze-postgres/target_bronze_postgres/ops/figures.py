"""Every figure that ``status``, ``check``, ``catalog`` and ``serve`` show, read in one go.

All SQL of these verbs stands here. It reads ``bronze_ops`` alone, and only what the reader role may
see, so its cost grows with the number of streams and days, not with that of the rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, LiteralString

from psycopg import IsolationLevel
from psycopg.rows import class_row

from target_bronze_postgres.db.migrations import check_version
from target_bronze_postgres.errors import SchemaVersionError
from target_bronze_postgres.ops.days import Days, spans

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import psycopg

WINDOW: Final = timedelta(days=7)
"""How far back the share of errors looks."""
NEEDED: Final = 2
"""The migration that made all columns that are read here."""
SHOWN_RUNS: Final = 10
"""Newest runs of an account that are read at least, whatever their age."""

# A failed run is no load, but the batches before its failure are. The newest rows of runs are
# looked for in a few of them, so that years of runs cost nothing.
STREAMS: Final[LiteralString] = """
SELECT s.source, s.account, s.stream, s.rows, s.rows - s.versions AS records, s.versions,
       greatest(s.last_seen, good.ended_at) AS last_load,
       s.first_source_timestamp::date AS first_day, s.last_source_timestamp::date AS last_day,
       sums.invalid, sums.warnings, sums.tombstones, letters.dead_letters,
       last.run_id, last.status AS run_status, last.started_at AS run_started,
       last.ended_at AS run_ended, last.records_read AS run_records_read,
       last.rows_new AS run_rows_new, last.rows_changed AS run_rows_changed,
       last.rows_unchanged AS run_rows_unchanged, last.tombstones AS run_tombstones,
       last.dead_letters AS run_dead_letters, quota.api_rate_limit_info,
       place.schema_name || '.' || place.table_name AS "table",
       s.first_seen, s.key_properties, s.unknown_fields, s.schema AS json_schema,
       coalesce(data.firsts, '{}') AS data_from, coalesce(data.lasts, '{}') AS data_to,
       coalesce(empty.firsts, '{}') AS empty_from, coalesce(empty.lasts, '{}') AS empty_to,
       coalesce(gaps.firsts, '{}') AS missing_from, coalesce(gaps.lasts, '{}') AS missing_to,
       NOT isempty(s.asked) AS tells_days,
       compared.ended_at AS reconciled_at, compared.records_source, compared.missing,
       compared.changed, compared.vanished
FROM bronze_ops.streams AS s
JOIN bronze_ops.sources AS place USING (source)
LEFT JOIN LATERAL (
    SELECT r.ended_at FROM bronze_ops.runs AS r
    WHERE (r.source, r.account, r.stream) = (s.source, s.account, s.stream)
      AND r.status = 'success'
    ORDER BY r.started_at DESC LIMIT 1
) AS good ON true
CROSS JOIN LATERAL (
    SELECT coalesce(sum(r.invalid), 0)::bigint AS invalid,
           coalesce(sum(r.warnings), 0)::bigint AS warnings,
           coalesce(sum(r.tombstones), 0)::bigint AS tombstones
    FROM bronze_ops.runs AS r
    WHERE (r.source, r.account, r.stream) = (s.source, s.account, s.stream)
      AND (r.invalid > 0 OR r.warnings > 0 OR r.tombstones > 0)  -- the index runs_amiss has these
) AS sums
CROSS JOIN LATERAL (
    SELECT count(*) AS dead_letters FROM bronze_ops.dead_letters AS d
    WHERE (d.source, d.account, d.stream) = (s.source, s.account, s.stream)
      AND NOT d.landed AND d.replayed_at IS NULL
) AS letters
LEFT JOIN LATERAL (
    SELECT r.run_id, r.status, r.started_at, r.ended_at, r.records_read, r.rows_new,
           r.rows_changed, r.rows_unchanged, r.tombstones, r.dead_letters
    FROM bronze_ops.runs AS r
    WHERE (r.source, r.account, r.stream) = (s.source, s.account, s.stream)
    ORDER BY r.started_at DESC LIMIT 1
) AS last ON true
LEFT JOIN LATERAL (
    SELECT near.api_rate_limit_info FROM (
        SELECT r.api_rate_limit_info, r.started_at FROM bronze_ops.runs AS r
        WHERE (r.source, r.account, r.stream) = (s.source, s.account, s.stream)
        ORDER BY r.started_at DESC LIMIT 20
    ) AS near
    WHERE near.api_rate_limit_info IS NOT NULL
    ORDER BY near.started_at DESC LIMIT 1
) AS quota ON true
CROSS JOIN LATERAL (
    SELECT coalesce(range_agg(daterange(d.day, d.day + 1)), '{}') AS data,
           s.asked * datemultirange(daterange('1900-01-01', now()::date + 366)) AS asked
    FROM bronze_ops.days AS d
    WHERE (d.source, d.account, d.stream) = (s.source, s.account, s.stream) AND d.records > 0
) AS days
CROSS JOIN LATERAL (
    SELECT array_agg(lower(span) ORDER BY span) AS firsts,
           array_agg(upper(span) - 1 ORDER BY span) AS lasts
    FROM unnest(days.data) AS span
) AS data
CROSS JOIN LATERAL (
    SELECT array_agg(lower(span) ORDER BY span) AS firsts,
           array_agg(upper(span) - 1 ORDER BY span) AS lasts
    FROM unnest(days.asked - days.data) AS span
) AS empty
CROSS JOIN LATERAL (
    SELECT array_agg(lower(span) ORDER BY span) AS firsts,
           array_agg(upper(span) - 1 ORDER BY span) AS lasts
    FROM unnest(datemultirange(range_merge(days.asked)) - days.asked - days.data) AS span
) AS gaps
LEFT JOIN LATERAL (
    SELECT c.ended_at, c.records_source, c.missing, c.changed, c.vanished
    FROM bronze_ops.reconciliations AS c
    WHERE (c.source, c.account, c.stream) = (s.source, s.account, s.stream)
      AND c.ended_at IS NOT NULL
    ORDER BY c.ended_at DESC LIMIT 1
) AS compared ON true
ORDER BY s.source, s.account, s.stream
"""
# A run that committed nothing has no stream in the catalog, so the names come from the runs; the
# recursion leaps from name to name in their index.
RUNS: Final[LiteralString] = """
WITH RECURSIVE names AS (
    (SELECT r.source, r.account, r.stream FROM bronze_ops.runs AS r
     ORDER BY r.source, r.account, r.stream LIMIT 1)
    UNION ALL
    SELECT next.* FROM names AS n CROSS JOIN LATERAL (
        SELECT r.source, r.account, r.stream FROM bronze_ops.runs AS r
        WHERE (r.source, r.account, r.stream) > (n.source, n.account, n.stream)
        ORDER BY r.source, r.account, r.stream LIMIT 1
    ) AS next
), recent AS (
    SELECT DISTINCT near.loader_id FROM names AS n CROSS JOIN LATERAL (
        SELECT r.loader_id FROM bronze_ops.runs AS r
        WHERE (r.source, r.account, r.stream) = (n.source, n.account, n.stream)
          AND r.started_at >= now() - %(window)s
        UNION ALL
        (SELECT r.loader_id FROM bronze_ops.runs AS r
         WHERE (r.source, r.account, r.stream) = (n.source, n.account, n.stream)
         ORDER BY r.started_at DESC LIMIT %(shown)s)
    ) AS near
)
SELECT r.source, r.account, min(r.run_id) AS run_id, min(r.started_at) AS started_at,
       CASE WHEN bool_and(r.ended_at IS NOT NULL) THEN max(r.ended_at) END AS ended_at,
       max(r.status) AS status, count(*) FILTER (WHERE r.stream <> '') AS streams,
       sum(r.records_read)::bigint AS records_read, sum(r.rows_new)::bigint AS rows_new,
       sum(r.rows_changed)::bigint AS rows_changed,
       sum(r.rows_unchanged)::bigint AS rows_unchanged,
       sum(r.tombstones)::bigint AS tombstones, sum(r.dead_letters)::bigint AS dead_letters,
       sum(r.invalid)::bigint AS invalid, max(r.tap) AS tap, max(r.error) AS error,
       coalesce(array_agg(r.api_rate_limit_info)
                FILTER (WHERE r.api_rate_limit_info IS NOT NULL), '{}') AS limits
FROM recent JOIN bronze_ops.runs AS r USING (loader_id)
GROUP BY r.loader_id, r.source, r.account
ORDER BY r.source, r.account, min(r.started_at) DESC, r.loader_id
"""
# pg_settings shows data_directory to those alone who may know it; over loopback or a socket it is
# a folder of this machine.
SERVER: Final[LiteralString] = """
SELECT now(), pg_database_size(current_database()),
       (SELECT setting FROM pg_settings WHERE name = 'data_directory'
        AND coalesce(host(inet_server_addr()) IN ('127.0.0.1', '::1'), true))
"""


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream of one account, as the operations tables tell it.

    Attributes:
        rows: Rows in the bronze table: records and their later versions, tombstones too.
        records: Distinct records (lineages).
        versions: Rows that are later versions of a record.
        last_load: When the last batch came, or the newest successful run ended.
        first_day: UTC day of the earliest source timestamp, null for undated streams.
        last_day: UTC day of the latest one.
        invalid: Rows that do not fit their schema.
        warnings: Rows that landed with a warning.
        tombstones: Rows that say that a record was deleted.
        dead_letters: Records that did not land and were not replayed since.
        run_id: The newest run, with its status, start and end (null while it runs), and its
            counts: records read = new + changed + unchanged + dead letters, and tombstones.
        api_rate_limit_info: What the source last said of its quota.
        table: Schema and name of the bronze table.
        first_seen: When the stream was first loaded.
        key_properties: Members of a record that make its key.
        unknown_fields: Members of records that no schema named.
        json_schema: The schema that the tap sent last.
        data_from: First days of the spans of days that have records; ``data_to`` has the last
            ones. ``empty`` and ``missing`` likewise: see `Days`, which `days` makes of them.
        tells_days: Whether the tap tells which days it asked the source for.
        reconciled_at: When the newest comparison with the source ended; null if there is none.
        records_source: Records that the source had then, and how many of them bronze was
            ``missing`` or had ``changed``, and how many of bronze's had ``vanished`` there.
    """

    source: str
    account: str
    stream: str
    rows: int
    records: int
    versions: int
    last_load: datetime
    first_day: date | None
    last_day: date | None
    invalid: int
    warnings: int
    tombstones: int
    dead_letters: int
    run_id: str | None
    run_status: str | None
    run_started: datetime | None
    run_ended: datetime | None
    run_records_read: int | None
    run_rows_new: int | None
    run_rows_changed: int | None
    run_rows_unchanged: int | None
    run_tombstones: int | None
    run_dead_letters: int | None
    api_rate_limit_info: Any
    table: str
    first_seen: datetime
    key_properties: list[str]
    unknown_fields: list[str]
    json_schema: Any
    data_from: list[date]
    data_to: list[date]
    empty_from: list[date]
    empty_to: list[date]
    missing_from: list[date]
    missing_to: list[date]
    tells_days: bool
    reconciled_at: datetime | None
    records_source: int | None
    missing: int | None
    changed: int | None
    vanished: int | None

    @property
    def path(self) -> str:
        """Source, account and stream in one word, for messages."""
        return f"{self.source}/{self.account}/{self.stream}"

    @property
    def quality(self) -> float | None:
        """The share of rows that are plainly valid, 0 to 1; null without rows."""
        if self.rows == 0:
            return None
        return max(0.0, 1 - (self.invalid + self.warnings) / self.rows)

    @property
    def accuracy(self) -> float | None:
        """The share of the source's records that bronze had as they were, 0 to 1.

        Of the newest comparison that ended; null where there is none.
        """
        if self.records_source is None:
            return None
        wrong = (self.missing or 0) + (self.changed or 0)
        return max(0.0, 1 - wrong / max(self.records_source, 1))

    @property
    def days(self) -> Days:
        """The days with data, asked and empty, and never asked."""
        return Days(
            data=spans(self.data_from, self.data_to),
            empty=spans(self.empty_from, self.empty_to),
            missing=spans(self.missing_from, self.missing_to),
            told=self.tells_days,
        )

    def age(self, now: datetime) -> int:
        """Seconds since the last load."""
        return max(0, int((now - self.last_load).total_seconds()))


@dataclass(frozen=True, slots=True)
class Run:
    """One process of the target, as far as one account goes; counts are sums over its streams.

    Attributes:
        source: Empty where the run failed before it said what it reads.
        ended_at: Null while it runs, and where a kill left it so.
        status: ``running``, ``success``, ``failed`` or ``interrupted``.
        tap: Name and version, if the tap tells.
        limits: What the source said of its quota, once a stream.
    """

    source: str
    account: str
    run_id: str
    started_at: datetime
    ended_at: datetime | None
    status: str
    streams: int
    records_read: int
    rows_new: int
    rows_changed: int
    rows_unchanged: int
    tombstones: int
    dead_letters: int
    invalid: int
    tap: str | None
    error: str | None
    limits: list[Any] = field(repr=False)

    def seconds(self, now: datetime) -> float:
        """How long it took, or has taken so far."""
        return max(0.0, ((self.ended_at or now) - self.started_at).total_seconds())


@dataclass(frozen=True, slots=True)
class Account:
    """One account of a source: its streams, and its runs, newest first.

    Attributes:
        streams: None where every run failed before anything was committed.
        runs: All of the last seven days, and ten at least if there were so many.
    """

    source: str
    account: str
    streams: Sequence[Stream]
    runs: Sequence[Run]

    @property
    def path(self) -> str:
        """Source and account in one word, for messages."""
        return f"{self.source}/{self.account}"

    @property
    def last_run(self) -> Run | None:
        """The newest run."""
        return self.runs[0] if self.runs else None

    @property
    def last_answer(self) -> datetime | None:
        """When the source last gave an answer that was committed."""
        return max((stream.last_load for stream in self.streams), default=None)

    @property
    def quota(self) -> dict[str, Any] | None:
        """What the source last said of its quota; of several quotas the one with least left."""
        told = next((limits for run in self.runs if (limits := _quotas(run))), None)
        return min(told, key=_remaining) if told else None

    @property
    def quota_seen_at(self) -> datetime | None:
        """When about it said so: at the end of that run, or its start if it has none."""
        run = next((run for run in self.runs if _quotas(run)), None)
        return (run.ended_at or run.started_at) if run else None

    @property
    def key_ends_at(self) -> datetime | None:
        """When the key ends, as the source said in the newest run that got an answer.

        Garmin shows it within the last day only; with a new key the next run says nothing of it.
        """
        run = next((run for run in self.runs if run.records_read), None)
        told = (limits.get("key_ends_at") for limits in (run.limits if run else ()))
        return next((end for text in told if (end := _time(text))), None)

    def within(self, now: datetime, window: timedelta = WINDOW) -> list[Run]:
        """The runs that started at most so long ago."""
        return [run for run in self.runs if now - run.started_at <= window]


@dataclass(frozen=True, slots=True)
class Figures:
    """All figures, of one moment.

    Attributes:
        at: When they were read, by the database's clock.
        database_size: Bytes of the database on disk.
        data_directory: The server's folder, if it is on this machine and the role may know it.
        streams: By source, account and stream.
        accounts: By source and account; the source ``""`` has the runs that never said theirs.
    """

    at: datetime
    database_size: int
    data_directory: str | None = None
    streams: Sequence[Stream] = ()
    accounts: Sequence[Account] = ()

    @property
    def known(self) -> list[Account]:
        """The accounts of which it is known what they read."""
        return [account for account in self.accounts if account.source]

    @property
    def lost_runs(self) -> Sequence[Run]:
        """The runs that ended before they said what they read, newest first."""
        lost = [run for account in self.accounts if not account.source for run in account.runs]
        return sorted(lost, key=lambda run: run.started_at, reverse=True)


def read(connection: psycopg.Connection[Any], seconds: int = 0) -> Figures:
    """Read everything in one read-only transaction; no streams where there are no bronze tables.

    Args:
        connection: A connection in autocommit mode.
        seconds: Time for each query; 0 for what the server allows.

    Raises:
        SchemaVersionError: The tables are newer than this program, or not brought up to date.
    """
    connection.read_only = True
    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    with connection.transaction():
        if seconds:
            connection.execute("SELECT set_config('statement_timeout', %s, true)", (f"{seconds}s",))
        (at, size, folder), *_ = connection.execute(SERVER).fetchall()
        if not (version := check_version(connection)):
            return Figures(at, size, folder)
        if version < NEEDED:
            raise SchemaVersionError(
                f"The bronze tables are at version {version}, this program needs {NEEDED}: run "
                "`bronze db migrate` as their owner; a load does it too."
            )
        with connection.cursor(row_factory=class_row(Stream)) as cursor:
            streams = cursor.execute(STREAMS).fetchall()
        with connection.cursor(row_factory=class_row(Run)) as cursor:
            runs = cursor.execute(RUNS, {"window": WINDOW, "shown": SHOWN_RUNS}).fetchall()
    return Figures(at, size, folder, streams, _accounts(streams, runs))


def by_account(streams: Iterable[Stream]) -> list[list[Stream]]:
    """Streams that come by source and account, in one list each."""
    return [list(group) for _, group in groupby(streams, key=lambda s: (s.source, s.account))]


def _accounts(streams: Sequence[Stream], runs: Sequence[Run]) -> list[Account]:
    names = sorted({(s.source, s.account) for s in streams} | {(r.source, r.account) for r in runs})
    return [
        Account(
            *name,
            [stream for stream in streams if (stream.source, stream.account) == name],
            [run for run in runs if (run.source, run.account) == name],
        )
        for name in names
    ]


def _quotas(run: Run) -> list[dict[str, Any]]:
    """What a run was told of quotas, without the end of the key."""
    objects = [limits for limits in run.limits if isinstance(limits, dict)]
    told = ({k: v for k, v in limits.items() if k != "key_ends_at"} for limits in objects)
    return [limits for limits in told if limits]


def _remaining(limits: dict[str, Any]) -> float:
    left = limits.get("remaining")
    return left if isinstance(left, int | float) else float("inf")


def _time(text: Any) -> datetime | None:
    """A time with a zone; None for what is none, since any tap may write here."""
    try:
        time = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return time if time.tzinfo else None
