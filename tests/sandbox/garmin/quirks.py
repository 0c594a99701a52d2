"""The switches of the sandbox's Garmin: what it does otherwise than the published text says.

What holds for everyone is on by default; what only some saw is off.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass
class Quirks:
    """Plain attributes; a test sets them at any time, before or between requests."""

    placeholder_nights: bool = True
    """A sync before waking brings a night of exactly 7 h, unconfirmed; the true one comes later."""
    duplicate_days: float = 0.0
    """Share of days (0 to 1) that come twice in ranges, one row poorer than the other."""
    empty_day: Literal["bare", "null", "{}", "nothing"] = "bare"
    """What a day call answers where there is no data: HTTP 200 with an object whose values are null
    (``bare``, as recorded), with ``null``, with ``{}``, or 204 without a body (``nothing``)."""
    empty_days_in_ranges: Literal["left_out", "nulls"] = "left_out"
    """Ranges leave days without data out (as recorded), or send them with null values."""
    null_lists: bool = False
    """Answers that would be an empty list are ``null``."""
    null_members: bool = False
    """Members without a value are there with ``null`` in rows of the activity search and in
    details; they are left out by default, as recorded."""
    sleep_wrapped: bool = False
    """Each record of sleep is wrapped in ``dailySleepDTO``."""
    sleep_times: Literal["ms", "text"] = "ms"
    """Times of sleep are epoch milliseconds (live), or text (as published)."""
    archived_after: int | None = None
    """Days after which heart rate and oxygen of a day come without their rows, as on the web."""
    fitness_age_in_list: bool = False
    """Fitness age is an array of one (as published) instead of an object (live)."""
    level_first: bool = True
    """Rows of Body Battery are (time, level, status, version), else (time, status, level, ...)."""
    shuffled_descriptors: bool = False
    """Descriptors of array rows are listed in another order than the columns they describe."""
    ids_as_text: bool = False
    """Ids of devices are text instead of numbers."""
    equal_starts_shuffled: bool = False
    """Activities of the same start come in another order at each request."""
    weight_in_kilograms: bool = False
    """Weights are kilograms (as published) instead of grams (live)."""
    pregnant: bool = False
    """The cycle of a woman is a pregnancy."""
    files: dict[int, Literal["broken", "cut", "checksum", "gpx", "tcx", "empty", "missing"]] = (
        field(default_factory=dict)
    )
    """What is wrong with an activity's file, by activity id: ``broken`` bytes inside, ``cut``
    short, a wrong ``checksum``, no FIT but a ``gpx`` or ``tcx``, an ``empty`` archive, or 404
    (``missing``)."""
    record_seconds: float = 5
    """Seconds between two records in activity files; 1 for large files."""
    page_limit: int = 45
    """Rows of the activity search beyond which it answers 500."""
    most_in_a_second: int | None = None
    """Requests in one second beyond which Garmin answers 429 (12 were too many, live)."""
    retry_after: Literal["seconds", "date", "none"] = "seconds"
    """The form of ``Retry-After`` in those answers."""
