"""One account: what Garmin knows now, and what a test changes in it between two runs."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from tests.sandbox.garmin.activities import Activity, Plan, days_between
from tests.sandbox.garmin.days import DayFacts, Days
from tests.sandbox.garmin.forms import Day, as_day, ms
from tests.sandbox.garmin.nights import Night, Nights
from tests.sandbox.garmin.profile import Profile
from tests.sandbox.garmin.scale import Scale, WeighIn
from tests.sandbox.garmin.sports import MULTISPORT, sport
from tests.sandbox.garmin.syncs import Syncs
from tests.sandbox.garmin.zones import ONE, Zones

if TYPE_CHECKING:
    from tests.sandbox.clock import Clock
    from tests.sandbox.garmin.quirks import Quirks
    from tests.sandbox.person import Person

UPLOADING: Final = timedelta(minutes=2)
"""A sync's activities arrive in this time; they are there as soon as the sync is."""
SETTLED: Final = timedelta(days=4)
"""After this a night is final without asking for its syncs."""
LATE_STEPS: Final = 617
"""Steps that one late sync adds to a day."""


Stand: TypeAlias = tuple[int, datetime, bool]


class Listing:
    """All activities at one stand of the account, found by id and by day."""

    def __init__(self, stand: Stand | None, everything: list[Activity]) -> None:
        """Take all activities and legs, oldest first."""
        self.stand, self.everything = stand, everything
        self.own = [one for one in everything if one.parent_id is None]
        self.by_id = {one.id: one for one in everything}
        self.by_day: dict[date, list[Activity]] = {}
        for one in self.own:
            self.by_day.setdefault(one.day, []).append(one)


class Account:
    """The person's data as Garmin has them at the clock's time.

    Days are local dates, or such as text. Everything that changes the account acts at once.
    """

    def __init__(
        self, clock: Clock, person: Person, seed: int, quirks: Quirks, activities: int | None = None
    ) -> None:
        """Make the account of a person; ``activities`` is how many they did before today."""
        self._clock, self.seed, self.quirks = clock, seed, quirks
        self.first_day, made_on = person.first_day, person.last_day
        self.zones = Zones(person)
        self.profile = Profile(person, seed, (made_on - self.first_day).days)
        self.syncs = Syncs(self.zones, seed)
        self.days = Days(self.profile, self.zones, seed)
        self.nights = Nights(self.profile, self.zones, seed)
        self.scale = Scale(self.profile, self.zones, seed)
        past = (self.first_day, made_on - ONE)
        self._plan = Plan(self.zones, self.syncs, seed, past, activities)
        self.settings: dict[str, Any] = {}
        """Members of the settings that differ from what was generated."""
        self.drinks: Counter[date] = Counter()
        self.meals: dict[date, list[tuple[str, int, datetime]]] = {}
        """Food entered later, by day: name, kilocalories, when it was entered."""
        self.cycles_later = 0
        """Days by which the menstrual cycles were moved."""
        self._held: set[date] = set()
        self._late: dict[date, datetime] = {}
        self._more: Counter[date] = Counter()
        self._revisions: dict[date, list[datetime]] = {}
        self._moved: dict[date, tuple[int, datetime]] = {}
        self._lost: set[date] = set()
        self._edits: dict[int, dict[str, Any]] = {}
        self._deleted: set[int] = set()
        self._uploads: list[Activity] = []
        self._weighed: list[WeighIn] = []
        self._unweighed: set[int] = set()
        self._changes = 0
        self._listed = Listing(None, [])
        self._scaled: tuple[Stand, list[WeighIn]] | None = None
        self._slept: tuple[Stand | None, dict[date, Night | None]] = (None, {})

    # What Garmin knows now

    @property
    def now(self) -> datetime:
        """The clock's time."""
        return self._clock.now()

    @property
    def today(self) -> date:
        """The local date where the person is."""
        return self.zones.day(self.now)

    @property
    def last_sync(self) -> datetime:
        """The watch's latest sync, in UTC: nothing later is known."""
        return self.syncs.last(self.now)

    def day(self, day: date) -> DayFacts | None:
        """Return what is known of a day; None if nothing is."""
        synced = self.last_sync
        if not self._known(day) or self.zones.start(day) >= synced:
            return None
        return self.days.facts(day, synced, self._more[day] * LATE_STEPS)

    def night(self, day: date) -> Night | None:
        """Return what is known of the night before a day; None if nothing is."""
        stand = self._stand
        if self._slept[0] != stand:
            self._slept = (stand, {})
        if day not in self._slept[1]:
            self._slept[1][day] = self._night(day, stand[1])
        return self._slept[1][day]

    def _night(self, day: date, synced: datetime) -> Night | None:
        if not self._known(day) or day in self._lost or self.zones.start(day) >= synced:
            return None
        night = self._revised(day)
        settled = night.end < synced - SETTLED
        syncs = 2 if settled else self.syncs.between(night.end, synced)
        if not syncs:
            return self.nights.placeholder(day) if self.quirks.placeholder_nights else None
        if syncs == 1 and night.phase == "final":
            return replace(night, phase="computed", score=night.score - 2, light=night.light - 60,
                           awake=night.awake + 60)  # fmt: skip
        return night

    def activities(self, *, children: bool = False) -> list[Activity]:
        """Return all activities, oldest first; the legs of multisport ones only if asked for."""
        listing = self._listing()
        return listing.everything if children else listing.own

    def activity(self, number: int) -> Activity | None:
        """Return one activity or leg; None if there is none, or none any more."""
        return self._listing().by_id.get(number)

    def on(self, day: date) -> list[Activity]:
        """Return the activities that start on a day."""
        return self._listing().by_day.get(day, [])

    def weigh_ins(
        self, first: Day | str | None = None, last: Day | str | None = None
    ) -> list[WeighIn]:
        """Return the weigh-ins of a range of days, both ends included, oldest first."""
        stand = self._stand
        if self._scaled is None or self._scaled[0] != stand:
            self._scaled = (stand, self._weigh(stand[1]))
        start, end = as_day(first or date.min), as_day(last or date.max)
        return [one for one in self._scaled[1] if start <= one.day <= end]

    # What a test changes

    def edit_activity(self, number: int, *, trim_seconds: float = 0, **changes: Any) -> None:
        """Change an activity: ``name``, ``description``, ``type_key``, ``event_key``, ``favorite``,
        ``privacy``, ``distance``; ``trim_seconds`` cuts its end off. Its detail says when.
        """  # noqa: D205 - the list of names is the summary
        now = self._existing(number)
        if trim_seconds:
            changes |= {
                "duration": round(now.duration - trim_seconds, 3),
                "elapsed": round(now.elapsed - trim_seconds, 3),
                "distance": round(now.distance * (1 - trim_seconds / now.duration), 2),
                "trimmed": True,
            }
        if "type_key" in changes:
            changes["sport"] = sport(changes.pop("type_key"))
        self._edits[number] = self._edits.get(number, {}) | changes | {"updated": self.now}
        self._changed()

    def upload_late(
        self, day: Day | str, sport: str = "running", *, same_start_as: int | None = None
    ) -> int:
        """Upload an activity of an earlier day now; returns its id, the highest of all.

        With ``same_start_as`` it starts in the same second as another activity of that day.
        """
        latest = max((one.uploaded for one in self.activities()), default=self.now)
        uploaded = max(self.now, latest + timedelta(seconds=1))
        made = self._plan.make(as_day(day), sport, uploaded, number=99 + len(self._uploads))
        if same_start_as is not None:
            other = self._existing(same_start_as)
            made = replace(made, start=other.start, wall=other.wall)
        self._uploads.append(made)
        self._changed()
        return made.id

    def upload_multisport(self, day: Day | str) -> int:
        """Upload a triathlon of an earlier day now; returns the id of the parent."""
        return self.upload_late(day, MULTISPORT)

    def delete_activity(self, number: int) -> None:
        """Delete an activity: it is in no list any more, and its details answer 404."""
        self._existing(number)
        self._deleted.add(number)
        self._changed()

    def hold_back(self, *days: Day | str) -> None:
        """Let the watch keep the data of these days: Garmin does not know them (yet)."""
        self._held |= set(map(as_day, days))
        self._changed()

    def sync_late(self, *days: Day | str) -> None:
        """Bring the data of days that were held back; other days get more steps."""
        for day in map(as_day, days):
            if day in self._held:
                self._held.remove(day)
                self._late[day] = self.now
            else:
                self._more[day] += 1
        self._changed()

    def recompute_night(self, day: Day | str) -> None:
        """Compute stages, scores and HRV of a night anew, from the same window."""
        self._revisions.setdefault(as_day(day), []).append(self.now)
        self._changed()

    def edit_night(self, day: Day | str, minutes: int = 20) -> None:
        """Let the person set the night's start earlier by hand: its id changes with it."""
        before = self._moved.get(as_day(day), (0, None))[0]
        self._moved[as_day(day)] = (before + minutes, self.now)
        self._changed()

    def lose_night(self, day: Day | str) -> None:
        """Let a night vanish."""
        self._lost.add(as_day(day))
        self._changed()

    def weigh_in(self, day: Day | str, grams: float, hour: float = 7) -> int:
        """Enter a weight by hand, of any day; returns its ``samplePk``."""
        made = self.scale.typed(as_day(day), float(grams), hour * 60)
        made = replace(made, sample_pk=ms(self.now) + len(self._weighed))
        self._weighed.append(made)
        self._changed()
        return made.sample_pk

    def replace_weigh_in(self, sample_pk: int, grams: float) -> int:
        """Edit a weigh-in: it is deleted and entered anew; returns the new ``samplePk``."""
        old = next(one for one in self.weigh_ins() if one.sample_pk == sample_pk)
        self._unweighed.add(sample_pk)
        new = replace(old, sample_pk=ms(self.now) + len(self._weighed), grams=float(grams))
        self._weighed.append(new)
        self._changed()
        return new.sample_pk

    def delete_weigh_in(self, sample_pk: int) -> None:
        """Delete a weigh-in."""
        self._unweighed.add(sample_pk)
        self._changed()

    def drink(self, day: Day | str, ml: int) -> None:
        """Enter a drink for a day, perhaps days later."""
        self.drinks[as_day(day)] += ml

    def eat(self, day: Day | str, name: str, kcal: int) -> None:
        """Enter food for a day, perhaps days later."""
        self.meals.setdefault(as_day(day), []).append((name, kcal, self.now))

    def move_cycles(self, days: int) -> None:
        """Compute the menstrual cycles anew: all of them start so many days later."""
        self.cycles_later += days

    def sync(self) -> None:
        """Let the watch sync now."""
        self.syncs.order(self.now)
        self._forget()

    def stop_syncing(self) -> None:
        """Let only :meth:`sync` sync from now on, so that the account stays as it is."""
        self.syncs.stop(self.now)
        self._forget()

    def go_on_syncing(self) -> None:
        """Let the watch sync by itself again."""
        self.syncs.resume(self.now)
        self._forget()

    def travel(self, zone: str, first: Day | str, last: Day | str) -> None:
        """Let the person be in another IANA zone on these days.

        Past days change with it as if it had always been so; do it before anything is read.
        """
        self.zones.travel(zone, as_day(first), as_day(last))
        self.syncs.forget()
        self.scale.forget()
        self.days.forget()
        self._forget()

    def edit_settings(self, **members: Any) -> None:
        """Change members of the user's settings."""
        self.settings |= members

    # How

    @property
    def _stand(self) -> Stand:
        """What all that Garmin knows depends on: equal as long as nothing changes."""
        return self._changes, self.last_sync, self.quirks.placeholder_nights

    def _changed(self) -> None:
        self._changes += 1

    def _forget(self) -> None:
        self._plan.forget()
        self._changed()

    def _known(self, day: date) -> bool:
        """Tell whether Garmin can know of a day at all."""
        return day >= self.first_day and day not in self._held and self.days.worn(day)

    def _existing(self, number: int) -> Activity:
        found = self.activity(number)
        if found is None:
            raise KeyError(f"There is no activity {number}.")
        return found

    def _revised(self, day: date) -> Night:
        revisions = self._revisions.get(day, [])
        night = self.nights.night(day, len(revisions))
        synced = self._late.get(day) or self.syncs.after(night.end)
        times = [*revisions, *([synced] if synced else [])]
        night = replace(night, computed=max(times) if times else night.computed)
        if day not in self._moved:
            return night
        minutes, when = self._moved[day]
        start = night.start - timedelta(minutes=minutes)
        light = night.light + 60 * minutes
        return replace(night, start=start, light=light, phase="edited", computed=when)

    def _listing(self) -> Listing:
        """Return the list of activities, made anew if the account has changed."""
        stand = self._stand
        if self._listed.stand != stand:
            self._listed = Listing(stand, self._collect(stand[1]))
        return self._listed

    def _collect(self, synced: datetime) -> list[Activity]:
        """Return what was uploaded up to a sync, by start, with the edits, without the deleted."""
        last = self.zones.day(self.now)
        planned = (one for day in days_between(self.first_day, last) for one in self._plan.on(day))
        found = [one for one in planned if one.uploaded <= synced + UPLOADING] + self._uploads
        found += [leg for one in found for leg in self._plan.children(one)]
        found = [self._edited(one) for one in found if not self._is_deleted(one)]
        return sorted(found, key=lambda one: (one.start, one.id))

    def _is_deleted(self, one: Activity) -> bool:
        return one.id in self._deleted or one.parent_id in self._deleted

    def _edited(self, one: Activity) -> Activity:
        return replace(one, **self._edits[one.id]) if one.id in self._edits else one

    def _weigh(self, synced: datetime) -> list[WeighIn]:
        days = days_between(self.first_day, self.zones.day(self.now))
        own = (one for day in days for one in self.scale.on(day) if one.at <= synced)
        found = (one for one in [*own, *self._weighed] if one.sample_pk not in self._unweighed)
        return sorted(found, key=lambda one: (one.at, one.sample_pk))
