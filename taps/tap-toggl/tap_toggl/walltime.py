"""Wall-clock times of CSV files: forms that follow the profile, and no time zone.

A profile writes dates in one of six ways. A file whose days are all 12 or less may fit several of
them: then its times are not guessed.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import tzinfo

__all__ = ["WallTime", "form_of"]

DATES: Final = ("%Y-%m-%d", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%Y")
TIMES: Final = ("%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p")


class WallTime:
    """Reads the times of one file.

    Args:
        date_form: Its form of dates, as in ``strptime``.
        time_form: Its form of times of day.
        zone: The time zone that they are in.
    """

    def __init__(self, date_form: str, time_form: str, zone: tzinfo) -> None:
        """Read nothing yet."""
        self.form = f"{date_form} {time_form}"
        self.zone = zone

    def rfc3339(self, day: str, time: str) -> str | None:
        """Return a time with its offset, None if it cannot be read.

        An hour that a change of the clock repeats is taken for the first of the two.
        """
        try:
            found = datetime.strptime(f"{day} {time}", self.form)  # noqa: DTZ007 - the zone follows
        except ValueError:
            return None
        return found.replace(tzinfo=self.zone).isoformat()


def form_of(days: Iterable[str], times: Iterable[str], zone: tzinfo) -> WallTime | None:
    """Return how to read a file's times; None if no form fits all of them, or several do."""
    date_forms, time_forms = _fitting(DATES, days), _fitting(TIMES, times)
    if len(date_forms) != 1 or not time_forms:
        return None
    return WallTime(date_forms[0], time_forms[0], zone)


def _fitting(forms: Iterable[str], texts: Iterable[str]) -> list[str]:
    """Return the forms that all texts have; empty texts have any."""
    distinct = {text for text in texts if text}
    return [form for form in forms if all(_fits(form, text) for text in distinct)]


def _fits(form: str, text: str) -> bool:
    """Tell whether a text has a form."""
    try:
        datetime.strptime(text, form)  # noqa: DTZ007 - only the form matters
    except ValueError:
        return False
    return True
