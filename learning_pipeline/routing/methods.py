"""From experience to the method that decides, and to models that use it."""

from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from learning_pipeline.routing.blend import Blend
from learning_pipeline.routing.counting import count, priors
from learning_pipeline.routing.embedding import Embedding
from learning_pipeline.routing.inputs import Asked
from learning_pipeline.routing.intervals import interval_scale
from learning_pipeline.routing.learn import LEAST_TASKS, Lesson, Probe, build, cross_fit, teach
from learning_pipeline.routing.model import Model, Parameters
from learning_pipeline.routing.selection import TIME_SHARE, choose, compare, cost_weight

# Nearest past tasks that have a say, and how many labels the counts are worth against theirs.
NEIGHBOURS = 80
NEIGHBOUR_PRIOR = 10.0
# Newer tasks on which the groups' answers are compared.
_PROBED = 300


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
        scale = interval_scale(out, best.blend, best.probability, probe, statistics, past, parameters)
        parameters = replace(parameters, interval_scale=scale)
    measures = {item.method: {"log_loss": item.log_loss, "mean_label": item.mean_label} for item in scored}
    return Studied(parameters, best.method, best.blend, measures)
