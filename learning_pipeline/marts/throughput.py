"""How much was recorded, against the targets."""

import polars as pl

from learning_pipeline.contracts.marts_base import TARGET_AGENTS, TARGET_EXECUTIONS_PER_DAY, TARGET_TASK_TYPES
from learning_pipeline.marts.stats import every, names

_HOUR_MS = 3_600_000
_WHAT = ("executions", "llm_calls", "tool_calls", "git_events")
_LENGTHS_MS = {"day": 24 * _HOUR_MS, "hour": _HOUR_MS}
# A rate is only told when at least this part of the period lies between the first and the last record.
_LEAST_PART = 0.1


def throughput_by_day(
    executions: pl.LazyFrame, calls: pl.LazyFrame, tools: pl.LazyFrame, git_events: pl.LazyFrame
) -> pl.LazyFrame:
    """Count records by day and by hour of their own time (UTC)."""
    began = executions.select(
        "day", pl.coalesce("started_at", "ended_at").alias("_at"), "agent_name", "task_type", _what=pl.lit("executions")
    )
    records = pl.concat(
        [
            began,
            calls.select("day", _at="started_at", _what=pl.lit("llm_calls")),
            tools.select("day", _at="started_at", _what=pl.lit("tool_calls")),
            git_events.select("day", _at="occurred_at", _what=pl.lit("git_events")),
        ],
        how="diagonal",
    ).filter(pl.col("_at").is_not_null())
    return pl.concat([_by(records, period) for period in _LENGTHS_MS])


def throughput(sums: pl.LazyFrame) -> pl.LazyFrame:
    """Hold the counts of all days and hours against the targets."""
    span = sums.select(_first=pl.col("_first").min(), _last=pl.col("_last").max())
    return (
        sums.group_by("period", "starts_at")
        .agg(pl.col(_WHAT).sum(), *(every(name).n_unique().cast(pl.Int64) for name in ("agents", "task_types")))
        .join(span, how="cross")
        .with_columns(_length=pl.col("period").replace_strict(_LENGTHS_MS, return_dtype=pl.Int64))
        .with_columns(observed_ms=_observed_ms())
        .pipe(_with_rates)
    )


def _by(records: pl.LazyFrame, period: str) -> pl.LazyFrame:
    return (
        records.group_by("day", starts_at=pl.col("_at").dt.truncate("1d" if period == "day" else "1h"))
        .agg(
            *((pl.col("_what") == name).sum().cast(pl.Int64).alias(name) for name in _WHAT),
            names("agent_name").alias("agents"),
            names("task_type").alias("task_types"),
            pl.col("_at").min().alias("_first"),
            pl.col("_at").max().alias("_last"),
        )
        .with_columns(period=pl.lit(period))
    )


def _observed_ms() -> pl.Expr:
    start, length = pl.col("starts_at").dt.epoch("ms"), pl.col("_length")
    first, last = pl.col("_first").dt.epoch("ms"), pl.col("_last").dt.epoch("ms")
    return pl.min_horizontal(start + length, last) - pl.max_horizontal(start, first)


def _with_rates(frame: pl.LazyFrame) -> pl.LazyFrame:
    seen = pl.col("observed_ms") >= pl.col("_length") * _LEAST_PART
    per_hour = pl.when(seen).then(pl.col("executions") * _HOUR_MS / pl.col("observed_ms"))
    return frame.with_columns(
        executions_per_hour=per_hour,
        projected_executions_per_day=per_hour * 24,
        volume_coverage=(per_hour * 24 / TARGET_EXECUTIONS_PER_DAY[0]).clip(0, 1),
        agent_coverage=(pl.col("agents") / TARGET_AGENTS).clip(0, 1),
        task_type_coverage=(pl.col("task_types") / TARGET_TASK_TYPES).clip(0, 1),
    )
