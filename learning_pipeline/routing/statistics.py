"""Counts of what each candidate did, over all its work and by kind of task and repository."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from learning_pipeline.routing.text import Array

# Free runs have a cost of 0, which has no logarithm; this stands for it and reads back as 0.
LEAST = 1e-9
# Observations that a candidate's own median is worth, when that of one kind of task is shrunk to it.
_MEDIAN_PRIOR = 5.0


@dataclass(frozen=True)
class Candidate:
    """What can be given a task: an agent, with the model it ran where the logs name one."""

    agent_name: str
    model: str | None
    model_tier: str | None = None

    @property
    def name(self) -> str:
        return f"{self.agent_name}/{self.model}" if self.model else self.agent_name


@dataclass(frozen=True)
class Amounts:
    """Medians of a cost or a time in natural logarithms; NaN where none was observed."""

    median: Array  # (candidates,)
    low: Array  # 5 % quantile, (candidates,)
    high: Array  # 95 % quantile, (candidates,)
    type_median: Array  # (task types, candidates)
    type_n: Array  # (task types, candidates)
    reference: Array  # median over everything, ()

    def expected(self, types: Array) -> Array:
        """Return the expected amount for each row of task type numbers (-1: unknown) and each candidate.

        The median of the candidate in this kind of task, drawn to the candidate's median over all its work in
        log space as if that were five observations more. NaN where the candidate has none.
        """
        n = _at(self.type_n, types)
        own = np.nan_to_num(_at(self.type_median, types))
        return _plain((n * own + _MEDIAN_PRIOR * self.median) / (n + _MEDIAN_PRIOR))

    def interval(self, expected: Array) -> tuple[Array, Array]:
        """Return the 5 % and 95 % quantiles around an expected amount: the candidate's own spread."""
        shift = np.log(np.maximum(expected, LEAST)) - self.median
        return _plain(self.low + shift), _plain(self.high + shift)

    def normal(self, expected: Array) -> Array:
        """Return an amount as a number from 0 to 1: its share of itself and the overall median; unknown is 0.5."""
        if np.isnan(self.reference):
            return np.zeros_like(expected)
        reference = float(np.exp(self.reference))
        return np.where(np.isnan(expected), 0.5, expected / (expected + reference))


@dataclass(frozen=True)
class Counts:
    """Number of labels, their weight, and the weight of the successes among them."""

    n: Array
    weight: Array
    success: Array

    def at(self, positions: Array) -> "Counts":
        """Return the counts of these rows; zeros where a position is -1."""
        return Counts(_at(self.n, positions), _at(self.weight, positions), _at(self.success, positions))


@dataclass(frozen=True)
class Statistics:
    """All counts, for a fixed list of candidates, task types and (task type, repository) pairs."""

    candidates: tuple[Candidate, ...]
    task_types: tuple[str, ...]
    places: tuple[tuple[str, str], ...]
    base_rate: float
    overall: Counts  # (candidates,)
    by_type: Counts  # (task types, candidates)
    by_place: Counts  # (places, candidates)
    cost: Amounts
    duration: Amounts

    def rate(self, prior: float) -> Array:
        """Return each candidate's success rate over all its work.

        What the same agent does with other models counts as `prior` labels, and for that the base rate does.
        """
        names = [candidate.agent_name for candidate in self.candidates]
        agent = np.unique(np.array(names, str), return_inverse=True)[1]
        success, weight = self.overall.success, self.overall.weight
        others_success = np.bincount(agent, success, minlength=1)[agent] - success if names else success
        others_weight = np.bincount(agent, weight, minlength=1)[agent] - weight if names else weight
        others = (others_success + prior * self.base_rate) / (others_weight + prior)
        return (success + prior * others) / (weight + prior)

    def types_of(self, task_types: Sequence[str | None]) -> Array:
        """Return the number of each task type, -1 where it is null or was never seen."""
        number = {name: position for position, name in enumerate(self.task_types)}
        return np.array([number.get(name, -1) if name else -1 for name in task_types], np.int64)

    def places_of(self, task_types: Sequence[str | None], repositories: Sequence[str | None]) -> Array:
        """Return the number of each pair of task type and repository, -1 where it was never seen."""
        number: dict[tuple[str | None, str | None], int] = {
            place: position for position, place in enumerate(self.places)
        }
        pairs = zip(task_types, repositories, strict=True)
        return np.array([number.get(pair, -1) for pair in pairs], np.int64)

    def arrays(self) -> dict[str, Array]:
        """Return the numbers, by name."""
        parts: dict[str, Any] = {"overall": self.overall, "by_type": self.by_type, "by_place": self.by_place}
        parts |= {"cost": self.cost, "duration": self.duration}
        return {
            f"{name}_{column.name}": np.asarray(getattr(part, column.name))
            for name, part in parts.items()
            for column in fields(part)
        }

    def names(self) -> dict[str, Any]:
        """Return what is not an array, as JSON values."""
        return {
            "candidates": [[item.agent_name, item.model, item.model_tier] for item in self.candidates],
            "task_types": list(self.task_types),
            "places": [list(place) for place in self.places],
            "base_rate": self.base_rate,
        }

    @classmethod
    def of_arrays(cls, names: dict[str, Any], arrays: dict[str, Array]) -> "Statistics":
        """Make statistics from what `names` and `arrays` returned."""

        def part(kind: type[Any], name: str) -> Any:
            return kind(**{column.name: arrays[f"{name}_{column.name}"] for column in fields(kind)})

        return cls(
            tuple(Candidate(*item) for item in names["candidates"]),
            tuple(names["task_types"]),
            tuple((first, second) for first, second in names["places"]),
            float(names["base_rate"]),
            part(Counts, "overall"),
            part(Counts, "by_type"),
            part(Counts, "by_place"),
            part(Amounts, "cost"),
            part(Amounts, "duration"),
        )


def _at(table: Array, positions: Array) -> Array:
    if not len(table):
        return np.zeros((len(positions), table.shape[1]))
    return np.where((positions >= 0)[:, None], table[np.maximum(positions, 0)], 0.0)


def _plain(logarithm: Array) -> Array:
    amount = np.exp(logarithm)
    return np.where(amount <= LEAST * 1.001, 0.0, amount)
