"""To which commits the cost of an execution goes."""

from datetime import timedelta

import polars as pl

# `place` is that of the commit among the `shares` that the cost is divided into, from 0.
COST_SHARES = pl.Schema(
    {
        "day": pl.Date(),
        "execution_id": pl.String(),
        "commit": pl.String(),
        "place": pl.Int64(),
        "shares": pl.Int64(),
    }
)

# How many levels of sub-agents are followed to find whose commit their work went into.
_LEVELS = 16


def cost_shares(links: pl.DataFrame, executions: pl.LazyFrame, *, within_days: int | None = None) -> pl.DataFrame:
    """Return the commits to which the cost of executions goes, in equal shares (`COST_SHARES`).

    They are those that its strongest links say, else those of the execution that started it. `day` is that of the
    execution.

    Args:
        links: what `commits.certain_links` or `commits.guessed_links` return.
        executions: at least those that others started.
        within_days: how long after the linked execution's day others may have begun that count with it; default ever.
    """
    used = links.filter(pl.col("is_used") & pl.col("execution_id").is_not_null())
    owners = used.group_by("day", "execution_id").agg(pl.col("commit").unique().sort()).with_columns(_first="day")
    if owners.is_empty():
        return pl.DataFrame(schema=COST_SHARES)
    started = executions.filter(pl.col("parent_execution_id").is_not_null())
    children = started.select("day", "execution_id", "parent_execution_id").collect()
    newest = owners
    for _ in range(_LEVELS):
        children = children.join(owners, on="execution_id", how="anti")
        started_by = newest.select("commit", "_first", parent_execution_id="execution_id")
        newest = children.join(started_by, on="parent_execution_id")
        if within_days is not None:
            newest = newest.filter((pl.col("day") - pl.col("_first")).is_between(timedelta(), timedelta(within_days)))
        if newest.is_empty():
            break
        newest = newest.select(owners.columns)
        owners = pl.concat([owners, newest])
    count = pl.col("commit").list.len().cast(pl.Int64)
    return (
        owners.with_columns(place=pl.int_ranges(0, count), shares=count)
        .explode("commit", "place")
        .select(COST_SHARES.names())
    )
