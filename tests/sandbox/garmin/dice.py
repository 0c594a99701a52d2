"""Chance that is the same for the same seed and subject, in whatever order things are asked for."""

from __future__ import annotations

import random
import struct
import uuid
from hashlib import blake2b
from typing import TYPE_CHECKING, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Item = TypeVar("Item")
Draw: TypeAlias = "tuple[float, float, int | None] | list[str] | list[bool]"
"""How a value is drawn: (least, most, decimals; None for a whole number) or a list to pick from."""


def single(value: float) -> float:
    """Return the nearest number of single precision: the watch computes in it and it shows."""
    near: float = struct.unpack("f", struct.pack("f", value))[0]
    return near


class Dice:
    """Random values for one subject, such as ``Dice(seed, "night", day)``."""

    def __init__(self, *subject: object) -> None:
        """Seed by a hash of the subject's text: equal in every process and Python."""
        text = "/".join(map(str, subject)).encode()
        seed = int.from_bytes(blake2b(text, digest_size=8).digest(), "big")
        self._random = random.Random(seed)  # noqa: S311 - no secret

    def whole(self, low: float, high: float) -> int:
        """Return a whole number between low and high, both included."""
        return int(low) + int(self._random.random() * (int(high) - int(low) + 1))

    def real(self, low: float, high: float, digits: int = 2) -> float:
        """Return a number between low and high with so many decimals."""
        return round(low + self._random.random() * (high - low), digits)

    def near(self, mean: float, spread: float) -> float:
        """Return a number around a mean, normally distributed, at most three spreads away."""
        return mean + spread * max(-3.0, min(3.0, self._random.gauss(0, 1)))

    def chance(self, share: float) -> bool:
        """Return True in this share of all subjects."""
        return self._random.random() < share

    def pick(self, items: Sequence[Item]) -> Item:
        """Return one of the items."""
        return items[int(self._random.random() * len(items))]

    def weighted(self, weights: Mapping[str, float]) -> str:
        """Return a name, each as often as its weight says."""
        return self._random.choices(list(weights), list(weights.values()))[0]

    def sample(self, items: Sequence[Item], count: int) -> list[Item]:
        """Return so many different items."""
        return self._random.sample(items, count)

    def steps(self, count: int, low: int, high: int) -> list[int]:
        """Return a row of whole numbers, quickly: for series of samples."""
        return self._random.choices(range(low, high + 1), k=count)

    def uuid(self) -> str:
        """Return a UUID as text."""
        return str(uuid.UUID(bytes=self._random.randbytes(16), version=4))

    def draw(self, how: Draw) -> float | str | bool:
        """Return a value drawn in the way described at ``Draw``."""
        if isinstance(how, list):
            picked: str | bool = how[self.whole(0, len(how) - 1)]
            return picked
        low, high, digits = how
        return self.whole(low, high) if digits is None else self.real(low, high, digits)

    def draw_all(self, table: Mapping[str, Draw]) -> dict[str, float | str | bool]:
        """Return a value for each name of a table."""
        return {name: self.draw(how) for name, how in table.items()}
