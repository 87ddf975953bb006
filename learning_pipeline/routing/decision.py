"""Which candidate takes the task, or none.

Utility is the probability of success less what it costs: `cost_weight` times the cost as a share of itself and
the median cost of everything, and the same for time. An amount that was never observed counts as that median.

The router abstains when choosing could cost too much: with utilities known only as well as their evidence, the
expected loss of taking the best against each other candidate is s * phi(d / s) - d * Phi(-d / s), where d is the
difference of the utilities and s its standard error (the expected loss of Bayesian A/B tests). Two candidates
that are known to be nearly equal cost little to confuse, so a tie that rests on much evidence is decided. Only
candidates with at least half of `min_evidence` labels in this kind of task are compared: one that was hardly
tried is neither chosen nor in the way. The router abstains where fewer than two are left to compare, or where
the candidates together have fewer labels than `min_evidence`.
"""

from dataclasses import dataclass

import numpy as np

from learning_pipeline.routing.model import Estimates, Model
from learning_pipeline.routing.text import Array


@dataclass(frozen=True)
class Decisions:
    """One entry an asked task; columns are candidates."""

    utility: Array  # (asked, candidates)
    best: Array  # candidate with the highest utility, -1 where there is none
    runner_up: Array  # the candidate that the best could most be confused with, -1 where there is none
    expected_loss: Array  # of taking the best, in utility
    labelled: Array  # labelled executions of all allowed candidates together
    contenders: Array  # allowed candidates with enough labels in this kind of task
    abstained: Array


def decide(model: Model, estimates: Estimates, allowed: Array) -> Decisions:
    """Choose among the allowed candidates (a mask of the estimates' shape)."""
    parameters, statistics = model.parameters, model.statistics
    utility = (
        estimates.probability
        - parameters.cost_weight * statistics.cost.normal(estimates.cost)
        - parameters.time_weight * statistics.duration.normal(estimates.duration)
    )
    labelled = (allowed * statistics.overall.n).sum(axis=1).astype(np.int64)
    rows = np.arange(len(utility))
    if not utility.shape[1]:
        none = np.full(len(utility), -1)
        return Decisions(utility, none, none, np.zeros(len(rows)), labelled, labelled, np.ones(len(rows), bool))
    tried = allowed & (estimates.n >= parameters.min_own_evidence)
    contenders = tried.sum(axis=1)
    compared = np.where((contenders > 0)[:, None], tried, allowed)
    best = np.where(compared, utility, -np.inf).argmax(axis=1)
    variance = estimates.probability * (1 - estimates.probability) / (estimates.support + 1)
    gap = utility[rows, best][:, None] - utility
    error = np.sqrt(variance + variance[rows, best][:, None])
    loss = np.where(compared, _expected_loss(gap, error), -np.inf)
    loss[rows, best] = -np.inf
    runner_up = loss.argmax(axis=1)
    worst = loss[rows, runner_up]
    alone = ~np.isfinite(worst)
    worst = np.where(alone, 0.0, worst)
    runner_up = np.where(alone, -1, runner_up)
    some = allowed.any(axis=1)
    abstained = (contenders < 2) | (labelled < parameters.min_evidence) | (worst > parameters.max_expected_loss)
    # With one candidate in all the logs there is nothing to compare it with.
    single = (allowed.sum(axis=1) == 1) & (contenders == 1) & (labelled >= parameters.min_evidence)
    abstained &= ~single
    return Decisions(utility, np.where(some, best, -1), runner_up, worst, labelled, contenders, abstained)


def _expected_loss(gap: Array, error: Array) -> Array:
    error = np.maximum(error, 1e-12)
    ratio = gap / error
    density = np.exp(-(ratio**2) / 2) / np.sqrt(2 * np.pi)
    return error * density - gap * _normal_tail(ratio)


def _normal_tail(ratio: Array) -> Array:
    """Return 1 - Phi(x) for x >= 0 by Abramowitz and Stegun 26.2.17; the error is below 1e-7."""
    x = np.abs(ratio)
    t = 1 / (1 + 0.2316419 * x)
    polynomial = t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
    tail = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi) * polynomial
    return np.where(ratio >= 0, tail, 1 - tail)
