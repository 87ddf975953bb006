"""How much a counted label is worth for the width of an interval, as cross-fitting shows it.

The interval of an estimate p is that of a rate seen in n labels (see `model`), so it says that the squared error is
p (1 - p) / n. Two things are held against that, each as the mean of squared error times n / (p (1 - p)), which is 1
where the counted labels are right:

- `spread`: the variance of the estimates, by the delete-a-group jackknife (Wu, 1986). It does not see where all
  groups err alike, as shrunk estimates do.
- `shared_error`: what two tasks of one kind, given to one candidate and left out together, have in common. A label
  differs from its estimate by its own chance and by the estimate's error. The chances of two tasks are independent,
  and the estimates knew neither: the product of the two differences is on average the squared error of the kind's
  estimate. (It is Fisher's intraclass covariance, 1925, of all pairs of a class.)

The error that is assumed is the larger of both and one standard error more, so that little data gives wide
intervals: they narrow as it is seen that they may. Where no kind is told there are no pairs: then 1 + `_BIAS` times
the variance is assumed, and a label counts once at most.
"""

from dataclasses import dataclass

import numpy as np

from learning_pipeline.routing.blend import Blend
from learning_pipeline.routing.learn import OutOfFold, Probe
from learning_pipeline.routing.model import Parameters, chain_of, local_of
from learning_pipeline.routing.statistics import Statistics
from learning_pipeline.routing.tasks import PastTasks
from learning_pipeline.routing.text import Array

# How far the width of intervals may be scaled.
_SCALES = (0.05, 2.5)
# Shrinkage also errs to one side, which resampling does not show: without pairs, this multiple of the variance.
_BIAS = 1.2
# Variance of a label below which an estimate is taken as near certain.
_LEAST_VARIANCE = 1e-3


@dataclass(frozen=True)
class Seen:
    """A mean squared error in units of what the counted labels say, and its standard error."""

    mean: float
    error: float


def interval_scale(
    out: OutOfFold,
    blend: Blend,
    probability: Array,
    probe: Probe,
    statistics: Statistics,
    past: PastTasks,
    parameters: Parameters,
) -> float:
    """Return how many labels an estimate is really worth, as a multiple of those that are counted for it.

    Args:
        out: what the methods say of the labelled tasks, and of the probe's.
        blend: how the methods are blended.
        probability: the blend's out of fold, (tasks, candidates).
        probe: newer tasks, of which the outcome is not looked at.
        statistics: counts over all groups.
        past: tasks of all groups.
        parameters: for the counted labels of the probe's tasks.
    """
    answers = np.stack([blend.probability(start, odds) for start, odds in out.probes])
    chain = chain_of(statistics, parameters, probe.task_types, probe.repositories)
    near = past.nearest(probe.inputs.vectors, parameters.neighbours)
    local = local_of(chain, past, near, parameters.neighbours, parameters.neighbour_prior)
    variance = spread(answers, local.evidence)
    pairs = shared_error(out, probability)
    assumed = max((1 + _BIAS) * variance, 1.0) if pairs is None else max(variance, pairs.mean) + pairs.error
    return round(float(np.clip(1 / max(assumed, 1e-9), *_SCALES)), 4)


def spread(answers: Array, evidence: Array) -> float:
    """Return the mean variance of estimates, in units of p (1 - p) / labels.

    Args:
        answers: probabilities as learned without each group, (groups, tasks, candidates).
        evidence: labels that are counted for them, (tasks, candidates).
    """
    groups, mean = len(answers), answers.mean(axis=0)
    variance = (groups - 1) / groups * ((answers - mean) ** 2).sum(axis=0)
    return float((variance * np.maximum(evidence, 1.0) / _variance(mean)).mean())


def shared_error(out: OutOfFold, probability: Array) -> Seen | None:
    """Return the squared error that tasks of one kind share, in units of p (1 - p) / labels; None without pairs.

    The mean goes over tasks; the standard error is that over cells of group, kind and candidate.

    Args:
        out: the labelled tasks with their groups and counted labels.
        probability: what was said of them without their group, (tasks, candidates).
    """
    types = out.labels.tasks["task_type"].fill_null("").to_numpy()
    names, kind = np.unique(types.astype(str), return_inverse=True)
    ran = (out.labels.weight > 0) & (types != "")[:, None]
    unit = np.sqrt(np.maximum(out.evidence, 1.0) / _variance(probability))
    residual = np.where(ran, (out.labels.label - probability) * unit, 0.0)
    cell = out.fold * len(names) + kind
    n, total, squares = (_by_cell(part, cell) for part in (ran.astype(np.float64), residual, residual**2))
    paired = n > 1
    if not paired.any():
        return None
    n = n[paired]
    # Sum of the products of all pairs of a cell, as a mean over partners: n times the squared error.
    found = (total[paired] ** 2 - squares[paired]) / (n - 1)
    mean = float(found.sum() / n.sum())
    return Seen(mean, float(np.sqrt(((found - n * mean) ** 2).sum()) / n.sum()))


def _variance(probability: Array) -> Array:
    return np.maximum(probability * (1 - probability), _LEAST_VARIANCE)


def _by_cell(values: Array, cell: Array) -> Array:
    return np.stack([np.bincount(cell, column, minlength=int(cell.max()) + 1) for column in values.T], axis=1)
