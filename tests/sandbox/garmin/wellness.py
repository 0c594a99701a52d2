"""The files that a watch writes beside activities: all-day monitoring, sleep, metrics, settings."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from tests.sandbox.garmin.dice import Dice
from tests.sandbox.garmin.fit import Encoder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from tests.sandbox.garmin.account import Account
    from tests.sandbox.garmin.days import DayFacts

SETTINGS, MONITORING, METRICS, SLEEP = 2, 32, 44, 49
"""Types of files; the last two are in no public profile."""
GARMIN: Final = 1
EVERY: Final = timedelta(minutes=15)
WALKING: Final = 6


def wellness_files(account: Account, day: date) -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of what the watch wrote on a day; settings once a month."""
    facts = account.day(day)
    if facts is None:
        return
    number = day.toordinal() * 10
    yield f"{number}.fit", _monitoring(account, facts)
    yield f"{number + 1}.fit", _sleep(account, day)
    yield f"{number + 2}.fit", _metrics(account, facts)
    if day.day == 1:
        yield f"{number + 3}.fit", _begun(account, SETTINGS, day, facts.span.start).bytes()


def _begun(account: Account, kind: int, day: date, created: datetime) -> Encoder:
    """Return a file that says what it is."""
    device, encoder = account.profile.device(day), Encoder()
    encoder.add("file_id", type=kind, manufacturer=GARMIN, product=device.type_id,
                serial_number=device.id, time_created=created)  # fmt: skip
    encoder.add("file_creator", software_version=2119)
    return encoder


def _monitoring(account: Account, facts: DayFacts) -> bytes:
    span = facts.span
    encoder = _begun(account, MONITORING, facts.date, span.start)
    local = datetime.combine(facts.date, datetime.min.time(), span.start.tzinfo)
    encoder.add("monitoring_info", timestamp=span.start, local_timestamp=local)
    steps = (span.until - span.start) // EVERY
    pulse = Dice(account.seed, "pulse", facts.date).steps(steps, 48, 120)
    for number in range(steps):
        at = span.start + number * EVERY
        encoder.add("monitoring", timestamp=at, heart_rate=pulse[number], cycles=12.5 * number,
                    activity_type=WALKING)  # fmt: skip
        encoder.add("stress_level", stress_level_value=number % 60, stress_level_time=at)
    return encoder.bytes()


def _sleep(account: Account, day: date) -> bytes:
    night = account.night(day)
    start = night.start if night else account.zones.start(day)
    encoder = _begun(account, SLEEP, day, start)
    for number in range(30 if night else 0):
        encoder.add("sleep_level", timestamp=start + number * EVERY, sleep_level=1 + number % 4)
    return encoder.bytes()


def _metrics(account: Account, facts: DayFacts) -> bytes:
    encoder = _begun(account, METRICS, facts.date, facts.span.until)
    encoder.add("metrics", timestamp=facts.span.until, vo2max=48.5)
    return encoder.bytes()
