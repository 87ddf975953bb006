"""What is said of the data itself and of the router, computed a second time: from the ledger, the lake, the answers."""

from learning_pipeline.contracts.base import polars_schema
from learning_pipeline.contracts.routing import MartRouterEvaluation, RouterPredictions
from learning_pipeline.marts.registry import TABLES

_ASKED = ", ".join(polars_schema(RouterPredictions))
_MEASURED = ", ".join(polars_schema(MartRouterEvaluation))
# Of each stream, what tells when an event was.
_WHEN = {
    **{"executions": "started_at", "llm_calls": "started_at", "tool_calls": "started_at", "git_events": "occurred_at"},
    **{"routing_decisions": "decided_at", "agent_transformations": "started_at", "interactions": "requested_at"},
    **{"feedback": "given_at", "health_events": "occurred_at"},
}
_PARTS = ", ".join(f"'{name}'" for name, spec in TABLES.items() if spec.by_day)


def _freshness() -> str:
    parts = []
    for name, spec in TABLES.items():
        day = f"(select max(day) from {name})" if spec.in_days else "null::date"
        at = _WHEN.get(name.removeprefix("fct_"))
        newest = f"(select max({at}) from {name})" if at else "null::timestamptz"
        rows = "(select count(*) from mart_freshness)" if name == "mart_freshness" else f"(select count(*) from {name})"
        parts.append(f"select '{name}' as name, {rows} as rows, {newest} as at_, {day} as day_")
    return " union all ".join(parts)


QUALITY_RECOMPUTED: dict[str, tuple[str, str]] = {
    "mart_data_quality": (
        """select source, day, lines_read, event_lines, duplicates, quarantined, ignored, files, bytes_read,
            quarantined_ratio, is_conserved
        from mart_data_quality""",
        """select source, day, sum(lines_read), sum(event_lines), sum(duplicates), sum(quarantined), sum(ignored),
            count(distinct source_file), sum(bytes_read),
            if(sum(lines_read) > 0, sum(quarantined) / sum(lines_read), null),
            sum(lines_read) = sum(event_lines) + sum(duplicates) + sum(quarantined) + sum(ignored)
        from ledger group by source, day""",
    ),
    "mart_quarantine_reason": (
        'select source, day, "check", "column", rejects, open_rejects, files, reason from mart_quarantine_reason',
        """select source, day, "check", "column", count(*), count(*) filter (where resolved_at is null),
            count(distinct source_file), min(reason)
        from lake_quarantine group by all""",
    ),
    # Each quarantined line of the ledger is there with its reason.
    "mart_quarantine_reason lines": (
        "select source, sum(rejects) as rejects from mart_quarantine_reason group by source",
        "select source, sum(quarantined) from ledger group by source having sum(quarantined) > 0",
    ),
    "mart_unknown_fields": (
        "select source, kind, name, occurrences, first_day, last_day from mart_unknown_fields",
        """select source, kind, name, sum(n), min(day), max(day) from counters
        where kind in ('unknown_field', 'unknown_kind') group by source, kind, name""",
    ),
    "mart_ignored_rule": (
        "select source, rule, lines, first_day, last_day from mart_ignored_rule",
        "select source, name, sum(n), min(day), max(day) from counters where kind = 'ignored' group by source, name",
    ),
    "mart_ignored_rule lines": (
        "select source, sum(lines) as lines from mart_ignored_rule group by source",
        "select source, sum(ignored) from ledger group by source having sum(ignored) > 0",
    ),
    "mart_freshness": (
        "select table_name, rows, newest_event_at, newest_day, age_hours, measured_at from mart_freshness",
        f"""select name, rows, at_, day_,
            if(at_ is null and day_ is null, null,
                greatest(epoch_us(measured) - epoch_us(coalesce(at_, (day_ + 1)::timestamptz)), 0) / 3.6e9), measured
        from ({_freshness()}), (select max(measured_at) as measured from mart_freshness)""",
    ),
    # What DuckDB itself knows of every table and column.
    "mart_data_dictionary": (
        """select table_name, column_name, position, type, meaning, unit, table_meaning from mart_data_dictionary""",
        """select table_name, column_name, column_index, data_type,
            if(unit is null, c.comment, left(c.comment, len(c.comment) - len(unit) - 3)), unit, t.comment
        from duckdb_columns() c join duckdb_tables() t using (database_name, schema_name, table_name)
        left join mart_data_dictionary d using (table_name, column_name)
        where not temporary and (unit is null or c.comment like '% [' || unit || ']')""",
    ),
    "mart_data_dictionary keys": (
        """select table_name, any_value(grain) as grain,
            string_agg(column_name, ', ' order by position) filter (where is_key) as is_key
        from mart_data_dictionary group by table_name""",
        """select table_name, min(grain), max(grain) from mart_data_dictionary group by table_name""",
    ),
    "mart_router_evaluation": (
        f"select {_MEASURED} from mart_router_evaluation",
        f"select {_MEASURED} from told_evaluations",
    ),
    "mart_router_prediction": (
        f"""select {_ASKED}, execution_id, outcome, success, quality_score, actual_cost_usd, actual_duration_ms,
            is_joined, is_followed, brier
        from mart_router_prediction""",
        f"""with found as (
            select p.prediction_id, e.*, e.agent_name is not distinct from p.agent_name
                    and e.model is not distinct from p.model as followed,
                case when e.execution_id = p.task_id then 0 when e.correlation_id = p.task_id then 1 else 2 end as rank
            from told_predictions p join fct_executions e
            on e.execution_id = p.task_id or e.correlation_id = p.task_id
                or (e.task_hash = p.task_hash and e.started_at >= p.predicted_at)
        ), first as (
            from found qualify row_number() over (
                partition by prediction_id order by rank, followed desc, started_at nulls last, execution_id) = 1
        )
        select {", ".join(f"p.{name.strip()}" for name in _ASKED.split(","))}, e.execution_id, outcome, success,
            quality_score, coalesce(cost_usd, reported_cost_usd::decimal(38, 12)), duration_ms,
            e.execution_id is not null, followed, if(followed, (success_probability - success::int) ** 2, null)
        from told_predictions p left join first e using (prediction_id)""",
    ),
}
