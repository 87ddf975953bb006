"""From experience to counts: what each candidate did, over all its work and by kind of task and repository."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from learning_pipeline.routing.statistics import LEAST, Amounts, Candidate, Counts, Statistics
from learning_pipeline.routing.text import Array

# Labels that a rate over more work may be worth beside those of a part of it.
PRIORS = (10.0, 30.0, 100.0, 300.0)
_WORTH = 1e-3


def candidates_of(rows: pl.DataFrame) -> tuple[Candidate, ...]:
    """Return the pairs of agent and model that have a label, in the order of their names."""
    pairs = (
        rows.filter("labelled")
        .group_by("agent_name", "model")
        .agg(pl.col("model_tier").drop_nulls().mode().sort().first())
        .sort("agent_name", "model", nulls_last=False)
    )
    return tuple(Candidate(*row) for row in pairs.iter_rows())


def count(rows: pl.DataFrame, candidates: tuple[Candidate, ...] | None = None) -> Statistics:
    """Count experience (see `labels.experience`), of the candidates that have a label or of those given."""
    labelled = rows.filter("labelled")
    candidates = candidates_of(rows) if candidates is None else candidates
    task_types = tuple(labelled["task_type"].drop_nulls().unique().sort())
    placed = labelled.drop_nulls(["task_type", "repository"]).select("task_type", "repository").unique()
    places = tuple(sorted(placed.iter_rows()))

    who = _numbers(labelled, ["agent_name", "model"], [(item.agent_name, item.model) for item in candidates])
    kind = _numbers(labelled, ["task_type"], [(name,) for name in task_types])
    place = _numbers(labelled, ["task_type", "repository"], places)
    weights = labelled["weight"].to_numpy()
    wins = weights * labelled["label"].to_numpy()
    everyone = np.zeros(len(who), np.int64)
    shape = len(candidates)
    overall = _counts(everyone, who, weights, wins, (1, shape))
    return Statistics(
        candidates,
        task_types,
        places,
        float((wins.sum() + 1) / (weights.sum() + 2)),
        Counts(overall.n[0], overall.weight[0], overall.success[0]),
        _counts(kind, who, weights, wins, (len(task_types), shape)),
        _counts(place, who, weights, wins, (len(places), shape)),
        _amounts(rows, "cost_usd", candidates, task_types),
        _amounts(rows, "duration_ms", candidates, task_types),
    )


def priors(statistics: Statistics, group_prior: float) -> tuple[float, float]:
    """Return what a candidate's rate counts beside its labels in one kind of task, and that in one repository."""
    overall = np.broadcast_to(statistics.rate(group_prior), statistics.by_type.weight.shape)
    kind = _prior(statistics.by_type, overall)
    rates = (statistics.by_type.success + kind * overall) / (statistics.by_type.weight + kind)
    number = {name: position for position, name in enumerate(statistics.task_types)}
    above = rates[np.array([number[name] for name, _ in statistics.places], np.int64)]
    return kind, _prior(statistics.by_place, above)


def _prior(counts: Counts, above: Array) -> float:
    """Return the prior under which each label of a group is told best from the others there (leave-one-out log loss).

    Of `PRIORS`, the first one that is no worse than the best by more than `_WORTH` a label.
    """
    own = counts.weight / np.maximum(counts.n, 1)
    failed = np.maximum(counts.weight - counts.success, 0)
    losses = []
    for prior in PRIORS:
        rest = np.maximum(counts.weight - own, 0) + prior
        won = np.clip((np.maximum(counts.success - own, 0) + prior * above) / rest, 1e-6, 1 - 1e-6)
        lost = np.clip((np.minimum(counts.success, counts.weight - own) + prior * above) / rest, 1e-6, 1 - 1e-6)
        losses.append(-float((counts.success * np.log(won) + failed * np.log(1 - lost)).sum()))
    allowed = min(losses) + _WORTH * float(counts.weight.sum())
    return next(prior for prior, loss in zip(PRIORS, losses, strict=True) if loss <= allowed)


def _numbers(rows: pl.DataFrame, columns: list[str], values: Sequence[tuple[Any, ...]]) -> Array:
    number = {value: position for position, value in enumerate(values)}
    return np.array([number.get(row, -1) for row in rows.select(columns).iter_rows()], np.int64)


def _counts(group: Array, who: Array, weights: Array, wins: Array, shape: tuple[int, int]) -> Counts:
    known = group >= 0
    cell = group[known] * shape[1] + who[known]
    size = shape[0] * shape[1]
    totals = (np.bincount(cell, values, minlength=size) for values in (np.ones(len(cell)), weights[known], wins[known]))
    return Counts(*(total[:size].reshape(shape) for total in totals))


def _amounts(rows: pl.DataFrame, column: str, candidates: Sequence[Candidate], task_types: Sequence[str]) -> Amounts:
    seen = rows.filter(pl.col(column).is_not_null()).with_columns(
        amount=pl.max_horizontal(pl.col(column).cast(pl.Float64), pl.lit(LEAST)).log()
    )
    result = {name: np.full(len(candidates), np.nan) for name in ("median", "low", "high")}
    type_median = np.full((len(task_types), len(candidates)), np.nan)
    type_n = np.zeros_like(type_median)
    number = {(item.agent_name, item.model): position for position, item in enumerate(candidates)}
    kinds = {name: position for position, name in enumerate(task_types)}
    amount = pl.col("amount")
    quantiles = seen.group_by("agent_name", "model").agg(
        amount.median().alias("median"), amount.quantile(0.05).alias("low"), amount.quantile(0.95).alias("high")
    )
    for agent, model, *values in quantiles.iter_rows():
        if (agent, model) in number:
            for name, value in zip(result, values, strict=True):
                result[name][number[agent, model]] = value
    cells = seen.group_by("task_type", "agent_name", "model").agg(amount.median().alias("median"), pl.len())
    for task_type, agent, model, median, n in cells.iter_rows():
        if (agent, model) in number and task_type in kinds:
            type_median[kinds[task_type], number[agent, model]] = median
            type_n[kinds[task_type], number[agent, model]] = n
    reference = seen["amount"].median()
    overall = np.array(np.nan if reference is None else reference)
    return Amounts(result["median"], result["low"], result["high"], type_median, type_n, overall)
