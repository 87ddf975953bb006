"""One row a session."""

import polars as pl

from learning_pipeline.marts.stats import (
    count,
    distinct,
    mean_of_ratios,
    outcome_counts,
    success_rate,
    tokens_and_cost,
)
from learning_pipeline.marts.usage import usage

_WEIGHTS = {"_success": 0.6, "_tools": 0.2, "_quality": 0.2}


def session(executions: pl.LazyFrame, calls: pl.LazyFrame, tools: pl.LazyFrame) -> pl.LazyFrame:
    """Put together what executions, model calls and tool calls tell of each session.

    Each of the three is summed by session before they are joined, so none multiplies another. Tokens and cost
    are of the model calls, and of the executions of which no call is known.
    """
    by_execution = (
        _named(executions)
        .group_by("session_id")
        .agg(
            pl.col("day").min().alias("_e_day"),
            pl.min_horizontal(pl.col("started_at").min(), pl.col("ended_at").min()).alias("_e_first"),
            pl.max_horizontal(pl.col("started_at").max(), pl.col("ended_at").max()).alias("_e_last"),
            pl.col("repository").sort_by("started_at", "execution_id").drop_nulls().first(),
            count(pl.col("agent_kind") == "main").alias("prompts"),
            pl.len().cast(pl.Int64).alias("executions"),
            distinct("agent_name").alias("agents"),
            pl.col("commits").explode().drop_nulls().n_unique().cast(pl.Int64).alias("commits"),
            _last_outcome(),
            mean_of_ratios("quality_score"),
            *outcome_counts(),
        )
    )
    by_call = (
        _named(calls)
        .group_by("session_id")
        .agg(
            pl.col("day").min().alias("_c_day"),
            pl.col("started_at").min().alias("_c_first"),
            pl.col("started_at").max().alias("_c_last"),
            pl.len().cast(pl.Int64).alias("llm_calls"),
        )
    )
    used = _named(usage(calls, executions)).group_by("session_id").agg(*tokens_and_cost())
    by_tool = (
        _named(tools)
        .group_by("session_id")
        .agg(
            pl.col("day").min().alias("_t_day"),
            pl.col("started_at").min().alias("_t_first"),
            pl.col("started_at").max().alias("_t_last"),
            pl.len().cast(pl.Int64).alias("tool_calls"),
            pl.col("is_error").count().cast(pl.Int64).alias("tool_results"),
            count(pl.col("is_error")).alias("tool_errors"),
            distinct("tool_name").alias("tools"),
        )
    )
    counts = (
        *("prompts", "executions", "agents", "commits", "labelled", "successes", "failures", "unknown_outcomes"),
        *("llm_calls", "tool_calls", "tool_results", "tool_errors", "tools"),
    )
    return (
        by_execution.join(by_call, on="session_id", how="full", coalesce=True)
        .join(by_tool, on="session_id", how="full", coalesce=True)
        .join(used, on="session_id", how="left")
        .with_columns(pl.col(counts).fill_null(0))
        .with_columns(
            day=pl.min_horizontal("_e_day", "_c_day", "_t_day"),
            started_at=pl.min_horizontal("_e_first", "_c_first", "_t_first"),
            ended_at=pl.max_horizontal("_e_last", "_c_last", "_t_last"),
            **success_rate(),
        )
        .with_columns(
            length_ms=(pl.col("ended_at") - pl.col("started_at")).dt.total_milliseconds(),
            composite_score=_composite(),
        )
    )


def _named(frame: pl.LazyFrame) -> pl.LazyFrame:
    return frame.filter(pl.col("session_id").is_not_null())


def _last_outcome() -> pl.Expr:
    root = pl.col("parent_execution_id").is_null()
    at = pl.coalesce("started_at", "ended_at")
    return (
        pl.col("outcome")
        .filter(root)
        .sort_by(at.filter(root), pl.col("execution_id").filter(root))
        .last()
        .alias("outcome")
    )


def _composite() -> pl.Expr:
    """Return the weighted mean of the known parts; null where the success rate is not known."""
    clean = 1 - pl.when(pl.col("tool_results") > 0).then(pl.col("tool_errors") / pl.col("tool_results"))
    parts = {"_success": pl.col("success_rate"), "_tools": clean, "_quality": pl.col("quality_score")}
    value = pl.lit(0.0)
    weight = pl.lit(0.0)
    for name, part in parts.items():
        value = value + pl.when(part.is_not_null()).then(part * _WEIGHTS[name]).otherwise(0.0)
        weight = weight + pl.when(part.is_not_null()).then(_WEIGHTS[name]).otherwise(0.0)
    return pl.when(pl.col("success_rate").is_not_null()).then((value / weight).clip(0, 1))
