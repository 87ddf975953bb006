"""Marts on tokens and money."""

import polars as pl

from learning_pipeline.marts.stats import count, distinct, names, tokens_and_cost, total, with_cache_writes

_UNPRICED = count(pl.col("cost_usd").is_null()).alias("unpriced_calls")


def usage_daily(calls: pl.LazyFrame) -> pl.LazyFrame:
    """Sum model calls by day, source and model."""
    return (
        with_cache_writes(calls)
        .group_by("day", "source", "model")
        .agg(
            pl.len().cast(pl.Int64).alias("calls"),
            distinct("session_id").alias("sessions"),
            _UNPRICED,
            *tokens_and_cost(),
        )
    )


def usage_monthly(daily: pl.LazyFrame) -> pl.LazyFrame:
    """Sum mart_usage_daily by month, source and model."""
    return (
        daily.with_columns(month=pl.col("day").dt.truncate("1mo"))
        .group_by("month", "source", "model")
        .agg(
            pl.col("calls", "unpriced_calls").sum(),
            distinct("day").alias("active_days"),
            *tokens_and_cost(),
        )
    )


def usage_session(calls: pl.LazyFrame) -> pl.LazyFrame:
    """Sum model calls by source and session."""
    return (
        with_cache_writes(calls)
        .group_by("source", "session_id")
        .agg(
            pl.len().cast(pl.Int64).alias("calls"),
            pl.col("started_at").min().alias("first_call_at"),
            pl.col("started_at").max().alias("last_call_at"),
            names("model").alias("models"),
            _UNPRICED,
            *tokens_and_cost(),
        )
    )


def unpriced_models(calls: pl.LazyFrame) -> pl.LazyFrame:
    """List the models whose calls have token counts, and yet no cost: no price list has them."""
    return (
        with_cache_writes(calls)
        .filter(
            pl.col("cost_usd").is_null() & pl.col("input_tokens").is_not_null() & pl.col("output_tokens").is_not_null()
        )
        .group_by("model", "provider")
        .agg(
            pl.len().cast(pl.Int64).alias("calls"),
            distinct("session_id").alias("sessions"),
            pl.col("day").min().alias("first_day"),
            pl.col("day").max().alias("last_day"),
            *(total(name) for name in ("input_tokens", "output_tokens", "cache_read_tokens")),
            *(total(name) for name in ("cache_write_tokens", "reasoning_tokens")),
        )
    )
