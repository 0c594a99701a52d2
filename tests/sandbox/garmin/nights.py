"""What happens in a night: when the person sleeps, stages, scores, HRV. Raw facts, no shapes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal

from tests.sandbox.garmin.dice import Dice

if TYPE_CHECKING:
    from tests.sandbox.garmin.profile import Profile
    from tests.sandbox.garmin.zones import Zones

OFF_WRIST: Final = 0.012
"""Share of nights in which the watch lies on the table."""
PLACEHOLDER: Final = 7 * 3600
"""Seconds of a night that is only supposed (seen live)."""
READING: Final = timedelta(minutes=5)
Phase = Literal["placeholder", "computed", "final", "edited", "off_wrist"]
CONFIRMATIONS: Final[dict[Phase, str]] = {
    "placeholder": "unconfirmed",
    "computed": "enhanced_confirmed",
    "final": "enhanced_confirmed_final",
    "edited": "manually_confirmed",
    "off_wrist": "off_wrist",
}
OLDER: Final = {
    "enhanced_confirmed": "auto_confirmed",
    "enhanced_confirmed_final": "auto_confirmed_final",
}
"""What an older watch says instead."""


@dataclass(frozen=True)
class Night:
    """One night, dated by the day of waking."""

    date: date
    start: datetime
    end: datetime
    deep: int
    """Seconds of each stage; all whole minutes."""
    light: int
    rem: int
    awake: int
    unmeasurable: int
    times_awake: int
    score: int
    stress: float
    hr: int
    breath: int
    spo2: int
    nap: int
    """Seconds of a nap on the day."""
    hrv: int
    hrv_high: int
    phase: Phase
    scored: bool
    """Whether the watch scores sleep and measures HRV."""
    computed: datetime
    """When it was computed: at a sync after waking."""

    @property
    def asleep(self) -> int:
        """Seconds of sleep."""
        return self.deep + self.light + self.rem

    @property
    def confirmation(self) -> str:
        """Garmin's word for how sure the window is."""
        word = CONFIRMATIONS[self.phase]
        return word if self.scored else OLDER.get(word, word)


class Nights:
    """The facts of each night, by the seed."""

    def __init__(self, profile: Profile, zones: Zones, seed: int) -> None:
        """Take what the facts depend on."""
        self._profile, self._zones, self._seed = profile, zones, seed
        self._hrv: dict[date, int] = {}

    def night(self, day: date, revision: int = 0) -> Night:
        """Return the whole, final night; a later revision has other stages, scores and HRV."""
        dice = Dice(self._seed, "night", day)
        start = self._zones.start(day) + timedelta(seconds=self._bedtime(dice, day))
        window = 60 * round(max(240, dice.near(478 if day.weekday() > 4 else 445, 38)))
        off = dice.chance(OFF_WRIST)
        night = self._stages(Dice(self._seed, "stages", day, revision), day, start, window)
        return replace(night, phase="off_wrist") if off else night

    def placeholder(self, day: date) -> Night:
        """Return the night that is supposed before the person wakes: 7 h from the usual bedtime."""
        start = self._zones.start(day) + timedelta(minutes=self._profile.bedtime - 1440)
        night = self._stages(Dice(self._seed, "placeholder", day), day, start, PLACEHOLDER)
        return replace(
            night, deep=0, light=PLACEHOLDER, rem=0, awake=0, unmeasurable=0, phase="placeholder"
        )

    def hrv(self, day: date) -> int:
        """Return the night's HRV in ms, before any recomputation."""
        if day not in self._hrv:
            self._hrv[day] = round(Dice(self._seed, "hrv", day).near(self._profile.hrv, 4))
        return self._hrv[day]

    def week_hrv(self, day: date) -> int:
        """Return the mean HRV of seven nights: it is kept as it was first computed."""
        return round(sum(self.hrv(day - timedelta(days=n)) for n in range(7)) / 7)

    def readings(self, night: Night) -> list[tuple[datetime, int]]:
        """Return the HRV of each five minutes of the night."""
        dice = Dice(self._seed, "readings", night.date, night.hrv)
        count = (night.end - night.start) // READING
        first = night.start + timedelta(seconds=dice.whole(60, 290))
        values = dice.steps(count, max(12, night.hrv - 14), night.hrv_high)
        return [(first + READING * n, value) for n, value in enumerate(values[:-1])]

    def _bedtime(self, dice: Dice, day: date) -> int:
        """Return seconds after midnight, mostly before it and then negative."""
        late = 45 if day.weekday() > 4 else 0
        minutes = dice.near(self._profile.bedtime - 1440 + late, 28)
        return round(60 * minutes)

    def _stages(self, dice: Dice, day: date, start: datetime, window: int) -> Night:
        minutes = window // 60
        awake, deep = (int(minutes * dice.real(*s)) for s in ((0.01, 0.08), (0.13, 0.24)))
        rem = int(minutes * dice.real(0.16, 0.26))
        lost = dice.whole(5, 40) if dice.chance(0.04) else 0
        end = start + timedelta(seconds=window)
        hrv = self.hrv(day) + (dice.whole(-3, 3))
        return Night(
            date=day, start=start, end=end,
            deep=60 * deep, rem=60 * rem, awake=60 * awake, unmeasurable=60 * lost,
            light=60 * (minutes - awake - deep - rem - lost),
            times_awake=dice.whole(0, 4), score=dice.whole(52, 95), stress=float(dice.whole(9, 32)),
            hr=self._profile.resting_hr + dice.whole(2, 9),
            breath=dice.whole(12, 16), spo2=dice.whole(92, 97),
            nap=60 * dice.whole(15, 80) if dice.chance(0.06) else 0,
            hrv=hrv, hrv_high=hrv + dice.whole(12, 38),
            phase="final", scored=self._profile.newer(day),
            computed=end + timedelta(milliseconds=dice.whole(200_000, 2_400_000)),
        )  # fmt: skip
