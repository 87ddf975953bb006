"""How many of the truly nearest tasks `similar_tasks` finds: measured against an exact search.

The exact search runs beside the load, over the same vectors that are copied: a few of the first ones are the
questions, and of all the best are kept. Tasks that are as near as the last true one count as true: equal texts
have equal embeddings.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
import psycopg
from numpy.typing import NDArray

from learning_pipeline.marts.stats import wilson_interval
from learning_pipeline.publish.schema import SCHEMA

NEIGHBOURS = 10
QUESTIONS = 100
_TOLERANCE = 1e-5  # Of a similarity: PostgreSQL and NumPy add in different orders.


@dataclass
class Sample:
    """Questions, and the similarities of the tasks nearest to each among those that were seen."""

    height: int = 0
    questions: NDArray[np.float32] | None = None
    best: NDArray[np.float32] | None = field(default=None, repr=False)

    def add(self, vectors: pl.DataFrame) -> None:
        """See the vectors of one batch (execution_id, task_embedding)."""
        if vectors.is_empty():
            return
        self.height += vectors.height
        seen = _unit(vectors["task_embedding"].to_numpy())
        if self.questions is None:
            order = vectors.select(pl.col("execution_id").hash(0).arg_sort()).to_series().to_numpy()
            self.questions = seen[order[:QUESTIONS]]
            self.best = np.full((len(self.questions), 0), 0, np.float32)
        assert self.best is not None
        best = np.hstack([self.best, self.questions @ seen.T])
        keep = min(NEIGHBOURS, best.shape[1])
        self.best = -np.partition(-best, keep - 1, axis=1)[:, :keep]


def measured(connection: psycopg.Connection[Any], sample: Sample) -> dict[str, float] | None:
    """Return the recall with its 95 % Wilson interval; null where not all published tasks were seen."""
    row = connection.execute(f"select count(task_embedding) from {SCHEMA}.agent_metrics").fetchone()
    if sample.questions is None or sample.best is None or row != (sample.height,):
        return None
    true = wanted = 0
    for question, best in zip(sample.questions, sample.best, strict=True):
        rows = connection.execute(
            f"select similarity from {SCHEMA}.similar_tasks(%s, %s, -1)", (question, NEIGHBOURS)
        ).fetchall()
        wanted += len(best)
        least = float(best.min()) - _TOLERANCE
        true += min(sum(similarity >= least for (similarity,) in rows), len(best))
    low, high = wilson_interval(true, wanted) or (0.0, 1.0)
    return {"recall": true / wanted, "low": low, "high": high, "n": wanted, "searches": len(sample.questions),
            "tasks": sample.height}  # fmt: skip


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)
