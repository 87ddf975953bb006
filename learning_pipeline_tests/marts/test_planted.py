"""What is planted into made-up work is found, and noise stays noise."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from learning_pipeline.contracts.marts_trends import FORECAST_DAYS
from learning_pipeline.marts import forecasts
from learning_pipeline.marts.drift import drift
from learning_pipeline.marts.forecasts import forecast
from learning_pipeline.marts.spikes import anomaly, baseline
from learning_pipeline.marts.trends import trend
from learning_pipeline_tests.marts.worlds import FIRST, Level, always, noise

SEEDS = range(3)
WEEK = (1.0, 1.0, 1.0, 1.0, 1.0, 0.3, 0.25)


def one(frame: pl.LazyFrame, subject: str, metric: str) -> dict[str, object]:
    return frame.filter((pl.col("subject") == subject) & (pl.col("metric") == metric)).collect().row(0, named=True)


def weekly(level: float) -> Level:
    return lambda agent, day: level * WEEK[(FIRST.weekday() + day) % 7]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_step_in_cost_is_found(seed: int) -> None:
    work = noise(seed, cost=lambda agent, day: 0.4 * (1.5 if agent == "beta" and day >= 60 else 1))
    found = one(drift(work), "beta", "cost_usd_per_execution")
    assert (found["shape"], found["direction"], found["is_worse"]) == ("step", "up", True)
    assert abs((found["since_day"] - FIRST).days - 60) <= 5  # type: ignore[operator]
    assert found["change_ratio"] == pytest.approx(0.5, abs=0.25)
    assert one(drift(work), "alpha", "cost_usd_per_execution")["shape"] == "stable"
    of_month = trend(work).filter(window_days=30)
    assert one(of_month, "beta", "cost_usd_per_execution")["verdict"] == "up"


@pytest.mark.parametrize("seed", SEEDS)
def test_a_slow_drift_of_1_percent_a_day_is_found(seed: int) -> None:
    work = noise(seed, cost=lambda agent, day: 0.4 * (1.01**day if agent == "beta" else 1))
    found = one(drift(work), "beta", "cost_usd_per_execution")
    assert (found["shape"], found["direction"]) == ("drift", "up")
    assert found["slope_ratio_per_day"] == pytest.approx(0.01, abs=0.003)
    assert found["slope_low"] < found["slope_ratio_per_day"] < found["slope_high"]  # type: ignore[operator]
    assert anomaly(work).filter(subject="beta").collect().is_empty()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_degraded_agent_is_found(seed: int) -> None:
    work = noise(seed, success=lambda agent, day: 0.6 if agent == "gamma" and day >= 70 else 0.85)
    found = one(drift(work), "gamma", "success_rate")
    assert (found["shape"], found["direction"], found["is_worse"]) == ("step", "down", True)
    assert one(drift(work), "beta", "success_rate")["shape"] == "stable"


@pytest.mark.parametrize("seed", SEEDS)
def test_a_weekly_season_is_found_and_is_no_alarm(seed: int) -> None:
    work = noise(seed, per_day=weekly(20))
    assert one(baseline(work), "(all)", "executions")["is_seasonal"]
    assert not one(baseline(work), "(all)", "success_rate")["is_seasonal"]
    assert anomaly(work).collect().is_empty()
    assert drift(work).filter(pl.col("shape") != "stable").collect().is_empty()
    days = forecast(work).filter(subject="(all)", metric="executions").collect()
    at_weekend = days["day"].dt.weekday() >= 6
    assert days.filter(at_weekend)["forecast"].max() < 0.6 * days.filter(~at_weekend)["forecast"].min()  # type: ignore[operator]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_failing_tool_is_found_on_a_day_and_for_good(seed: int) -> None:
    work = noise(seed, tool_errors=lambda tool, day: 0.5 if tool == "Edit" and day == 85 else 0.06)
    found = anomaly(work).collect()
    assert found.select("subject", "metric", "direction", "is_worse").rows() == [("Edit", "error_rate", "up", True)]
    assert (found["day"][0] - FIRST).days == 85
    work = noise(seed, tool_errors=lambda tool, day: 0.3 if tool == "Edit" and day >= 75 else 0.06)
    assert one(drift(work), "Edit", "error_rate")["shape"] == "step"
    assert one(drift(work), "Bash", "error_rate")["shape"] == "stable"


@pytest.mark.parametrize("seed", SEEDS)
def test_a_day_of_fivefold_cost_is_found(seed: int) -> None:
    work = noise(seed, per_day=always(30), cost=lambda agent, day: 0.4 * (5 if agent == "beta" and day == 80 else 1))
    found = anomaly(work).filter(pl.col("subject") == "beta").collect()
    assert set(found["metric"]) == {"cost_usd", "cost_usd_per_execution"}
    assert {(day - FIRST).days for day in found["day"]} == {80}
    assert (found["score"] > found["threshold"]).all()
    assert drift(work).filter(pl.col("shape") != "stable").collect().is_empty()


@pytest.mark.slow
def test_noise_is_no_alarm_in_95_of_100_seeds() -> None:
    alarmed = []
    for seed in range(100, 200):
        work = noise(seed)
        told = anomaly(work).collect().height + drift(work).filter(pl.col("shape") != "stable").collect().height
        if told:
            alarmed.append(seed)
    assert len(alarmed) <= 5, alarmed


@pytest.mark.slow
def test_noise_that_lasts_from_day_to_day_is_no_drift_in_95_of_100_seeds() -> None:
    alarmed = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        value = np.zeros((10, 90))
        for day in range(1, 90):
            value[:, day] = 0.5 * value[:, day - 1] + rng.normal(size=10)
        work = _series(np.exp(value / 10))
        alarmed += bool(drift(work).filter(pl.col("shape") != "stable").collect().height)
    assert alarmed <= 5


def test_nothing_depends_on_the_order_of_rows_or_on_older_days() -> None:
    work = noise(1).collect()
    for made in (baseline, anomaly, drift, trend, forecast):
        keys = ["subject_kind", "subject", "metric"]
        mixed = made(work.sample(fraction=1, shuffle=True, seed=3).lazy()).collect()
        whole = made(work.lazy()).collect()
        more = [name for name in ("window_days", "day") if name in whole.columns]
        assert mixed.sort(*keys, *more).equals(whole.sort(*keys, *more)), made.__name__


def test_undated_work_is_in_no_series() -> None:
    work = noise(1).collect()
    undated = work.head(40).with_columns(day=pl.lit(date(1970, 1, 1)))
    for made in (baseline, anomaly, drift, trend, forecast):
        assert made(pl.concat([work, undated]).lazy()).collect().equals(made(work.lazy()).collect()), made.__name__


def test_a_forecast_that_does_not_beat_seasonal_naive_is_replaced_by_it() -> None:
    exact = np.array([[10.0, 12, 11, 13, 12, 4, 3] * 13 + [10.0]])  # and a day that is not over
    days = forecast(_series(exact, "cost_usd", "sum")).collect()
    assert set(days["method"]) == {"seasonal_naive"}
    assert days.height == FORECAST_DAYS and days["naive_mae"].to_list() == [0.0] * FORECAST_DAYS
    assert days["forecast"].to_list() == pytest.approx(np.resize([12.0, 11, 13, 12, 4, 3, 10], FORECAST_DAYS))


def test_a_forecast_is_never_worse_in_its_back_test_than_seasonal_naive() -> None:
    days = forecast(noise(5, per_day=weekly(20))).collect()
    assert (days["mae"] <= days["naive_mae"]).all()
    assert set(days["method"]) == {"mstl_ets", "seasonal_naive"} or set(days["method"]) == {"mstl_ets"}
    assert (days["low"] <= days["forecast"]).all() and (days["forecast"] <= days["high"]).all()
    assert days["backtest_n"].min() == 4 * FORECAST_DAYS


def test_without_the_library_seasonal_naive_does_it_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecasts, "mstl_ets", lambda series, values, steps: None)
    days = forecast(noise(5)).collect()
    assert set(days["method"]) == {"seasonal_naive"} and days["candidate_mae"].null_count() == days.height


def test_intervals_hold_most_of_what_comes() -> None:
    inside = []
    for seed in range(8):
        work = noise(seed, days=104, per_day=weekly(20)).collect()
        last = max(work["day"])
        known = work.filter(pl.col("day") <= last - pl.duration(days=FORECAST_DAYS))
        told = forecast(known.lazy()).filter(subject_kind="agent", metric="success_rate").collect()
        keys = ["day", "subject_kind", "subject", "metric"]
        both = told.join(work.select(*keys, "value"), on=keys)
        inside += both.select(pl.col("value").is_between("low", "high")).to_series().to_list()
    assert len(inside) > 200 and np.mean(inside) > 0.85


def _series(values: np.ndarray, metric: str = "duration_ms_per_execution", form: str = "mean") -> pl.LazyFrame:
    """Return series of one number, one a row."""
    rows = [
        (FIRST + timedelta(days=day), "agent", f"a{n}", metric, form, 50, float(value))
        for n, row in enumerate(values)
        for day, value in enumerate(row)
    ]
    names = ["day", "subject_kind", "subject", "metric", "form", "n", "value"]
    empty = {"hits": pl.lit(None, pl.Int64), "log_variance": pl.lit(None, pl.Float64)}
    return pl.LazyFrame(rows, schema=names, orient="row").with_columns(**empty)
