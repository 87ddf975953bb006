"""A seeded source of chance that gives the same numbers on every Python version and machine."""

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """Draws from `random()` and `getrandbits` alone: their results are fixed for a seed, other methods' are not."""

    __slots__ = ("bits", "random")

    def __init__(self, *seed: object) -> None:
        generator = random.Random("|".join(map(str, seed)))
        self.random = generator.random
        self.bits = generator.getrandbits

    def chance(self, probability: float) -> bool:
        return self.random() < probability

    def below(self, limit: int) -> int:
        """Return an integer from 0 to `limit - 1`."""
        return int(self.random() * limit)

    def between(self, low: int, high: int) -> int:
        """Return an integer from `low` to `high`, both included."""
        return low + int(self.random() * (high - low + 1))

    def pick(self, items: Sequence[T]) -> T:
        return items[int(self.random() * len(items))]

    def weighted(self, items: Sequence[tuple[T, float]]) -> T:
        """Return one item with a chance proportional to its weight."""
        point = self.random() * sum(weight for _, weight in items)
        for item, weight in items:
            point -= weight
            if point < 0:
                return item
        return items[-1][0]

    def spread(self, middle: float) -> float:
        """Return a positive number around `middle`, skewed to the right: most within a half and the double."""
        # A product of uniform draws instead of a log-normal: no library function whose last digit may differ.
        return middle * (0.35 + self.random()) * (0.35 + self.random()) * (0.6 + self.random() * 1.4)

    def hex(self, digits: int) -> str:
        return f"{self.bits(digits * 4):0{digits}x}"

    def uuid(self) -> str:
        """Return a version 4 UUID."""
        text = f"{self.bits(128):032x}"
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"
