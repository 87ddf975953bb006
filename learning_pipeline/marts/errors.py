"""Errors: how many of what kind, and what resolved them."""

import polars as pl

from learning_pipeline.marts.stats import count, distinct, wilson
from learning_pipeline.marts.work import began_at, dated, workflow

_UNKNOWN = "unknown"


def error_daily(executions: pl.LazyFrame, tools: pl.LazyFrame, calls: pl.LazyFrame) -> pl.LazyFrame:
    """Count errors by day and kind: executions, tool calls and model calls that failed, each by itself."""
    failed = [
        _failed(executions, ~pl.col("success"), "execution"),
        _failed(tools, pl.col("is_error"), "tool"),
        _failed(calls, pl.col("is_error"), "call"),
    ]
    low, high = wilson("errors", "errors_of_day")
    return (
        pl.concat(failed)
        .group_by("day", "error_type")
        .agg(
            pl.len().cast(pl.Int64).alias("errors"),
            *(count(pl.col("_where") == name).alias(f"{name}_errors") for name in ("execution", "tool", "call")),
            distinct("agent_name").alias("agents"),
        )
        .with_columns(errors_of_day=pl.col("errors").sum().over("day"))
        .with_columns(share_ratio=pl.col("errors") / pl.col("errors_of_day"), share_low=low, share_high=high)
        # The last digit of a quotient depends on how many days are computed together.
        .with_columns(pl.col("share_ratio", "share_low", "share_high").round_sig_figs(12))
    )


def _failed(frame: pl.LazyFrame, condition: pl.Expr, where: str) -> pl.LazyFrame:
    kind = pl.col("error_type").fill_null(_UNKNOWN)
    return dated(frame).filter(condition).select("day", "agent_name", _where=pl.lit(where), error_type=kind)


def error_resolution(executions: pl.LazyFrame) -> pl.LazyFrame:
    """Tell of each execution that failed what came next in its workflow, else in its session.

    What resolved it is the next execution there that succeeded. Only executions whose start or end is known are in
    an order; ties are broken by id.
    """
    ordered = (
        dated(executions)
        .select(
            *("execution_id", "day", "agent_name", "model", "error_type", "session_id", "workflow_id", "success"),
            *("repository", "task_type", "ended_at"),
            _at=began_at(),
            _group=workflow(),
        )
        # A number stands for the group: numbers sort and compare fast.
        .with_columns(_group=pl.when(pl.col("_group").is_not_null()).then(pl.col("_group").hash()))
        .sort("_group", "_at", "execution_id")
        .with_columns(
            _next=pl.when(pl.col("success")).then(pl.int_range(pl.len())).backward_fill(),
            # Between two rows of a group there are only rows of it: the difference counts its failures in between.
            _failures=(~pl.col("success")).fill_null(False).cast(pl.Int64).cum_sum(),
        )
        .collect()
    )
    failed = ordered.filter(~pl.col("success"))
    after = ordered.select(
        pl.col("_group", "_failures", "_at", "ended_at", "model", "execution_id", "agent_name")
        .gather(failed["_next"])
        .name.prefix("next_")
    )
    resolved = pl.col("next__group") == pl.col("_group")
    same_agent = pl.col("resolved_by_agent") == pl.col("agent_name")
    same_model = pl.col("next_model").eq_missing(pl.col("model"))
    resolved_at = pl.coalesce("next_ended_at", "next__at")
    recovery = (resolved_at - pl.coalesce("ended_at", "_at")).dt.total_milliseconds()
    return (
        pl.concat([failed, after], how="horizontal")
        .lazy()
        .with_columns(
            resolved_by_execution_id=pl.when(resolved).then("next_execution_id"),
            resolved_by_agent=pl.when(resolved).then("next_agent_name"),
            error_type=pl.col("error_type").fill_null(_UNKNOWN),
            failed_at=pl.coalesce("ended_at", "_at"),
            attempts=pl.when(resolved).then(pl.col("next__failures") - pl.col("_failures") + 1),
            # What ran at the same time may have ended before.
            recovery_ms=pl.when(resolved).then(recovery.clip(0)),
        )
        .with_columns(
            resolution=pl.when(pl.col("_group").is_null())
            .then(pl.lit("not_known"))
            .when(pl.col("resolved_by_execution_id").is_null())
            .then(pl.lit("unresolved"))
            .when(~same_agent)
            .then(pl.lit("other_agent"))
            .when(same_model)
            .then(pl.lit("retry"))
            .otherwise(pl.lit("other_model")),
        )
    )
