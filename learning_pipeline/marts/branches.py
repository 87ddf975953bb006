"""What was spent on each branch."""

import polars as pl

from learning_pipeline.marts.commits import MAKES_COMMITS
from learning_pipeline.marts.facts import without_calls
from learning_pipeline.marts.stats import (
    MONEY,
    TOKENS,
    count,
    distinct,
    names,
    tokens_and_cost,
    total,
    with_cache_writes,
)
from learning_pipeline.marts.usage import COUNTS

_KEYS = ("repository", "branch")
_SIZES = ("lines_added", "lines_removed")


def branch_daily(calls: pl.LazyFrame, executions: pl.LazyFrame) -> pl.LazyFrame:
    """Sum usage, each bit of it once, by day, repository and branch.

    A call that names no branch is counted to that of its execution, where that began on the same day.
    """
    columns = ("day", "agent_name", *_KEYS, *TOKENS, *MONEY)
    of_execution = executions.select("day", "execution_id", _repository="repository", _branch="branch")
    made = with_cache_writes(calls).join(of_execution, on=["day", "execution_id"], how="left")
    placed = made.with_columns(
        repository=pl.when(pl.col("branch").is_null() & pl.col("_branch").is_not_null())
        .then("_repository")
        .otherwise(pl.coalesce("repository", "_repository")),
        branch=pl.coalesce("branch", "_branch"),
    )
    spent = pl.concat(
        [
            placed.select(*columns, _is_call=pl.lit(True)),
            without_calls(executions, calls).select(*columns, _is_call=pl.lit(False)),
        ]
    )
    is_call, unpriced = pl.col("_is_call"), pl.col("cost_usd").is_null()
    conditions = (is_call, ~is_call, is_call & unpriced, ~is_call & unpriced)
    return spent.group_by("day", *_KEYS).agg(
        *(count(condition).alias(name) for name, condition in zip(COUNTS, conditions, strict=True)),
        names("agent_name").alias("agents"),
        *tokens_and_cost(),
    )


def branch_cost(daily: pl.LazyFrame, git_events: pl.LazyFrame) -> pl.LazyFrame:
    """Sum mart_branch_daily by branch, and add what git tells of it.

    A commit that several events tell of counts once for each branch that they name.
    """
    spent = daily.group_by(*_KEYS).agg(
        pl.col(COUNTS).sum(),
        pl.col("day").min().alias("first_day"),
        pl.col("day").max().alias("last_day"),
        distinct("day").alias("active_days"),
        pl.col("agents").explode().drop_nulls().unique().sort(),
        *tokens_and_cost(),
    )
    made = (
        git_events.filter(
            pl.col("event_type").is_in(MAKES_COMMITS) & pl.col("commit").is_not_null() & pl.col("branch").is_not_null()
        )
        .group_by(*_KEYS, "commit")
        .agg(pl.col(_SIZES).max())
        .group_by(*_KEYS)
        .agg(pl.len().cast(pl.Int64).alias("commits"), *(total(name) for name in _SIZES))
    )
    return (
        spent.join(made, on=_KEYS, how="full", coalesce=True, nulls_equal=True)
        .with_columns(
            pl.col(*COUNTS, "commits", "active_days").fill_null(0),
            pl.col("agents").fill_null([]),
            is_attributed=pl.col("branch").is_not_null(),
        )
        .with_columns(
            cost_per_commit_usd=pl.when(pl.col("commits") > 0).then(
                pl.col("cost_usd").cast(pl.Float64) / pl.col("commits")
            )
        )
    )
