"""Whether what a router learned still holds: drift of features, of outcomes, of calibration; when to train anew.

Features are compared by the population stability index (PSI) between the newest executions that a version learned
from and those that came after, in tenths of the older ones; above 0.25, and above what chance alone gives, the
population is taken to have moved. The hour of the day is left out: a few new hours are no drift. Outcomes are
compared by the difference of success rates, calibration by the mean of prediction less outcome of the answers that
were followed: both with 95 % intervals. Too few rows tell nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from learning_pipeline.routing.features import NAMES, table
from learning_pipeline.routing.text import Array

LEAST_ROWS = 50
MOVED = 0.25
MOST_CHANGED = 0.05
MOST_NEW = 0.2
OLDEST = timedelta(days=30)
_BINS = 10
# Of equal populations, the index times the harmonic sum of their sizes is chi-squared with 9 degrees of freedom:
# one in 100,000 is above this.
_CHANCE = 39.3
# Newest executions that a version learned from, and newest after them, that are looked at.
_LOOKED_AT = 20_000


@dataclass(frozen=True)
class Signal:
    """One thing that was compared."""

    kind: str  # feature, outcome, calibration, age, new_labels
    subject: str
    value: float | None  # null where there are too few rows to tell
    threshold: float
    n: int

    @property
    def fires(self) -> bool:
        """Whether it asks for a new training."""
        return self.value is not None and self.value > self.threshold


def stability(older: Array, newer: Array) -> float:
    """Return the population stability index of two samples, in bins of the older one's tenths."""
    edges = np.unique(np.quantile(older, np.linspace(0, 1, _BINS + 1)[1:-1]))
    shares = []
    for sample in (older, newer):
        counts = np.bincount(np.searchsorted(edges, sample, side="left"), minlength=len(edges) + 1)
        shares.append((counts + 0.5) / (len(sample) + 0.5 * len(counts)))
    return float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())


def signals(rows: pl.DataFrame, answered: pl.DataFrame, learned_until: datetime, now: datetime) -> list[Signal]:
    """Return all signals of a version.

    Args:
        rows: all experience (see `labels.experience`).
        answered: the table `mart_router_prediction`, of this version.
        learned_until: when the newest execution that it learned from began.
        now: the present.
    """
    labelled = rows.filter("labelled").sort("at", "execution_id")
    older, newer = labelled.filter(pl.col("at") <= learned_until), labelled.filter(pl.col("at") > learned_until)
    few = min(older.height, newer.height) < LEAST_ROWS
    found = _features(older.tail(_LOOKED_AT), newer.tail(_LOOKED_AT), few)
    gap = None if few else _beyond_chance(older["label"].to_numpy(), newer["label"].to_numpy())
    found.append(Signal("outcome", "success_rate", gap, MOST_CHANGED, newer.height))
    found.append(_calibration(answered))
    share = newer.height / older.height if older.height else None
    found.append(Signal("new_labels", "share_of_learned", share, MOST_NEW, newer.height))
    age = (now - learned_until) / timedelta(days=1)
    found.append(Signal("age", "days", age if newer.height else 0.0, OLDEST / timedelta(days=1), newer.height))
    return found


def triggers(found: Sequence[Signal]) -> list[str]:
    """Return why a new training is due, in words; empty where nothing asks for one."""
    return [
        f"{one.kind} {one.subject}: {one.value:.3f}, more than {one.threshold:g} (n {one.n})"
        for one in found
        if one.fires
    ]


def _features(older: pl.DataFrame, newer: pl.DataFrame, few: bool) -> list[Signal]:
    names = [name for name in NAMES if not name.startswith("history_") and name != "hour"]
    if few:
        return [Signal("feature", name, None, MOVED, newer.height) for name in names]
    before, after = table(older), table(newer)
    allowed = round(max(MOVED, _CHANCE * (1 / older.height + 1 / newer.height)), 6)
    return [
        Signal("feature", name, stability(before[name].to_numpy(), after[name].to_numpy()), allowed, newer.height)
        for name in names
    ]


def _beyond_chance(older: Array, newer: Array) -> float:
    """Return by how much two means surely differ: the difference less the half-width of its 95 % interval."""
    error = 1.96 * float(np.sqrt(older.var() / len(older) + newer.var() / len(newer)))
    return max(abs(float(newer.mean() - older.mean())) - error, 0.0)


def _calibration(answered: pl.DataFrame) -> Signal:
    followed = answered.filter(pl.col("brier").is_not_null())
    if followed.height < LEAST_ROWS:
        return Signal("calibration", "prediction_less_outcome", None, MOST_CHANGED, followed.height)
    gap = (followed["success_probability"] - followed["success"].cast(pl.Float64)).to_numpy()
    error = 1.96 * float(gap.std(ddof=1) / np.sqrt(len(gap)))
    value = max(abs(float(gap.mean())) - error, 0.0)
    return Signal("calibration", "prediction_less_outcome", value, MOST_CHANGED, followed.height)
