"""The facts: streams, enriched with cost and with what became of the work."""

from datetime import timedelta
from functools import cache

import polars as pl

from learning_pipeline.contracts.base import polars_schema
from learning_pipeline.contracts.facts import FctExecutions
from learning_pipeline.marts.outcomes import resolved
from learning_pipeline.marts.prices import PriceBook
from learning_pipeline.marts.stats import TOKENS, names
from learning_pipeline.sources.registry import KINDS, family, source

_SEPARATOR = ", "


def last_call_day() -> pl.Expr:
    """Return the last day on which an execution's calls are looked for: the day it ended.

    Of an execution without an end it is the day after: most work is done by then, and a day's facts never
    depend on all days that follow.
    """
    after = pl.col("day") + timedelta(days=1)
    return pl.max_horizontal("day", pl.coalesce(pl.col("ended_at").dt.date(), after))


def own_calls(executions: pl.LazyFrame, calls: pl.LazyFrame) -> pl.LazyFrame:
    """Return id, cost and price version of the model calls that each execution made itself."""
    return (
        executions.select("execution_id", "day", _last=last_call_day())
        .join(calls.select("execution_id", "cost_usd", "price_version", _called="day"), on="execution_id")
        .filter(pl.col("_called").is_between("day", "_last"))
    )


@cache
def _kinds_without_calls() -> tuple[str, ...]:
    return tuple(kind for kind in KINDS if "llm_calls" not in family(source(kind).FAMILY).STREAMS)


def without_calls(executions: pl.LazyFrame, calls: pl.LazyFrame) -> pl.LazyFrame:
    """Return the executions whose tokens or cost only their own records tell: they count as a whole.

    Those are the executions without a model call. A source that writes model calls tells all usage by these: what
    its executions sum up is never counted a second time, even where their calls are known as those of others.
    """
    told = pl.any_horizontal(pl.col(*TOKENS, "reported_cost_usd").is_not_null())
    return executions.filter(pl.col("source").is_in(_kinds_without_calls()) & told).join(
        own_calls(executions, calls).select("execution_id").unique(), on="execution_id", how="anti"
    )


def fct_executions(
    executions: pl.LazyFrame,
    calls: pl.LazyFrame,
    outcomes: pl.LazyFrame,
    links: pl.LazyFrame,
    stuck: pl.LazyFrame,
    prices: PriceBook,
) -> pl.LazyFrame:
    """Add cost and commits to executions, and settle their outcomes.

    The cost is the exact sum of the execution's own model calls, null when one of them has no cost. Where the log
    tells no call, it is the price of the execution's own tokens (see `PriceBook.add_own_costs`). `calls` is
    fct_llm_calls of the executions' days, up to `last_call_day`; `links`, `outcomes` and `stuck` are what
    `commits.sure_links`, `outcomes.fct_outcomes` and `outcomes.stuck` return.
    """
    of_calls = (
        own_calls(executions, calls)
        .group_by("execution_id")
        .agg(
            cost_usd=pl.when(pl.col("cost_usd").null_count() == 0).then(pl.col("cost_usd").sum()),
            price_version=names("price_version").str.join(_SEPARATOR),
        )
        .with_columns(price_version=pl.when(pl.col("cost_usd").is_not_null()).then("price_version"))
    )
    own = prices.add_own_costs(without_calls(executions, calls))
    spent = pl.concat([of_calls, own.select("execution_id", "cost_usd", "price_version")])
    return (
        resolved(executions, outcomes, stuck)
        .join(spent, on="execution_id", how="left")
        .join(links, on=["day", "execution_id"], how="left")
        .with_columns(committed=pl.when(pl.col("commits").is_not_null()).then(True))
        .select(polars_schema(FctExecutions).names())
    )
