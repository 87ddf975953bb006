"""What a policy would have achieved on held-out tasks.

Where several candidates ran one task, the choice among them is looked up: nothing is estimated ("full"). Else
only one candidate's outcome is known, and the policy is judged as `offpolicy` says ("matched"). Propensities are
the shares in which the candidates were given such tasks in the older part: by kind of task, shrunk to the share
over all. A value that rests on too few tasks, or on too little overlap, is null.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl

from learning_pipeline.routing.model import wilson
from learning_pipeline.routing.offpolicy import LEAST_PROPENSITY, Logged, OffPolicy, estimate
from learning_pipeline.routing.statistics import Statistics
from learning_pipeline.routing.text import Array

# Tasks, and effective tasks after weighting, below which no value is given.
LEAST_TASKS = 20
_PRIOR = 10.0
# Executions of a candidate in a kind of task from which it counts as tried there.
_TRIED = 5


@dataclass(frozen=True)
class Value:
    """A mean over tasks, with what it rests on."""

    value: float | None
    n: int
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class HeldOutTasks:
    """Held-out tasks: one row a task, one column a candidate that the older part knows."""

    basis: str  # full or matched
    texts: list[str | None]
    task_types: list[str | None]
    repositories: list[str | None]
    ran: Array  # (tasks, candidates) whether it was run
    success: Array  # mean success, NaN where not run
    cost: Array  # mean cost, NaN where unknown
    duration: Array
    context_tokens: list[int | None]
    propensity: Array  # (tasks, candidates)
    tried: Array  # (tasks, candidates) whether the older part tried the candidate on such tasks
    times: list[datetime | None]  # when the task was first run
    candidates: tuple[tuple[str, str | None], ...]

    def at(self, rows: Array) -> "HeldOutTasks":
        """Return some of the tasks."""
        kept = np.zeros(len(self.ran), bool)
        kept[rows] = True
        texts, types, places, tokens, times = (
            _pick(values, kept)
            for values in (self.texts, self.task_types, self.repositories, self.context_tokens, self.times)
        )
        arrays = (self.ran, self.success, self.cost, self.duration, self.propensity, self.tried)
        ran, success, cost, duration, propensity, tried = (array[kept] for array in arrays)
        return HeldOutTasks(
            self.basis, texts, types, places, ran, success, cost, duration, tokens, propensity, tried, times,
            self.candidates,
        )  # fmt: skip

    @property
    def allowed(self) -> Array:
        """Return what a policy may choose from: what was run where that is several, else everything."""
        return self.ran if self.basis == "full" else np.ones_like(self.ran)


def held_out(test: pl.DataFrame, statistics: Statistics) -> HeldOutTasks:
    """Arrange labelled held-out executions by task."""
    number = {(item.agent_name, item.model): position for position, item in enumerate(statistics.candidates)}
    who = np.array([number.get(pair, -1) for pair in test.select("agent_name", "model").iter_rows()], np.int64)
    test = test.filter(pl.Series(who >= 0, dtype=pl.Boolean))
    who = who[who >= 0]
    tasks = test.group_by("task", maintain_order=True).agg(
        pl.col("at").min(), pl.col("task_text", "task_type", "repository", "context_tokens").drop_nulls().first()
    )
    place = {task: position for position, task in enumerate(tasks["task"])}
    row = np.array([place[task] for task in test["task"]], np.int64)
    shape = (len(place), len(number))
    means = {}
    for column in ("label", "cost_usd", "duration_ms"):
        values = test[column].cast(pl.Float64).fill_null(np.nan).to_numpy()
        known = ~np.isnan(values)
        cells = row[known] * shape[1] + who[known]
        size = shape[0] * shape[1]
        n = np.bincount(cells, minlength=size)
        total = np.bincount(cells, values[known], minlength=size)
        means[column] = np.where(n > 0, total / np.maximum(n, 1), np.nan).reshape(shape)
    ran = ~np.isnan(means["label"])
    several = ran.sum(axis=1) >= 2
    full = int(several.sum()) >= max(LEAST_TASKS, len(ran) / 2)
    kept = several if full else ran.sum(axis=1) == 1
    task_types = tasks["task_type"].to_list()
    return HeldOutTasks(
        "full" if full else "matched",
        _pick(tasks["task_text"].to_list(), kept),
        _pick(task_types, kept),
        _pick(tasks["repository"].to_list(), kept),
        ran[kept],
        means["label"][kept],
        means["cost_usd"][kept],
        means["duration_ms"][kept],
        _pick(tasks["context_tokens"].to_list(), kept),
        *_propensity(statistics, _pick(task_types, kept)),
        _pick(tasks["at"].to_list(), kept),
        tuple(number),
    )


def value_of(tasks: HeldOutTasks, chosen: Array, amounts: Array, *, share: bool) -> Value:
    """Return what a policy's choices are worth.

    Args:
        tasks: the held-out tasks.
        chosen: candidate for each task; -1 where the policy has none.
        amounts: `tasks.success`, `tasks.cost` or `tasks.duration`.
        share: whether the amount is a share, which has a Wilson interval; else the interval is normal.
    """
    rows = np.arange(len(chosen))
    if not amounts.shape[1]:
        return Value(None, 0)
    got = np.where(chosen >= 0, amounts[rows, np.maximum(chosen, 0)], np.nan)
    known = ~np.isnan(got)
    if tasks.basis == "full":
        return _mean(got[known], np.ones(int(known.sum())), share=share)
    found = off_policy(tasks, chosen, amounts, np.zeros(amounts.shape))
    if found.snips is None:
        return Value(None, int(known.sum()))
    value, low, high = found.snips
    return Value(value, int(known.sum()), max(low, 0.0), min(high, 1.0) if share else high)


def off_policy(tasks: HeldOutTasks, chosen: Array, amounts: Array, expected: Array) -> OffPolicy:
    """Return the off-policy estimates of a policy on tasks that one candidate ran each."""
    known = (tasks.ran & ~np.isnan(amounts)).any(axis=1)
    found = logged(tasks, amounts)
    seen = Logged(found.action[known], found.reward[known], found.propensity[known], found.supported[known])
    return estimate(seen, chosen[known], expected[known])


def logged(tasks: HeldOutTasks, amounts: Array) -> Logged:
    """Return tasks that one candidate ran each as logged decisions."""
    action = tasks.ran.argmax(axis=1)
    return Logged(action, amounts[np.arange(len(action)), action], tasks.propensity, tasks.tried)


def value_of_random(tasks: HeldOutTasks, amounts: Array, *, share: bool) -> Value:
    """Return the expected worth of choosing among the allowed candidates with equal chances."""
    if tasks.basis == "full":
        known = ~np.isnan(amounts)
        n = known.sum(axis=1)
        means = np.where(known, amounts, 0).sum(axis=1)[n > 0] / n[n > 0]
        return _mean(means, np.ones(len(means)), share=share)
    known = ~np.isnan(amounts) & tasks.ran
    return _mean(amounts[known], 1 / np.maximum(tasks.propensity[known], LEAST_PROPENSITY), share=share)


def best_possible(tasks: HeldOutTasks) -> Array:
    """Return the candidate that did best on each task; -1 where only one was run."""
    if tasks.basis != "full":
        return np.full(len(tasks.ran), -1)
    return np.where(tasks.ran, np.nan_to_num(tasks.success), -np.inf).argmax(axis=1)


def as_run(tasks: HeldOutTasks, amounts: Array, *, share: bool) -> Value:
    """Return the plain mean of what was run."""
    known = ~np.isnan(amounts) & tasks.ran
    return _mean(amounts[known], np.ones(int(known.sum())), share=share)


def _mean(values: Array, weights: Array, *, share: bool) -> Value:
    n = len(values)
    if n < LEAST_TASKS:
        return Value(None, n)
    effective = weights.sum() ** 2 / (weights**2).sum()
    if effective < LEAST_TASKS:
        return Value(None, n)
    mean = float((weights * values).sum() / weights.sum())
    if share:
        low, high = wilson(np.array(mean), np.array(effective))
        return Value(mean, n, float(low), float(high))
    error = 1.96 * float(np.sqrt((weights**2 * (values - mean) ** 2).sum()) / weights.sum())
    return Value(mean, n, max(mean - error, 0.0), mean + error)


def _propensity(statistics: Statistics, task_types: list[str | None]) -> tuple[Array, Array]:
    overall = statistics.overall.n / max(statistics.overall.n.sum(), 1)
    types = statistics.types_of(task_types)
    counts = statistics.by_type.at(types).n
    shares = (counts + _PRIOR * overall) / (counts.sum(axis=1, keepdims=True) + _PRIOR)
    tried = np.where((types >= 0)[:, None], counts, statistics.overall.n) >= _TRIED
    return shares, tried


def _pick(values: list[Any], kept: Array) -> list[Any]:
    return [value for value, keep in zip(values, kept, strict=True) if keep]
