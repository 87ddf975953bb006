"""Regularised logistic regression on the words of a task, with one set of weights for all candidates together
and one of its own for each: what makes a task hard, and what makes it hard for this candidate.

The log loss takes labels between 0 and 1 (graded quality), each with its weight; it is minimised by L-BFGS.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from learning_pipeline.routing.text import Array

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

# Strength of the L2 penalty on the shared weights, and on what a candidate's own differ from them.
SHARED_PENALTY = 4.0
OWN_PENALTY = 6.0
_ITERATIONS = 30


@dataclass(frozen=True)
class Linear:
    """Weights of each word for each candidate, the shared ones included."""

    weights: Array  # float32 (words, candidates)

    def scores(self, words: "csr_matrix") -> Array:
        """Return what the words add to each candidate's log odds, (tasks, candidates)."""
        return np.asarray(words @ self.weights, np.float64)


def sigmoid(values: Array) -> Array:
    """Return 1 / (1 + exp(-x))."""
    return 0.5 * (1 + np.tanh(0.5 * values))


def logit(probability: Array) -> Array:
    """Return log odds; a certainty is taken as 1 - 1e-4."""
    bounded = np.clip(probability, 1e-4, 1 - 1e-4)
    return np.log(bounded / (1 - bounded))


def fit(words: "csr_matrix", label: Array, weight: Array, offset: Array) -> Linear:
    """Fit the weights.

    Args:
        words: one row a task.
        label: mean label, (tasks, candidates); any number where it was not run.
        weight: weight of the labels, (tasks, candidates); 0 where it was not run.
        offset: log odds of each candidate before any word is read, (candidates,).
    """
    from scipy.optimize import minimize

    width, candidates = words.shape[1], label.shape[1]
    words = words.astype(np.float64)
    turned = words.T.tocsr()
    shape = (width, candidates + 1)
    target = np.where(weight > 0, label, 0.0)

    def loss(flat: Array) -> tuple[float, Array]:
        table = flat.reshape(shape)
        scores = words @ table
        odds = scores[:, 1:] + scores[:, :1] + offset
        value = float((weight * (np.logaddexp(0, odds) - target * odds)).sum())
        pull = weight * (sigmoid(odds) - target)
        slope = turned @ np.hstack([pull.sum(axis=1, keepdims=True), pull])
        value += 0.5 * SHARED_PENALTY * float((table[:, 0] ** 2).sum())
        value += 0.5 * OWN_PENALTY * float((table[:, 1:] ** 2).sum())
        slope[:, 0] += SHARED_PENALTY * table[:, 0]
        slope[:, 1:] += OWN_PENALTY * table[:, 1:]
        return value, slope.ravel()

    start = np.zeros(shape[0] * shape[1])
    options = {"maxiter": _ITERATIONS, "ftol": 1e-6}
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options=options).x.reshape(shape)
    return Linear((found[:, 1:] + found[:, :1]).astype(np.float32))
