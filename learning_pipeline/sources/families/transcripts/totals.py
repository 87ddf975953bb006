"""What the calls, tools and other records of an execution add up to."""

import polars as pl

from learning_pipeline.sources.families.transcripts.outcome import with_outcome
from learning_pipeline.sources.normal import error_type

_EDITORS = ("Edit", "MultiEdit", "Write", "NotebookEdit", "write_file", "replace", "edit")


def with_totals(
    executions: pl.DataFrame, llm: pl.DataFrame, tools: pl.DataFrame, events: pl.DataFrame, changes: pl.DataFrame
) -> pl.DataFrame:
    """Add what an execution's own calls, tools and other records add up to, and how it ended."""
    written = pl.col("cache_write_5m_tokens").fill_null(0) + pl.col("cache_write_1h_tokens").fill_null(0)
    any_written = pl.any_horizontal(pl.col("cache_write_5m_tokens", "cache_write_1h_tokens").is_not_null())
    llm = llm.filter(pl.col("execution_id").is_not_null()).with_columns(
        pl.when(any_written).then(written).alias("cache_write_tokens"),
        pl.when(pl.col("input_tokens").is_not_null())
        .then(pl.col("input_tokens") + pl.col("cache_read_tokens").fill_null(0) + written)
        .alias("context_tokens"),
    )
    counted = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")
    of_llm = llm.group_by("execution_id").agg(
        pl.len().cast(pl.Int64).alias("llm_calls"),
        *(_sum_known(name) for name in counted),
        pl.col("context_tokens").max(),
        # A part of what it cost is not what it cost.
        pl.when(pl.col("reported_cost_usd").is_not_null().all())
        .then(pl.col("reported_cost_usd").cast(pl.Decimal(38, 24), strict=False).sum())
        .alias("reported_cost_usd"),
    )
    most_used = (
        llm.filter(pl.col("model").is_not_null())
        .group_by("execution_id", "model")
        .agg(pl.len().alias("n"), pl.col("output_tokens").sum())
        .sort("execution_id", "n", "output_tokens", "model", descending=[False, True, True, False])
        .unique("execution_id", keep="first", maintain_order=True)
        .select("execution_id", "model")
    )
    edited = pl.col("tool_name").is_in(_EDITORS) & ~pl.col("is_error").fill_null(True)
    of_tools = (
        tools.filter(pl.col("execution_id").is_not_null())
        .sort("result_at", "tool_call_id", nulls_last=False)
        .group_by("execution_id", maintain_order=True)
        .agg(
            pl.len().cast(pl.Int64).alias("tool_calls"),
            pl.col("is_error").sum().cast(pl.Int64).alias("tool_errors"),
            pl.col("is_error").drop_nulls().last().alias("last_tool_error"),
            pl.col("file_path").filter(edited).drop_nulls().n_unique().cast(pl.Int64).alias("files_changed"),
            pl.col("commit_prefix").is_not_null().sum().alias("commits"),
        )
    )
    step = pl.col("kind").is_in(["call", "tool_use", "tool_result", "api_error"])
    of_events = (
        events.filter(pl.col("execution_id").is_not_null())
        .sort("at", "source_file", "source_line", "kind", "record_key")
        .group_by("execution_id", maintain_order=True)
        .agg(
            pl.col("at").max().alias("last_at"),
            pl.col("kind").filter(step).last().cast(pl.String).alias("last_kind"),
            pl.col("stop_reason").filter(pl.col("kind") == "call").last().alias("last_stop_reason"),
            (pl.col("kind") == "interrupt").any().alias("interrupted"),
            pl.col("outcome").filter(pl.col("kind") == "turn_end").drop_nulls().last().alias("turn_outcome"),
            (pl.col("kind") == "turn_end").any().alias("turn_ended"),
            (pl.col("kind") == "retry").sum().cast(pl.Int64).alias("retries"),
            pl.col("duration_ms").filter(pl.col("kind") == "turn_end").max().alias("turn_ms"),
            pl.col("text").filter(pl.col("kind") == "api_error").last().alias("error_message"),
            pl.col("error_type").filter(pl.col("kind") == "api_error").last().alias("told_error_type"),
        )
        .with_columns(
            pl.coalesce(
                "told_error_type",
                pl.col("error_message").map_elements(error_type, return_dtype=pl.String, skip_nulls=True),
            ).alias("api_error_type")
        )
    )
    of_changes = (
        changes.filter(pl.col("execution_id").is_not_null())
        .group_by("execution_id")
        .agg(
            _sum_known("lines_added"),
            _sum_known("lines_removed"),
            pl.col("file_path").drop_nulls().n_unique().cast(pl.Int64).alias("files_told"),
        )
    )
    frame = executions
    for part in (of_llm, most_used, of_tools, of_events, of_changes):
        frame = frame.join(part, on="execution_id", how="left")
    counts = ("llm_calls", "tool_calls", "tool_errors", "retries", "files_changed")
    frame = frame.with_columns(pl.max_horizontal("files_changed", "files_told").alias("files_changed"))
    return with_outcome(frame).with_columns(pl.col(name).fill_null(0) for name in counts)


def _sum_known(name: str) -> pl.Expr:
    """The sum of what is known; null where nothing is."""
    return pl.when(pl.col(name).is_not_null().any()).then(pl.col(name).sum()).alias(name)
