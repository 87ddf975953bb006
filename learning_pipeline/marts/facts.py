"""The facts: streams, enriched with cost and with what became of the work."""

from datetime import timedelta

import polars as pl

from learning_pipeline.contracts.base import polars_schema
from learning_pipeline.contracts.facts import FctExecutions
from learning_pipeline.marts.stats import names

_SEPARATOR = ", "


def last_call_day() -> pl.Expr:
    """Return the last day on which an execution's calls are looked for: the day it ended.

    Of an execution without an end it is the day after: most work is done by then, and a day's facts never
    depend on all days that follow.
    """
    after = pl.col("day") + timedelta(days=1)
    return pl.max_horizontal("day", pl.coalesce(pl.col("ended_at").dt.date(), after))


def fct_executions(executions: pl.LazyFrame, calls: pl.LazyFrame, links: pl.LazyFrame) -> pl.LazyFrame:
    """Add cost and commits to executions.

    The cost is the exact sum of the execution's own model calls. It is null when one of them has no cost, and
    when there is none. `calls` is fct_llm_calls of the
    executions' days, up to `last_call_day`; `links` is what `commits.commit_links` returns.
    """
    spent = (
        executions.select("execution_id", "day", _last=last_call_day())
        .join(calls.select("execution_id", "cost_usd", "price_version", _called="day"), on="execution_id")
        .filter(pl.col("_called").is_between("day", "_last"))
        .group_by("execution_id")
        .agg(
            cost_usd=pl.when(pl.col("cost_usd").null_count() == 0).then(pl.col("cost_usd").sum()),
            price_version=names("price_version").str.join(_SEPARATOR),
        )
        .with_columns(price_version=pl.when(pl.col("cost_usd").is_not_null()).then("price_version"))
    )
    return (
        executions.join(spent, on="execution_id", how="left")
        .join(links, on=["day", "execution_id"], how="left")
        .with_columns(committed=pl.when(pl.col("commits").is_not_null()).then(True))
        .select(polars_schema(FctExecutions).names())
    )
