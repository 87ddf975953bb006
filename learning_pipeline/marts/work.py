"""What executions under one key add up to: by repository, kind of task, pool, tier."""

import polars as pl

from learning_pipeline.contracts.vocabulary import UNDATED
from learning_pipeline.marts.stats import (
    count,
    distinct,
    mean_of_ratios,
    outcome_counts,
    percentile,
    success_rate,
    tokens_and_cost,
    total,
)

HOUR_MS = 3_600_000
_PERCENTILES = {"p50_ms": 0.5, "p90_ms": 0.9, "p95_ms": 0.95, "p99_ms": 0.99}


def dated(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Return the rows that have a day."""
    return frame.filter(pl.col("day") != UNDATED)


def began_at() -> pl.Expr:
    """Return when an execution began; when it ended, where only that is known."""
    return pl.coalesce("started_at", "ended_at")


def workflow() -> pl.Expr:
    """Return what an execution is a step of: what its log calls a workflow, else its session; null without both."""
    return pl.coalesce(pl.concat_str(pl.lit("w:"), "workflow_id"), pl.concat_str(pl.lit("s:"), "session_id"))


def work_by(executions: pl.LazyFrame, *grain: str) -> pl.LazyFrame:
    """Sum executions that have a day by the grain: the columns of `contracts.marts_daily.Work`."""
    return (
        dated(executions)
        .group_by(*grain)
        .agg(
            pl.len().cast(pl.Int64).alias("executions"),
            distinct("agent_name").alias("agents"),
            distinct("session_id").alias("sessions"),
            pl.col("duration_ms").count().cast(pl.Int64).alias("duration_n"),
            *outcome_counts(),
            *(percentile("duration_ms", q).alias(name) for name, q in _PERCENTILES.items()),
            *tokens_and_cost(),
            *(total(name) for name in ("llm_calls", "tool_calls", "tool_errors")),
            count(pl.col("committed")).alias("committed"),
            mean_of_ratios("quality_score"),
            pl.col("quality_score").count().cast(pl.Int64).alias("quality_n"),
            count(pl.col("cost_usd").is_null()).alias("unpriced_executions"),
            total("duration_ms").alias("busy_ms"),
        )
        .with_columns(**success_rate())
    )


def repository_daily(executions: pl.LazyFrame) -> pl.LazyFrame:
    """Sum executions by day and repository."""
    return work_by(executions, "day", "repository")


def task_type_daily(executions: pl.LazyFrame) -> pl.LazyFrame:
    """Sum executions by day and kind of task."""
    return work_by(executions, "day", "task_type")


def pool_hourly(executions: pl.LazyFrame) -> pl.LazyFrame:
    """Sum the executions of worker pools by hour."""
    return _by_hour(executions, "day", "hour_at", "pool_type").with_columns(
        mean_concurrency=pl.col("busy_ms") / HOUR_MS
    )


def pool_performance(executions: pl.LazyFrame) -> pl.LazyFrame:
    """Sum the executions of worker pools by repository and hour."""
    return _by_hour(executions, "pool_type", "repository", "hour_at")


def tier_performance(executions: pl.LazyFrame) -> pl.LazyFrame:
    """Sum executions by repository, size class of the model, kind of task and day."""
    return work_by(executions, "repository", "model_tier", "task_type", "day")


def _by_hour(executions: pl.LazyFrame, *grain: str) -> pl.LazyFrame:
    of_pools = executions.filter(pl.col("pool_type").is_not_null() & began_at().is_not_null())
    return work_by(of_pools.with_columns(hour_at=began_at().dt.truncate("1h")), *grain)
