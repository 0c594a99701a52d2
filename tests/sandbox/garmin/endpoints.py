"""The 26 paths of the Personal API: what each takes and answers.

Each function takes a question and the parts of its path; it returns JSON, or raises a refusal.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from werkzeug.routing import Map, Rule

from tests.sandbox.garmin.activities import days_between
from tests.sandbox.garmin.files import activity_file
from tests.sandbox.garmin.questions import Question, Refusal, as_date, unfit
from tests.sandbox.garmin.searching import search
from tests.sandbox.garmin.shapes import battery, daily, detail, health, heart, sleep, stats, weight

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from tests.sandbox.garmin.account import Account
    from tests.sandbox.garmin.activities import Activity

NO_CONTENT: Final = Refusal(HTTPStatus.NO_CONTENT)
MOST_V2: Final = 90
"""Days of the second version of days beyond which the server fails; published is a year."""
ADVISED_V2: Final = 31
MONTH, FOUR_WEEKS, YEAR, LEAP_YEAR = 31, 28, 365, 366


def activity_search(question: Question) -> Any:
    """Rows of activities, a page at a time."""
    return listed(question, search(question))


def activity_detail(question: Question, activity: str) -> Any:
    """One activity with metadata, summary and splits."""
    return question.record(detail.detail(question.account, _activity(question, activity)))


def activity_workouts(question: Question, activity: str) -> Any:
    """The workouts that an activity followed."""
    found = detail.workouts(_activity(question, activity))
    return listed(question, [question.record(one) for one in found])


def activity_archive(question: Question, activity: str) -> bytes:
    """The original file of an activity in a ZIP; refused to those that accept something else."""
    accepted = question.accept.lower()
    if not any(kind in accepted for kind in ("application/zip", "application/x-zip", "*/*")):
        raise unfit("Not Acceptable", HTTPStatus.NOT_ACCEPTABLE)
    return activity_file(question.account, _activity(question, activity))


def _activity(question: Question, number: str) -> Activity:
    found = question.account.activity(int(number)) if number.isdigit() else None
    if found is None:
        raise unfit("Activity not found.", HTTPStatus.NOT_FOUND)
    return found


def daily_flat(question: Question) -> Any:
    """The flat summary of one day."""
    return one_day(question, question.day("calendarDate"), daily.flat, daily.empty_flat)


def daily_v2(question: Question) -> Any:
    """The second version of the summaries of a range of days."""
    first, last = question.range(*_ends(question), most=None)
    length = (last - first).days + 1
    if length > ADVISED_V2:
        question.over(f"{length} days: more than {ADVISED_V2} is not safe")
    if length > MOST_V2:
        raise unfit("Internal Server Error", HTTPStatus.INTERNAL_SERVER_ERROR)
    return {"data": listed(question, question.rows((first, last), daily.v2, empty_v2))}


def empty_v2(account: Account, day: date) -> dict[str, Any]:
    """Return the row of a day without data."""
    return {"userProfilePk": account.profile.pk, "calendarDate": day.isoformat(), "movement": None}


def _ends(question: Question) -> tuple[str | None, str | None]:
    return question.query.get("startDate"), question.query.get("endDate")


def sleep_day(question: Question) -> Any:
    """The sleep of one night; a day without sleep has a record of its own form."""
    return one_day(question, question.day("date"), sleep.sleep, sleep.empty_sleep)


def sleep_range(question: Question) -> Any:
    """The sleep of a range of nights."""
    days = question.range(*_ends(question), most=MONTH)
    return listed(question, question.rows(days, sleep.sleep, sleep.empty_sleep))


def hrv_day(question: Question, day: str) -> Any:
    """The HRV of one night with readings; 204 without."""
    found = sleep.hrv_day(question.account, as_date(day, "date"))
    if found is None:
        raise NO_CONTENT
    return question.record(found)


def hrv_range(question: Question, first: str, last: str) -> Any:
    """The HRV of a range of nights; 204 if there is none at all."""
    days = question.range(first, last, most=YEAR)
    rows = question.rows(days, sleep.hrv_summary, sleep.hrv_summary)
    if not rows and not question.account.quirks.null_lists:
        raise NO_CONTENT
    return {"hrvSummaries": rows or None, "userProfilePk": question.account.profile.pk}


def heart_rate(question: Question) -> Any:
    """The heart rate of one day, every two minutes."""
    return one_day(question, question.day("date"), heart.heart_rate, heart.empty_heart_rate)


def heart_rate_zones(question: Question) -> Any:
    """The zones of heart rate."""
    found = heart.heart_rate_zones(question.account, defaults=question.flag("generateDefaults"))
    return listed(question, [question.record(one) for one in found])


def stress_range(question: Question, first: str, last: str) -> Any:
    """The stress of a range of days."""
    days = question.range(first, last, most=FOUR_WEEKS)
    return listed(question, question.rows(days, stats.stress, stats.empty_stress))


def steps_range(question: Question, first: str, last: str) -> Any:
    """The steps of a range of days."""
    days = question.range(first, last, most=FOUR_WEEKS)
    return listed(question, question.rows(days, stats.steps, stats.empty_steps))


def hydration_range(question: Question, first: str, last: str) -> Any:
    """What was drunk in a range of days."""
    days = question.range(first, last, most=MONTH)
    return listed(question, question.rows(days, stats.hydration, stats.empty_hydration))


def body_battery(question: Question) -> Any:
    """The Body Battery of a range of days, each in ``chunks`` rows."""
    chunks = question.whole("chunks")
    if chunks is not None and chunks < 1:
        raise unfit("chunks must be positive")
    days = question.range(*_ends(question), most=MONTH)

    def make(account: Account, day: date) -> dict[str, Any] | None:
        return battery.report(account, day, chunks)

    return listed(question, question.rows(days, make, battery.empty_report))


def spo2_day(question: Question, day: str) -> Any:
    """The oxygen saturation of one day."""
    return one_day(question, as_date(day, "date"), heart.spo2, heart.empty_spo2)


def fitness_age(question: Question, day: str) -> Any:
    """The latest fitness age up to a day, of the last 28 days or of all."""
    whole = question.flag("fullHistoryScan")

    def make(account: Account, on: date) -> dict[str, Any] | None:
        return heart.fitness_age(account, on, whole_history=whole)

    found = one_day(question, as_date(day, "date"), make, lambda *_: {})
    return [found] if question.account.quirks.fitness_age_in_list else found


def weight_range(question: Question, first: str, last: str) -> Any:
    """The weigh-ins of a range of days."""
    start, end = question.range(first, last, most=LEAP_YEAR)
    every = question.flag("includeAll")
    found = weight.weight_range(question.account, start, end, every=every)
    for day in found["dailyWeightSummaries"]:
        day["latestWeight"] = question.record(day["latestWeight"])
        day["allWeightMetrics"] = [question.record(one) for one in day["allWeightMetrics"]]
    if question.account.quirks.null_lists and not found["dailyWeightSummaries"]:
        found["dailyWeightSummaries"] = None
    return found


def weight_all(_question: Question, first: str, last: str) -> Any:
    """Broken: the server refuses every range."""
    raise Refusal(HTTPStatus.BAD_REQUEST, {"message": f"No weights from {first} to {last}."})


def weight_goals(question: Question, first: str, last: str) -> Any:
    """The goals for the weight in a range of days."""
    found = weight.weight_goals(question.account, *question.range(first, last, most=None))
    return {name: listed(question, [question.record(one) for one in goals])
            for name, goals in found.items()}  # fmt: skip


def food_log(question: Question, day: str) -> Any:
    """What was eaten on a day."""
    on = as_date(day, "date")
    found = one_day(question, on, health.food_log, health.empty_food_log)
    meal = question.query.get("mealId")
    if meal and found:
        kept = [one for one in found["mealDetails"] if str(one["meal"]["mealId"]) == meal]
        found = found | {"mealDetails": kept}
    return found


def cycle(question: Question, day: str) -> Any:
    """The menstrual cycle that a day belongs to; 204 where none is tracked."""
    found = health.cycle(question.account, as_date(day, "date"))
    if found is None:
        raise NO_CONTENT
    return question.record(found)


def cycle_day(question: Question, day: str) -> Any:
    """A day's log of the menstrual cycle; needs ``todayDate``."""
    question.day("todayDate")
    found = health.cycle_day(question.account, as_date(day, "date"))
    if found is None:
        raise NO_CONTENT
    return question.record(found)


def settings(question: Question) -> Any:
    """The user's settings."""
    return question.record(health.settings(question.account))


def snapshots(question: Question, first: str, last: str) -> Any:
    """The health snapshots of a range of days."""
    account = question.account
    start, end = question.range(first, last, most=None)
    days = days_between(max(start, account.first_day), min(end, account.today))
    found = [question.record(one) for day in days for one in health.snapshots(account, day)]
    return listed(question, found)


def one_day(
    question: Question,
    day: date,
    make: Callable[[Account, date], dict[str, Any] | None],
    empty: Callable[[Account, date], dict[str, Any]],
) -> Any:
    """Return the answer of a day call: the record, or what stands for no data."""
    account = question.account
    found = make(account, day)
    if found is not None:
        return question.record(found)
    kind = account.quirks.empty_day
    if kind == "nothing":
        raise NO_CONTENT
    return {"bare": empty(account, day), "null": None, "{}": {}}[kind]


def listed(question: Question, rows: list[Any]) -> list[Any] | None:
    """Return a list, or null for an empty one where the quirks say so."""
    return None if not rows and question.account.quirks.null_lists else rows


PATHS: Final[dict[str, Callable[..., Any]]] = {
    "/activitylist-service/activities/search/activities": activity_search,
    "/activity-service/activity/<activity>": activity_detail,
    "/activity-service/activity/<activity>/workouts": activity_workouts,
    "/download-service/files/activity/<activity>": activity_archive,
    "/usersummary-service/usersummary/daily": daily_flat,
    "/usersummary-service/v2/dailysummaries": daily_v2,
    "/sleep-service/sleep/dailySleep": sleep_day,
    "/sleep-service/sleep/dailySleepSummariesByDate": sleep_range,
    "/hrv-service/hrv/<day>": hrv_day,
    "/hrv-service/hrv/daily/<first>/<last>": hrv_range,
    "/wellness-service/wellness/dailyHeartRate": heart_rate,
    "/biometric-service/heartRateZones/v2": heart_rate_zones,
    "/usersummary-service/stats/stress/daily/<first>/<last>": stress_range,
    "/usersummary-service/stats/steps/daily/<first>/<last>": steps_range,
    "/usersummary-service/stats/hydration/daily/<first>/<last>": hydration_range,
    "/wellness-service/wellness/bodyBattery/reports/daily": body_battery,
    "/wellness-service/wellness/daily/spo2acclimation/<day>": spo2_day,
    "/fitnessage-service/fitnessage/v2/<day>": fitness_age,
    "/weight-service/weight/range/<first>/<last>": weight_range,
    "/weight-service/weight/all/<first>/<last>": weight_all,
    "/goal-service/goal/user/effective/weightgoal/<first>/<last>": weight_goals,
    "/nutrition-service/food/logs/<day>": food_log,
    "/periodichealth-service/menstrualcycle/summary/<day>": cycle,
    "/periodichealth-service/menstrualcycle/dayview/<day>": cycle_day,
    "/userprofile-service/userprofile/settings": settings,
    "/wellnessactivity-service/activity/summary/range/<first>/<last>": snapshots,
}
ROUTES: Final = Map(
    [Rule(path, endpoint=path, methods=["GET"]) for path in PATHS], strict_slashes=False
)
