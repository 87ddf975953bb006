"""Past tasks as tables of tasks by candidates: what is learned from, and where neighbours are looked for."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from learning_pipeline.routing.history import number_of
from learning_pipeline.routing.inputs import Asked
from learning_pipeline.routing.statistics import Candidate
from learning_pipeline.routing.text import Array

# Leading directions of the embedding in which past tasks are compared.
SEARCHED = 256
_CHUNK = 500
# Numbers that are held at once while neighbours' labels are added up.
_CELLS = 2_000_000


@dataclass(frozen=True)
class Neighbours:
    """The nearest past tasks of each asked task, nearest first."""

    positions: Array  # (asked, k)
    similarity: Array  # (asked, k), 0 or more


def leading(vectors: Array) -> Array:
    """Return the leading directions of embeddings, of length one again, or zero."""
    part = vectors[:, :SEARCHED]
    lengths = np.linalg.norm(part, axis=1, keepdims=True)
    return np.divide(part, lengths, out=np.zeros(part.shape, np.float32), where=lengths > 1e-6)


@dataclass(frozen=True)
class PastTasks:
    """Past tasks with text: their place in the embedding and how each candidate did on them."""

    vectors: Array  # (tasks, SEARCHED), of length one or zero
    weight: Array  # (tasks, candidates)
    success: Array  # (tasks, candidates), labels times their weight
    execution_ids: tuple[str, ...]  # of the newest labelled execution of the task
    performer: Array  # its candidate's number
    succeeded: Array  # its label, 0 to 1

    def nearest(self, vectors: Array, k: int) -> Neighbours:
        """Return the k nearest past tasks of each vector."""
        known = len(self.vectors)
        k = min(k, known)
        positions = np.zeros((len(vectors), k), np.int64)
        similarity = np.zeros((len(vectors), k), np.float32)
        if k == 0:
            return Neighbours(positions, similarity)
        vectors = leading(vectors)
        for begin in range(0, len(vectors), _CHUNK):
            scores = vectors[begin : begin + _CHUNK] @ self.vectors.T
            if k < known:
                best = np.argpartition(scores, known - k, axis=1)[:, known - k :]
            else:
                best = np.broadcast_to(np.arange(known), scores.shape).copy()
            values = np.take_along_axis(scores, best, axis=1)
            order = np.lexsort((best, -values))
            positions[begin : begin + len(scores)] = np.take_along_axis(best, order, axis=1)
            similarity[begin : begin + len(scores)] = np.take_along_axis(values, order, axis=1)
        return Neighbours(positions, np.clip(similarity, 0, 1))

    def votes(self, neighbours: Neighbours, k: int) -> tuple[Array, Array, Array]:
        """Return the weight of the neighbours' labels, of the successes among them, and the sum of squared weights.

        A neighbour counts by the square of the cosine.
        """
        rows, columns = len(neighbours.positions), self.weight.shape[1]
        weight, success, squares = (np.zeros((rows, columns)) for _ in range(3))
        step = max(1, _CELLS // max(k * columns, 1))
        for begin in range(0, rows, step):
            part = slice(begin, begin + step)
            positions = neighbours.positions[part, :k]
            closeness = neighbours.similarity[part, :k].astype(np.float64) ** 2
            labels = self.weight[positions]
            weight[part] = np.einsum("rk,rkc->rc", closeness, labels)
            squares[part] = np.einsum("rk,rkc->rc", closeness**2, labels**2)
            success[part] = np.einsum("rk,rkc->rc", closeness, self.success[positions])
        return weight, success, squares


@dataclass(frozen=True)
class Labels:
    """Labelled tasks, oldest first, and how each candidate did on them."""

    tasks: pl.DataFrame  # task, task_text, task_type, repository, context_tokens
    weight: Array  # (tasks, candidates); 0 where the candidate was not run
    label: Array  # weighted mean, (tasks, candidates); 0 where it was not run

    @property
    def asked(self) -> Asked:
        return Asked.of_frame(self.tasks)


def arrange(rows: pl.DataFrame, candidates: Sequence[Candidate], newest: int | None = None) -> Labels:
    """Arrange labelled experience (see `labels.experience`) by task; `newest` keeps only so many tasks."""
    number = number_of(candidates)
    labelled = rows.filter("labelled")
    tasks = (
        labelled.group_by("task")
        .agg(pl.col("at").min(), pl.col("task_text", "task_type", "repository", "context_tokens").drop_nulls().first())
        .sort("at", "task")
    )
    if newest is not None:
        tasks = tasks.tail(newest)
    tasks = tasks.with_row_index("row")
    cells = labelled.join(tasks.select("task", "row"), on="task")
    who = np.array([number.get(pair, -1) for pair in cells.select("agent_name", "model").iter_rows()], np.int64)
    shape = (tasks.height, len(candidates))
    at = cells["row"].to_numpy().astype(np.int64) * shape[1] + who
    known = who >= 0
    amounts = cells["weight"].to_numpy()
    size = shape[0] * shape[1]
    weight = np.bincount(at[known], amounts[known], minlength=size)[:size].reshape(shape)
    won = np.bincount(at[known], (amounts * cells["label"].to_numpy())[known], minlength=size)[:size].reshape(shape)
    label = np.divide(won, weight, out=np.zeros(shape), where=weight > 0)
    return Labels(tasks.drop("row", "at"), weight, label)
