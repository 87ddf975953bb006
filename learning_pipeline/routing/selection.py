"""Which method decides, and how much success may be traded for cost: chosen on predictions made out of fold.

A method is judged by the mean label of the candidate that it would choose (where several candidates ran a task),
and by its log loss. Of the methods whose choices are no worse than the best method's by more than one standard
error, the one with the lowest log loss is taken.

Success is traded for cost only as far as the difference could hardly be measured. Of the best single candidate's
95 % interval, half of the half-width may be given away against the best choices; and all that is above its lower end
against the best single itself, if that brings the cost down to `_WELL_SPENT` of the best single's. Of the weights that
bring it there the one with the most success is taken; where none does, the one that spends least, if that is a tenth
less than where cost does not count. Time counts half as much as cost, and stands for it where no cost was observed.

All of this is seen where most tasks were run by several candidates (`_COMPLETE`), and what a choice would have brought
can be looked up. In other logs nobody saw what the cheaper one would have brought, and the few tasks that were tried
again are like no others: there cost does not count, unless the caller gives weights or a budget.
"""

from dataclasses import dataclass

import numpy as np

from learning_pipeline.routing.blend import METHODS, Blend
from learning_pipeline.routing.decision import hardly_worse
from learning_pipeline.routing.learn import OutOfFold
from learning_pipeline.routing.model import wilson
from learning_pipeline.routing.statistics import Statistics
from learning_pipeline.routing.tasks import Labels
from learning_pipeline.routing.text import Array

BLEND = "blend"
COST_WEIGHTS = (0.0, 0.01, 0.02, 0.03, 0.04, 0.055, 0.07, 0.1, 0.14, 0.2, 0.28, 0.4, 0.6)
TIME_SHARE = 0.5
# Tasks that several candidates ran, below which choices cannot be compared.
_LEAST_COMPARED = 50
# The share of tasks that several candidates have to have run.
_COMPLETE = 0.5
# Shares of the best single candidate's cost to aim at.
_WELL_SPENT = (0.4, 0.5, 0.6)
# Shares of cost that are too close to tell, and that are worth giving success away.
_NEGLIGIBLE = 0.01
_WORTHWHILE = 0.1
# Log loss that a method has to save the blend.
_WORTH = 2e-4


@dataclass(frozen=True)
class Scored:
    """How one method did out of fold."""

    method: str
    blend: Blend
    probability: Array  # (tasks, candidates)
    log_loss: float
    mean_label: float | None  # of its choices; None where they cannot be judged
    error: float  # standard error of the difference to the best method's


def compare(out: OutOfFold) -> list[Scored]:
    """Return how each method, calibrated on its own, and their blend did."""
    sets = {name: (name,) for name in METHODS if name in out.odds} | {BLEND: _needed(out)}
    found = []
    chosen: dict[str, Array] = {}
    for name, methods in sets.items():
        blend = out.fit(methods)
        probability = _predict(blend, out)
        found.append((name, blend, probability, _loss(probability, out.labels)))
        chosen[name] = choices(probability, out.labels)
    best = max(chosen, key=lambda name: round(float(chosen[name].mean()), 9) if len(chosen[name]) else 0.0)
    result = []
    for name, blend, probability, loss in found:
        got = chosen[name]
        compared = len(got) >= _LEAST_COMPARED
        gap = chosen[best] - got
        error = float(gap.std() / np.sqrt(len(gap))) if compared else 0.0
        result.append(Scored(name, blend, probability, loss, float(got.mean()) if compared else None, error))
    return result


def choose(scored: list[Scored]) -> Scored:
    """Return the method that decides."""
    best = max((item.mean_label for item in scored if item.mean_label is not None), default=None)
    fit = [
        item
        for item in scored
        if best is None or item.mean_label is None or item.mean_label >= best - item.error - 1e-9
    ]
    return min(fit, key=lambda item: (item.log_loss, item.method))


def _needed(out: OutOfFold) -> tuple[str, ...]:
    """Return the methods that the blend needs: one is left out where that costs next to no log loss."""
    methods = tuple(name for name in METHODS if name in out.odds)
    loss = _loss(_predict(out.fit(methods), out), out.labels)
    for name in reversed(methods[1:]):
        fewer = tuple(one for one in methods if one != name)
        without = _loss(_predict(out.fit(fewer), out), out.labels)
        if without <= loss + _WORTH:
            methods = fewer
    return methods


def _loss(probability: Array, labels: Labels) -> float:
    bounded = np.clip(probability, 1e-6, 1 - 1e-6)
    losses = -(labels.label * np.log(bounded) + (1 - labels.label) * np.log(1 - bounded))
    return round(float((labels.weight * losses).sum() / labels.weight.sum()), 9)


def _predict(blend: Blend, out: OutOfFold) -> Array:
    probability = np.zeros_like(out.start)
    # The start differs from fold to fold: rows with the same one are judged together.
    for start in np.unique(out.start, axis=0):
        rows = np.flatnonzero((out.start == start).all(axis=1))
        probability[rows] = blend.probability(start, {name: odds[rows] for name, odds in out.odds.items()})
    return probability


def choices(score: Array, labels: Labels) -> Array:
    """Return the label of the candidate with the highest score, of each task that several candidates ran."""
    ran = labels.weight > 0
    several = ran.sum(axis=1) >= 2
    best = np.where(ran[several], score[several], -np.inf).argmax(axis=1)
    return labels.label[several][np.arange(len(best)), best]


def cost_weight(labels: Labels, probability: Array, statistics: Statistics) -> float:
    """Return how much a share of cost counts against success (see above)."""
    types = statistics.types_of(labels.tasks["task_type"].to_list())
    cost, time = statistics.cost.expected(types), statistics.duration.expected(types)
    dear = statistics.cost.normal(cost) + TIME_SHARE * statistics.duration.normal(time)
    amount = cost if not np.isnan(cost).all() else time
    if not len(labels.tasks) or np.isnan(amount).all():
        return COST_WEIGHTS[0]
    amount = np.where(np.isnan(amount), np.nanmedian(amount), amount)
    ran = labels.weight > 0
    several = ran.sum(axis=1) >= 2
    if several.sum() < _LEAST_COMPARED or several.mean() < _COMPLETE:
        return COST_WEIGHTS[0]
    allowed, value = ran[several], labels.label[several]
    score, dear, amount = probability[several], dear[several], amount[several]
    totals = (labels.weight * labels.label).sum(axis=0), labels.weight.sum(axis=0)
    rate = totals[0] / np.maximum(totals[1], 1e-9)
    low, high = wilson(rate, ran.sum(axis=0).astype(float))
    single = int(low.argmax())
    room, below = float(high[single] - low[single]) / 2, float(rate[single] - low[single])
    alone = np.where(allowed[:, single], single, np.where(allowed, rate, -np.inf).argmax(axis=1))
    rows = np.arange(len(value))
    known, spent_alone = float(value[rows, alone].mean()), float(amount[rows, alone].mean())
    within = hardly_worse(score, allowed)
    tried = []
    for weight in COST_WEIGHTS:
        chosen = np.where(within, score - weight * dear, -np.inf).argmax(axis=1)
        spent = float(amount[rows, chosen].mean()) / max(spent_alone, 1e-12)
        tried.append((weight, float(value[rows, chosen].mean()), spent))
    near = [one for one in tried if one[1] >= tried[0][1] - room / 2 - 1e-9]
    fair = [one for one in tried if one[1] >= known - below - 1e-9]
    for share in _WELL_SPENT:
        for kept in (near, fair):
            # Without a price, what is cheaper by chance is not chosen for that where the best are hard to tell apart.
            enough = [(-got, spent, weight) for weight, got, spent in kept if spent <= share and weight]
            if enough:
                return min(enough)[2]
    least = min(spent for _, _, spent in near)
    if least > (1 - _WORTHWHILE) * tried[0][2]:
        return COST_WEIGHTS[0]
    return min(weight for weight, _, spent in near if spent <= least + _NEGLIGIBLE)
