"""The marts that analysts compare and watch with, as data: what each is made from and by which function."""

from collections.abc import Callable

import polars as pl

from learning_pipeline.contracts.marts_daily import DAILY_MARTS
from learning_pipeline.contracts.marts_decisions import DECISION_DAYS, DECISION_MARTS
from learning_pipeline.contracts.marts_flow import FLOW_DAYS, FLOW_MARTS
from learning_pipeline.contracts.marts_trends import HISTORY_DAYS, TREND_MARTS
from learning_pipeline.contracts.marts_windows import ERROR_DAYS, PATTERN_DAYS, POOL_DAYS, TIER_DAYS, WINDOW_MARTS
from learning_pipeline.marts import (
    branches,
    calibration,
    decisions,
    drift,
    errors,
    flow,
    forecasts,
    metrics,
    patterns,
    spikes,
    trends,
    usage_blocks,
    work,
)
from learning_pipeline.marts.spec import CALLS, GIT, SUMS, TOOLS, WORK, Context, Frames, TableSpec, Whole

_DECISIONS, _CHANGES, _ASKED = "fct_routing_decisions", "fct_agent_transformations", "fct_interactions"
_CONTRACTS = DAILY_MARTS | WINDOW_MARTS | FLOW_MARTS | DECISION_MARTS | TREND_MARTS
_HOURLY, _BRANCHES, _METRICS = "mart_usage_hourly", "mart_branch_daily", "mart_metric_daily"


def _of_metrics(function: Callable[[pl.LazyFrame], pl.LazyFrame]) -> Callable[[Frames, Context], pl.LazyFrame]:
    """Return how a table is made from mart_metric_daily alone."""
    return lambda f, c: function(f[_METRICS])


# By day, each from facts.
DAILY: dict[str, TableSpec] = {
    "mart_repository_daily": TableSpec(
        _CONTRACTS["mart_repository_daily"], "daily", "agents", (WORK,), lambda f, c: work.repository_daily(f[WORK])
    ),
    "mart_task_type_daily": TableSpec(
        _CONTRACTS["mart_task_type_daily"], "daily", "agents", (WORK,), lambda f, c: work.task_type_daily(f[WORK])
    ),
    "mart_pool_hourly": TableSpec(
        _CONTRACTS["mart_pool_hourly"], "daily", "agents", (WORK,), lambda f, c: work.pool_hourly(f[WORK])
    ),
    "mart_error_daily": TableSpec(
        _CONTRACTS["mart_error_daily"],
        "daily",
        "quality",
        (WORK, TOOLS, CALLS),
        lambda f, c: errors.error_daily(f[WORK], f[TOOLS], f[CALLS]),
    ),
    _HOURLY: TableSpec(
        _CONTRACTS[_HOURLY], "daily", "usage", (CALLS, WORK), lambda f, c: usage_blocks.usage_hourly(f[CALLS], f[WORK])
    ),
    _BRANCHES: TableSpec(
        _CONTRACTS[_BRANCHES], "daily", "git", (CALLS, WORK), lambda f, c: branches.branch_daily(f[CALLS], f[WORK])
    ),
    "mart_routing_daily": TableSpec(
        _CONTRACTS["mart_routing_daily"],
        "daily",
        "routing",
        (_DECISIONS, WORK, _CHANGES),
        lambda f, c: decisions.routing_daily(f[_DECISIONS], f[WORK], f[_CHANGES]),
    ),
    "mart_transformation_daily": TableSpec(
        _CONTRACTS["mart_transformation_daily"],
        "daily",
        "routing",
        (_CHANGES, _DECISIONS),
        lambda f, c: decisions.transformation_daily(f[_CHANGES], f[_DECISIONS]),
    ),
    _METRICS: TableSpec(
        _CONTRACTS[_METRICS],
        "daily",
        "trends",
        (WORK, CALLS, TOOLS),
        lambda f, c: metrics.metric_daily(f[WORK], f[CALLS], f[TOOLS]),
    ),
}

# In one piece, from facts and from the marts by day.
ROLLUPS: dict[str, TableSpec] = {
    "mart_usage_block": TableSpec(
        _CONTRACTS["mart_usage_block"], "rollup", "usage", (_HOURLY,), lambda f, c: usage_blocks.usage_block(f[_HOURLY])
    ),
    "mart_branch_cost": TableSpec(
        _CONTRACTS["mart_branch_cost"],
        "rollup",
        "git",
        (_BRANCHES, GIT),
        lambda f, c: branches.branch_cost(f[_BRANCHES], f[GIT]),
    ),
    "mart_tier_performance": TableSpec(
        _CONTRACTS["mart_tier_performance"],
        "rollup",
        "agents",
        (WORK,),
        lambda f, c: work.tier_performance(f[WORK]),
        TIER_DAYS,
    ),
    "mart_pool_performance": TableSpec(
        _CONTRACTS["mart_pool_performance"],
        "rollup",
        "agents",
        (WORK,),
        lambda f, c: work.pool_performance(f[WORK]),
        POOL_DAYS,
    ),
    "mart_solution_pattern": TableSpec(
        _CONTRACTS["mart_solution_pattern"],
        "rollup",
        "agents",
        (WORK,),
        lambda f, c: patterns.solution_pattern(f[SUMS]),
        PATTERN_DAYS,
        by_day_sums=lambda f, c: patterns.solutions_by_day(f[WORK]),
    ),
    "mart_error_resolution": TableSpec(
        _CONTRACTS["mart_error_resolution"],
        "rollup",
        "quality",
        (WORK,),
        lambda f, c: errors.error_resolution(f[WORK]),
        ERROR_DAYS,
        Whole("workflow", "each"),
    ),
    "mart_workflow_transition": TableSpec(
        _CONTRACTS["mart_workflow_transition"],
        "rollup",
        "workflows",
        (WORK,),
        lambda f, c: flow.workflow_transition(f[SUMS]),
        FLOW_DAYS,
        Whole("workflow", "last"),
        lambda f, c: flow.transitions_by_day(f[WORK]),
    ),
    "mart_workflow_pattern": TableSpec(
        _CONTRACTS["mart_workflow_pattern"],
        "rollup",
        "workflows",
        (WORK,),
        lambda f, c: flow.workflow_pattern(f[SUMS]),
        FLOW_DAYS,
        Whole("workflow", "last"),
        lambda f, c: flow.patterns_by_day(f[WORK]),
    ),
    "mart_agent_pair": TableSpec(
        _CONTRACTS["mart_agent_pair"],
        "rollup",
        "workflows",
        (WORK, _ASKED),
        lambda f, c: flow.agent_pair(f[SUMS]),
        FLOW_DAYS,
        Whole("workflow", "last"),
        lambda f, c: flow.pairs_by_day(f[WORK], f[_ASKED]),
    ),
    "mart_routing_calibration": TableSpec(
        _CONTRACTS["mart_routing_calibration"],
        "rollup",
        "routing",
        (_DECISIONS,),
        lambda f, c: calibration.routing_calibration(f[_DECISIONS]),
        DECISION_DAYS,
    ),
    "mart_routing_component": TableSpec(
        _CONTRACTS["mart_routing_component"],
        "rollup",
        "routing",
        (_DECISIONS,),
        lambda f, c: calibration.routing_component(f[_DECISIONS]),
        DECISION_DAYS,
    ),
    **{
        name: TableSpec(_CONTRACTS[name], "rollup", "trends", (_METRICS,), _of_metrics(function), days)
        for name, function, days in (
            ("mart_baseline", spikes.baseline, HISTORY_DAYS),
            ("mart_anomaly", spikes.anomaly, HISTORY_DAYS),
            ("mart_drift", drift.drift, HISTORY_DAYS),
            ("mart_trend", trends.trend, trends.TREND_DAYS),
            ("mart_forecast", forecasts.forecast, HISTORY_DAYS),
        )
    },
}
