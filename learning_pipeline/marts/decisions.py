"""How agents were chosen, and how one became another, per day."""

import polars as pl

from learning_pipeline.marts.stats import (
    count,
    distinct,
    mean_of_ratios,
    outcome_counts,
    percentile,
    rate,
    success_rate,
    wilson,
)
from learning_pipeline.marts.work import dated

_ON_DAY = ["day", "correlation_id"]


def routing_daily(decisions: pl.LazyFrame, executions: pl.LazyFrame, transformations: pl.LazyFrame) -> pl.LazyFrame:
    """Sum decisions by day and strategy. Accuracy is over validated decisions alone.

    Which agent ran is looked up by the decision's execution, else by its request where one agent alone worked on it;
    which agent was there before, by the request's transformations. Each is one row before it is joined.
    """
    by_execution = executions.select("day", "execution_id", _ran="agent_name")
    by_request = (
        executions.filter(pl.col("correlation_id").is_not_null())
        .group_by(_ON_DAY)
        .agg(_ran_for=pl.col("agent_name").min(), _agents=pl.col("agent_name").n_unique())
        .filter(pl.col("_agents") == 1)
        .drop("_agents")
    )
    confidence, success = pl.col("confidence"), pl.col("actual_success")
    distance = (confidence - success.cast(pl.Float64)).abs()
    chosen = pl.col("selected_agent")
    ran = pl.coalesce("_ran", "_ran_for")
    found = (
        dated(decisions)
        .join(by_execution, on=["day", "execution_id"], how="left")
        .join(by_request, on=_ON_DAY, how="left")
        .join(_first_source(transformations), on=_ON_DAY, how="left")
        .with_columns(
            _distance=distance,
            _square=distance**2,
            _right=chosen == pl.col("expected_agent"),
            _bypass=chosen != ran,
            _self=chosen == pl.col("_before"),
        )
        .group_by("day", "strategy")
        .agg(
            pl.len().cast(pl.Int64).alias("decisions"),
            distinct("session_id").alias("sessions"),
            distinct("selected_agent").alias("agents"),
            *_known(success, "validated", "validated_successes"),
            *_known(pl.col("_right"), "expected_known", "expected_matches"),
            mean_of_ratios("confidence"),
            confidence.count().cast(pl.Int64).alias("confidence_n"),
            pl.col("_distance").count().cast(pl.Int64).alias("error_n"),
            mean_of_ratios("_distance").alias("prediction_error"),
            mean_of_ratios("_square").alias("brier_score"),
            *_known(pl.col("cache_hit"), "cache_known", "cache_hits"),
            *_known(pl.col("fallback"), "fallback_known", "fallbacks"),
            *_known(pl.col("_bypass"), "executed_known", "bypasses"),
            *_known(pl.col("_self"), "asker_known", "self_routings"),
            pl.col("routing_us").count().cast(pl.Int64).alias("routing_n"),
            *(percentile("routing_us", q / 100).alias(f"p{q}_us") for q in (50, 95, 99)),
        )
    )
    return found.with_columns(
        *_rates("accuracy", "accuracy", "validated_successes", "validated"),
        *_rates("agreement", "agreement", "expected_matches", "expected_known"),
        *_rates("cache_hit_rate", "cache_hit", "cache_hits", "cache_known"),
        *_rates("fallback_rate", "fallback", "fallbacks", "fallback_known"),
        *_rates("bypass_rate", "bypass", "bypasses", "executed_known"),
        *_rates("self_rate", "self", "self_routings", "asker_known"),
    )


def transformation_daily(transformations: pl.LazyFrame, decisions: pl.LazyFrame) -> pl.LazyFrame:
    """Sum transformations by day and target agent.

    The steps of a request into one agent are one transformation; a step without a request is one by itself. It
    failed where a step says so, else it went as its steps tell.
    """
    requests = dated(decisions).filter(pl.col("correlation_id").is_not_null()).select(*_ON_DAY).unique()
    event, success = pl.col("event_type"), pl.col("success")
    times = ("transformation_ms", "initialization_ms", "total_ms")
    one = (
        dated(transformations)
        .with_columns(_id=pl.coalesce(pl.concat_str(pl.lit("r:"), "correlation_id"), "event_id"))
        .group_by("day", "target_agent", "_id")
        .agg(
            pl.col("correlation_id").first(),
            pl.len().cast(pl.Int64).alias("events"),
            completed=(event == "complete").any(),
            failed=(event == "failed").any(),
            success=pl.when((event == "failed").any()).then(False).otherwise(success.drop_nulls().min()),
            _same=(pl.col("source_agent") == pl.col("target_agent")).drop_nulls().min(),
            quality_score=pl.col("quality_score").max(),
            **{name: pl.col(name).max() for name in times},
        )
        .join(requests.with_columns(_decided=pl.lit(True)), on=_ON_DAY, how="left")
        .with_columns(_unrouted=pl.when(pl.col("correlation_id").is_not_null()).then(pl.col("_decided").is_null()))
    )
    return (
        one.group_by("day", "target_agent")
        .agg(
            pl.len().cast(pl.Int64).alias("transformations"),
            pl.col("events").sum(),
            count(pl.col("completed")).alias("completed"),
            count(pl.col("failed")).alias("failed"),
            *outcome_counts(),
            *_known(pl.col("_same"), "source_known", "self_transformations"),
            *_known(pl.col("_unrouted"), "request_known", "unrouted"),
            *(
                expression
                for name in times
                for short in [name.removesuffix("_ms")]
                for expression in (
                    pl.col(name).count().cast(pl.Int64).alias(f"{short}_n"),
                    percentile(name, 0.5).alias(f"{short}_p50_ms"),
                    percentile(name, 0.95).alias(f"{short}_p95_ms"),
                )
            ),
            mean_of_ratios("quality_score"),
            pl.col("quality_score").count().cast(pl.Int64).alias("quality_n"),
        )
        .with_columns(
            **success_rate(),
        )
        .with_columns(
            *_rates("self_rate", "self", "self_transformations", "source_known"),
            *_rates("unrouted_rate", "unrouted", "unrouted", "request_known"),
        )
    )


def _first_source(transformations: pl.LazyFrame) -> pl.LazyFrame:
    """Return the agent that was there before, of each request: that of its first step that names one."""
    known = pl.col("correlation_id").is_not_null() & pl.col("source_agent").is_not_null()
    at = pl.coalesce("started_at", "completed_at")
    return (
        transformations.filter(known)
        .group_by(_ON_DAY)
        .agg(_before=pl.col("source_agent").sort_by(at, "event_id").first())
    )


def _known(condition: pl.Expr, n: str, hits: str) -> tuple[pl.Expr, pl.Expr]:
    return condition.count().cast(pl.Int64).alias(n), count(condition).alias(hits)


def _rates(name: str, prefix: str, hits: str, n: str) -> tuple[pl.Expr, ...]:
    low, high = wilson(hits, n)
    return rate(hits, n).alias(name), low.alias(f"{prefix}_low"), high.alias(f"{prefix}_high")
