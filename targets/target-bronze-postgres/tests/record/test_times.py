"""Times of every form become the UTC that the server computes, or are refused."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from target_bronze_postgres.record import times
from target_bronze_postgres.record.times import BadTimeError, Plausible

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[Any]

FIRST = datetime(1, 1, 1, tzinfo=UTC)
LAST = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)

# Texts that the server reads too.
TEXTS = (
    *("2024-01-31T10:11:12Z", "2024-01-31T10:11:12z", "2024-01-31t10:11:12z"),
    *("2024-01-31T10:11:12", "2024-01-31 10:11:12", "2024-01-31T10:11", "2024-01-31", "20240131"),
    *("2024-01-31T10:11:12.5Z", "2024-01-31T10:11:12.123456Z", "2024-01-31T10:11:12.123+05:30"),
    *("2024-01-31T10:11:12+00:00", "2024-01-31T10:11:12-00:00", "2024-01-31T10:11:12+02"),
    *("2024-01-31T10:11:12+0530", "2024-01-31T23:30:00-14:00", "2024-01-31T00:30:00+14:00"),
    *("2024-01-31 10:11:12+00", "2024-01-31T10:11:12-09:30", "20240131T101112Z"),
    *(
        "2024-01-31T24:00:00",
        "2024-01-31T24:00",
        "2024-01-31T24:00:00Z",
        "2024-12-31T24:00:00.000Z",
    ),
    *("2024-02-28T24:00:00+14:00", "2023-02-28T24:00:00-14:00"),
    *("2016-12-31T23:59:60Z", "2016-12-31T23:59:60", "2017-01-01T00:59:60+01:00"),
    *("0001-01-01", "0001-01-01T00:00:00Z", "0001-01-01T14:00:00+14:00", "9999-12-31T23:59:59Z"),
    *("9999-12-31T23:59:59.999999Z", "9999-12-31T09:59:59-14:00", "2024-02-29T12:00:00+12:45"),
)
NO_TIMES = (
    *("", "now", "infinity", "today", "x", "12", "2024", "2024-02-30", "2023-02-29", "2024-13-01"),
    *("2024-01-31T25:00:00", "2024-01-31T24:00:01", "2024-01-31T24:01", "2024-01-31T24:00:00.1"),
    *("2024-01-31T10:60:00", "2024-01-31T10:11:61Z", "2024-01-31T10:11:12+25:00", "2024-01-31Z"),
    *("2024-01-31T10:11:12 UTC", "2024-01-31T10:11:12Europe/Berlin", "2024-01-31T10:11:12Zz", "z"),
    *(
        "10000-01-01",
        "-0001-01-01",
        "0000-01-01",
        "31.01.2024",
        "01/31/2024",
        "2024-01-31T10:11Z\n",
    ),
    *("2024-01-31T99:59:60Z", "2024-01-31T24:00:00+25:00", "٢٠٢٤-01-31", "2024-01-31\x00"),
)
# Real times, but not between the years 1 and 9999 in UTC.
OUTSIDE = (
    *("0001-01-01T00:00:00+14:00", "0001-01-01T13:59:59+14:00", "9999-12-31T23:59:59-14:00"),
    *("9999-12-31T24:00:00", "9999-12-31T24:00:00Z", "9999-12-31T23:59:60Z"),
)


def by_server(connection: Connection, text: str) -> datetime:
    """Return what the server reads a text as, in UTC."""
    row = connection.execute("SELECT %s::timestamptz AT TIME ZONE 'UTC'", (text,)).fetchone()
    assert row
    moment: datetime = row[0].replace(tzinfo=UTC)
    return moment


@pytest.mark.parametrize("text", TEXTS)
def test_texts_are_what_the_server_reads(connection: Connection, text: str) -> None:
    moment = times.parse_utc(text)
    assert moment == by_server(connection, text)
    assert moment.utcoffset() == timedelta(0)


@pytest.mark.parametrize("form", ["rfc3339", "utc", "date"])
def test_every_form_of_text(form: str) -> None:
    assert times.parse("2024-01-31T10:11:12+01:00", form) == datetime(
        2024, 1, 31, 9, 11, 12, tzinfo=UTC
    )
    assert times.parse("2024-01-31", form) == datetime(2024, 1, 31, tzinfo=UTC)
    others: list[Any] = [5, None, True, Decimal(1), ["2024-01-31"], {}]
    for value in others:
        with pytest.raises(BadTimeError):
            times.parse(value, form)


@pytest.mark.parametrize("text", NO_TIMES + OUTSIDE, ids=ascii)
def test_texts_that_are_no_time(text: str) -> None:
    with pytest.raises(BadTimeError) as caught:
        times.parse_utc(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/St_Johns"])
def test_the_zone_of_this_machine_means_nothing(monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert times.parse_utc("2024-01-31T00:30:00") == datetime(2024, 1, 31, 0, 30, tzinfo=UTC)
        assert times.parse_utc("2024-01-31") == datetime(2024, 1, 31, tzinfo=UTC)
        assert times.parse(0, "epoch_s") == datetime(1970, 1, 1, tzinfo=UTC)
    finally:
        monkeypatch.undo()
        time.tzset()


moments = st.datetimes(
    datetime(1, 1, 2),  # noqa: DTZ001 - hypothesis adds the zone
    datetime(9999, 12, 30),  # noqa: DTZ001
    timezones=st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m))),
)


@settings(deadline=None)
@given(moment=moments)
def test_any_time_with_an_offset(connection: Connection, moment: datetime) -> None:
    naive = moment.replace(tzinfo=None) - (moment.utcoffset() or timedelta(0))
    text = moment.isoformat()
    assert times.parse_utc(text) == by_server(connection, text) == naive.replace(tzinfo=UTC)
    assert times.timestamp_text(times.parse_utc(text)) == naive.isoformat(" ")


@pytest.mark.parametrize(
    ("value", "milliseconds"),
    [
        (0, 0),
        (1_706_695_872_000, 1_706_695_872_000),
        (Decimal("1706695872000.0"), 1_706_695_872_000),
        ("1706695872000", 1_706_695_872_000),
        ("-1", -1),
        (-1, -1),
        (Decimal("1E+3"), 1000),
        ("1e3", 1000),
    ],
    ids=repr,
)
def test_milliseconds(connection: Connection, value: Any, milliseconds: int) -> None:
    row = connection.execute(
        "SELECT (to_timestamp(0) + %s * interval '1 ms') AT TIME ZONE 'UTC'", (milliseconds,)
    ).fetchone()
    assert row
    assert times.parse(value, "epoch_ms") == row[0].replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        (1_706_695_872, datetime(2024, 1, 31, 10, 11, 12, tzinfo=UTC)),
        (Decimal("1706695872.123456"), datetime(2024, 1, 31, 10, 11, 12, 123456, tzinfo=UTC)),
        ("1706695872.5", datetime(2024, 1, 31, 10, 11, 12, 500000, tzinfo=UTC)),
        (-62_135_596_800, FIRST),
        (Decimal("253402300799.999999"), LAST),
        (951_782_400, datetime(2000, 2, 29, tzinfo=UTC)),
    ],
)
def test_seconds(value: Any, moment: datetime) -> None:
    assert times.parse(value, "epoch_s") == moment


@pytest.mark.parametrize(
    "value",
    [
        *(True, False, None, "", "x", [], {}, 1.5, "2024-01-31", "NaN", "Infinity", "-inf", "0x1"),
        *(253_402_300_800, -62_135_596_801, 2**70, -(2**70), Decimal("1E+131071")),
        *(Decimal("-1E+131071"), "1e999999", "1e99999999999999999999", "9" * 5_000),
        *(Decimal("NaN"), Decimal("Infinity")),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_numbers_that_are_no_time(value: Any) -> None:
    started = time.process_time()
    for form in ("epoch_s", "epoch_ms"):
        scaled = value * 1000 if form == "epoch_ms" and type(value) is int else value
        with pytest.raises(BadTimeError):
            times.parse(scaled, form)
    assert time.process_time() - started < 0.2  # one record may not hold up the rest


def test_the_text_of_a_timestamp_has_no_zone(connection: Connection) -> None:
    moment = datetime(2024, 1, 31, 23, 59, 59, 500000, tzinfo=UTC)
    assert times.timestamp_text(moment) == "2024-01-31 23:59:59.500000"
    assert times.timestamp_text(FIRST) == "0001-01-01 00:00:00"
    for edge in (moment, FIRST, LAST):
        row = connection.execute(
            "SELECT %s::timestamp::text, %s::timestamp", (times.timestamp_text(edge),) * 2
        ).fetchone()
        assert row
        assert row[1] == edge.replace(tzinfo=None)


@settings(deadline=None)
@given(st.datetimes(timezones=st.just(UTC)))
def test_microseconds_and_back(moment: datetime) -> None:
    assert times.from_microseconds(times.microseconds(moment)) == moment


def test_microseconds_are_exact() -> None:
    assert times.microseconds(datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC)) == 1
    assert times.microseconds(LAST) == 253_402_300_799_999_999


def test_plausible_days() -> None:
    days = Plausible(date(1970, 1, 1), 365, date(2024, 1, 31))
    assert "1970-01-01" in days
    assert "1969-12-31" not in days
    assert "2025-01-30" in days
    assert "2025-01-31" not in days
    assert "0001-01-01" not in days
    assert "9999-12-31" not in days


def test_plausible_days_that_overflow_end_with_the_calendar() -> None:
    assert "9999-12-31" in Plausible(date(1970, 1, 1), 10**9, date(2024, 1, 31))
