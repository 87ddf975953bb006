"""What was spent against what may be, over the budget's own period."""

from datetime import date

import polars as pl

from learning_pipeline.contracts.base import polars_schema
from learning_pipeline.contracts.marts_alert import MartAlert
from learning_pipeline.contracts.marts_usage import MartBudget
from learning_pipeline.marts.stats import total
from learning_pipeline.marts.work import dated
from learning_pipeline.settings import Settings

WARNING, CRITICAL = 0.8, 1.0
RULE = "budget"
_EVERY = {"day": "1d", "week": "1w", "month": "1mo"}
_CONFIGURED = pl.Schema(
    {
        "budget": pl.String(),
        "limit_usd": pl.Decimal(38, 12),
        "period": pl.String(),
        "source": pl.String(),
        "model": pl.String(),
    }
)


def configured(settings: Settings) -> pl.DataFrame:
    """Return the budgets of the configuration, by name."""
    rows = [
        {"budget": one.name, "limit_usd": one.limit_usd, "period": one.period, "source": one.source, "model": one.model}
        for one in settings.budgets
    ]
    return pl.DataFrame(rows, schema=_CONFIGURED).sort("budget")


def budget(usage_daily: pl.LazyFrame, budgets: pl.LazyFrame) -> pl.LazyFrame:
    """Hold the cost of each period with usage, and of the one that the newest day is in, against the limit."""
    days = (
        dated(usage_daily)
        .select(
            "day",
            "source",
            "model",
            "cost_usd",
            usages=pl.col("calls") + pl.col("executions"),
            unpriced=pl.col("unpriced_calls") + pl.col("unpriced_executions"),
        )
        .collect()
    )
    newest = days["day"].max()
    if not isinstance(newest, date):
        return pl.LazyFrame(schema=polars_schema(MartBudget))
    found = [_of_one(days, newest, row) for row in budgets.collect().iter_rows(named=True)]
    return pl.concat(found).lazy() if found else pl.LazyFrame(schema=polars_schema(MartBudget))


def _of_one(days: pl.DataFrame, newest: date, told: dict[str, object]) -> pl.DataFrame:
    every = _EVERY[str(told["period"])]
    only = [pl.col(name) == told[name] for name in ("source", "model") if told[name] is not None]
    # The newest day counts, used or not: a period without usage is one in which nothing was spent.
    current = pl.DataFrame({"day": [newest], "usages": [0], "unpriced": [0]})
    by_day = (
        pl.concat([days.filter(*only) if only else days, current], how="diagonal")
        .group_by("day")
        .agg(total("cost_usd"), pl.col("usages", "unpriced").sum())
        .sort("day")
        .with_columns(starts_day=pl.col("day").dt.truncate(every))
        .with_columns(_so_far=pl.col("cost_usd").fill_null(0).cum_sum().over("starts_day").cast(pl.Float64))
    )
    limit = pl.lit(told["limit_usd"], pl.Decimal(38, 12))
    spent = pl.col("_so_far") / limit.cast(pl.Float64)
    return (
        by_day.group_by("starts_day")
        .agg(
            total("cost_usd"),
            pl.col("usages", "unpriced").sum(),
            _warned=pl.col("day").filter(spent >= WARNING).min(),
            _over=pl.col("day").filter(spent >= CRITICAL).min(),
        )
        .with_columns(
            *(pl.lit(told[name], pl.String).alias(name) for name in ("budget", "period", "source", "model")),
            limit_usd=limit,
            ends_day=pl.col("starts_day").dt.offset_by(every) - pl.duration(days=1),
        )
        .with_columns(
            period_days=(pl.col("ends_day") - pl.col("starts_day")).dt.total_days() + 1,
            elapsed_days=(pl.min_horizontal("ends_day", pl.lit(newest)) - pl.col("starts_day")).dt.total_days() + 1,
            is_open=pl.col("ends_day") >= newest,
            spent_ratio=pl.col("cost_usd").cast(pl.Float64) / limit.cast(pl.Float64),
            reached_day=pl.coalesce("_over", "_warned"),
            state=pl.when(pl.col("cost_usd").is_not_null()).then(
                pl.when(pl.col("_over").is_not_null())
                .then(pl.lit("critical"))
                .when(pl.col("_warned").is_not_null())
                .then(pl.lit("warning"))
                .otherwise(pl.lit("ok"))
            ),
        )
        .with_columns(
            projected_cost_usd=pl.when("is_open").then(
                pl.col("cost_usd").cast(pl.Float64) * pl.col("period_days") / pl.col("elapsed_days")
            )
        )
        .select(pl.col(name).cast(dtype) for name, dtype in polars_schema(MartBudget).items())
    )


def with_alerts(alerts: pl.LazyFrame, budgets: pl.LazyFrame) -> pl.LazyFrame:
    """Add to mart_alert how each budget stands in the period that is open."""
    level, known = pl.col("state"), pl.col("state").is_not_null()
    start = pl.col("reached_day").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    said = pl.format(
        "{}: {}% of {} USD for the {} from {} are spent, n {}",
        "budget",
        (pl.col("spent_ratio") * 100).round(1),
        pl.col("limit_usd").cast(pl.Float64).round(2),
        "period",
        "starts_day",
        "usages",
    )
    nothing = pl.format("{}: nothing with a price was used in the {} from {}", "budget", "period", "starts_day")
    rows = budgets.filter("is_open").select(
        rule=pl.lit(RULE),
        subject="budget",
        state=level.fill_null("ok"),
        value="spent_ratio",
        threshold=pl.when(level == "critical").then(CRITICAL).otherwise(WARNING),
        warning=pl.lit(WARNING),
        critical=pl.lit(CRITICAL),
        direction=pl.lit("above"),
        unit=pl.lit("ratio"),
        n="usages",
        least_n=pl.lit(1),
        since=start,
        for_hours=pl.lit(0),
        window_hours=pl.col("period_days") * 24,
        fired=(known & (level != "ok")).cast(pl.Int64),
        cleared=pl.lit(0),
        message=pl.when(known).then(said).otherwise(nothing),
    )
    evaluated = alerts.select(as_of=pl.col("as_of").max())
    schema = polars_schema(MartAlert)
    complete = rows.join(evaluated, how="cross").select(pl.col(name).cast(dtype) for name, dtype in schema.items())
    return pl.concat([alerts.select(schema.names()), complete])
