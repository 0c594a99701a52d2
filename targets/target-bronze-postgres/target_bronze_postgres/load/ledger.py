"""Keeps ``bronze_ops``: the catalog, the runs, the days and the dead letters of a batch."""

from __future__ import annotations

from dataclasses import asdict
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from target_bronze_postgres.load.decisions import Changes, Tally
from target_bronze_postgres.record import repair
from target_bronze_postgres.record.canonical import canonical
from target_bronze_postgres.record.times import from_2000

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psycopg

    from target_bronze_postgres.load.batch import Batch
    from target_bronze_postgres.load.decisions import Plan
    from target_bronze_postgres.load.run import Run
    from target_bronze_postgres.load.stream import Stream, StreamKey

    Connection = psycopg.Connection[Any]

_STREAM = """
    INSERT INTO bronze_ops.streams AS s (
        source, account, stream, schema, key_properties, provenance, first_seen, last_seen,
        unknown_fields, rows, versions, first_source_timestamp, last_source_timestamp, generation,
        asked
    ) VALUES (
        %(source)s, %(account)s, %(stream)s, %(schema)s, %(key_properties)s, %(provenance)s,
        now(), now(), %(unknown)s, %(rows)s, %(versions)s, %(first)s, %(last)s, 1,
        %(asked)s::datemultirange
    )
    ON CONFLICT (source, account, stream) DO UPDATE SET
        schema = excluded.schema,
        key_properties = excluded.key_properties,
        provenance = excluded.provenance,
        last_seen = excluded.last_seen,
        unknown_fields = (ARRAY(
            SELECT DISTINCT unnest(s.unknown_fields || excluded.unknown_fields) ORDER BY 1
        ))[1:%(kept)s],
        rows = s.rows + excluded.rows,
        versions = s.versions + excluded.versions,
        first_source_timestamp = least(s.first_source_timestamp, excluded.first_source_timestamp),
        last_source_timestamp = greatest(s.last_source_timestamp, excluded.last_source_timestamp),
        generation = s.generation + 1,
        asked = s.asked + excluded.asked
"""
_KEPT_NAMES = 1_000
"""Unknown fields noted per stream: a map with an id for a name is no schema."""

_NO_CHANGES = Changes()
_COUNTERS = tuple(asdict(Tally()))
_RUN = f"""
    INSERT INTO bronze_ops.runs AS r (
        loader_id, source, account, stream, run_id, environment, started_at, tap, target_version,
        last_batch, state, api_rate_limit_info, {", ".join(_COUNTERS)}
    ) VALUES (
        %(loader_id)s, %(source)s, %(account)s, %(stream)s, %(run_id)s, %(environment)s,
        %(started_at)s, %(tap)s, %(target_version)s, %(batch)s, %(state)s, %(rate_limit)s,
        {", ".join(f"%({name})s" for name in _COUNTERS)}
    )
    ON CONFLICT (loader_id, source, account, stream) DO UPDATE SET
        last_batch = excluded.last_batch,
        state = coalesce(excluded.state, r.state),
        api_rate_limit_info = coalesce(excluded.api_rate_limit_info, r.api_rate_limit_info),
        {", ".join(f"{name} = r.{name} + excluded.{name}" for name in _COUNTERS)}
"""
_DAYS = """
    INSERT INTO bronze_ops.days AS d (source, account, stream, day, records)
    SELECT %s, %s, %s, DATE '2000-01-01' + day, records
    FROM unnest(%s::int[], %s::bigint[]) AS n (day, records)
    ON CONFLICT (source, account, stream, day) DO UPDATE SET records = d.records + excluded.records
"""
_LETTER = """
    INSERT INTO bronze_ops.dead_letters AS d
        (run_id, source, account, stream, reason, error, message, message_hash, landed)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (source, account, stream, message_hash) DO UPDATE SET
        run_id = excluded.run_id, reason = excluded.reason, error = excluded.error,
        landed = excluded.landed, times = d.times + 1
"""
_END = """
    UPDATE bronze_ops.runs
    SET ended_at = now(), status = %s, error = %s, state = coalesce(%s, state)
    WHERE loader_id = %s
"""
# A run that failed before its first commit is a run all the same.
_NOTE = """
    INSERT INTO bronze_ops.runs
        (loader_id, source, account, stream, run_id, environment, started_at, tap, target_version)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
_TOTALS = f"""
    SELECT source, account, stream, {", ".join(_COUNTERS)} FROM bronze_ops.runs
    WHERE loader_id = %s ORDER BY source, account, stream
"""
_COMMITTED = "SELECT EXISTS (SELECT FROM bronze_ops.runs WHERE loader_id = %s AND last_batch = %s)"


def _names(key: StreamKey) -> dict[str, Any]:
    return {"source": key.source, "account": key.account, "stream": key.stream}


def _jsonb(value: Any) -> Jsonb | None:
    if value is None:
        return None
    return Jsonb(value, dumps=lambda v: repair.repair(canonical(v))[0])


def record_batch(conn: Connection, run: Run, batch: Batch, plan: Plan) -> None:
    """Write all of a batch but its rows and heads."""
    for key, stream in sorted(batch.streams.items()):
        changes = plan.streams.get(key, _NO_CHANGES)
        _record_stream(conn, stream, changes, batch.asked.get(key, "{}"))
        _record_run(conn, run, batch, stream, changes.tally)
        _record_days(conn, key, changes.days)
    _record_letters(conn, run, plan)


def _record_stream(conn: Connection, stream: Stream, changes: Changes, asked: str) -> None:
    parameters = {
        **_names(stream.key),
        "schema": _jsonb(stream.schema),
        "key_properties": [repair.text(name) for name in stream.key_properties],
        "provenance": _jsonb(stream.provenance),
        "unknown": sorted(map(repair.text, changes.unknown))[:_KEPT_NAMES],
        "kept": _KEPT_NAMES,
        "rows": changes.rows,
        "versions": changes.versions,
        "first": None if changes.first is None else from_2000(changes.first),
        "last": None if changes.last is None else from_2000(changes.last),
        "asked": asked,
    }
    conn.execute(_STREAM, parameters)


def _record_run(conn: Connection, run: Run, batch: Batch, stream: Stream, tally: Tally) -> None:
    parameters = {
        **_names(stream.key),
        **asdict(tally),
        "loader_id": run.loader_id,
        "run_id": run.run_id,
        "environment": run.settings.environment,
        "started_at": run.started_at,
        "tap": None if stream.provenance.tap is None else repair.text(stream.provenance.tap),
        "target_version": run.target_version,
        "batch": batch.id,
        "state": _text(batch.states[-1]) if batch.states else None,
        "rate_limit": _jsonb(stream.seen.rate_limit_info),
    }
    conn.execute(_RUN, parameters)


def _text(state: bytes) -> str:
    return repair.text(state.decode("utf-8", "replace"))


def _record_days(conn: Connection, key: StreamKey, days: dict[int, int]) -> None:
    if days:
        conn.execute(_DAYS, (key.source, key.account, key.stream, list(days), list(days.values())))


def _record_letters(conn: Connection, run: Run, plan: Plan) -> None:
    for item in plan.letters:
        key, letter = item.origin.stream.key, item.letter
        if letter is not None:
            names = (key.source, key.account, key.stream)
            what = (letter.reason, repair.text(letter.error), item.line, sha256(item.line).digest())
            conn.execute(_LETTER, (run.run_id, *names, *what, letter.landed))


def is_committed(conn: Connection, run: Run, batch: Batch) -> bool:
    """Tell whether a batch whose COMMIT had no answer was committed all the same."""
    row = conn.execute(_COMMITTED, (run.loader_id, batch.id)).fetchone()
    return row is not None and row[0]


def totals(conn: Connection, run: Run) -> list[tuple[str, Tally]]:
    """Return the counters of each of the run's streams, under ``source/account/stream``."""
    rows = conn.execute(_TOTALS, (run.loader_id,)).fetchall()
    return [("/".join(row[:3]), Tally(*row[3:])) for row in rows]


def note_run(conn: Connection, run: Run, streams: Iterable[Stream]) -> None:
    """Make rows of the run for streams of which nothing was committed; one at least.

    Where not even a SCHEMA came, the row's stream, or its source too, is empty.
    """
    rows = [(*_names(stream.key).values(), stream.provenance.tap) for stream in streams]
    settings = run.settings
    for source, account, stream, tap in rows or [
        (repair.text(settings.source or ""), repair.text(settings.account), "", None)
    ]:
        about = (run.run_id, settings.environment, run.started_at)
        versions = (None if tap is None else repair.text(tap), run.target_version)
        conn.execute(_NOTE, (run.loader_id, source, account, stream, *about, *versions))


def end_run(
    conn: Connection, run: Run, status: str, error: str | None, state: bytes | None
) -> None:
    """Close the run's rows: ``success``, ``failed`` or ``interrupted``, why, and the last state."""
    why = None if error is None else repair.text(error)
    conn.execute(_END, (status, why, None if state is None else _text(state), run.loader_id))
