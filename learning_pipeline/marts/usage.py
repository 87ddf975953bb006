"""Marts on tokens and money."""

import polars as pl

from learning_pipeline.marts.facts import without_calls
from learning_pipeline.marts.stats import (
    MONEY,
    TOKENS,
    count,
    distinct,
    every,
    names,
    tokens_and_cost,
    with_cache_writes,
)

COUNTS = ("calls", "executions", "unpriced_calls", "unpriced_executions")


def usage(calls: pl.LazyFrame, executions: pl.LazyFrame) -> pl.LazyFrame:
    """Return all usage, each bit of it once: model calls, and executions of which no call is known, as a whole."""
    columns = ("day", "source", "session_id", "model", "provider", *TOKENS, *MONEY)
    whole = without_calls(executions, calls)
    return pl.concat(
        [
            with_cache_writes(calls).select(*columns, _at="started_at", _is_call=pl.lit(True)),
            whole.select(*columns, _at=pl.coalesce("started_at", "ended_at"), _is_call=pl.lit(False)),
        ]
    )


def counts() -> tuple[pl.Expr, ...]:
    """Return how many calls and executions there are in usage, and how many of each without a cost."""
    is_call, unpriced = pl.col("_is_call"), pl.col("cost_usd").is_null()
    conditions = (is_call, ~is_call, is_call & unpriced, ~is_call & unpriced)
    return tuple(count(condition).alias(name) for name, condition in zip(COUNTS, conditions, strict=True))


def usage_daily(calls: pl.LazyFrame, executions: pl.LazyFrame) -> pl.LazyFrame:
    """Sum usage by day, source and model."""
    return (
        usage(calls, executions)
        .group_by("day", "source", "model")
        .agg(*counts(), distinct("session_id").alias("sessions"), *tokens_and_cost())
    )


def usage_monthly(daily: pl.LazyFrame) -> pl.LazyFrame:
    """Sum mart_usage_daily by month, source and model."""
    return (
        daily.with_columns(month=pl.col("day").dt.truncate("1mo"))
        .group_by("month", "source", "model")
        .agg(pl.col(COUNTS).sum(), distinct("day").alias("active_days"), *tokens_and_cost())
    )


def usage_session(calls: pl.LazyFrame, executions: pl.LazyFrame) -> pl.LazyFrame:
    """Sum usage by source and session; what names no session, by source and day."""
    return (
        usage(calls, executions)
        .group_by("source", "session_id", _alone=pl.when(pl.col("session_id").is_null()).then("day"))
        .agg(
            *counts(),
            pl.col("day").min(),
            pl.col("_at").min().alias("first_call_at"),
            pl.col("_at").max().alias("last_call_at"),
            names("model").alias("models"),
            *tokens_and_cost(),
        )
    )


def unpriced_by_day(calls: pl.LazyFrame, executions: pl.LazyFrame) -> pl.LazyFrame:
    """Sum up what `unpriced_models` needs: usage that has token counts, and yet no cost."""
    counted = pl.col("input_tokens").is_not_null() & pl.col("output_tokens").is_not_null()
    return (
        usage(calls, executions)
        .filter(pl.col("cost_usd").is_null() & counted)
        .group_by("day", "model", "provider")
        .agg(*counts(), names("session_id").alias("sessions"), *tokens_and_cost())
    )


def unpriced_models(sums: pl.LazyFrame) -> pl.LazyFrame:
    """List the models that no price list has."""
    return sums.group_by("model", "provider").agg(
        pl.col(COUNTS).sum(),
        every("sessions").n_unique().cast(pl.Int64),
        pl.col("day").min().alias("first_day"),
        pl.col("day").max().alias("last_day"),
        *tokens_and_cost(),
    )
