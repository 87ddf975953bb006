"""The trained methods: logistic regression on words, a forest over tasks, boosting over pairs, and their blend."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from learning_pipeline.routing import history
from learning_pipeline.routing.blend import METHODS, Blend
from learning_pipeline.routing.inputs import Encoder, Inputs
from learning_pipeline.routing.linear import Linear, logit
from learning_pipeline.routing.statistics import Statistics
from learning_pipeline.routing.text import Array
from learning_pipeline.routing.trees import Trees

# Candidates beyond which pairs of task and candidate are too many to ask boosting about.
MOST_PAIRED = 24


@dataclass(frozen=True)
class Opinions:
    """What the counts and the neighbours say of asked tasks, for the experts to go on from."""

    start: Array  # success rate of each candidate, (candidates,)
    chain: Array  # (asked, candidates)
    local: Array  # (asked, candidates)
    task_types: Sequence[str | None]
    repositories: Sequence[str | None]


@dataclass(frozen=True)
class Experts:
    """Trained methods and how they are blended."""

    encoder: Encoder
    linear: Linear
    forest: Trees
    boosting: Trees | None
    blend: Blend

    def with_blend(self, blend: Blend) -> "Experts":
        """Return the same methods, blended otherwise."""
        return replace(self, blend=blend)

    def odds(
        self, statistics: Statistics, inputs: Inputs, opinions: Opinions, wanted: tuple[str, ...] = METHODS
    ) -> dict[str, Array]:
        """Return what each method says: log odds, (asked, candidates); of the trained ones only those wanted."""
        start = opinions.start
        found = {"statistics": logit(opinions.chain), "neighbours": logit(opinions.local)}
        if "logistic" in wanted:
            found["logistic"] = logit(start) + self.linear.scores(inputs.words)
        if "forest" in wanted:
            found["forest"] = logit(start + self.forest.total(inputs.dense))
        if "boosting" in wanted and self.boosting is not None:
            past = history.present(statistics, opinions.task_types, opinions.repositories)
            rows = pairs(inputs.dense, past, history.prices(statistics))
            found["boosting"] = logit(start + self.boosting.total(rows).reshape(len(inputs.dense), len(start)))
        return found

    def judge(self, statistics: Statistics, inputs: Inputs, opinions: Opinions) -> tuple[Array, dict[str, Array]]:
        """Return the blended probability, and what each method adds to its log odds."""
        start = logit(opinions.start)
        odds = self.odds(statistics, inputs, opinions, self.blend.used)
        return self.blend.probability(start, odds), self.blend.parts(start, odds)


def pairs(dense: Array, past: Array, price: Array) -> Array:
    """Return one row a pair of task and candidate: the task, which candidate, its price, its history.

    Args:
        dense: (tasks, features).
        past: (tasks, candidates, history).
        price: (candidates,).
    """
    tasks, candidates = past.shape[:2]
    who = np.hstack([np.eye(candidates, dtype=np.float32), price[:, None]])
    parts = [np.repeat(dense, candidates, axis=0), np.tile(who, (tasks, 1)), past.reshape(tasks * candidates, -1)]
    return np.hstack(parts, dtype=np.float32)
