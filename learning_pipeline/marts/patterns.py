"""Ways of solving that were used again and again."""

import polars as pl

from learning_pipeline.contracts.marts_windows import LEAST_USES
from learning_pipeline.marts.significance import shrunk
from learning_pipeline.marts.stats import (
    count,
    mean_of_ratios,
    names,
    outcome_counts,
    percentile,
    success_rate,
    tokens_and_cost,
)
from learning_pipeline.marts.work import dated

_SUCCESS = pl.col("success")


def solution_pattern(executions: pl.LazyFrame) -> pl.LazyFrame:
    """Sum executions by the summary of their solution and by repository.

    Two summaries are the same pattern when they differ in capitals, digits and signs only.
    """
    letters = pl.col("solution_summary").str.to_lowercase().str.replace_all(r"[^\p{L}]+", " ").str.strip_chars()
    known = dated(executions).with_columns(pattern=letters).filter(pl.col("pattern").str.len_chars() > 0)
    of_repository = known.group_by("repository").agg(_all=_SUCCESS.count().cast(pl.Int64), _all_hits=count(_SUCCESS))
    return (
        known.group_by("pattern", "repository")
        .agg(
            pl.col("solution_summary").min().alias("example_summary"),
            pl.len().cast(pl.Int64).alias("uses"),
            names("agent_name").alias("agents"),
            names("task_type").alias("task_types"),
            pl.col("day").min().alias("first_day"),
            pl.col("day").max().alias("last_day"),
            *outcome_counts(),
            pl.col("duration_ms").count().cast(pl.Int64).alias("duration_n"),
            percentile("duration_ms", 0.5).alias("p50_ms"),
            percentile("duration_ms", 0.95).alias("p95_ms"),
            mean_of_ratios("quality_score"),
            pl.col("quality_score").count().cast(pl.Int64).alias("quality_n"),
            pl.col("cost_usd").count().cast(pl.Int64).alias("cost_n"),
            *tokens_and_cost(),
        )
        .filter(pl.col("uses") >= LEAST_USES)
        .join(of_repository, on="repository", how="left", nulls_equal=True)
        .with_columns(
            **success_rate(),
            success_shrunk=pl.when(pl.col("labelled") > 0).then(
                shrunk("successes", "labelled", pl.col("_all_hits") / pl.col("_all"))
            ),
        )
    )
