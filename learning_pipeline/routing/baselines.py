"""What earlier routers would choose: by rules, by size, by price, and by a score of four parts.

The four parts, with the weights .4, .3, .2 and .1: how similar past tasks went (trigger), how this kind of task went
in this repository (context), how this kind of task went (capability), how everything went (history). The same
parts with weights that are learned from the labels are a policy of their own.
"""

from typing import Any

import numpy as np

from learning_pipeline.routing.model import Model, chain_of, local_of
from learning_pipeline.routing.policies import HeldOutTasks
from learning_pipeline.routing.rules import tier_for
from learning_pipeline.routing.tasks import Neighbours
from learning_pipeline.routing.text import Array, normalise

PARTS = ("trigger", "context", "capability", "history")
WEIGHTS = np.array([0.4, 0.3, 0.2, 0.1])
_TIERS = ("small", "medium", "large")


def choices(model: Model, tasks: HeldOutTasks, neighbours: Neighbours) -> dict[str, Array]:
    """Return, by policy, the number of the candidate for each task, -1 where the policy has none."""
    allowed = tasks.allowed
    alone = model.estimate([None], [None])
    cost = np.broadcast_to(alone.cost, allowed.shape)
    tier = np.array([_TIERS.index(c.model_tier) if c.model_tier in _TIERS else -1 for c in model.statistics.candidates])
    wanted = np.array([_TIERS.index(tier_for(normalise(text)) or "medium") for text in tasks.texts], np.int64)
    rate = np.broadcast_to(model.surely, allowed.shape)
    fitting = allowed & (tier[None, :] == wanted[:, None])
    scores = parts(model, tasks, neighbours)
    return {
        "best_single": _best(rate, allowed),
        "cheapest": _best(-cost, allowed & ~np.isnan(cost)),
        "largest": _best(tier + rate / 2, allowed & (tier >= 0)),
        "rules": np.where(fitting.any(axis=1), _best(rate, fitting), _best(rate, allowed)),
        "four_parts": _best(scores @ WEIGHTS, allowed),
        "four_parts_learned": _best(scores @ learned(model), allowed),
    }


def parts(model: Model, tasks: HeldOutTasks, neighbours: Neighbours) -> Array:
    """Return the four parts of every candidate's score, (tasks, candidates, parts)."""
    parameters, statistics = model.parameters, model.statistics
    nowhere: list[Any] = [None] * len(tasks.texts)
    chain = chain_of(statistics, parameters, tasks.task_types, tasks.repositories)
    kind = chain_of(statistics, parameters, tasks.task_types, nowhere)
    local = local_of(chain, model.tasks, neighbours, parameters.neighbours, parameters.neighbour_prior)
    everything = np.broadcast_to(model.start, chain.probability.shape)
    return np.stack([local.probability, chain.probability, kind.probability, everything], axis=-1)


def learned(model: Model) -> Array:
    """Return weights of the four parts that fit the counts best: each of 0 or more, one together.

    They are the non-negative least squares fit of the success rates by kind of task and repository, each weighted by
    its labels, on the parts that counts alone give; the similar tasks take the place of the repository.
    """
    from scipy.optimize import nnls

    statistics, parameters = model.statistics, model.parameters
    types = [task_type for task_type, _ in statistics.places]
    if not types:
        return WEIGHTS
    places = [repository for _, repository in statistics.places]
    chain = chain_of(statistics, parameters, types, places).probability
    kind = chain_of(statistics, parameters, types, [None] * len(types)).probability
    counts = statistics.by_place
    known = counts.weight > 0
    table = np.stack([chain, kind, np.broadcast_to(model.start, chain.shape)], axis=-1)[known]
    weight = np.sqrt(counts.weight[known])
    found, _ = nnls(table * weight[:, None], counts.success[known] / counts.weight[known] * weight)
    if found.sum() <= 0:
        return WEIGHTS
    context, capability, history = found / found.sum()
    return np.array([context / 2, context / 2, capability, history])


def _best(score: Array, allowed: Array) -> Array:
    chosen = np.where(allowed, score, -np.inf).argmax(axis=1)
    return np.where(allowed.any(axis=1), chosen, -1)
