"""What is expected of each candidate for a task: success with its interval, cost and time.

Success is a chain of shrunk rates (beta-binomial, the parent's rate counting as `group_prior` labels): all
work < the candidate < the candidate in this kind of task < and in this repository. The labels are weighted by
their source. The last link is the task's nearest past tasks in the embedding, weighted by the square of the
cosine, with the chain's rate counting as `neighbour_prior` labels.

The interval is Wilson's (1927) at 95 %, for as many labels as the estimate rests on: those of the innermost
group, and of each outer one at most as many as it counts for. With neighbours, it is the number that gives a
plain rate the blend's mean squared error: its sampling variance, and the square of what the chain pulls it away
from the neighbours' own rate; never more than the chain has. Candidates are compared by `support`, which leaves
that pull out: it is much the same for all of them.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from learning_pipeline.routing.embedding import Embedding
from learning_pipeline.routing.statistics import Statistics
from learning_pipeline.routing.text import Array

_Z = 1.959964
_CHUNK = 500
# Numbers that are held at once while neighbours' labels are added up.
_CELLS = 2_000_000


@dataclass(frozen=True)
class Parameters:
    """Numbers that are set, or chosen on the older part of the data."""

    neighbours: int = 0
    neighbour_prior: float = 40.0
    group_prior: float = 10.0
    cost_weight: float = 0.1
    time_weight: float = 0.05
    max_expected_loss: float = 0.01
    min_evidence: int = 20

    @property
    def min_own_evidence(self) -> int:
        """Labelled executions that a candidate needs in the kind of task to be chosen."""
        return (self.min_evidence + 1) // 2

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class PastTasks:
    """Past tasks with text: their place in the embedding and how each candidate did on them."""

    vectors: Array  # (tasks, 512)
    weight: Array  # (tasks, candidates)
    success: Array  # (tasks, candidates)
    execution_ids: tuple[str, ...]  # of the newest labelled execution of the task
    performer: Array  # its candidate's number
    succeeded: Array  # whether it succeeded


@dataclass(frozen=True)
class Neighbours:
    """The nearest past tasks of each asked task, nearest first."""

    positions: Array  # (asked, k)
    similarity: Array  # (asked, k), 0 or more


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
    informed: Array  # (asked,) whether neighbours took part


def wilson(probability: Array, n: Array) -> tuple[Array, Array]:
    """Return the 95 % Wilson interval of a rate that was seen in n trials; n may be fractional."""
    n = np.maximum(n, 1e-9)
    centre = probability + _Z**2 / (2 * n)
    spread = _Z * np.sqrt(probability * (1 - probability) / n + _Z**2 / (4 * n**2))
    low, high = (centre - spread) / (1 + _Z**2 / n), (centre + spread) / (1 + _Z**2 / n)
    return np.clip(np.minimum(low, probability), 0, 1), np.clip(np.maximum(high, probability), 0, 1)


@dataclass(frozen=True)
class Model:
    """Everything that answers `route`, as arrays and names."""

    parameters: Parameters
    statistics: Statistics
    embedding: Embedding
    tasks: PastTasks

    def nearest(self, vectors: Array, k: int) -> Neighbours:
        """Return the k nearest past tasks of each vector."""
        known = len(self.tasks.execution_ids)
        k = min(k, known)
        positions = np.zeros((len(vectors), k), np.int64)
        similarity = np.zeros((len(vectors), k), np.float32)
        if k == 0:
            return Neighbours(positions, similarity)
        for begin in range(0, len(vectors), _CHUNK):
            scores = vectors[begin : begin + _CHUNK] @ self.tasks.vectors.T
            if k < known:
                best = np.argpartition(scores, known - k, axis=1)[:, known - k :]
            else:
                best = np.broadcast_to(np.arange(known), scores.shape).copy()
            values = np.take_along_axis(scores, best, axis=1)
            order = np.lexsort((best, -values))
            positions[begin : begin + len(scores)] = np.take_along_axis(best, order, axis=1)
            similarity[begin : begin + len(scores)] = np.take_along_axis(values, order, axis=1)
        return Neighbours(positions, np.clip(similarity, 0, 1))

    def estimate(
        self,
        task_types: Sequence[str | None],
        repositories: Sequence[str | None],
        neighbours: Neighbours | None = None,
    ) -> Estimates:
        """Return what is expected of every candidate for every asked task."""
        statistics, prior = self.statistics, self.parameters.group_prior
        types = statistics.types_of(task_types)
        overall = statistics.overall
        rate = (overall.success + prior * statistics.base_rate) / (overall.weight + prior)
        probability = np.broadcast_to(rate, (len(types), len(rate)))
        evidence = np.broadcast_to(overall.weight, probability.shape)
        n = np.broadcast_to(overall.n, probability.shape)
        given = np.array([name is not None for name in task_types])[:, None]
        groups = (
            (statistics.by_type.at(types), given),
            (statistics.by_place.at(statistics.places_of(task_types, repositories)), None),
        )
        for position, (counts, applies) in enumerate(groups):
            applies = counts.weight > 0 if applies is None else applies
            narrower = (counts.success + prior * probability) / (counts.weight + prior)
            borrowed = np.minimum(prior, evidence - counts.weight)
            probability = np.where(applies, narrower, probability)
            evidence = np.where(applies, counts.weight + np.maximum(borrowed, 0), evidence)
            if position == 0:
                n = np.where(types[:, None] >= 0, counts.n, n)
        informed, support = np.zeros(len(types), bool), evidence
        k = self.parameters.neighbours
        if neighbours is not None and k and neighbours.positions.shape[1]:
            weight, success, squares = self._votes(neighbours, k)
            informed = weight.sum(axis=1) > 0
            prior = self.parameters.neighbour_prior
            local = (success + prior * probability) / (weight + prior)
            # Variance of the blend, in units of p (1 - p): of the neighbours' mean and of the chain's rate.
            own, rest = squares / (weight + prior) ** 2, (prior / (weight + prior)) ** 2
            support = np.where(informed[:, None], 1 / (own + rest / np.maximum(evidence, 1e-9)), support)
            # What the blend still differs from the neighbours' own rate, as the chain's rate pulls it away.
            pull = rest * (success / np.maximum(weight, 1e-9) - probability) ** 2 * (weight > 0)
            spread = np.maximum(local * (1 - local), 1e-9)
            doubted = spread / (spread / np.maximum(support, 1e-9) + pull)
            evidence = np.where(informed[:, None], np.minimum(doubted, evidence), evidence)
            probability = np.where(informed[:, None], local, probability)
        low, high = wilson(probability, evidence)
        cost, duration = statistics.cost.expected(types), statistics.duration.expected(types)
        return Estimates(probability, low, high, support, n.astype(np.int64), cost, duration, informed)

    def _votes(self, neighbours: Neighbours, k: int) -> tuple[Array, Array, Array]:
        """Return the weight of the neighbours' labels, of the successes among them, and the sum of squared weights."""
        rows, columns = len(neighbours.positions), len(self.statistics.candidates)
        weight, success, squares = (np.zeros((rows, columns)) for _ in range(3))
        step = max(1, _CELLS // max(k * columns, 1))
        for begin in range(0, rows, step):
            part = slice(begin, begin + step)
            positions = neighbours.positions[part, :k]
            closeness = neighbours.similarity[part, :k].astype(np.float64) ** 2
            labels = self.tasks.weight[positions]
            weight[part] = np.einsum("rk,rkc->rc", closeness, labels)
            squares[part] = np.einsum("rk,rkc->rc", closeness**2, labels**2)
            success[part] = np.einsum("rk,rkc->rc", closeness, self.tasks.success[positions])
        return weight, success, squares
