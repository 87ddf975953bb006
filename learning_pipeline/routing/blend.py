"""The calibrated blend of what several methods say.

Each method gives log odds for every task and candidate. The blend takes, of each, how far it moves the task as a
whole, and how far it moves this candidate against the others, from where the candidate stands before anything
is known of the task. Both have a weight of 0 or more; so has the starting point. The weights minimise the log
loss of predictions that were made without the task's own outcomes (cross-fitting), so that the result is
calibrated as by Platt's sigmoid (1999). A penalty worth `_PRIOR` draws the weights to the statistics alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from learning_pipeline.routing.linear import sigmoid
from learning_pipeline.routing.text import Array

METHODS = ("statistics", "neighbours", "logistic", "forest", "boosting")
_PRIOR = 4.0


@dataclass(frozen=True)
class Blend:
    """The weights."""

    bias: float
    start: float  # of the candidate's own log odds
    level: tuple[float, ...]  # of each method, for the task as a whole
    contrast: tuple[float, ...]  # of each method, between candidates

    @property
    def used(self) -> tuple[str, ...]:
        """Return the methods that have a weight."""
        return tuple(name for name, *pair in zip(METHODS, self.level, self.contrast, strict=True) if any(pair))

    def as_dict(self) -> dict[str, Any]:
        """Return the weights as JSON values."""
        return {"bias": self.bias, "start": self.start, "level": list(self.level), "contrast": list(self.contrast)}

    @classmethod
    def of_dict(cls, value: Mapping[str, Any]) -> "Blend":
        return cls(value["bias"], value["start"], tuple(value["level"]), tuple(value["contrast"]))

    def parts(self, start: Array, odds: Mapping[str, Array]) -> dict[str, Array]:
        """Return what the start and each method add to the log odds, (tasks, candidates); their sum decides.

        Args:
            start: log odds of each candidate before anything is known of the task, (candidates,).
            odds: log odds by method, (tasks, candidates); a method that is missing says nothing new.
        """
        rows = len(next(iter(odds.values())))
        found = {"start": np.broadcast_to(self.bias + self.start * start, (rows, len(start)))}
        for name, level, contrast in zip(METHODS, self.level, self.contrast, strict=True):
            if name in odds and (level or contrast):
                mean, deviation = _split(odds[name] - start)
                found[name] = level * mean + contrast * deviation
        return found

    def probability(self, start: Array, odds: Mapping[str, Array]) -> Array:
        """Return the probability of success, (tasks, candidates)."""
        parts = list(self.parts(start, odds).values())
        return sigmoid(np.sum(parts, axis=0))


def only(method: str) -> Blend:
    """Return the blend that passes one method on as it is."""
    weights = tuple(float(name == method) for name in METHODS)
    return Blend(0.0, 1.0, weights, weights)


def fit(start: Array, odds: Mapping[str, Array], label: Array, weight: Array, methods: tuple[str, ...]) -> Blend:
    """Fit the weights on predictions that were made without the labels of their own tasks.

    Args:
        start: (tasks, candidates), as seen by whoever predicted the task.
        odds: by method, (tasks, candidates).
        label: between 0 and 1; any number where the weight is 0.
        weight: 0 where the candidate was not run.
        methods: those that may get a weight.
    """
    from scipy.optimize import minimize

    cells = weight > 0
    columns = [np.ones(int(cells.sum())), start[cells]]
    for name in METHODS:
        mean, deviation = _split(odds[name] - start) if name in odds else (np.zeros(cells.shape),) * 2
        columns += [np.broadcast_to(mean, cells.shape)[cells], deviation[cells]]
    table = np.column_stack(columns)
    target, amount = label[cells], weight[cells]
    prior = np.zeros(table.shape[1])
    first = 2 + 2 * METHODS.index("statistics")
    prior[[1, first, first + 1]] = 1.0

    def loss(weights: Array) -> tuple[float, Array]:
        odds_ = table @ weights
        value = float((amount * (np.logaddexp(0, odds_) - target * odds_)).sum())
        slope = table.T @ (amount * (sigmoid(odds_) - target))
        away = weights - prior
        return value + 0.5 * _PRIOR * float(away @ away), slope + _PRIOR * away

    free = [True, True] + [name in methods for name in METHODS for _ in range(2)]
    begin = np.where(free, prior, 0.0)
    bounds = [(None, None), (0.0, None)] + [(0.0, None if use else 0.0) for use in free[2:]]
    found = minimize(loss, begin, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 300}).x
    # Rounded, so that the last digits of a sum's order do not make another version.
    rounded = [round(float(value), 6) for value in found]
    return Blend(rounded[0], rounded[1], tuple(rounded[2::2]), tuple(rounded[3::2]))


def _split(difference: Array) -> tuple[Array, Array]:
    mean = difference.mean(axis=1, keepdims=True)
    return mean, difference - mean
