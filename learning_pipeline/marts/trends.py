"""The last 7, 30 and 90 days against the window of equal length before."""

import numpy as np
import polars as pl

from learning_pipeline.contracts.base import polars_schema
from learning_pipeline.contracts.marts_trends import TREND_WINDOWS, MartTrend
from learning_pipeline.marts.series import is_worse
from learning_pipeline.marts.significance import two_proportions, welch, with_q
from learning_pipeline.marts.work import dated

_KEYS = ("subject_kind", "subject", "metric")
_SURE = 0.05
# Days that it reads: both of the longest windows, and the newest day, with which those of counts and sums do not end.
TREND_DAYS = 2 * max(TREND_WINDOWS) + 1


def trend(metric_daily: pl.LazyFrame) -> pl.LazyFrame:
    """Compare each number of each window with the one before: shares as two proportions, others by Welch's test.

    Welch's test is over days, each of which is one observation whatever it was counted over: executions of a day
    depend on each other. Logarithms of means are compared, and roots of counts and sums; days of counts and sums
    without any are left out, and so is the newest day of these, which may not be over.
    """
    rows = dated(metric_daily)
    newest = rows.select(newest_day=pl.col("day").max())
    aged = rows.join(newest, how="cross").with_columns(_age=(pl.col("newest_day") - pl.col("day")).dt.total_days())
    # Whole days of counts and sums: they begin with the day before the newest.
    short = pl.col("form").is_in(["count", "sum"])
    aged = aged.with_columns(_age=pl.col("_age") - short.cast(pl.Int64)).filter(pl.col("_age") >= 0)
    # In one order, whatever that of the rows: then sums of floats are the same.
    aged = aged.with_columns(_x=_scaled()).sort(*_KEYS, "day")
    found = pl.concat([_window(aged, days) for days in TREND_WINDOWS]).sort(*_KEYS, "window_days").collect()
    if found.is_empty():
        return pl.LazyFrame(schema=polars_schema(MartTrend))

    def arrays(*names: str) -> list[np.ndarray]:
        return [found[name].cast(pl.Float64).to_numpy() for name in names]

    is_rate = (found["form"] == "rate").to_numpy()
    of_rates = two_proportions(*(np.where(is_rate, a, 0) for a in arrays("hits", "n", "hits_before", "n_before")))
    of_means = welch(*arrays("_mean", "_variance", "days", "_mean_before", "_variance_before", "days_before"))
    tested = with_q(found, np.where(is_rate, of_rates, of_means))
    up = pl.col("difference") > 0
    sure = pl.col("q_value") < _SURE
    told = tested.with_columns(
        agent_name=pl.when(pl.col("subject_kind") == "agent").then("subject"),
        test=pl.when(pl.col("form") == "rate").then(pl.lit("two_proportions")).otherwise(pl.lit("welch")),
        difference=pl.col("value") - pl.col("value_before"),
        change_ratio=pl.when(pl.col("value_before") > 0).then(pl.col("value") / pl.col("value_before") - 1),
    ).with_columns(
        verdict=pl.when(pl.col("q_value").is_null())
        .then(pl.lit("unknown"))
        .when(sure & up)
        .then(pl.lit("up"))
        .when(sure & (pl.col("difference") < 0))
        .then(pl.lit("down"))
        .otherwise(pl.lit("same")),
    )
    worse = [
        is_worse(metric, verdict == "up") if verdict in ("up", "down") else None
        for metric, verdict in told.select("metric", "verdict").iter_rows()
    ]
    return told.with_columns(pl.Series("is_worse", worse, dtype=pl.Boolean)).lazy()


def _scaled() -> pl.Expr:
    """Return the value on the scale of the test."""
    value = pl.col("value")
    return (
        pl.when(pl.col("form") == "count")
        .then(2 * (value + 0.375).sqrt())
        .when(pl.col("form") == "sum")
        .then(2 * value.sqrt())
        .when(pl.col("form") == "mean")
        .then(pl.when(value > 0).then(value.log()))
        .otherwise(value)
    )


def _window(aged: pl.LazyFrame, days: int) -> pl.LazyFrame:
    inside, before = pl.col("_age") < days, pl.col("_age").is_between(days, 2 * days - 1)

    def of(condition: pl.Expr, suffix: str) -> tuple[pl.Expr, ...]:
        x = pl.col("_x").filter(condition)
        value = pl.col("value").filter(condition)
        n, hits = (pl.col(name).filter(condition).sum() for name in ("n", "hits"))
        rate = pl.col("form").first() == "rate"
        return (
            x.count().cast(pl.Int64).alias(f"days{suffix}"),
            n.alias(f"n{suffix}"),
            hits.alias(f"hits{suffix}"),
            x.mean().alias(f"_mean{suffix}"),
            x.var().alias(f"_variance{suffix}"),
            pl.when(rate).then(pl.when(n > 0).then(hits / n)).otherwise(value.mean()).alias(f"value{suffix}"),
        )

    return (
        aged.group_by(*_KEYS, maintain_order=True)
        .agg(pl.col("form").first(), pl.col("newest_day").first(), *of(inside, ""), *of(before, "_before"))
        .filter(pl.col("days") > 0)
        .with_columns(window_days=pl.lit(days, pl.Int64))
    )
