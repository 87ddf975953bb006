"""What is expected of each candidate for a task: success with its interval, cost and time.

Success is a chain of shrunk rates (beta-binomial, the parent's rate counting as `group_prior` labels): all
work < the candidate < the candidate in this kind of task < and in this repository; the parent's rate counts as
`kind_prior` and `place_prior` labels in the last two, which are learned (see `counting.priors`). The labels are
weighted by their source. The task's nearest past tasks in the embedding give a second opinion: their labels, with
the chain's rate counting as `neighbour_prior` labels. Where the experts were trained (see `experts`), the blend of
all methods gives the probability; else the neighbours', and without text the chain's.

The interval is Wilson's (1927) at 90 %, for as many labels as the estimate rests on: those of the innermost
group, and of each outer one at most as many as it counts for. With neighbours, it is the number that gives a
plain rate the estimate's mean squared error: its sampling variance, and the square of what the chain pulls it away
from the neighbours' own rate; never more than the chain has. Where the experts take part, that number is scaled
by what cross-fitting showed the estimates to err (see `intervals`). Candidates are compared by
`support`, the labels of the chain.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from learning_pipeline.routing.embedding import Embedding
from learning_pipeline.routing.experts import Experts, Opinions
from learning_pipeline.routing.inputs import Asked, Inputs
from learning_pipeline.routing.statistics import Statistics
from learning_pipeline.routing.tasks import Neighbours, PastTasks
from learning_pipeline.routing.text import Array

# Share of cases that an interval of `route` is made to hold; recommendations and rates have 95 %.
INTERVAL_LEVEL = 0.9
Z_90, Z_95 = 1.644854, 1.959964


@dataclass(frozen=True)
class Parameters:
    """Numbers that are set, or chosen on the older part of the data."""

    neighbours: int = 0
    neighbour_prior: float = 10.0
    group_prior: float = 10.0  # labels that the base rate counts for beside a candidate's own
    kind_prior: float = 10.0  # and the candidate's rate beside those of one kind of task
    place_prior: float = 10.0  # and that beside those of the same kind in one repository
    cost_weight: float = 0.1
    time_weight: float = 0.05
    max_expected_loss: float = 0.004
    min_evidence: int = 20
    interval_scale: float = 1.0  # what a counted label is worth for the width of an interval

    @property
    def min_own_evidence(self) -> int:
        """Labelled executions that a candidate needs in the kind of task to be chosen."""
        return (self.min_evidence + 1) // 2

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Estimates:
    """One row an asked task, one column a candidate; NaN where nothing is known."""

    probability: Array
    low: Array
    high: Array
    support: Array  # labels that the comparison of candidates rests on
    n: Array  # labelled executions of the candidate in the kind of task; in all where that is not known
    cost: Array
    duration: Array
    informed: Array  # (asked,) whether the text took part
    parts: dict[str, Array]  # what each method adds to the log odds, (asked, candidates); empty without experts


def wilson(probability: Array, n: Array, z: float = Z_95) -> tuple[Array, Array]:
    """Return the Wilson interval of a rate that was seen in n trials, 95 % by default; n may be fractional."""
    n = np.maximum(n, 1e-9)
    centre = probability + z**2 / (2 * n)
    spread = z * np.sqrt(probability * (1 - probability) / n + z**2 / (4 * n**2))
    low, high = (centre - spread) / (1 + z**2 / n), (centre + spread) / (1 + z**2 / n)
    return np.clip(np.minimum(low, probability), 0, 1), np.clip(np.maximum(high, probability), 0, 1)


@dataclass(frozen=True)
class Chain:
    """The chain of shrunk rates; (asked, candidates)."""

    probability: Array
    evidence: Array
    n: Array


@dataclass(frozen=True)
class Local:
    """The chain, drawn to the labels of the nearest past tasks."""

    probability: Array
    evidence: Array  # for the interval
    informed: Array  # (asked,)


def chain_of(
    statistics: Statistics,
    parameters: Parameters,
    task_types: Sequence[str | None],
    repositories: Sequence[str | None],
) -> Chain:
    """Return the chain's rates for every asked task and candidate."""
    types = statistics.types_of(task_types)
    overall = statistics.overall
    rate = statistics.rate(parameters.group_prior)
    probability = np.broadcast_to(rate, (len(types), len(rate)))
    evidence = np.broadcast_to(overall.weight, probability.shape)
    n = np.broadcast_to(overall.n, probability.shape)
    given = np.array([name is not None for name in task_types], bool)[:, None]
    by_type = statistics.by_type.at(types)
    by_place = statistics.by_place.at(statistics.places_of(task_types, repositories))
    levels = ((by_type, given, parameters.kind_prior), (by_place, by_place.weight > 0, parameters.place_prior))
    for counts, applies, prior in levels:
        narrower = (counts.success + prior * probability) / (counts.weight + prior)
        borrowed = np.minimum(prior, evidence - counts.weight)
        probability = np.where(applies, narrower, probability)
        evidence = np.where(applies, counts.weight + np.maximum(borrowed, 0), evidence)
    return Chain(probability, evidence, np.where(types[:, None] >= 0, by_type.n, n))


def local_of(chain: Chain, past: PastTasks, neighbours: Neighbours, k: int, prior: float) -> Local:
    """Draw the chain to the labels of the k nearest past tasks."""
    if not k or not neighbours.positions.shape[1]:
        return Local(chain.probability, chain.evidence, np.zeros(len(chain.probability), bool))
    weight, success, squares = past.votes(neighbours, k)
    informed = weight.sum(axis=1) > 0
    rate = np.where(informed[:, None], (success + prior * chain.probability) / (weight + prior), chain.probability)
    # Variance of the estimate, in units of p (1 - p): of the neighbours' mean and of the chain's rate.
    own, rest = squares / (weight + prior) ** 2, (prior / (weight + prior)) ** 2
    support = 1 / (own + rest / np.maximum(chain.evidence, 1e-9))
    # What the estimate still differs from the neighbours' own rate, as the chain's rate pulls it away.
    pull = rest * (success / np.maximum(weight, 1e-9) - chain.probability) ** 2 * (weight > 0)
    spread = np.maximum(rate * (1 - rate), 1e-9)
    doubted = spread / (spread / np.maximum(support, 1e-9) + pull)
    evidence = np.where(informed[:, None], np.minimum(doubted, chain.evidence), chain.evidence)
    return Local(rate, evidence, informed)


@dataclass(frozen=True)
class Model:
    """Everything that answers `route`, as arrays and names."""

    parameters: Parameters
    statistics: Statistics
    embedding: Embedding
    tasks: PastTasks
    experts: Experts | None = None

    def with_parameters(self, **changes: Any) -> "Model":
        """Return the model with other parameters."""
        return replace(self, parameters=replace(self.parameters, **changes))

    @cached_property
    def start(self) -> Array:
        """Success rate of each candidate over all its work, (candidates,)."""
        return self.statistics.rate(self.parameters.group_prior)

    @cached_property
    def surely(self) -> Array:
        """Lower end of the 95 % interval of each candidate's success rate over all its work, (candidates,).

        The best single candidate is the one with the highest: by its rate alone it would be the luckiest of those
        that were hardly tried, which nobody would take for everything, and which no log can be held against.
        """
        return wilson(self.start, self.statistics.overall.weight)[0]

    def inputs(self, asked: Asked) -> Inputs:
        """Return what is known of tasks before they run, as arrays."""
        if self.experts is not None:
            return self.experts.encoder.inputs(asked, self.embedding)
        words, vectors = self.embedding.look(asked.texts)
        return Inputs(words, vectors, np.zeros((len(asked), 0), np.float32))

    def nearest(self, vectors: Array, k: int) -> Neighbours:
        """Return the k nearest past tasks of each vector."""
        return self.tasks.nearest(vectors, k)

    def estimate(
        self,
        task_types: Sequence[str | None],
        repositories: Sequence[str | None],
        neighbours: Neighbours | None = None,
        inputs: Inputs | None = None,
    ) -> Estimates:
        """Return what is expected of every candidate for every asked task; without inputs, from counts alone."""
        statistics, parameters = self.statistics, self.parameters
        chain = chain_of(statistics, parameters, task_types, repositories)
        probability, evidence, informed = chain.probability, chain.evidence, np.zeros(len(task_types), bool)
        parts: dict[str, Array] = {}
        if neighbours is not None:
            local = local_of(chain, self.tasks, neighbours, parameters.neighbours, parameters.neighbour_prior)
            probability, evidence, informed = local.probability, local.evidence, local.informed
            if self.experts is not None and inputs is not None:
                opinions = Opinions(self.start, chain.probability, probability, task_types, repositories)
                probability, parts = self.experts.judge(statistics, inputs, opinions)
        if parts:
            # Whatever the text adds, it is learned from no more labels than the candidate has.
            most = statistics.overall.weight + parameters.group_prior
            evidence = np.minimum(evidence * parameters.interval_scale, most)
        low, high = wilson(probability, evidence, Z_90)
        types = statistics.types_of(task_types)
        cost, duration = statistics.cost.expected(types), statistics.duration.expected(types)
        n = chain.n.astype(np.int64)
        return Estimates(probability, low, high, chain.evidence, n, cost, duration, informed, parts)

    def look(self, asked: Asked, k: int | None = None) -> tuple[Estimates, Neighbours]:
        """Return the estimates for tasks with all that is known of them, and their k nearest past tasks."""
        inputs = self.inputs(asked)
        neighbours = self.nearest(inputs.vectors, max(k or 0, self.parameters.neighbours))
        return self.estimate(asked.task_types, asked.repositories, neighbours, inputs), neighbours
