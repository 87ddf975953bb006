"""Ways of solving that were used again and again."""

import polars as pl

from learning_pipeline.contracts.marts_windows import LEAST_USES
from learning_pipeline.marts.significance import shrunk
from learning_pipeline.marts.stats import (
    billionths,
    every,
    mean_of_billionths,
    names,
    outcome_counts,
    percentiles_of_lists,
    success_rate,
    tokens_and_cost,
)
from learning_pipeline.marts.work import dated


def solutions_by_day(executions: pl.LazyFrame) -> pl.LazyFrame:
    """Sum up what `solution_pattern` needs."""
    letters = pl.col("solution_summary").str.to_lowercase().str.replace_all(r"[^\p{L}]+", " ").str.strip_chars()
    return (
        dated(executions)
        .with_columns(pattern=letters)
        .filter(pl.col("pattern").str.len_chars() > 0)
        .group_by("day", "pattern", "repository")
        .agg(
            pl.col("solution_summary").min().alias("example_summary"),
            pl.len().cast(pl.Int64).alias("uses"),
            names("agent_name").alias("agents"),
            names("task_type").alias("task_types"),
            *outcome_counts(),
            pl.col("duration_ms").drop_nulls().sort().alias("durations_ms"),
            billionths("quality_score"),
            pl.col("quality_score").count().cast(pl.Int64).alias("quality_n"),
            pl.col("cost_usd").count().cast(pl.Int64).alias("cost_n"),
            *tokens_and_cost(),
        )
    )


def solution_pattern(sums: pl.LazyFrame) -> pl.LazyFrame:
    """Sum executions by the summary of their solution and by repository.

    Two summaries are the same pattern when they differ in capitals, digits and signs only.
    """
    grain = ("pattern", "repository")
    counts = ("uses", "labelled", "successes", "failures", "unknown_outcomes", "quality_n", "cost_n")
    of_repository = sums.group_by("repository").agg(_all=pl.col("labelled").sum(), _all_hits=pl.col("successes").sum())
    durations = percentiles_of_lists(sums, grain, "durations_ms", "duration_n", p50_ms=0.5, p95_ms=0.95)
    return (
        sums.group_by(grain)
        .agg(
            pl.col("example_summary").min(),
            pl.col(counts).sum(),
            every("agents"),
            every("task_types"),
            pl.col("day").min().alias("first_day"),
            pl.col("day").max().alias("last_day"),
            mean_of_billionths("quality_score", "quality_n"),
            *tokens_and_cost(),
        )
        .filter(pl.col("uses") >= LEAST_USES)
        .join(durations, on=grain, how="left", nulls_equal=True)
        .join(of_repository, on="repository", how="left", nulls_equal=True)
        .with_columns(
            pl.col("duration_n").fill_null(0),
            **success_rate(),
            success_shrunk=pl.when(pl.col("labelled") > 0).then(
                shrunk("successes", "labelled", pl.col("_all_hits") / pl.col("_all"))
            ),
        )
    )
