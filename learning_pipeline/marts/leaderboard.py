"""Agents side by side."""

import polars as pl

from learning_pipeline.contracts.marts_base import ENOUGH_LABELS
from learning_pipeline.contracts.marts_work import LEADERBOARD_WINDOWS
from learning_pipeline.marts.stats import MONEY, rate, wilson

_RANKED_BY = 30


def agent_leaderboard(executions: pl.LazyFrame) -> pl.LazyFrame:
    """Compare agents over windows that end on the newest day with an execution.

    Cost per success is the cost of the labelled executions whose cost is known, by the
    successes among these. The trend is the difference to the window of equal length before.
    """
    newest = executions.select(newest_day=pl.col("day").max())
    widest = max(LEADERBOARD_WINDOWS)
    work = executions.join(newest, how="cross").with_columns(
        # Days before the newest: 0 is the newest day itself.
        _age=(pl.col("newest_day") - pl.col("day")).dt.total_days(),
    )
    board = work.group_by("agent_name").agg(
        pl.col("newest_day").max(),
        pl.col("day").max().alias("last_day"),
        pl.col("model").filter(pl.col("_age") < widest).drop_nulls().unique().sort().alias("models"),
        *(expression for days in LEADERBOARD_WINDOWS for expression in _window(days)),
    )
    for days in LEADERBOARD_WINDOWS:
        board = board.with_columns(**_rates(days))
    ranked = (pl.col(f"enough_data_{_RANKED_BY}d"), pl.col(f"success_low_{_RANKED_BY}d"))
    return (
        board.sort(*ranked, "agent_name", descending=[True, True, False], nulls_last=True)
        .with_row_index("rank", offset=1)
        .with_columns(pl.col("rank").cast(pl.Int64))
    )


def _window(days: int) -> tuple[pl.Expr, ...]:
    inside = pl.col("_age") < days
    before = pl.col("_age").is_between(days, 2 * days - 1)
    success, cost, reported = (pl.col(name).filter(inside) for name in ("success", *MONEY))
    judged = inside & pl.col("success").is_not_null() & pl.col("cost_usd").is_not_null()

    def whole(expression: pl.Expr, name: str) -> pl.Expr:
        return expression.cast(pl.Int64).alias(f"{name}_{days}d")

    return (
        whole(inside.sum(), "executions"),
        whole(success.count(), "labelled"),
        whole(success.sum(), "successes"),
        whole(pl.col("success").filter(before).count(), "labelled_before"),
        whole(pl.col("success").filter(before).sum(), "_successes_before"),
        pl.when(cost.count() > 0).then(cost.sum()).alias(f"cost_usd_{days}d"),
        pl.when(reported.count() > 0).then(reported.sum()).alias(f"reported_cost_usd_{days}d"),
        whole(cost.count(), "costed"),
        pl.col("cost_usd").filter(judged).sum().alias(f"_judged_cost_{days}d"),
        whole(pl.col("success").filter(judged).sum(), "_judged_successes"),
        pl.col("duration_ms").filter(inside).quantile(0.5, interpolation="linear").alias(f"p50_ms_{days}d"),
        pl.col("duration_ms").filter(inside).quantile(0.95, interpolation="linear").alias(f"p95_ms_{days}d"),
    )


def _rates(days: int) -> dict[str, pl.Expr]:
    successes, labelled = f"successes_{days}d", f"labelled_{days}d"
    low, high = wilson(successes, labelled)
    paid = pl.col(f"_judged_successes_{days}d")
    return {
        f"success_rate_{days}d": rate(successes, labelled),
        f"success_low_{days}d": low,
        f"success_high_{days}d": high,
        f"trend_{days}d": rate(successes, labelled) - rate(f"_successes_before_{days}d", f"labelled_before_{days}d"),
        f"cost_per_success_usd_{days}d": pl.when(paid > 0).then(
            pl.col(f"_judged_cost_{days}d").cast(pl.Float64) / paid
        ),
        f"enough_data_{days}d": pl.col(labelled) >= ENOUGH_LABELS,
    }
