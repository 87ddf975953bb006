"""What was known of a candidate at the moment a task was given to it.

For every execution: labels and shrunk success rate of the same candidate over all work, in the same kind of task,
and in the same kind of task and repository, counting only executions whose outcome was known strictly before the
execution began. Nothing that happens later can move these numbers. When the router is asked, "before" is all that
it has learned from, and the same numbers are taken from its counts.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from learning_pipeline.routing.statistics import Candidate, Counts, Statistics
from learning_pipeline.routing.text import Array

LEVELS = (
    ("all", ("agent_name", "model")),
    ("type", ("agent_name", "model", "task_type")),
    ("place", ("agent_name", "model", "task_type", "repository")),
)
NAMES = tuple(f"history_{level}_{what}" for level, _ in LEVELS for what in ("rate", "labels"))
PRIOR = 10.0
# The rate of a candidate that nothing is known of, at any time: no rate of the data, which would be the future's.
UNKNOWN_RATE = 0.5


def history(rows: pl.DataFrame) -> Array:
    """Return one row an execution of `rows` (see `labels.experience`) and one column a name of `NAMES`."""
    known = rows["labelled"].to_numpy() & rows["known_at"].is_not_null().to_numpy()
    times = rows.select(at=pl.col("at").cast(pl.Int64), known_at=pl.col("known_at").cast(pl.Int64))
    moments = np.unique(
        np.concatenate([times["at"].drop_nulls().to_numpy(), times["known_at"].drop_nulls().to_numpy()])
    )
    asked = np.searchsorted(moments, times["at"].fill_null(-(2**62)).to_numpy())
    told = np.searchsorted(moments, times["known_at"].fill_null(2**62).to_numpy())
    weight = np.where(known, rows["weight"].to_numpy(), 0.0)
    wins = weight * rows["label"].fill_null(0.0).to_numpy()
    counts = []
    for _, columns in LEVELS:
        group = rows.select(pl.struct(columns).rank("dense")).to_series().to_numpy().astype(np.int64)
        place = group * (len(moments) + 1)
        event = (place + told)[known]
        order = np.argsort(event, kind="stable")
        event = event[order]
        end, begin = np.searchsorted(event, place + asked), np.searchsorted(event, place)
        sums = []
        for amount in (np.ones(len(order)), weight[known][order], wins[known][order]):
            total = np.concatenate([[0.0], np.cumsum(amount)])
            sums.append(total[end] - total[begin])
        counts.append(Counts(*sums))
    return _columns(counts)


def present(statistics: Statistics, task_types: Sequence[str | None], repositories: Sequence[str | None]) -> Array:
    """Return the same numbers as of now: (tasks, candidates, names)."""
    shape = (len(task_types), len(statistics.candidates))
    overall = statistics.overall
    return _columns(
        [
            Counts(*(np.broadcast_to(part, shape) for part in (overall.n, overall.weight, overall.success))),
            statistics.by_type.at(statistics.types_of(task_types)),
            statistics.by_place.at(statistics.places_of(task_types, repositories)),
        ]
    )


def _columns(counts: Sequence[Counts]) -> Array:
    rate: Array = np.full(counts[0].n.shape, UNKNOWN_RATE)
    found = []
    for level in counts:
        rate = (level.success + PRIOR * rate) / (level.weight + PRIOR)
        found += [rate, np.log1p(level.n)]
    return np.stack(found, axis=-1).astype(np.float32)


def prices(statistics: Statistics) -> Array:
    """Return the logarithm of each candidate's median cost, 0 where it is not known; (candidates,)."""
    return np.nan_to_num(statistics.cost.median).astype(np.float32)


def number_of(candidates: Sequence[Candidate]) -> dict[tuple[str, str | None], int]:
    """Return the number of each candidate by agent and model."""
    return {(item.agent_name, item.model): position for position, item in enumerate(candidates)}
