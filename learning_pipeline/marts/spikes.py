"""What is usual for a number, and on which days it was far from that."""

import numpy as np
import polars as pl

from learning_pipeline.contracts.base import polars_schema
from learning_pipeline.contracts.marts_trends import FALSE_DISCOVERIES, MartAnomaly, MartBaseline
from learning_pipeline.marts.series import LEAST_DAYS, MAD_TO_SD, Series, all_series, medians
from learning_pipeline.marts.significance import Array, benjamini_hochberg

BASELINE_DAYS = 28
_BEFORE = 56
_WATCHED_DAYS = 90
_USUAL = 3.5
# Noise is never taken to be smaller than this on the scale of the test, nor is a smaller change told.
_LEAST_SD = {"mean": 0.02, "count": 1.0, "rate": 0.005, "score": 0.005}
_LEAST_OF_LEVEL = 0.01
_LEAST_CHANGE = {"rate": 0.05, "score": 0.05}
_LEAST_RATIO = 1.2
# The spread is the root mean square of the nearer four fifths of the distances from the median, times what makes it
# the standard deviation of normal noise. It is as sure as a plain one of this share of the values.
_NEARER = 0.8
_NEARER_TO_SD = 1.511517
_EFFICIENCY = 0.6


def baseline(metric_daily: pl.LazyFrame) -> pl.LazyFrame:
    """Return median and median absolute deviation of the days before the newest, of each number."""
    rows = []
    for series in all_series(metric_daily):
        values = series.value[:-1][-BASELINE_DAYS:]
        known = values[~np.isnan(values)]
        if len(known) < LEAST_DAYS // 2:
            continue
        x = series.scaled(known)
        middle = float(np.median(x))
        half = _USUAL * max(MAD_TO_SD * float(np.median(np.abs(x - middle))), _least_sd(series, middle))
        median = float(np.median(known))
        newest = float(series.value[-1])
        rows.append(
            series.key
            | {
                "form": series.form,
                "first_day": series.day(len(series.value) - 1 - len(values)),
                "last_day": series.day(len(series.value) - 2),
                "days": len(known),
                "n": int(series.n[:-1][-BASELINE_DAYS:].sum()),
                "median": median,
                "mad": float(np.median(np.abs(known - median))),
                "usual_low": float(series.unscaled(middle - half)),
                "usual_high": float(series.unscaled(middle + half)),
                "newest_value": None if np.isnan(newest) else newest,
                "season_p_value": None if np.isnan(series.season_p) else series.season_p,
                "is_seasonal": series.is_seasonal,
            }
        )
    return pl.LazyFrame(rows, schema=polars_schema(MartBaseline))


def anomaly(metric_daily: pl.LazyFrame) -> pl.LazyFrame:
    """Return the days of the last 90 on which a number was far from the median of the 56 days before.

    The distance is in robust standard deviations, widened for days that were counted over little, and judged by
    Student's t with the degrees of freedom that these are worth; shares are judged by the binomial
    distribution too, and the larger p-value counts. All days of all numbers are one family of tests. The newest
    day may not be over: of counts and sums it is only told when it is too high.
    """
    from scipy.special import stdtrit

    watched = [(series, _distances(series)) for series in all_series(metric_daily)]
    watched = [(series, found) for series, found in watched if len(found["at"])]
    if not watched:
        return pl.LazyFrame(schema=polars_schema(MartAnomaly))
    p = np.concatenate([found["p"] for _, found in watched])
    q = benjamini_hochberg(p)
    told = q < FALSE_DISCOVERIES
    worst_p = float(p[told].max()) if told.any() else FALSE_DISCOVERIES / len(p)
    rows, start = [], 0
    for series, found in watched:
        end = start + len(found["at"])
        for i in np.flatnonzero(told[start:end]):
            at = int(found["at"][i])
            value = float(series.value[at])
            expected = float(series.unscaled(found["expected"][i]))
            if not _is_large(series.form, value, expected):
                continue
            up = bool(found["apart"][i] > 0)
            rows.append(
                series.key
                | {
                    "day": series.day(at),
                    "value": value,
                    "n": int(series.n[at]),
                    "expected": expected,
                    "mad": float(found["mad"][i]),
                    "baseline_days": int(found["days"][i]),
                    "score": float(found["score"][i]),
                    "threshold": float(-stdtrit(found["freedom"][i], worst_p / 2)),
                    "change_ratio": value / expected - 1 if expected > 0 else None,
                    "p_value": float(p[start + i]),
                    "q_value": float(q[start + i]),
                    "direction": "up" if up else "down",
                    "is_worse": series.is_worse(up),
                }
            )
        start = end
    return pl.LazyFrame(rows, schema=polars_schema(MartAnomaly))


def _least_sd(series: Series, middle: Array | float) -> Array | float:
    """Return the least noise that is taken to be there, on the scale of the test."""
    if series.form == "sum":
        return np.maximum(_LEAST_OF_LEVEL * np.abs(middle), 1e-9)
    return _LEAST_SD[series.form]


def _is_large(form: str, value: float, expected: float) -> bool:
    """Say whether a change is large enough to be told: of shares and scores absolute, of others as a ratio."""
    if form in _LEAST_CHANGE:
        return abs(value - expected) >= _LEAST_CHANGE[form]
    return max(value, expected) >= _LEAST_RATIO * min(value, expected)


def _distances(series: Series) -> dict[str, Array]:
    """Return, of each watched day with a number, how far it is from the days before it."""
    from scipy.special import bdtr, bdtrc, stdtr

    length = len(series.clean)
    windows = np.lib.stride_tricks.sliding_window_view(
        np.concatenate([np.full(_BEFORE, np.nan), series.clean[:-1]]), _BEFORE
    )
    days = (~np.isnan(windows)).sum(axis=1)
    at = np.flatnonzero((days >= LEAST_DAYS) & ~np.isnan(series.clean) & (np.arange(length) >= length - _WATCHED_DAYS))
    if not len(at):
        return {"at": at.astype(float), "p": np.empty(0)}
    windows, days = windows[at], days[at].astype(float)
    middle = medians(windows)
    mad = medians(np.abs(windows - middle[:, None]))
    apart = series.clean[at] - middle
    by_counting, extra = _sampling(series, at)
    nearer = np.sort(np.abs(windows - middle[:, None]), axis=1)  # NaN goes last
    keep = np.ceil(_NEARER * days).astype(int)
    squares = np.cumsum(np.nan_to_num(nearer) ** 2, axis=1)[np.arange(len(at)), keep - 1] / keep
    variance = np.maximum(_NEARER_TO_SD**2 * squares, by_counting) + extra
    # The median itself is not known exactly.
    spread = np.sqrt(np.maximum(variance, _least_sd(series, middle) ** 2) * (1 + np.pi / 2 / days))
    score = apart / spread
    freedom = np.maximum(3.0, _EFFICIENCY * (days - 1))
    p = 2 * stdtr(freedom, -np.abs(score))
    if series.form == "rate":
        all_hits, all_n = _before(series.hits, at), _before(series.n, at)
        share = (all_hits + 1) / (all_n + 2)
        hits, n = series.hits[at], series.n[at]
        above = np.where(hits > 0, bdtrc(hits - 1, n.astype(int), share), 1.0)
        p = np.maximum(p, np.minimum(1.0, 2 * np.minimum(bdtr(hits, n.astype(int), share), above)))
    if series.may_be_short:
        p = np.where((at == length - 1) & (apart < 0), 1.0, p)
    expected = middle + series.season[at]
    return {
        **{"at": at.astype(float), "p": p, "apart": apart, "score": score, "freedom": freedom},
        **{"expected": expected, "mad": mad, "days": days},
    }


def _before(values: Array, at: np.ndarray) -> Array:
    """Return the sum of the values of the days before each."""
    sums = np.concatenate([[0.0], np.cumsum(np.nan_to_num(values))])
    return sums[at] - sums[np.maximum(at - _BEFORE, 0)]


def _sampling(series: Series, at: np.ndarray) -> tuple[Array, Array]:
    """Return the variance that counting over n alone makes on a usual day, and what a day of smaller n adds."""
    n = np.where(series.n > 0, series.n, np.nan)
    usual_n = float(np.nanmedian(n))
    if series.form == "rate":
        share = (_before(series.hits, at) + 1) / (_before(series.n, at) + 2)
        one = share * (1 - share)
    elif series.form == "mean" and not np.isnan(series.log_variance).all():
        one = np.full(len(at), float(np.nanmedian(series.log_variance)))
    elif series.form == "score":
        known = series.x[~np.isnan(series.x)]
        one = np.full(len(at), (MAD_TO_SD * float(np.median(np.abs(known - np.median(known))))) ** 2 * usual_n)
    else:
        return np.zeros(len(at)), np.zeros(len(at))
    return one / usual_n, np.maximum(one / n[at] - one / usual_n, 0)
