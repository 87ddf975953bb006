"""Marts on agents, models and tools, per day."""

import polars as pl

from learning_pipeline.marts.stats import (
    count,
    distinct,
    mean_of_ratios,
    outcome_counts,
    percentile,
    rate,
    success_rate,
    tokens_and_cost,
    total,
    wilson,
)
from learning_pipeline.marts.usage import counts, usage

_PERCENTILES = {"p50_ms": 0.5, "p90_ms": 0.9, "p95_ms": 0.95, "p99_ms": 0.99}


def agent_daily(executions: pl.LazyFrame) -> pl.LazyFrame:
    """Sum executions by day, agent, model, kind of task and repository."""
    return (
        executions.group_by("day", "agent_name", "model", "task_type", "repository")
        .agg(
            pl.len().cast(pl.Int64).alias("executions"),
            *outcome_counts(),
            *(percentile("duration_ms", q).alias(name) for name, q in _PERCENTILES.items()),
            *tokens_and_cost(),
            *(total(name) for name in ("llm_calls", "tool_calls", "tool_errors")),
            count(pl.col("committed")).alias("committed"),
            mean_of_ratios("quality_score"),
            pl.col("quality_score").count().cast(pl.Int64).alias("quality_n"),
            count(pl.col("cost_usd").is_null()).alias("unpriced_executions"),
        )
        .with_columns(**success_rate())
    )


def model_daily(calls: pl.LazyFrame, executions: pl.LazyFrame) -> pl.LazyFrame:
    """Sum usage, and executions by the model that did most of the work, by day and model."""
    used = usage(calls, executions).group_by("day", "model").agg(*counts(), *tokens_and_cost()).drop("executions")
    answered = calls.group_by("day", "model").agg(
        pl.col("is_error").count().cast(pl.Int64).alias("answered"),
        count(pl.col("is_error")).alias("errors"),
        percentile("duration_ms", 0.5).alias("call_p50_ms"),
        percentile("duration_ms", 0.95).alias("call_p95_ms"),
    )
    worked = executions.group_by("day", "model").agg(pl.len().cast(pl.Int64).alias("executions"), *outcome_counts())
    counted = (
        *("calls", "unpriced_calls", "unpriced_executions", "answered", "errors"),
        *("executions", "labelled", "successes", "failures", "unknown_outcomes"),
    )
    low, high = wilson("errors", "answered")
    return (
        used.join(answered, on=["day", "model"], how="left", nulls_equal=True)
        .join(worked, on=["day", "model"], how="full", coalesce=True, nulls_equal=True)
        .with_columns(pl.col(counted).fill_null(0))
        .with_columns(**success_rate(), error_rate=rate("errors", "answered"), error_low=low, error_high=high)
    )


def tool_daily(calls: pl.LazyFrame) -> pl.LazyFrame:
    """Sum tool calls by day and tool."""
    low, high = wilson("errors", "results")
    return (
        calls.group_by("day", "tool_name", "tool_kind", "mcp_server")
        .agg(
            pl.len().cast(pl.Int64).alias("calls"),
            distinct("agent_name").alias("agents"),
            distinct("session_id").alias("sessions"),
            pl.col("is_error").count().cast(pl.Int64).alias("results"),
            count(pl.col("is_error")).alias("errors"),
            count(pl.col("decision") == "reject").alias("rejected"),
            percentile("duration_ms", 0.5).alias("p50_ms"),
            percentile("duration_ms", 0.95).alias("p95_ms"),
            percentile("duration_ms", 0.99).alias("p99_ms"),
            total("input_bytes"),
            total("output_bytes"),
        )
        .with_columns(error_rate=rate("errors", "results"), error_low=low, error_high=high)
    )


def git_daily(events: pl.LazyFrame) -> pl.LazyFrame:
    """Sum git events by day and repository; a commit that several events tell of counts once."""
    made = pl.col("event_type").is_in(["commit", "amend", "merge", "revert"]) & pl.col("commit").is_not_null()

    def commits(condition: pl.Expr) -> pl.Expr:
        return pl.col("commit").filter(made & condition.fill_null(False)).n_unique().cast(pl.Int64)

    sizes = ("files_changed", "lines_added", "lines_removed")
    per_commit = (
        events.filter(made)
        .group_by("day", "repository", "commit")
        .agg(pl.col(sizes).max())
        .group_by("day", "repository")
        .agg(*(total(name) for name in sizes))
    )
    # A note says so too of the commit that it is on.
    named = pl.col("co_authored_agent").is_not_null() | pl.col("session_id").is_not_null()
    by_agent = pl.col("_by_agent")
    return (
        events.with_columns(_by_agent=named.any().over("day", "repository", "commit"))
        .group_by("day", "repository")
        .agg(
            pl.len().cast(pl.Int64).alias("events"),
            commits(pl.lit(True)).alias("commits"),
            commits(by_agent).alias("agent_commits"),
            commits(pl.col("reverts_commit").is_not_null()).alias("reverts"),
            commits(pl.col("is_merge")).alias("merges"),
            count(pl.col("event_type") == "push").alias("pushes"),
            pl.col("author_hash").filter(made).drop_nulls().n_unique().cast(pl.Int64).alias("authors"),
        )
        .join(per_commit, on=["day", "repository"], how="left", nulls_equal=True)
    )
