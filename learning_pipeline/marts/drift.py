"""Slow drift and steps, told apart from noise, from single spikes and from weekly season."""

import numpy as np
import polars as pl

from learning_pipeline.contracts.base import polars_schema
from learning_pipeline.contracts.marts_trends import FALSE_DISCOVERIES, MartDrift
from learning_pipeline.marts.series import MAD_TO_SD, Series, all_series
from learning_pipeline.marts.significance import Array, benjamini_hochberg, ranks
from learning_pipeline.marts.stats import Z

DRIFT_DAYS = 90
_LEAST_DAYS = 28
# A level is the median of this many days at least.
_LEAST_LEVEL = 5
# A smaller change than this is not told, however sure it is: of shares and scores absolute, of others relative.
_LEAST_CHANGE = {"rate": 0.05, "score": 0.05}
_LEAST_RATIO = 0.1
_FAR = 5.0


def drift(metric_daily: pl.LazyFrame) -> pl.LazyFrame:
    """Test each number of the last 90 days for a drift (Mann-Kendall) and for a step (rank sums, all days tried).

    H. B. Mann (1945), Econometrica 13, pages 245 to 259; P. K. Sen (1968), Journal of the American Statistical
    Association 63, pages 1379 to 1389. Both tests suppose days that do not depend on each other; their variances
    are widened by (1 + r) / (1 - r), r being what one day tells of the next after the better fit is taken out. Both
    tests of all numbers are one family of comparisons.
    """
    looked_at = [(series, _fit(series, x)) for series, x in _long_enough(metric_daily)]
    if not looked_at:
        return pl.LazyFrame(schema=polars_schema(MartDrift))
    p = np.array([[fit["drift_p"], fit["step_p"]] for _, fit in looked_at])
    q = benjamini_hochberg(p.ravel()).reshape(p.shape)
    rows = [_row(series, fit, float(q[i, 0]), float(q[i, 1])) for i, (series, fit) in enumerate(looked_at)]
    return pl.LazyFrame(rows, schema=polars_schema(MartDrift))


def _long_enough(metric_daily: pl.LazyFrame) -> list[tuple[Series, Array]]:
    """Return series with their deseasoned values; the newest day of counts and sums may not be over: it is left out."""
    found = []
    for series in all_series(metric_daily, DRIFT_DAYS):
        x = series.clean[:-1] if series.may_be_short else series.clean
        if (~np.isnan(x)).sum() >= _LEAST_DAYS:
            found.append((series, x))
    return found


def _fit(series: Series, x: Array) -> dict[str, float]:
    """Return both fits of a series: line and step, with their p-values."""
    from scipy.special import ndtr

    days = np.flatnonzero(~np.isnan(x))
    y, n = x[days], len(days)
    # Mann-Kendall, and the slopes between all pairs of days.
    i, j = np.triu_indices(n, 1)
    differences = y[j] - y[i]
    slopes = np.sort(differences / (days[j] - days[i]))
    _, ties = np.unique(y, return_counts=True)
    variance = (n * (n - 1) * (2 * n + 5) - (ties * (ties - 1) * (2 * ties + 5)).sum()) / 18
    s = np.sign(differences).sum()
    slope = float(np.median(slopes))
    line = np.median(y - slope * days) + slope * days
    # The step whose two levels fit best, judged by rank sums.
    splits = np.arange(_LEAST_LEVEL, n - _LEAST_LEVEL + 1)
    at = int(splits[np.argmax(_between(y, splits))])
    low, high = float(np.median(y[:at])), float(np.median(y[at:]))
    spread = at * (n - at) * (n + 1) / 12 * (1 - (ties**3 - ties).sum() / (n**3 - n))
    z = (ranks(y)[:at].sum() - at * (n + 1) / 2) / np.sqrt(spread) if spread > 0 else 0.0
    step = np.where(np.arange(n) < at, low, high)
    by_line, by_step = np.abs(y - line).sum(), np.abs(y - step).sum()
    r = _autocorrelation(y - (step if by_step < by_line else line), days)
    widened = (1 + max(r, 0.0)) / (1 - max(r, 0.0))
    half = Z * np.sqrt(variance * widened)
    pairs = len(slopes)
    lower, upper = int(np.floor((pairs - half) / 2)), int(np.ceil((pairs + half) / 2))
    trend_z = (abs(s) - 1) / np.sqrt(variance * widened) if variance > 0 and s else 0.0
    return {
        "slope": slope,
        "slope_low": float(slopes[max(lower, 0)]),
        "slope_high": float(slopes[min(upper, pairs - 1)]),
        "drift_p": float(2 * ndtr(-max(trend_z, 0.0))),
        "step_at": float(days[at]),
        "before": low,
        "after": high,
        "step_p": float(min(1.0, len(splits) * 2 * ndtr(-abs(z) / np.sqrt(widened)))),
        "is_step": float(by_step < by_line),
        "start": float(line[0]),
        "end": float(line[-1]),
        "first": float(days[0]),
        "last": float(days[-1]),
        "days": float(n),
        "r": r,
    }


def _between(y: Array, splits: np.ndarray) -> Array:
    """Return the sum of squares that two levels explain, for each split; single days far off count as less far."""
    middle = np.median(y)
    far = _FAR * MAD_TO_SD * float(np.median(np.abs(y - middle)))
    sums = np.cumsum(np.clip(y - middle, -far, far) if far > 0 else y - middle)
    before, total = sums[splits - 1], sums[-1]
    return before**2 / splits + (total - before) ** 2 / (len(y) - splits)


def _autocorrelation(residual: Array, days: np.ndarray) -> float:
    """Return the correlation of a day's residual with that of the next day."""
    next_day = np.diff(days) == 1
    total = float((residual**2).sum())
    if total <= 0 or not next_day.any():
        return 0.0
    pairs = float((residual[:-1] * residual[1:])[next_day].mean())
    return float(np.clip(pairs / (total / len(residual)), -0.9, 0.9))


def _row(series: Series, fit: dict[str, float], drift_q: float, step_q: float) -> dict[str, object]:
    before, after, start, end = (float(series.unscaled(fit[name])) for name in ("before", "after", "start", "end"))
    is_step = bool(fit["is_step"])
    here, there = (before, after) if is_step else (start, end)
    sure = min(drift_q, step_q) < FALSE_DISCOVERIES
    absolute = _LEAST_CHANGE.get(series.form)
    large = abs(there - here) >= (absolute if absolute is not None else _LEAST_RATIO * max(here, 1e-12))
    told = sure and large and here != there
    up = there > here
    level = float(series.unscaled(fit["start"] + (fit["end"] - fit["start"]) / 2))
    first = series.day(int(fit["first"]))
    return series.key | {
        "first_day": first,
        "last_day": series.day(int(fit["last"])),
        "days": int(fit["days"]),
        "n": int(series.n[int(fit["first"]) : int(fit["last"]) + 1].sum()),
        "shape": ("step" if is_step else "drift") if told else "stable",
        "direction": ("up" if up else "down") if told else None,
        "is_worse": series.is_worse(up) if told else None,
        "since_day": (series.day(int(fit["step_at"])) if is_step else first) if told else None,
        "change_ratio": there / here - 1 if here > 0 else None,
        **{name: _per_day(series, fit[key], level) for name, key in _SLOPES.items()},
        "drift_p_value": fit["drift_p"],
        "drift_q_value": drift_q,
        "step_day": series.day(int(fit["step_at"])),
        "level_before": before,
        "level_after": after,
        "step_p_value": fit["step_p"],
        "step_q_value": step_q,
        "autocorrelation": fit["r"],
    }


_SLOPES = {"slope_ratio_per_day": "slope", "slope_low": "slope_low", "slope_high": "slope_high"}


def _per_day(series: Series, slope: float, level: float) -> float | None:
    """Return what a slope on the scale of the test means per day, relative to the level; None from a level of 0."""
    if series.form == "mean":
        return float(np.expm1(slope))
    if level <= 0:
        return None
    # Of twice a root, a small change d is a change of d times the root.
    roots = {"count": np.sqrt(level + 0.375), "sum": np.sqrt(level)}
    return float(slope * roots.get(series.form, 1.0) / level)
