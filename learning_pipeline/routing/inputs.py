"""What is known of a task before it runs, as arrays: its words, its place in the embedding, how it is written,
its kind, its repository, the size of its context.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from learning_pipeline.routing import lexical
from learning_pipeline.routing.embedding import Embedding
from learning_pipeline.routing.text import Array

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

# Leading directions of the embedding that the trees see.
DIRECTIONS = 64
_KINDS, _REPOSITORIES = 24, 16


@dataclass(frozen=True)
class Asked:
    """Tasks as they are asked about."""

    texts: Sequence[str | None]
    task_types: Sequence[str | None]
    repositories: Sequence[str | None]
    context_tokens: Sequence[int | None]

    def __len__(self) -> int:
        return len(self.texts)

    @classmethod
    def of_frame(cls, rows: pl.DataFrame) -> "Asked":
        """Read the columns task_text, task_type, repository and, where there is one, context_tokens."""
        tokens = rows["context_tokens"].to_list() if "context_tokens" in rows.columns else [None] * rows.height
        return cls(rows["task_text"].to_list(), rows["task_type"].to_list(), rows["repository"].to_list(), tokens)


@dataclass(frozen=True)
class Inputs:
    """The same, as arrays; one row a task."""

    words: "csr_matrix"  # columns of the vocabulary's words only
    vectors: Array  # float32 (tasks, 512)
    dense: Array  # float32 (tasks, columns of the encoder)

    def at(self, rows: Array) -> "Inputs":
        """Return the inputs of some tasks."""
        return Inputs(self.words[rows], self.vectors[rows], self.dense[rows])


@dataclass(frozen=True)
class Encoder:
    """Which kinds of task and repositories have a column of their own."""

    kinds: tuple[str, ...]
    repositories: tuple[str, ...]

    @classmethod
    def fit(cls, tasks: pl.DataFrame) -> "Encoder":
        """Choose the most frequent ones of task_type and repository."""
        return cls(_common(tasks["task_type"], _KINDS), _common(tasks["repository"], _REPOSITORIES))

    @property
    def names(self) -> tuple[str, ...]:
        """Return the name of every column."""
        return (
            *(f"direction_{number}" for number in range(DIRECTIONS)),
            *lexical.NAMES,
            "context_tokens",
            *(f"task_type={name}" for name in self.kinds),
            *(f"repository={name}" for name in self.repositories),
        )

    def as_dict(self) -> dict[str, Any]:
        return {"kinds": list(self.kinds), "repositories": list(self.repositories)}

    @classmethod
    def of_dict(cls, value: dict[str, Any]) -> "Encoder":
        return cls(tuple(value["kinds"]), tuple(value["repositories"]))

    def inputs(self, asked: Asked, embedding: Embedding) -> Inputs:
        """Return the inputs of tasks."""
        words, vectors = embedding.look(asked.texts)
        context = [-1.0 if tokens is None else float(np.log1p(tokens)) for tokens in asked.context_tokens]
        dense = np.hstack(
            [
                vectors[:, :DIRECTIONS],
                lexical.matrix(asked.texts),
                np.array(context, np.float32).reshape(-1, 1),
                _one_hot(asked.task_types, self.kinds),
                _one_hot(asked.repositories, self.repositories),
            ]
        )
        return Inputs(words, vectors, np.ascontiguousarray(dense, np.float32))


def _common(values: pl.Series, limit: int) -> tuple[str, ...]:
    counts = values.drop_nulls().value_counts(name="n").sort(["n", values.name], descending=[True, False])
    return tuple(sorted(counts[values.name].head(limit)))


def _one_hot(values: Sequence[str | None], names: Sequence[str]) -> Array:
    place = {name: position for position, name in enumerate(names)}
    found = np.array([place.get(value, -1) if value is not None else -1 for value in values], np.int64)
    return (found[:, None] == np.arange(len(names))).astype(np.float32)
