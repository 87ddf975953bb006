"""Agents side by side."""

import polars as pl

from learning_pipeline.contracts.marts_base import ENOUGH_LABELS
from learning_pipeline.contracts.marts_work import LEADERBOARD_WINDOWS
from learning_pipeline.marts.stats import MONEY, count, names, rate, total, wilson

_RANKED_BY = 30
_PERCENTILES = {"p50_ms": 0.5, "p95_ms": 0.95}


def agents_by_day(executions: pl.LazyFrame) -> pl.LazyFrame:
    """Sum up what `agent_leaderboard` needs."""
    judged = pl.col("success").is_not_null() & pl.col("cost_usd").is_not_null()
    return executions.group_by("day", "agent_name").agg(
        pl.len().cast(pl.Int64).alias("executions"),
        pl.col("success").count().cast(pl.Int64).alias("labelled"),
        count(pl.col("success")).alias("successes"),
        *(total(name) for name in MONEY),
        pl.col("cost_usd").count().cast(pl.Int64).alias("costed"),
        judged_cost=pl.col("cost_usd").filter(judged).sum(),
        judged_successes=count(pl.col("success") & judged),
        models=names("model"),
        durations_ms=pl.col("duration_ms").drop_nulls().sort(),
    )


def agent_leaderboard(sums: pl.LazyFrame) -> pl.LazyFrame:
    """Compare agents over windows that end on the newest day with an execution.

    Cost per success is the cost of the labelled executions whose cost is known, by the
    successes among these. The trend is the difference to the window of equal length before.
    """
    newest = sums.select(newest_day=pl.col("day").max())
    widest = max(LEADERBOARD_WINDOWS)
    # Days before the newest: 0 is the newest day itself.
    aged = sums.join(newest, how="cross").with_columns(_age=(pl.col("newest_day") - pl.col("day")).dt.total_days())
    durations = aged.filter(pl.col("_age") < widest).select("agent_name", "_age", "durations_ms")
    speed = (
        durations.explode("durations_ms").group_by("agent_name").agg(p for n in LEADERBOARD_WINDOWS for p in _speed(n))
    )
    board = (
        aged.group_by("agent_name")
        .agg(
            pl.col("newest_day").max(),
            pl.col("day").max().alias("last_day"),
            _every_in("models", pl.col("_age") < widest),
            *(expression for days in LEADERBOARD_WINDOWS for expression in _window(days)),
        )
        .join(speed, on="agent_name", how="left")
    )
    for days in LEADERBOARD_WINDOWS:
        board = board.with_columns(**_rates(days))
    ranked = (pl.col(f"enough_data_{_RANKED_BY}d"), pl.col(f"success_low_{_RANKED_BY}d"))
    return (
        board.sort(*ranked, "agent_name", descending=[True, True, False], nulls_last=True)
        .with_row_index("rank", offset=1)
        .with_columns(pl.col("rank").cast(pl.Int64))
    )


def _every_in(column: str, condition: pl.Expr) -> pl.Expr:
    """Return the different values of the lists of some rows as one sorted list."""
    return pl.col(column).filter(condition).explode().drop_nulls().unique().sort()


def _speed(days: int) -> tuple[pl.Expr, ...]:
    inside = pl.col("durations_ms").filter(pl.col("_age") < days)
    return tuple(
        inside.quantile(q, interpolation="linear").alias(f"{name}_{days}d") for name, q in _PERCENTILES.items()
    )


def _window(days: int) -> tuple[pl.Expr, ...]:
    inside = pl.col("_age") < days
    before = pl.col("_age").is_between(days, 2 * days - 1)

    def sums(*columns: str) -> tuple[pl.Expr, ...]:
        return tuple(pl.col(column).filter(inside).sum().alias(f"{column}_{days}d") for column in columns)

    def money(column: str) -> pl.Expr:
        known = pl.col(column).filter(inside)
        return pl.when(known.count() > 0).then(known.sum()).alias(f"{column}_{days}d")

    return (
        *sums("executions", "labelled", "successes", "costed", "judged_cost", "judged_successes"),
        *(money(column) for column in MONEY),
        pl.col("labelled").filter(before).sum().alias(f"labelled_before_{days}d"),
        pl.col("successes").filter(before).sum().alias(f"_successes_before_{days}d"),
    )


def _rates(days: int) -> dict[str, pl.Expr]:
    successes, labelled = f"successes_{days}d", f"labelled_{days}d"
    low, high = wilson(successes, labelled)
    paid = pl.col(f"judged_successes_{days}d")
    return {
        f"success_rate_{days}d": rate(successes, labelled),
        f"success_low_{days}d": low,
        f"success_high_{days}d": high,
        f"trend_{days}d": rate(successes, labelled) - rate(f"_successes_before_{days}d", f"labelled_before_{days}d"),
        f"cost_per_success_usd_{days}d": pl.when(paid > 0).then(pl.col(f"judged_cost_{days}d").cast(pl.Float64) / paid),
        f"enough_data_{days}d": pl.col(labelled) >= ENOUGH_LABELS,
    }
