"""Which candidate takes the task, or none.

Utility is the probability of success less what it costs: `cost_weight` times the cost as a share of itself and
the median cost of everything, and the same for time. An amount that was never observed counts as that median.

The router abstains when choosing could cost too much: with utilities known only as well as their evidence, the
expected loss of taking the best against each other candidate is s * phi(d / s) - d * Phi(-d / s), where d is the
difference of the utilities and s its standard error (the expected loss of Bayesian A/B tests). What is lost against
the best of the others is at most the sum over them, and that is what counts: the best of many estimates is often the
luckiest. Two candidates that are known to be nearly equal cost little to confuse, so a tie that rests on much evidence
is decided. Only candidates with at least half of `min_evidence` labels in this kind of task are compared: one that was
hardly tried is neither chosen nor in the way. The router abstains where fewer than two are left to compare, or where
the candidates together have fewer labels than `min_evidence`.

What the router has learned to trade is bounded in every single task, too: who is expected to succeed less often by
more than `MOST_GIVEN` than another is not chosen, whatever that saves. An average that is hardly worse could else be
made of kinds of task where it is much worse.

Where the best is cheaper or faster than the candidate that would be taken without a router (the best single one), by
`LEAST_SAVED` of what cost and time can count at all or more, it need not be told apart from all others. By learned
prices it is chosen: they are learned only where the same tasks were run by several, from choices without abstaining.
By a caller's own, up to `MOST_GIVEN` may be lost against that one, for that is what abstaining would bring.

A caller may set other weights for a kind of task, a budget, or a floor of success: who costs more than the budget
(or whose cost is not known), or is expected to succeed less often, is not chosen. Own weights know no other bound.
"""

from dataclasses import dataclass

import numpy as np

from learning_pipeline.routing.model import Estimates, Model
from learning_pipeline.routing.text import Array

LEAST_SAVED = 0.05
MOST_GIVEN = 0.05


@dataclass(frozen=True)
class Decisions:
    """One entry an asked task; columns are candidates."""

    utility: Array  # (asked, candidates)
    eligible: Array  # who may be chosen: enough evidence, and hardly worse than any; (asked, candidates)
    best: Array  # candidate with the highest utility, -1 where there is none
    runner_up: Array  # whose utility comes next, of those who may be chosen if any others may; -1 for nobody
    expected_loss: Array  # of taking the best, against all others together, in utility
    labelled: Array  # labelled executions of all allowed candidates together
    contenders: Array  # allowed candidates with enough labels in this kind of task
    abstained: Array
    excluded: Array  # nobody is within the budget and above the floor
    limited: Array  # somebody is not
    left_out: Array  # allowed candidates with too few labels in this kind of task to be compared
    tolerated: Array  # what may be lost, in utility


@dataclass(frozen=True)
class Wishes:
    """What the caller wants, one entry an asked task; NaN where nothing is said."""

    cost_weight: Array
    time_weight: Array
    max_cost_usd: Array
    min_success: Array

    def allow(self, estimates: Estimates, allowed: Array) -> Array:
        """Return the allowed candidates that are within budget and above the floor."""
        budget, floor = self.max_cost_usd[:, None], self.min_success[:, None]
        within = np.isnan(budget) | (estimates.cost <= budget)
        return allowed & within & (np.isnan(floor) | (estimates.probability >= floor))


def hardly_worse(probability: Array, allowed: Array) -> Array:
    """Return which of the allowed candidates are expected to succeed nearly as often as any; (asked, candidates)."""
    most = np.where(allowed, probability, -np.inf).max(axis=1, keepdims=True, initial=-np.inf)
    return allowed & (probability >= most - MOST_GIVEN)


def pareto(estimates: Estimates, allowed: Array) -> Array:
    """Return which candidates no other allowed one beats: at least as good in success, cost and time, better in one.

    An amount that is not known counts as the highest.
    """
    amounts = [
        -estimates.probability,
        *(np.nan_to_num(part, nan=np.inf) for part in (estimates.cost, estimates.duration)),
    ]
    beaten = np.zeros(allowed.shape, bool)
    for other in range(allowed.shape[1]):
        no_worse = np.all([part[:, [other]] <= part for part in amounts], axis=0)
        better = np.any([part[:, [other]] < part for part in amounts], axis=0)
        beaten |= allowed[:, [other]] & no_worse & better
    return allowed & ~beaten


def decide(model: Model, estimates: Estimates, allowed: Array, wishes: Wishes | None = None) -> Decisions:
    """Choose among the allowed candidates (a mask of the estimates' shape)."""
    parameters, statistics, asked = model.parameters, model.statistics, allowed
    cost_weight: Array | float = parameters.cost_weight
    time_weight: Array | float = parameters.time_weight
    if wishes is not None:
        cost_weight = np.where(np.isnan(wishes.cost_weight), cost_weight, wishes.cost_weight)[:, None]
        time_weight = np.where(np.isnan(wishes.time_weight), time_weight, wishes.time_weight)[:, None]
        allowed = wishes.allow(estimates, allowed)
    price = cost_weight * statistics.cost.normal(estimates.cost)
    price = price + time_weight * statistics.duration.normal(estimates.duration)
    utility = estimates.probability - price
    labelled = (asked * statistics.overall.n).sum(axis=1).astype(np.int64)
    rows = np.arange(len(utility))
    if not utility.shape[1]:
        none = np.full(len(utility), -1)
        nobody = np.ones(len(rows), bool)
        zero = np.zeros(len(rows))
        return Decisions(
            utility, allowed, none, none, zero, labelled, labelled, nobody, ~nobody, ~nobody, labelled, zero
        )
    tried = allowed & (estimates.n >= parameters.min_own_evidence)
    contenders = tried.sum(axis=1)
    compared = np.where((contenders > 0)[:, None], tried, allowed)
    within = hardly_worse(estimates.probability, compared)
    own_weights = np.zeros(len(rows), bool)
    if wishes is not None:
        own_weights = ~np.isnan(wishes.cost_weight) | ~np.isnan(wishes.time_weight)
        within = np.where(own_weights[:, None], compared, within)
    best = np.where(within, utility, -np.inf).argmax(axis=1)
    variance = estimates.probability * (1 - estimates.probability) / (estimates.support + 1)
    gap = utility[rows, best][:, None] - utility
    # Who is not within it would only be the better choice by succeeding more often.
    gap = np.where(within, gap, estimates.probability[rows, best][:, None] - estimates.probability)
    error = np.sqrt(variance + variance[rows, best][:, None])
    others = compared.copy()
    others[rows, best] = False
    loss = np.where(others, _expected_loss(gap, error), 0.0)
    rivals = np.where((others & within).any(axis=1, keepdims=True), others & within, others)
    runner_up = np.where(others.any(axis=1), np.where(rivals, utility, -np.inf).argmax(axis=1), -1)
    at_stake = loss.sum(axis=1)
    some = allowed.any(axis=1)
    otherwise = np.where(compared, model.surely, -np.inf).argmax(axis=1)
    cheaper = price[rows, otherwise] - price[rows, best]
    saved = (cheaper > 0) & (cheaper >= LEAST_SAVED * np.broadcast_to(cost_weight + time_weight, price.shape)[:, 0])
    at_stake = np.where(saved, loss[rows, otherwise], at_stake)
    runner_up = np.where(saved, otherwise, runner_up)
    lost = np.where(saved, max(MOST_GIVEN, parameters.max_expected_loss), parameters.max_expected_loss)
    unsure = (at_stake > lost) & (own_weights | ~saved)
    abstained = (contenders < 2) | (labelled < parameters.min_evidence) | unsure
    # With one candidate in all the logs there is nothing to compare it with.
    single = (allowed.sum(axis=1) == 1) & (contenders == 1) & (labelled >= parameters.min_evidence)
    abstained &= ~single
    # A floor or a budget may leave one: it is chosen, for there is nothing to compare it with.
    limited = (allowed != asked).any(axis=1)
    left = (tried.sum(axis=1) == 1) & limited & (labelled >= parameters.min_evidence)
    abstained &= ~left
    excluded: Array = np.asarray(asked.any(axis=1) & ~some)
    chosen = np.where(some, best, -1)
    return Decisions(
        utility=utility,
        eligible=within,
        best=chosen,
        runner_up=runner_up,
        expected_loss=at_stake,
        labelled=labelled,
        contenders=contenders,
        abstained=abstained,
        excluded=excluded,
        limited=limited,
        left_out=(allowed & ~tried).sum(axis=1),
        tolerated=lost,
    )


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
