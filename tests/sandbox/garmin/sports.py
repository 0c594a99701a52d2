"""The kinds of activities: names, numbers, how often, how long and fast, with which measures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Sport:
    """One kind of activity."""

    key: str
    title: str
    type_id: int
    parent_type_id: int
    sport_type_id: int
    share: float
    """How often, in thousandths of all activities."""
    minutes: tuple[int, int]
    speed: tuple[float, float]
    """Metres a second; 0 where no distance is covered."""
    measures: tuple[str, ...]
    """Groups of measures; see ``measures.py``."""
    fit: tuple[int, int]
    """Numbers of sport and sub sport in FIT files."""
    route: bool = True
    """Whether it has positions."""


MULTISPORT: Final = "multi_sport"
ALL: Final = (
    Sport("running", "Running", 1, 17, 1, 330, (25, 95), (2.4, 3.6),
          ("heart", "ground", "run", "power", "stamina", "breath"), (1, 0)),
    Sport("trail_running", "Trail Running", 6, 1, 1, 50, (40, 160), (1.8, 2.7),
          ("heart", "ground", "climb", "run", "power", "stamina", "weather"), (1, 3)),
    Sport("ultra_run", "Ultra Run", 181, 1, 1, 3, (270, 420), (2.3, 2.9),
          ("heart", "ground", "climb", "run", "power", "stamina", "fuel"), (1, 0)),
    Sport("treadmill_running", "Treadmill Running", 18, 1, 1, 40, (20, 60), (2.4, 3.4),
          ("heart", "run", "workout"), (1, 1), route=False),
    Sport("cycling", "Cycling", 2, 17, 2, 180, (40, 240), (5.5, 9.0),
          ("heart", "ground", "climb", "bike", "power", "pedals", "fuel", "breath"), (2, 0)),
    Sport("gravel_cycling", "Gravel", 143, 2, 2, 12, (150, 420), (5.0, 7.5),
          ("heart", "ground", "climb", "bike", "power", "pedals", "fuel", "breath"), (2, 46)),
    Sport("indoor_cycling", "Indoor Cycling", 25, 2, 2, 40, (30, 90), (7.0, 9.5),
          ("heart", "bike", "power", "pedals", "workout"), (2, 6), route=False),
    Sport("mountain_biking", "Mountain Biking", 5, 2, 2, 20, (60, 200), (3.0, 5.5),
          ("heart", "ground", "climb", "bike", "trail"), (2, 8)),
    Sport("e_bike_fitness", "eBiking", 176, 2, 2, 15, (40, 150), (6.0, 8.5),
          ("heart", "ground", "bike", "e_bike", "solar"), (21, 28)),
    Sport("lap_swimming", "Pool Swim", 27, 26, 5, 60, (20, 70), (0.7, 1.2),
          ("heart", "swim", "pool"), (5, 17), route=False),
    Sport("open_water_swimming", "Open Water Swimming", 28, 26, 5, 15, (15, 60), (0.6, 1.0),
          ("heart", "swim", "open", "weather"), (5, 18)),
    Sport("walking", "Walking", 9, 17, 11, 90, (20, 120), (1.1, 1.6),
          ("heart", "ground", "run", "weather"), (11, 0)),
    Sport("hiking", "Hiking", 3, 17, 17, 30, (90, 360), (0.8, 1.3),
          ("heart", "ground", "climb", "pack", "weather", "oxygen", "floors"), (17, 0)),
    Sport("strength_training", "Strength", 13, 29, 10, 80, (30, 80), (0, 0),
          ("heart", "strength", "force", "stress", "workout"), (10, 20), route=False),
    Sport("yoga", "Yoga", 163, 29, 43, 15, (20, 75), (0, 0),
          ("heart", "stress", "breath"), (43, 0), route=False),
    Sport("resort_skiing", "Resort Skiing", 172, 165, 13, 6, (120, 330), (5.0, 9.0),
          ("heart", "ground", "climb", "weather", "snow"), (13, 38)),
    Sport("indoor_climbing", "Indoor Climbing", 153, 165, 31, 8, (60, 150), (0, 0),
          ("heart", "climbing", "stress"), (31, 68), route=False),
    Sport("single_gas_diving", "Single-Gas Dive", 145, 144, 53, 5, (25, 60), (0, 0),
          ("heart", "dive"), (53, 53)),
    Sport("apnea_diving", "Pool Apnea", 148, 144, 53, 3, (20, 50), (0, 0),
          ("heart", "dive", "apnea"), (53, 56), route=False),
    Sport("jump_rope", "Jump Rope", 202, 29, 62, 5, (8, 25), (0, 0),
          ("heart", "rope", "force"), (62, 84), route=False),
    Sport("wheelchair_push_run", "Push Run", 200, 199, 65, 2, (20, 50), (1.8, 3.0),
          ("heart", "ground", "wheelchair"), (65, 0)),
    Sport("stand_up_paddleboarding_v2", "Paddleboarding", 239, 228, 37, 4, (30, 80), (0.8, 1.2),
          ("heart", "swim", "weather"), (37, 0)),
    Sport("racing", "Gaming", 233, 232, 0, 2, (20, 120), (0, 0),
          ("heart", "stress", "game"), (0, 77), route=False),
    Sport(MULTISPORT, "Triathlon", 89, 17, 18, 6, (70, 170), (0, 0), ("heart", "multi"), (18, 0)),
)  # fmt: skip
BY_KEY: Final = {sport.key: sport for sport in ALL}
SHARES: Final = {sport.key: float(sport.share) for sport in ALL}
LEGS: Final = (
    ("open_water_swimming", 0.22),
    ("transition_v2", 0.02),
    ("cycling", 0.46),
    ("transition_v2", 0.02),
    ("running", 0.28),
)
"""The legs of a multisport activity, with their shares of its time."""
TRANSITION: Final = Sport(
    "transition_v2", "Transition", 204, 89, 3, 0, (1, 5), (0.5, 1.0), ("heart",), (3, 0)
)


def sport(key: str) -> Sport:
    """Return a kind of activity; KeyError if there is none of that key."""
    return TRANSITION if key == TRANSITION.key else BY_KEY[key]
