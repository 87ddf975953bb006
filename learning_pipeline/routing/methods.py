"""From experience to the method that decides, and to models that use it."""

from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from learning_pipeline.routing.blend import Blend
from learning_pipeline.routing.counting import count, priors
from learning_pipeline.routing.embedding import Embedding
from learning_pipeline.routing.inputs import Asked
from learning_pipeline.routing.learn import LEAST_TASKS, Lesson, OutOfFold, Probe, build, cross_fit, teach
from learning_pipeline.routing.model import Model, Parameters, chain_of, local_of
from learning_pipeline.routing.selection import TIME_SHARE, choose, compare, cost_weight
from learning_pipeline.routing.statistics import Statistics
from learning_pipeline.routing.tasks import PastTasks

# Nearest past tasks that have a say, and how many labels the counts are worth against theirs.
NEIGHBOURS = 80
NEIGHBOUR_PRIOR = 10.0
# Newer tasks on which the groups' answers are compared, and how far the width of intervals may be scaled.
_PROBED = 300
_SCALES = (0.05, 2.5)
# Shrinkage also errs to one side, which resampling does not show: counted as this multiple of the variance. On
# worlds with a known truth, intervals then hold it in about nine of ten cases.
_BIAS = 1.2


@dataclass(frozen=True)
class Studied:
    """What was chosen on the older part of the data."""

    parameters: Parameters
    method: str
    blend: Blend | None  # None where there were too few tasks to train on
    measures: dict[str, dict[str, float | None]] = field(default_factory=dict)  # of each method, out of fold

    def model(self, rows: pl.DataFrame, embedding: Embedding, *, seed: int) -> Model:
        """Learn from experience (see `labels.experience`) with the chosen method."""
        if self.blend is None:
            return build(rows, embedding, self.parameters)
        lesson = Lesson.of(rows, embedding)
        every = np.arange(lesson.labels.tasks.height)
        statistics = count(rows, lesson.candidates)
        experts = teach(lesson, every, statistics, self.parameters, seed=seed, weights=self.blend)
        return build(rows, embedding, self.parameters, experts)


def study(
    rows: pl.DataFrame, embedding: Embedding, parameters: Parameters, *, seed: int, newer: pl.DataFrame | None = None
) -> Studied:
    """Choose the method, the cost weight and the width of intervals on the older part of the data.

    Of the newer part, only what was asked is looked at, to see how far apart the groups' answers are.
    """
    parameters = replace(parameters, neighbours=NEIGHBOURS, neighbour_prior=NEIGHBOUR_PRIOR)
    lesson = Lesson.of(rows, embedding)
    if lesson.labels.tasks.height < LEAST_TASKS or not len(lesson.candidates):
        return Studied(replace(parameters, neighbours=0), "statistics", None)
    statistics = count(rows, lesson.candidates)
    kind_prior, place_prior = priors(statistics, parameters.group_prior)
    parameters = replace(parameters, kind_prior=kind_prior, place_prior=place_prior)
    probe = None
    if newer is not None and newer.height:
        tasks = newer.unique("task", keep="first", maintain_order=True).tail(_PROBED)
        probe = Probe.of(tasks, lesson.encoder.inputs(Asked.of_frame(tasks), embedding))
    out = cross_fit(lesson, parameters, seed=seed, probe=probe)
    scored = compare(out)
    best = choose(scored)
    weight = cost_weight(out.labels, best.probability, statistics)
    parameters = replace(parameters, cost_weight=weight, time_weight=weight * TIME_SHARE)
    if probe is not None:
        past = build(rows, embedding, parameters).tasks
        parameters = replace(
            parameters, interval_scale=interval_scale(out, best.blend, probe, statistics, past, parameters)
        )
    measures = {item.method: {"log_loss": item.log_loss, "mean_label": item.mean_label} for item in scored}
    return Studied(parameters, best.method, best.blend, measures)


def interval_scale(
    out: OutOfFold, blend: Blend, probe: Probe, statistics: Statistics, past: PastTasks, parameters: Parameters
) -> float:
    """Return how many labels an estimate is really worth, as a multiple of those that are counted for it.

    The variance of an estimate is that of the delete-a-group jackknife (Wu, 1986): what leaving out each group of
    tasks changes, times the groups less one. The counted labels are scaled so that p (1 - p) / labels has the same
    mean over the probe's tasks.
    """
    answers = np.stack([blend.probability(start, odds) for start, odds in out.probes])
    groups = len(answers)
    variance = (groups - 1) / groups * ((answers - answers.mean(axis=0)) ** 2).sum(axis=0)
    mean = answers.mean(axis=0)
    chain = chain_of(statistics, parameters, probe.task_types, probe.repositories)
    near = past.nearest(probe.inputs.vectors, parameters.neighbours)
    local = local_of(chain, past, near, parameters.neighbours, parameters.neighbour_prior)
    counted = float((mean * (1 - mean) / np.maximum(local.evidence, 1.0)).mean())
    scale = counted / max((1 + _BIAS) * float(variance.mean()), 1e-9)
    return round(float(np.clip(scale, *_SCALES)), 4)
