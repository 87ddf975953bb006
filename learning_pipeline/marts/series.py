"""The series behind baselines, spikes, drift and forecasts: one number of one subject, day by day.

All tests are made on a scale where noise is about even: the logarithm of means, twice the root of counts (F. J.
Anscombe 1948, Biometrika 35, pages 246 to 254) and of sums, which grow with counts, shares and scores as they are.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import polars as pl

from learning_pipeline.marts.significance import Array, ranks
from learning_pipeline.marts.work import dated

MAD_TO_SD = 1.482602218505602
WEEK = 7
# Fewer days than this tell nothing.
LEAST_DAYS = 14
_SEASON_DAYS = 28
_SEASON_P = 0.001
_EPOCH = date(1970, 1, 1)
# Of numbers that are for the worse when they rise, and when they fall.
_WORSE_UP = ("error_rate", "tool_error_rate", "duration_ms", "cost_usd", "tokens")
_WORSE_DOWN = ("success_rate", "quality_score")


@dataclass(frozen=True)
class Series:
    """One number from its first day to the newest day of all; NaN where a day has none. Counts have 0 there."""

    kind: str
    subject: str
    metric: str
    form: str
    first: date
    value: Array
    n: Array
    hits: Array
    log_variance: Array

    @property
    def key(self) -> dict[str, str | None]:
        """The columns of the grain."""
        agent = self.subject if self.kind == "agent" else None
        return {"subject_kind": self.kind, "subject": self.subject, "metric": self.metric, "agent_name": agent}

    @property
    def may_be_short(self) -> bool:
        """Whether the newest day, which may not be over, says less than it will."""
        return self.form in ("count", "sum")

    def day(self, index: int) -> date:
        return self.first + timedelta(days=int(index))

    def scaled(self, value: Array) -> Array:
        """Return values on the scale that is tested."""
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.form == "count":
                return 2 * np.sqrt(value + 0.375)
            if self.form == "sum":
                return 2 * np.sqrt(value)
            if self.form == "mean":
                return np.log(np.where(value > 0, value, np.nan))
        return value

    def unscaled(self, x: Array | float) -> Array:
        """Return the values that lie at places of that scale."""
        if self.form == "count":
            return np.maximum((np.maximum(x, 0) / 2) ** 2 - 0.375, 0)
        if self.form == "sum":
            return (np.maximum(x, 0) / 2) ** 2
        if self.form == "mean":
            return np.exp(np.minimum(x, 700))
        return np.clip(x, 0, 1)

    @cached_property
    def x(self) -> Array:
        return self.scaled(self.value)

    @cached_property
    def season_p(self) -> float:
        """p-value of equal weekdays; NaN where there are too few."""
        return self._weekly[1]

    @cached_property
    def season(self) -> Array:
        """How much each day's weekday differs from others, on the scale; 0 where weekdays do not differ."""
        effects, p = self._weekly
        return effects[self._weekdays] if p < _SEASON_P else np.zeros(len(self.x))

    @cached_property
    def _weekly(self) -> tuple[Array, float]:
        return _season(self.x, self._weekdays)

    @property
    def is_seasonal(self) -> bool | None:
        return None if np.isnan(self.season_p) else bool(self.season_p < _SEASON_P)

    @cached_property
    def clean(self) -> Array:
        """The series on its scale without the season."""
        return self.x - self.season

    @property
    def _weekdays(self) -> np.ndarray:
        return (np.arange(len(self.value)) + self.first.weekday()) % WEEK

    def is_worse(self, up: bool) -> bool | None:
        """Say whether a change is for the worse; None where it is neither."""
        return is_worse(self.metric, up)


def is_worse(metric: str, up: bool) -> bool | None:
    """Say whether a rise (else a fall) of a number is for the worse; None where it is neither."""
    if metric.startswith(_WORSE_UP):
        return up
    return not up if metric.startswith(_WORSE_DOWN) else None


def all_series(metric_daily: pl.LazyFrame, days: int | None = None) -> Iterator[Series]:
    """Yield the series of mart_metric_daily in the order of their names, those with enough days.

    Args:
        days: only this many of the newest days of the data are looked at.
    """
    rows = dated(metric_daily).sort("subject_kind", "subject", "metric", "day").collect()
    if rows.is_empty():
        return
    newest = rows["day"].max()
    assert isinstance(newest, date)
    if days is not None:
        rows = rows.filter(pl.col("day") > newest - timedelta(days=days))
    grouped = rows.group_by("subject_kind", "subject", "metric", maintain_order=True)
    for (kind, subject, metric), part in grouped:
        if part.height < LEAST_DAYS:
            continue
        first = part["day"][0]
        length = (newest - first).days + 1
        form = str(part["form"][0])
        at = part["day"].to_physical().to_numpy() - (first - _EPOCH).days
        columns = {}
        for name in ("value", "n", "hits", "log_variance"):
            full = np.full(length, np.nan)
            full[at] = part[name].cast(pl.Float64).to_numpy()
            columns[name] = full
        if form in ("count", "sum"):
            columns["value"] = np.nan_to_num(columns["value"])
        columns["n"] = np.nan_to_num(columns["n"])
        yield Series(str(kind), str(subject), str(metric), form, first, **columns)


def medians(rows: Array) -> Array:
    """Return the median of the known values of each row; NaN without any."""
    ordered = np.sort(rows, axis=1)  # NaN goes last
    known = (~np.isnan(rows)).sum(axis=1)
    at = np.arange(len(rows))
    low, high = np.maximum(known - 1, 0) // 2, known // 2
    return np.where(known > 0, (ordered[at, low] + ordered[at, np.minimum(high, rows.shape[1] - 1)]) / 2, np.nan)


def rolling_median(x: Array, width: int) -> Array:
    """Return the median of the values around each, those that are known."""
    half = width // 2
    padded = np.concatenate([np.full(half, np.nan), x, np.full(half, np.nan)])
    return medians(np.lib.stride_tricks.sliding_window_view(padded, width))


def _season(x: Array, weekdays: np.ndarray) -> tuple[Array, float]:
    """Return how weekdays differ from the level around them, and the p-value of Kruskal and Wallis (1952)."""
    from scipy.special import chdtrc

    known = ~np.isnan(x)
    counts = np.bincount(weekdays[known], minlength=WEEK)
    present = counts > 0
    if known.sum() < _SEASON_DAYS or counts[present].min() < 3 or present.sum() < 2:
        return np.zeros(WEEK), np.nan
    apart = (x - rolling_median(x, WEEK))[known]
    of = weekdays[known]
    ranked = ranks(apart)
    total = len(ranked)
    _, ties = np.unique(apart, return_counts=True)
    ties_factor = 1 - (ties**3 - ties).sum() / (total**3 - total)
    if ties_factor <= 0:
        return np.zeros(WEEK), 1.0
    sums = np.bincount(of, weights=ranked, minlength=WEEK)[present]
    h = (12 / (total * (total + 1)) * (sums**2 / counts[present]).sum() - 3 * (total + 1)) / ties_factor
    effects = np.array([np.median(apart[of == day]) if present[day] else 0.0 for day in range(WEEK)])
    effects[present] -= effects[present].mean()
    return effects, float(chdtrc(int(present.sum()) - 1, max(h, 0.0)))
