"""The dimensions."""

from typing import Any

import polars as pl

from learning_pipeline.contracts.base import polars_schema
from learning_pipeline.contracts.dims import DimModels
from learning_pipeline.marts.prices import PriceBook
from learning_pipeline.marts.stats import every, names

_RATES = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")


def agents_by_day(executions: pl.LazyFrame) -> pl.LazyFrame:
    """Sum up what `dim_agents` needs."""

    def newest(column: str) -> pl.Expr:
        return pl.col(column).sort_by("started_at", "execution_id").drop_nulls().last()

    return executions.group_by("day", "agent_name").agg(
        newest("agent_kind"),
        newest("agent_version"),
        pl.len().cast(pl.Int64).alias("executions"),
        names("model").alias("models"),
        names("task_type").alias("task_types"),
        names("repository").alias("repositories"),
        names("source").alias("sources"),
    )


def dim_agents(sums: pl.LazyFrame) -> pl.LazyFrame:
    """Describe each agent that ran."""

    def newest(column: str) -> pl.Expr:
        return pl.col(column).sort_by("day").drop_nulls().last()

    return sums.group_by("agent_name").agg(
        newest("agent_kind"),
        newest("agent_version"),
        pl.col("day").min().alias("first_day"),
        pl.col("day").max().alias("last_day"),
        pl.col("executions").sum(),
        *(every(name) for name in ("models", "task_types", "sources")),
        every("repositories").n_unique().cast(pl.Int64),
    )


def models_by_day(calls: pl.LazyFrame, executions: pl.LazyFrame) -> pl.LazyFrame:
    """Sum up what `dim_models` needs."""
    used = pl.concat(
        [
            calls.select("model", "provider", "day", _call=pl.lit(1, pl.Int64), _execution=pl.lit(0, pl.Int64)),
            executions.select("model", "provider", "day", _call=pl.lit(0, pl.Int64), _execution=pl.lit(1, pl.Int64)),
        ]
    ).filter(pl.col("model").is_not_null())
    return used.group_by("day", "model").agg(
        pl.col("provider").min(),
        pl.col("_call").sum().alias("calls"),
        pl.col("_execution").sum().alias("executions"),
    )


def dim_models(sums: pl.LazyFrame, prices: PriceBook) -> pl.LazyFrame:
    """Describe each model that was used, with its price on the newest day of the data."""
    from learning_pipeline.sources.models import model_family, model_tier, provider

    models = (
        sums.group_by("model")
        .agg(
            pl.col("provider").min(),
            pl.col("day").min().alias("first_day"),
            pl.col("day").max().alias("last_day"),
            pl.col("calls", "executions").sum(),
        )
        .sort("model")
        .collect()
    )
    newest = models["last_day"].max()
    rows = []
    for row in models.iter_rows(named=True):
        price = prices.on_day(row["model"], row["provider"], newest)  # type: ignore[arg-type]
        told: dict[str, Any] = {"is_priced": price is not None}
        if price is not None:
            told |= {f"{name}_usd_per_mtok": getattr(price.tiers[0], name) for name in _RATES}
            told["price_version"] = price.version
        rows.append(
            row
            | told
            | {
                "family": model_family(row["model"]),
                "provider": row["provider"] or provider(row["model"]),
                "model_tier": model_tier(row["model"]),
            }
        )
    return pl.LazyFrame(rows, schema=polars_schema(DimModels))


def repositories_by_day(executions: pl.LazyFrame, git_events: pl.LazyFrame) -> pl.LazyFrame:
    """Sum up what `dim_repositories` needs."""
    seen = pl.concat(
        [
            executions.select("repository", "day", "execution_id", "agent_name"),
            git_events.select("repository", "day", "commit", "remote", "occurred_at", "event_id"),
        ],
        how="diagonal",
    ).filter(pl.col("repository").is_not_null())
    return seen.group_by("day", "repository").agg(
        pl.col("remote").sort_by("occurred_at", "event_id").drop_nulls().last(),
        # An execution is one row: there is no need to tell its ids apart.
        pl.col("execution_id").count().cast(pl.Int64).alias("executions"),
        names("agent_name").alias("agents"),
        names("commit").alias("commits"),
    )


def dim_repositories(sums: pl.LazyFrame) -> pl.LazyFrame:
    """Describe each repository that an execution or a git event names."""
    return sums.group_by("repository").agg(
        pl.col("remote").sort_by("day").drop_nulls().last(),
        pl.col("day").min().alias("first_day"),
        pl.col("day").max().alias("last_day"),
        pl.col("executions").sum(),
        every("agents").n_unique().cast(pl.Int64),
        every("commits").n_unique().cast(pl.Int64),
    )
