"""Columns that follow from other columns of the same row or table, which are compared with the facts elsewhere."""

from learning_pipeline.contracts.base import key_columns
from learning_pipeline.marts.registry import TABLES

Z = 1.959963984540054


def ends(k: str, n: str) -> tuple[str, str]:
    """Return SQL: both ends of the 95 % Wilson interval."""
    share, scale = f"({k} / {n}::double)", f"(1 + {Z * Z} / {n})"
    middle = f"({share} + {Z * Z} / (2 * {n})) / {scale}"
    half = f"{Z} / {scale} * sqrt({share} * (1 - {share}) / {n} + {Z * Z} / (4 * {n} * {n}::double))"
    return (
        f"case when {n} = 0 then null when {k} = 0 then 0 else greatest({middle} - {half}, 0) end::double",
        f"case when {n} = 0 then null when {k} = {n} then 1 else least({middle} + {half}, 1) end::double",
    )


def rated(prefix: str, k: str, n: str, rate: str | None = None) -> dict[str, str]:
    """Return SQL of a rate and its interval."""
    low, high = ends(k, n)
    return {rate or f"{prefix}_rate": f"{k} / nullif({n}, 0)", f"{prefix}_low": low, f"{prefix}_high": high}


SUCCESS = {"failures": "labelled - successes", **rated("success", "successes", "labelled")}
# The pooled z test where all four expected counts are 5 or more, else Fisher's exact test.
_SHARE = "((successes + without_successes) / (labelled + without_labelled)::double)"
_EXPECTED = f"least(labelled, without_labelled) * least({_SHARE}, 1 - {_SHARE})"
_Z = f"""(successes / labelled::double - without_successes / without_labelled::double)
    / sqrt({_SHARE} * (1 - {_SHARE}) * (1 / labelled::double + 1 / without_labelled::double))"""
TWO_SHARES = f"""case when labelled = 0 or without_labelled = 0 then null
    when {_EXPECTED} >= 5 then 2 * below(-abs({_Z}))
    else fisher(successes, labelled, without_successes, without_labelled) end"""
# Benjamini and Hochberg, over all rows that have a p-value; see `ranked`.
Q = "least(min(p_value * tests / place) over (order by place rows between current row and unbounded following), 1)"
Q_VALUE = f"if(p_value is null, null, {Q})"
COMPARED = SUCCESS | {
    **rated("without_success", "without_successes", "without_labelled"),
    "difference_ratio": "successes / nullif(labelled, 0) - without_successes / nullif(without_labelled, 0)",
    "p_value": TWO_SHARES,
    "q_value": Q_VALUE,
}
SHRUNK = f"if(labelled = 0, null, (successes + 10 * {_SHARE}) / (labelled + 10))"
WORK = SUCCESS | {"unknown_outcomes": "executions - labelled"}
_PART = "case when {0} is not null then {1} * {0} else 0 end"
_CLEAN = "(1 - tool_errors / nullif(tool_results, 0))"


def _agreed(name: str, k: str, n: str) -> dict[str, str]:
    return rated(name, k, n)


DERIVED: dict[str, dict[str, str]] = {
    "mart_agent_daily": WORK,
    "mart_repository_daily": WORK,
    "mart_task_type_daily": WORK,
    "mart_tier_performance": WORK,
    "mart_pool_performance": WORK,
    "mart_pool_hourly": WORK | {"mean_concurrency": "busy_ms / 3600000"},
    "mart_model_daily": WORK | rated("error", "errors", "answered"),
    "mart_tool_daily": rated("error", "errors", "results"),
    "mart_error_daily": rated("share", "errors", "errors_of_day", "share_ratio"),
    "mart_routing_daily": {
        **rated("accuracy", "validated_successes", "validated", "accuracy"),
        **rated("agreement", "expected_matches", "expected_known", "agreement"),
        **_agreed("cache_hit", "cache_hits", "cache_known"),
        **_agreed("fallback", "fallbacks", "fallback_known"),
        **_agreed("bypass", "bypasses", "executed_known"),
        **_agreed("self", "self_routings", "asker_known"),
    },
    "mart_transformation_daily": SUCCESS
    | {"unknown_outcomes": "transformations - labelled"}
    | _agreed("self", "self_transformations", "source_known")
    | _agreed("unrouted", "unrouted", "request_known"),
    "mart_session": WORK
    | {
        "composite_score": f"""({_PART.format("success_rate", 0.6)} + {_PART.format(_CLEAN, 0.2)}
        + {_PART.format("quality_score", 0.2)}) / if(success_rate is null, null, 0.6 + if(tool_results > 0, 0.2, 0)
        + if(quality_score is not null, 0.2, 0))"""
    },
    "mart_solution_pattern": SUCCESS
    | {
        "unknown_outcomes": "uses - labelled",
        "success_shrunk": """if(labelled = 0, null, (successes + 10 * sum(successes) over (partition by repository)
            / sum(labelled) over (partition by repository)) / (labelled + 10))""",
    },
    "mart_workflow_transition": COMPARED
    | {
        "unknown_outcomes": "transitions - labelled",
        "share_ratio": "transitions / from_transitions",
        "success_shrunk": SHRUNK,
    },
    "mart_workflow_pattern": COMPARED
    | {
        "unknown_outcomes": "workflows - labelled",
        "success_shrunk": SHRUNK,
        "agents": "string_split(pattern, ' > ')",
    },
    "mart_agent_pair": COMPARED
    | {
        "success_shrunk": SHRUNK,
        "unknown_outcomes": "workflows - labelled",
        "overlap_ratio": "if(workflows = 0, 0, workflows / (workflows_a + workflows_b - workflows))",
        **rated("interaction_success", "interactions_successful", "interactions_answered"),
    },
    "mart_routing_calibration": SUCCESS
    | {
        "unknown_outcomes": "0",
        "confidence_from": "confidence_bin / 10",
        "confidence_to": "(confidence_bin + 1) / 10",
        "p_value": "binomial(successes, labelled, mean_confidence)",
        "q_value": Q_VALUE,
        "is_calibrated": f"{Q} >= 0.05",
    },
    "mart_throughput": {
        "executions_per_hour": """if(observed_ms >= if(period = 'day', 8640000, 360000),
            executions * 3600000 / observed_ms, null)""",
        "projected_executions_per_day": "executions_per_hour * 24",
        "volume_coverage": "if(executions_per_hour is null, null, least(executions_per_hour * 24 / 2000, 1))",
        "agent_coverage": "least(agents / 20, 1)",
        "task_type_coverage": "least(task_types / 10, 1)",
    },
    "mart_agent_leaderboard": {
        **{
            f"success_{end}_{days}d": sql
            for days in (7, 30, 90)
            for end, sql in zip(("low", "high"), ends(f"successes_{days}d", f"labelled_{days}d"), strict=True)
        },
        "rank": """row_number() over (
            order by enough_data_30d desc, success_low_30d desc nulls last, agent_name)""",
    },
    "mart_trend": {
        "agent_name": "if(subject_kind = 'agent', subject, null)",
        "newest_day": "(select max(day) from mart_metric_daily where day <> date '1970-01-01')",
        "difference": "value - value_before",
        "change_ratio": "if(value_before > 0, value / value_before - 1, null)",
        "q_value": Q_VALUE,
        "verdict": f"""case when p_value is null then 'unknown' when {Q} < 0.05 and difference > 0 then 'up'
            when {Q} < 0.05 and difference < 0 then 'down' else 'same' end""",
        "is_worse": """case when verdict not in ('up', 'down') then null
            when regexp_matches(metric, '^(error_rate|tool_error_rate|duration_ms|cost_usd|tokens)') then verdict = 'up'
            when regexp_matches(metric, '^(success_rate|quality_score)') then verdict = 'down' end""",
    },
    "mart_metric_daily": {
        "form": """case when metric in ('success_rate', 'tool_error_rate', 'error_rate') then 'rate'
            when metric = 'quality_score' then 'score' when metric in ('executions', 'calls') then 'count'
            when metric = 'cost_usd' then 'sum' else 'mean' end""",
    },
}


def ranked(table: str) -> str:
    """Return the table with the place of each p-value and their number, where it has them."""
    if "p_value" not in {name.strip('"') for name in TABLES[table].contract.to_schema().columns}:
        return table
    return f"""(select *, row_number() over (order by p_value nulls last) as place, count(p_value) over () as tests
        from {table})"""


def _pair(table: str, columns: dict[str, str]) -> tuple[str, str]:
    contract = TABLES[table].contract
    keys = ", ".join(f'"{key}"' for key in key_columns(contract) if key not in columns)
    kinds = contract.to_schema().columns
    real = {name: f"({sql})::double" if "Float" in str(kinds[name].dtype) else sql for name, sql in columns.items()}
    return (
        f"select {keys}, {', '.join(columns)} from {table}",
        f"select {keys}, {', '.join(f'{sql} as {name}' for name, sql in real.items())} from {ranked(table)}",
    )


DERIVED_RECOMPUTED = {f"{table} derived": _pair(table, columns) for table, columns in DERIVED.items()}
