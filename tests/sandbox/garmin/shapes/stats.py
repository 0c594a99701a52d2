"""One row a day: stress, steps, hydration; with their forms of a day without data."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from tests.sandbox.garmin.forms import text
from tests.sandbox.garmin.shapes.daily import Sofar

if TYPE_CHECKING:
    from datetime import date

    from tests.sandbox.garmin.account import Account

NO_LEVEL: Final = -1
"""A level that could not be computed."""
ENOUGH: Final = 1800
"""Seconds of data that a level of stress needs."""


def stress(account: Account, day: date) -> dict[str, Any] | None:
    """Return a day's stress in seconds; None where there is none."""
    facts = account.day(day)
    if facts is None:
        return None
    part = Sofar(account, facts).stress
    enough = sum(part.values()) >= ENOUGH
    return {
        "calendarDate": day.isoformat(),
        "values": {
            "overallStressLevel": facts.levels.stress if enough else NO_LEVEL,
            "restStressDuration": part["rest"],
            "lowStressDuration": part["low"],
            "mediumStressDuration": part["medium"],
            "highStressDuration": part["high"] or None,
        },
    }


def empty_stress(_account: Account, day: date) -> dict[str, Any]:
    """Return the row of a day without data."""
    names = ("rest", "low", "medium", "high")
    values = {f"{name}StressDuration": None for name in names}
    return {"calendarDate": day.isoformat(), "values": {"overallStressLevel": NO_LEVEL, **values}}


def steps(account: Account, day: date) -> dict[str, Any] | None:
    """Return a day's steps and metres; None where there are none."""
    facts = account.day(day)
    if facts is None:
        return None
    sofar = Sofar(account, facts)
    return {
        "calendarDate": day.isoformat(),
        "totalSteps": sofar.steps,
        "totalDistance": sofar.distance,
        "stepGoal": facts.totals.step_goal,
    }


def empty_steps(_account: Account, day: date) -> dict[str, Any]:
    """Return the row of a day without data."""
    return {
        "calendarDate": day.isoformat(),
        "totalSteps": None,
        "totalDistance": None,
        "stepGoal": None,
    }


def hydration(account: Account, day: date) -> dict[str, Any] | None:
    """Return what was drunk on a day, in millilitres; None where nothing is known.

    It is entered by hand, so a day without a watch can have it.
    """
    facts = account.day(day)
    drunk = Sofar(account, facts).drunk if facts else account.drinks[day]
    if facts is None and not drunk:
        return None
    return {
        "userId": account.profile.pk,
        "calendarDate": day.isoformat(),
        "valueInML": float(drunk) if drunk else None,
        "goalInML": float(facts.totals.drink_goal if facts else 2800),
        "lastEntryTimestampLocal": _entered(account, day) if drunk else None,
        "sweatLossInML": None,
        "activityIntakeInML": 0.0 if facts and facts.totals.sweat else None,
    }


def _entered(account: Account, day: date) -> str:
    facts = account.day(day)
    latest = facts.span.until if facts else account.zones.end(day)
    return text(account.zones.local(latest - timedelta(minutes=7), day))


def empty_hydration(account: Account, day: date) -> dict[str, Any]:
    """Return the row of a day without data."""
    return {
        "userId": account.profile.pk,
        "calendarDate": day.isoformat(),
        "valueInML": None,
        "goalInML": None,
        "lastEntryTimestampLocal": None,
        "sweatLossInML": None,
        "activityIntakeInML": None,
    }
