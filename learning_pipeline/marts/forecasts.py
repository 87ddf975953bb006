"""What a number will be on the next days, by what did best before.

The candidate is MSTL with exponential smoothing (R. J. Hyndman and others) of the library augurs; seasonal naive, the
same weekday's last number, is what it has to beat on the days that are known.
"""

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import polars as pl

from learning_pipeline.contracts.base import polars_schema
from learning_pipeline.contracts.marts_trends import FORECAST_DAYS, MartForecast
from learning_pipeline.marts.series import WEEK, Series, all_series
from learning_pipeline.marts.significance import Array

# A forecast needs this many days, and numbers on most of them.
_LEAST_HISTORY = 21
_LEAST_KNOWN = 0.75
_ORIGINS = 4
# What is planned by; and as much of the past as tells of the season and the trend.
_KINDS, _FORMS = ("all", "agent"), ("count", "sum", "rate")
_FITTED_DAYS = 91
_COVERAGE = 0.95
_SEASONAL_NAIVE, _CANDIDATE = "seasonal_naive", "mstl_ets"


def forecast(metric_daily: pl.LazyFrame) -> pl.LazyFrame:
    """Forecast counts, sums and shares of agents and of all work for 14 days.

    The candidate is taken where its mean error in the back-test is less. That forecasts 14 days from up to four days
    in the past, a week apart, with what was known by then. The interval holds 95 % of the distances that the chosen
    method had there, at any number of days ahead.
    """
    rows = []
    planned = pl.col("subject_kind").is_in(_KINDS) & pl.col("form").is_in(_FORMS)
    for series in all_series(metric_daily.filter(planned)):
        # The newest day of counts and sums may not be over: it is forecast too, and left out.
        late = 1 if series.may_be_short else 0
        values = series.value[: len(series.value) - late]
        if len(values) < _LEAST_HISTORY or (~np.isnan(values)).mean() < _LEAST_KNOWN:
            continue
        rows += _forecasts(series, _filled(values), late)
    return pl.LazyFrame(rows, schema=polars_schema(MartForecast))


def _forecasts(series: Series, values: Array, late: int) -> list[dict[str, object]]:
    steps = FORECAST_DAYS + late
    naive = _errors(values, seasonal_naive)
    candidate = _errors(values, lambda known, ahead: mstl_ets(series, known, ahead))
    naive_mae, candidate_mae = (None if e is None or not e.size else float(e.mean()) for e in (naive, candidate))
    wins = candidate_mae is not None and naive_mae is not None and candidate_mae < naive_mae
    made = mstl_ets(series, values, steps) if wins else None
    errors = candidate if made is not None else naive
    ahead = made if made is not None else seasonal_naive(values, steps)
    assert ahead is not None
    margin = float(np.quantile(errors, _COVERAGE)) if errors is not None and errors.size else None
    most = 1.0 if series.form in ("rate", "score") else np.inf
    newest = series.day(len(series.value) - 1)
    told = {
        "method": _CANDIDATE if made is not None else _SEASONAL_NAIVE,
        "history_days": len(values),
        "backtest_n": 0 if errors is None else errors.size,
        "mae": candidate_mae if made is not None else naive_mae,
        "naive_mae": naive_mae,
        "candidate_mae": candidate_mae,
    }
    return [
        series.key
        | told
        | {
            "day": newest + timedelta(days=horizon),
            "horizon_days": horizon,
            "forecast": float(np.clip(value, 0, most)),
            "low": None if margin is None else float(np.clip(value - margin, 0, most)),
            "high": None if margin is None else float(np.clip(value + margin, 0, most)),
        }
        for horizon, value in enumerate(ahead[late:], 1)
    ]


def _errors(values: Array, method: Callable[[Array, int], Array | None]) -> Array | None:
    """Return the distances of a method's forecasts from what came, from all origins; None where it cannot be used."""
    found = []
    for back in range(_ORIGINS):
        known = len(values) - FORECAST_DAYS - back * WEEK
        if known < _LEAST_HISTORY:
            break
        made = method(values[:known], FORECAST_DAYS)
        if made is None:
            return None
        found.append(np.abs(made - values[known : known + FORECAST_DAYS]))
    return np.concatenate(found) if found else np.empty(0)


def seasonal_naive(values: Array, steps: int) -> Array:
    """Return the last week, repeated."""
    return np.resize(values[-WEEK:], steps)


def mstl_ets(series: Series, values: Array, steps: int) -> Array | None:
    """Return the library's forecast on the scale where noise is even; None where there is none for this system."""
    try:
        from augurs import MSTL
    except ImportError:  # there is no build of it for this Python: seasonal naive does it all
        return None
    x = series.scaled(values[-_FITTED_DAYS:])
    if np.ptp(x) < 1e-9:
        return None
    model = MSTL.ets([WEEK])
    model.fit(x)
    made: Array = np.array(model.predict(steps, None).point(), dtype=np.float64)
    return series.unscaled(made) if np.isfinite(made).all() else None


def _filled(values: Array) -> Array:
    """Return the values with gaps filled on a straight line between what is known."""
    known = np.flatnonzero(~np.isnan(values))
    return np.interp(np.arange(len(values)), known, values[known])
