"""All tables, as data: what each is made from and by which function."""

from typing import Literal

import polars as pl

from learning_pipeline.contracts.base import Table
from learning_pipeline.contracts.dims import DIMS
from learning_pipeline.contracts.facts import FACTS
from learning_pipeline.contracts.marts_alert import ALERT_MARTS
from learning_pipeline.contracts.marts_git import GIT_MARTS
from learning_pipeline.contracts.marts_quality import INTERNAL, QUALITY_MARTS
from learning_pipeline.contracts.marts_usage import USAGE_MARTS
from learning_pipeline.contracts.marts_work import WORK_MARTS
from learning_pipeline.contracts.routing import ROUTER_MARTS
from learning_pipeline.marts import (
    agents,
    alert_series,
    alerts,
    budgets,
    commit_cost,
    dimensions,
    facts,
    leaderboard,
    outcomes,
    prompt_attribution,
    quality,
    router,
    sessions,
    throughput,
    usage,
)
from learning_pipeline.marts.across import STUCK_EXECUTIONS
from learning_pipeline.marts.analytics import DAILY, ROLLUPS
from learning_pipeline.marts.guesses import GUESSED_LINKS, GUESSED_SHARES
from learning_pipeline.marts.linked import (
    CERTAIN_LINKS,
    CERTAIN_SHARES,
    COMMIT_LINKS,
    OUTCOME_EVIDENCE,
    REVERTED_COMMITS,
)
from learning_pipeline.marts.spec import (
    CALLS,
    GIT,
    LINKS,
    OUTCOMES,
    SUMS,
    TOOLS,
    WORK,
    Context,
    Frames,
    TableSpec,
    Whole,
)

__all__ = ["DESCRIBES_RUNS", "TABLES", "Context", "Frames", "TableSpec", "described"]

_CALLS, _TOOLS, _WORK, _GIT, _OUTCOMES, _LINKS = CALLS, TOOLS, WORK, GIT, OUTCOMES, LINKS


def _as_landed(stream: str, kind: Literal["fact", "dim"] = "fact") -> TableSpec:
    """Return the fact that holds a stream as it is."""
    return TableSpec(FACTS[f"fct_{stream}"], kind, "facts", (stream,), lambda f, c: f[stream])


# In order: a table comes after its inputs.
TABLES: dict[str, TableSpec] = {
    _CALLS: TableSpec(
        FACTS[_CALLS], "fact", "facts", ("llm_calls", "prices"), lambda f, c: c.prices.add_costs(f["llm_calls"])
    ),
    _TOOLS: _as_landed("tool_calls"),
    _GIT: _as_landed("git_events"),
    "fct_routing_decisions": _as_landed("routing_decisions"),
    "fct_agent_transformations": _as_landed("agent_transformations"),
    "fct_interactions": _as_landed("interactions"),
    "fct_feedback": _as_landed("feedback"),
    "fct_health_events": _as_landed("health_events"),
    # A definition holds until it is changed, so it does not go with its day.
    "fct_agent_definitions": _as_landed("agent_definitions", "dim"),
    _LINKS: TableSpec(
        FACTS[_LINKS],
        "fact",
        "facts",
        (CERTAIN_LINKS, GUESSED_LINKS),
        lambda f, c: pl.concat([f[CERTAIN_LINKS], f[GUESSED_LINKS]]),
    ),
    _OUTCOMES: TableSpec(
        FACTS[_OUTCOMES],
        "fact",
        "facts",
        ("executions", OUTCOME_EVIDENCE),
        lambda f, c: outcomes.fct_outcomes(f["executions"], f[OUTCOME_EVIDENCE]),
    ),
    _WORK: TableSpec(
        FACTS[_WORK],
        "fact",
        "facts",
        ("executions", _CALLS, _OUTCOMES, COMMIT_LINKS, STUCK_EXECUTIONS, "prices"),
        lambda f, c: facts.fct_executions(
            f["executions"], f[_CALLS], f[_OUTCOMES], f[COMMIT_LINKS], f[STUCK_EXECUTIONS], c.prices
        ),
    ),
    "mart_usage_daily": TableSpec(
        USAGE_MARTS["mart_usage_daily"],
        "daily",
        "usage",
        (_CALLS, _WORK),
        lambda f, c: usage.usage_daily(f[_CALLS], f[_WORK]),
    ),
    "mart_agent_daily": TableSpec(
        WORK_MARTS["mart_agent_daily"], "daily", "agents", (_WORK,), lambda f, c: agents.agent_daily(f[_WORK])
    ),
    "mart_model_daily": TableSpec(
        WORK_MARTS["mart_model_daily"],
        "daily",
        "agents",
        (_CALLS, _WORK),
        lambda f, c: agents.model_daily(f[_CALLS], f[_WORK]),
    ),
    "mart_tool_daily": TableSpec(
        WORK_MARTS["mart_tool_daily"], "daily", "agents", (_TOOLS,), lambda f, c: agents.tool_daily(f[_TOOLS])
    ),
    "mart_git_daily": TableSpec(
        WORK_MARTS["mart_git_daily"], "daily", "git", (_GIT,), lambda f, c: agents.git_daily(f[_GIT])
    ),
    **DAILY,
    "mart_usage_monthly": TableSpec(
        USAGE_MARTS["mart_usage_monthly"],
        "rollup",
        "usage",
        ("mart_usage_daily",),
        lambda f, c: usage.usage_monthly(f["mart_usage_daily"]),
    ),
    "mart_budget": TableSpec(
        USAGE_MARTS["mart_budget"],
        "rollup",
        "usage",
        ("mart_usage_daily", "budgets"),
        lambda f, c: budgets.budget(f["mart_usage_daily"], f["budgets"]),
    ),
    "mart_usage_session": TableSpec(
        USAGE_MARTS["mart_usage_session"],
        "rollup",
        "usage",
        (_CALLS, _WORK),
        lambda f, c: usage.usage_session(f[_CALLS], f[_WORK]),
        whole=Whole("session", "first"),
    ),
    "mart_unpriced_models": TableSpec(
        USAGE_MARTS["mart_unpriced_models"],
        "rollup",
        "usage",
        (_CALLS, _WORK),
        lambda f, c: usage.unpriced_models(f[SUMS]),
        by_day_sums=lambda f, c: usage.unpriced_by_day(f[_CALLS], f[_WORK]),
    ),
    "mart_commit_cost": TableSpec(
        USAGE_MARTS["mart_commit_cost"],
        "rollup",
        "git",
        (_WORK, _CALLS, _GIT, _LINKS, CERTAIN_SHARES, GUESSED_SHARES, REVERTED_COMMITS),
        lambda f, c: commit_cost.commit_cost(
            f[_WORK],
            f[_CALLS],
            f[_GIT],
            f[_LINKS],
            pl.concat([f[CERTAIN_SHARES], f[GUESSED_SHARES]]),
            f[REVERTED_COMMITS],
        ),
        whole=Whole("commit", "each"),
    ),
    "mart_prompt_attribution": TableSpec(
        GIT_MARTS["mart_prompt_attribution"],
        "rollup",
        "git",
        (_GIT,),
        lambda f, c: prompt_attribution.prompt_attribution(f[SUMS]),
        by_day_sums=lambda f, c: prompt_attribution.notes_by_day(f[_GIT]),
    ),
    "mart_session": TableSpec(
        WORK_MARTS["mart_session"],
        "rollup",
        "agents",
        (_WORK, _CALLS, _TOOLS),
        lambda f, c: sessions.session(f[_WORK], f[_CALLS], f[_TOOLS]),
        whole=Whole("session", "first"),
    ),
    "mart_agent_leaderboard": TableSpec(
        WORK_MARTS["mart_agent_leaderboard"],
        "rollup",
        "agents",
        (_WORK,),
        lambda f, c: leaderboard.agent_leaderboard(f[SUMS]),
        by_day_sums=lambda f, c: leaderboard.agents_by_day(f[_WORK]),
    ),
    "mart_throughput": TableSpec(
        WORK_MARTS["mart_throughput"],
        "rollup",
        "quality",
        (_WORK, _CALLS, _TOOLS, _GIT),
        lambda f, c: throughput.throughput(f[SUMS]),
        by_day_sums=lambda f, c: throughput.throughput_by_day(f[_WORK], f[_CALLS], f[_TOOLS], f[_GIT]),
    ),
    **ROLLUPS,
    "mart_alert": TableSpec(
        ALERT_MARTS["mart_alert"],
        "rollup",
        "quality",
        (*alerts.INPUTS, "mart_budget"),
        lambda f, c: budgets.with_alerts(alerts.alert(f[SUMS], c.now), f["mart_budget"]),
        alerts.ALERT_DAYS,
        by_day_sums=lambda f, c: alert_series.by_day(f),
    ),
    "mart_router_evaluation": TableSpec(
        ROUTER_MARTS["mart_router_evaluation"],
        "rollup",
        "router",
        (router.EVALUATED,),
        lambda f, c: f[router.EVALUATED],
    ),
    "mart_router_prediction": TableSpec(
        ROUTER_MARTS["mart_router_prediction"],
        "rollup",
        "router",
        (router.PREDICTED, _WORK),
        lambda f, c: router.router_prediction(f[router.PREDICTED], f[_WORK]),
    ),
    "mart_data_quality": TableSpec(
        QUALITY_MARTS["mart_data_quality"],
        "rollup",
        "quality",
        ("ledger",),
        lambda f, c: quality.data_quality(f["ledger"]),
    ),
    "mart_quarantine_reason": TableSpec(
        QUALITY_MARTS["mart_quarantine_reason"],
        "rollup",
        "quality",
        ("quarantine",),
        lambda f, c: quality.quarantine_reason(f["quarantine"]),
    ),
    "mart_unknown_fields": TableSpec(
        QUALITY_MARTS["mart_unknown_fields"],
        "rollup",
        "quality",
        ("counters",),
        lambda f, c: quality.unknown_fields(f["counters"]),
    ),
    "mart_ignored_rule": TableSpec(
        QUALITY_MARTS["mart_ignored_rule"],
        "rollup",
        "quality",
        ("counters",),
        lambda f, c: quality.ignored_rule(f["counters"]),
    ),
    "dim_agents": TableSpec(
        DIMS["dim_agents"],
        "dim",
        "dimensions",
        (_WORK,),
        lambda f, c: dimensions.dim_agents(f[SUMS]),
        by_day_sums=lambda f, c: dimensions.agents_by_day(f[_WORK]),
    ),
    "dim_models": TableSpec(
        DIMS["dim_models"],
        "dim",
        "dimensions",
        (_CALLS, _WORK, "prices"),
        lambda f, c: dimensions.dim_models(f[SUMS], c.prices),
        by_day_sums=lambda f, c: dimensions.models_by_day(f[_CALLS], f[_WORK]),
    ),
    "dim_repositories": TableSpec(
        DIMS["dim_repositories"],
        "dim",
        "dimensions",
        (_WORK, _GIT),
        lambda f, c: dimensions.dim_repositories(f[SUMS]),
        by_day_sums=lambda f, c: dimensions.repositories_by_day(f[_WORK], f[_GIT]),
    ),
    "mart_data_dictionary": TableSpec(
        QUALITY_MARTS["mart_data_dictionary"],
        "rollup",
        "quality",
        (),
        lambda f, c: quality.data_dictionary(described()),
    ),
    # Last: it tells of all the others.
    "mart_freshness": TableSpec(
        QUALITY_MARTS["mart_freshness"], "rollup", "quality", (), lambda f, c: quality.freshness(c.newest, c.now)
    ),
}

# What says when, and of what run: it changes without the data.
DESCRIBES_RUNS = (
    "mart_data_quality",
    "mart_quarantine_reason",
    "mart_unknown_fields",
    "mart_ignored_rule",
    "mart_freshness",
    "mart_router_evaluation",
    "mart_router_prediction",
)


def described() -> dict[str, tuple[str, type[Table]]]:
    """Return kind and contract of every table of the database, by name."""
    tables: dict[str, tuple[str, type[Table]]] = {name: (spec.kind, spec.contract) for name, spec in TABLES.items()}
    return tables | {name: ("internal", contract) for name, contract in INTERNAL.items()}
