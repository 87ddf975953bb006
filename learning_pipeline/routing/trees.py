"""Decision trees as plain arrays: a forest over tasks, and boosting over pairs of task and candidate.

The forest's splits are those of extremely randomised trees (Geurts et al., 2006) that predict, for all candidates
at once, how the labels of a task differ from each candidate's own rate. What a leaf says of a candidate is the
weighted mean of the differences seen there, with `PRIOR` labels of no difference: a leaf where a candidate was
hardly run says little of it. Boosting (Friedman, 2001) learns the same differences one pair at a time, and sees
the candidate's history as well.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from learning_pipeline.routing.text import Array

# At most; small data gets fewer.
TREES, LEAST_TREES = 200, 40
ROUNDS = 80
_TASKS_A_TREE = 15
PRIOR = 2.0
_DEPTH = 16
_FEATURES = 0.6
_LEAST_LEAF = 10
_LABELS_A_LEAF = 8.0
_CELLS = 400_000


@dataclass(frozen=True)
class Trees:
    """Trees one after the other: node by node, what is asked and where to go; what a leaf says."""

    feature: Array  # int32 (nodes,), -1 at a leaf
    threshold: Array  # float32 (nodes,)
    left: Array  # int32 (nodes,)
    right: Array  # int32 (nodes,)
    roots: Array  # int32 (trees,)
    values: Array  # float32 (nodes, outputs)

    def total(self, rows: Array) -> Array:
        """Return the sum of what all trees say of each row, (rows, outputs)."""
        result = np.zeros((len(rows), self.values.shape[1]))
        step = max(1, _CELLS // max(len(self.roots), 1))
        for begin in range(0, len(rows), step):
            leaves = self._leaves(rows[begin : begin + step])
            result[begin : begin + step] = self.values[leaves].sum(axis=1, dtype=np.float64)
        return result

    def _leaves(self, rows: Array) -> Array:
        node = np.broadcast_to(self.roots, (len(rows), len(self.roots))).ravel().copy()
        row = np.repeat(np.arange(len(rows)), len(self.roots))
        going = np.flatnonzero(self.feature[node] >= 0)
        width = rows.shape[1]
        flat = np.ascontiguousarray(rows, np.float32).ravel()
        while len(going):
            at = node[going]
            low = flat[row[going] * width + self.feature[at]] <= self.threshold[at]
            node[going] = np.where(low, self.left[at], self.right[at])
            going = going[self.feature[node[going]] >= 0]
        return node.reshape(len(rows), len(self.roots))

    def arrays(self, name: str) -> dict[str, Array]:
        """Return what has to be stored, by name."""
        columns = ("feature", "threshold", "left", "right", "roots", "values")
        return {f"{name}_{column}": getattr(self, column) for column in columns}

    @classmethod
    def of_arrays(cls, name: str, arrays: dict[str, Array]) -> "Trees":
        """Make trees from what `arrays` returned.

        Raises:
            ValueError: a node points to where there is none, or back: the walk would not end.
        """
        columns = ("feature", "threshold", "left", "right", "roots", "values")
        found = cls(**{column: arrays[f"{name}_{column}"] for column in columns})
        inner = found.feature >= 0
        here = np.arange(len(found.feature))[inner]
        for child in (found.left[inner], found.right[inner]):
            if np.any((child <= here) | (child >= len(found.feature))):
                raise ValueError(f"{name}: a node of a tree points to no later node")
        if np.any((found.roots < 0) | (found.roots >= len(found.feature))) or len(found.values) != len(found.feature):
            raise ValueError(f"{name}: the parts of the trees do not fit together")
        return found


def fit_forest(rows: Array, difference: Array, weight: Array, *, seed: int) -> Trees:
    """Fit a forest on tasks.

    Args:
        rows: float32 (tasks, features).
        difference: label less the candidate's own rate, (tasks, candidates); any number where it was not run.
        weight: weight of the label, (tasks, candidates); 0 where it was not run.
    """
    from sklearn.ensemble import ExtraTreesRegressor

    ran = weight > 0
    known = np.where(ran, difference, 0.0)
    # What all candidates of a task share does not tell whom to choose: splits are looked for without it, as far as it
    # is known. One label is all that a task's only candidate has.
    several = np.maximum(ran.sum(axis=1, keepdims=True), 1)
    shared = known.sum(axis=1, keepdims=True) / several
    sought = np.where(ran, known - shared * (several - 1) / several, 0.0)
    density = float((weight > 0).mean()) if weight.size else 1.0
    leaf = int(min(max(_LEAST_LEAF, _LABELS_A_LEAF / max(density, 1e-6)), max(len(rows) // 4, 1)))
    trees = min(TREES, max(LEAST_TREES, len(rows) // _TASKS_A_TREE))
    forest = ExtraTreesRegressor(
        trees, min_samples_leaf=leaf, max_features=_FEATURES, max_depth=_DEPTH, random_state=seed, n_jobs=1
    ).fit(rows, sought if sought.shape[1] > 1 else sought[:, 0])
    leaves = forest.apply(rows)
    values = []
    for number, tree in enumerate(forest.estimators_):
        size, at = tree.tree_.node_count, leaves[:, number]
        said = np.zeros((size, weight.shape[1]), np.float32)
        for column in range(weight.shape[1]):
            amount = np.bincount(at, weight[:, column], minlength=size)
            total = np.bincount(at, weight[:, column] * known[:, column], minlength=size)
            said[:, column] = total / (amount + PRIOR)
        values.append(said / len(forest.estimators_))
    return _joined([tree.tree_ for tree in forest.estimators_], values)


def fit_boosting(rows: Array, difference: Array, weight: Array, *, seed: int) -> Trees:
    """Fit boosted trees on pairs: rows (pairs, features), difference and weight (pairs,)."""
    from sklearn.ensemble import GradientBoostingRegressor

    rate = 0.08
    boosted = GradientBoostingRegressor(
        n_estimators=min(ROUNDS, max(LEAST_TREES, len(rows) // _TASKS_A_TREE)),
        learning_rate=rate,
        max_depth=4,
        subsample=0.5,
        max_features=0.25,
        min_samples_leaf=max(1, min(30, len(rows) // 20)),
        random_state=seed,
        init="zero",
    ).fit(rows, difference, weight)
    parts = [tree.tree_ for tree in boosted.estimators_[:, 0]]
    return _joined(parts, [rate * part.value[:, 0, :].astype(np.float32) for part in parts])


def _joined(trees: list[Any], values: list[Array]) -> Trees:
    sizes = [tree.node_count for tree in trees]
    roots = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int32)

    def children(name: str) -> Array:
        parts = [np.asarray(getattr(tree, name)) for tree in trees]
        moved = [np.where(part >= 0, part + root, -1) for part, root in zip(parts, roots, strict=True)]
        return np.concatenate(moved).astype(np.int32)

    left = children("children_left")
    feature = np.concatenate([tree.feature for tree in trees]).astype(np.int32)
    return Trees(
        np.where(left >= 0, feature, -1).astype(np.int32),
        np.concatenate([tree.threshold for tree in trees]).astype(np.float32),
        left,
        children("children_right"),
        roots,
        np.concatenate(values),
    )
