"""The marts that analysts compare and watch with, computed a second time: in plain SQL, over the facts alone."""

from learning_pipeline.contracts.marts_windows import TIER_DAYS
from learning_pipeline.sources.registry import KINDS, family, source
from learning_pipeline_tests.marts.test_sql import COUNTED, COUNTS, SUMS, TOKENS
from learning_pipeline_tests.marts.test_sql import USAGE as _USAGE
from learning_pipeline_tests.marts.test_sql import WITHOUT_CALLS as _WITHOUT_CALLS

_KINDS = ", ".join(f"'{kind}'" for kind in KINDS if "llm_calls" not in family(source(kind).FAMILY).STREAMS)
# Executions whose usage only they themselves tell of, of all source kinds that tell no model calls.
WITHOUT_CALLS = _WITHOUT_CALLS.replace("source = 'execution_log'", f"source in ({_KINDS})")
USAGE = _USAGE.replace("source = 'execution_log'", f"source in ({_KINDS})")
UNDATED = "date '1970-01-01'"
WORK = f"(select * from fct_executions where day <> {UNDATED})"
CALLS = f"(select * from fct_llm_calls where day <> {UNDATED})"
TOOLS = f"(select * from fct_tool_calls where day <> {UNDATED})"
AT = "coalesce(started_at, ended_at)"
MEASURES = f"""executions, agents, sessions, duration_n, labelled, successes, failures, unknown_outcomes, success_rate,
    p50_ms, p90_ms, p95_ms, p99_ms, llm_calls, tool_calls, tool_errors, committed, quality_score, quality_n,
    unpriced_executions, {SUMS}"""
MEASURED = f"""count(*), count(distinct agent_name), count(distinct session_id), count(duration_ms), count(success),
    count(*) filter (where success), count(*) filter (where not success), count(*) - count(success),
    avg(success::int), quantile_cont(duration_ms, 0.5), quantile_cont(duration_ms, 0.9),
    quantile_cont(duration_ms, 0.95), quantile_cont(duration_ms, 0.99), sum(llm_calls), sum(tool_calls),
    sum(tool_errors), count(*) filter (where committed), avg(quality_score), count(quality_score),
    count(*) - count(cost_usd), {TOKENS}"""
LABELS = "count(success), count(*) filter (where success)"


def newest(days: int, *tables: str, day: str = "day") -> str:
    """Return the condition of being in the last days of all that these facts know."""
    known = " union all ".join(f"select day from {table}" for table in tables)
    return f"{day} > (select max(day) from ({known})) - {days}"


STEPS = f"""(
    select *, row_number() over (partition by w order by ts, execution_id) as step
    from (
        select *, {newest(90, "fct_executions", "fct_interactions", day="max(day) over (partition by w)")} as counts
        from (
            select day, execution_id, agent_name, success, ended_at, {AT} as ts,
                case when workflow_id is not null then 'w:' || workflow_id else 's:' || session_id end as w
            from {WORK}
        ) where w is not null and ts is not null
    ) where counts
)"""
# The agents of each workflow in order, without repeats, and the success of its last labelled step.
FLOWS = f"""(
    select w, list(agent_name order by step) filter (where fresh) as agents, count(*) as executions,
        arg_max(success, step) filter (where success is not null) as success,
        epoch_ms(max(ended_at)) - epoch_ms(min(ts)) as length_ms
    from (
        select *, agent_name is distinct from lag(agent_name) over (partition by w order by step) as fresh
        from {STEPS}
    ) group by w
)"""


def _metrics() -> str:
    parts = []
    for kind, subject in (("agent", "agent_name"), ("all", "'(all)'")):
        total = """case when coalesce(input_tokens, output_tokens, cache_read_tokens, cache_write_tokens) is not null
            then coalesce(input_tokens, 0) + coalesce(output_tokens, 0) + coalesce(cache_read_tokens, 0)
            + coalesce(cache_write_tokens, 0) end"""
        head = f"select day, '{kind}', {subject},"
        parts.append(
            f"{head} 'success_rate', count(success), count(*) filter (where success), avg(success::int), null "
            f"from {WORK} where success is not null group by all"
        )
        for name, column in (("duration_ms", "duration_ms"), ("cost_usd", "cost_usd::double"), ("tokens", total)):
            parts.append(
                f"{head} '{name}_per_execution', count(*), null, exp(avg(ln({column}))), "
                f"var_samp(ln({column})) from {WORK} where {column} > 0 group by all"
            )
        parts.append(
            f"{head} 'quality_score', count(*), null, avg(quality_score), null from {WORK} "
            "where quality_score is not null group by all"
        )
        parts.append(
            f"{head} 'tool_error_rate', sum(tool_calls), sum(least(tool_errors, tool_calls)), "
            f"sum(least(tool_errors, tool_calls)) / sum(tool_calls), null from {WORK} "
            "where tool_calls > 0 and tool_errors is not null group by all"
        )
        parts.append(f"{head} 'executions', count(*), null, count(*), null from {WORK} group by all")
        parts.append(
            f"{head} 'cost_usd', count(*), null, sum(cost_usd)::double, null from {WORK} "
            "where cost_usd is not null group by all"
        )
    for kind, subject, table in (("model", "model", CALLS), ("tool", "tool_name", TOOLS)):
        head, known = f"select day, '{kind}', {subject},", f"{subject} is not null"
        parts.append(
            f"{head} 'error_rate', count(*), count(*) filter (where is_error), avg(is_error::int), null "
            f"from {table} where is_error is not null and {known} group by all"
        )
        parts.append(
            f"{head} 'duration_ms_per_call', count(*), null, exp(avg(ln(duration_ms))), "
            f"var_samp(ln(duration_ms)) from {table} where duration_ms > 0 and {known} group by all"
        )
        parts.append(f"{head} 'calls', count(*), null, count(*), null from {table} where {known} group by all")
    return " union all ".join(parts)


METRICS = f"({_metrics()}) as t(day, subject_kind, subject, metric, n, hits, value, log_variance)"

RECOMPUTED: dict[str, tuple[str, str]] = {
    "mart_repository_daily": (
        f"select day, repository, {MEASURES} from mart_repository_daily",
        f"select day, repository, {MEASURED} from {WORK} group by day, repository",
    ),
    "mart_task_type_daily": (
        f"select day, task_type, {MEASURES} from mart_task_type_daily",
        f"select day, task_type, {MEASURED} from {WORK} group by day, task_type",
    ),
    "mart_pool_hourly": (
        f"select day, hour_at, pool_type, {MEASURES}, busy_ms from mart_pool_hourly",
        f"""select day, date_trunc('hour', {AT}) as h, pool_type, {MEASURED}, sum(duration_ms)
        from {WORK} where pool_type is not null and {AT} is not null group by day, h, pool_type""",
    ),
    "mart_tier_performance": (
        f"select repository, model_tier, task_type, day, {MEASURES} from mart_tier_performance",
        f"""select repository, model_tier, task_type, day, {MEASURED} from {WORK}
        where {newest(TIER_DAYS, "fct_executions")} group by repository, model_tier, task_type, day""",
    ),
    "mart_pool_performance": (
        f"select pool_type, repository, hour_at, {MEASURES} from mart_pool_performance",
        f"""select pool_type, repository, date_trunc('hour', {AT}) as h, {MEASURED} from {WORK}
        where pool_type is not null and {AT} is not null and {newest(7, "fct_executions")}
        group by pool_type, repository, h""",
    ),
    "mart_solution_pattern": (
        f"""select pattern, repository, uses, labelled, successes, duration_n, p50_ms, p95_ms, quality_score, cost_n,
            first_day, last_day, {SUMS} from mart_solution_pattern""",
        f"""select trim(regexp_replace(lower(solution_summary), '[^\\p{{L}}]+', ' ', 'g')) as pattern, repository,
            count(*), {LABELS}, count(duration_ms), quantile_cont(duration_ms, 0.5), quantile_cont(duration_ms, 0.95),
            avg(quality_score), count(cost_usd), min(day), max(day), {TOKENS}
        from {WORK} where solution_summary is not null and {newest(90, "fct_executions")}
        group by pattern, repository having count(*) >= 5 and pattern <> ''""",
    ),
    "mart_error_daily": (
        """select day, error_type, errors, execution_errors, tool_errors, call_errors, agents, errors_of_day,
            share_ratio
        from mart_error_daily""",
        f"""with e as (
            select day, coalesce(error_type, 'unknown') as kind, agent_name, 1 as w from {WORK} where not success
            union all select day, coalesce(error_type, 'unknown'), agent_name, 2 from {TOOLS} where is_error
            union all select day, coalesce(error_type, 'unknown'), agent_name, 3 from {CALLS} where is_error
        )
        select day, kind, count(*), count(*) filter (where w = 1), count(*) filter (where w = 2),
            count(*) filter (where w = 3), count(distinct agent_name),
            (select count(*) from e as f where f.day = e.day),
            count(*) / (select count(*) from e as f where f.day = e.day)
        from e group by day, kind""",
    ),
    "mart_usage_hourly": (
        f"select day, hour_end_at, source, model, {COUNTS}, first_call_at, last_call_at, {SUMS} from mart_usage_hourly",
        f"""select day, date_trunc('hour', ts - interval 1 microsecond) + interval 1 hour as h, source, model,
            {COUNTED}, min(ts), max(ts), {TOKENS}
        from {USAGE} where day <> {UNDATED} and ts is not null group by day, h, source, model""",
    ),
    "mart_error_resolution": (
        """select execution_id, error_type, resolved_by_execution_id, resolved_by_agent, attempts, recovery_ms
        from mart_error_resolution""",
        f"""with x as (
            select *, coalesce(workflow_id, session_id) as w, {AT} as ts, coalesce(ended_at, {AT}) as done
            from {WORK} where {newest(90, "fct_executions")}
        )
        select f.execution_id, coalesce(f.error_type, 'unknown'), s.execution_id, s.agent_name,
            case when s.execution_id is not null then (
                select count(*) from x where x.w = f.w and not x.success and (x.ts, x.execution_id)
                    between (f.ts, f.execution_id) and (s.ts, s.execution_id)) end,
            case when s.execution_id is not null then greatest(epoch_ms(s.done) - epoch_ms(f.done), 0) end
        from x as f left join lateral (
            select * from x where x.w = f.w and x.success and (x.ts, x.execution_id) > (f.ts, f.execution_id)
            order by x.ts, x.execution_id limit 1
        ) as s on true
        where not f.success""",
    ),
    "mart_workflow_transition": (
        """select from_agent, to_agent, transitions, workflows, from_transitions, labelled, successes, without_labelled,
            without_successes, handover_n, handover_p50_ms, handover_p95_ms
        from mart_workflow_transition""",
        f"""with t as (
            select b.*, a.agent_name as before, epoch_ms(b.ts) - epoch_ms(a.ended_at) as gap
            from {STEPS} as b left join {STEPS} as a on a.w = b.w and a.step = b.step - 1
        )
        select before, agent_name, count(*), count(distinct w), (select count(*) from t as o where o.before = t.before),
            {LABELS},
            (select count(success) from t as o
                where o.agent_name = t.agent_name and o.before is distinct from t.before),
            (select count(*) from t as o where o.agent_name = t.agent_name and o.before is distinct from t.before
                and success),
            count(gap) filter (where gap >= 0), quantile_cont(gap, 0.5) filter (where gap >= 0),
            quantile_cont(gap, 0.95) filter (where gap >= 0)
        from t where before is not null group by before, agent_name""",
    ),
    "mart_workflow_pattern": (
        """select pattern, steps, workflows, occurrences, executions, labelled, successes, without_labelled,
            without_successes, length_p50_ms
        from mart_workflow_pattern""",
        f"""with f as materialized (select * from {FLOWS}), g as (
            select *, unnest(generate_series(1, len(agents) - size + 1)) as start
            from f, (values (2), (3), (4)) as sizes(size) where len(agents) >= size
        ), one as (
            select w, size, list_slice(agents, start, start + size - 1) as a, count(*) as times,
                any_value(success) as success, any_value(executions) as executions, any_value(length_ms) as length_ms
            from g group by w, size, a
        )
        select array_to_string(a, ' > '), size, count(*), sum(times), sum(executions), {LABELS},
            (select count(success) from f where len(agents) >= size) - count(success),
            (select count(*) from f where len(agents) >= size and success) - count(*) filter (where success),
            quantile_cont(length_ms, 0.5)
        from one group by a, size having count(*) >= 5""",
    ),
    "mart_agent_pair": (
        """select agent_a, agent_b, workflows, labelled, successes, without_labelled, without_successes, interactions,
            latency_n, latency_p50_ms
        from mart_agent_pair""",
        f"""with f as materialized (select * from {FLOWS}), names as (
            select distinct unnest(agents) as name from f
        ), pairs as (
            select a.name as a, b.name as b, count(*) as n, count(success) as labelled,
                count(*) filter (where success) as hits,
            from f, names as a, names as b
            where a.name < b.name and list_contains(agents, a.name) and list_contains(agents, b.name)
            group by all
        ), asked as (
            select least(source_agent, target_agent) as a, greatest(source_agent, target_agent) as b, count(*) as n,
                count(latency_ms) as known, quantile_cont(latency_ms, 0.5) as p50
            from fct_interactions
            where source_agent <> target_agent and {newest(90, "fct_executions", "fct_interactions")} group by all
        )
        select coalesce(p.a, q.a), coalesce(p.b, q.b), coalesce(p.n, 0), coalesce(p.labelled, 0), coalesce(p.hits, 0),
            case when p.n is null then 0 else (select count(success) from f
                where list_contains(agents, p.a) <> list_contains(agents, p.b)) end,
            case when p.n is null then 0 else (select count(*) from f
                where list_contains(agents, p.a) <> list_contains(agents, p.b) and success) end,
            coalesce(q.n, 0), coalesce(q.known, 0), q.p50
        from pairs as p full join asked as q on p.a = q.a and p.b = q.b
        where p.n >= 5 or q.a is not null""",
    ),
    "mart_branch_cost": (
        f"""select repository, branch, is_attributed, {COUNTS}, active_days, {SUMS}
        from mart_branch_cost where calls + executions > 0""",
        f"""with u as (
            select true as is_call, c.day,
                case when c.branch is null and e.branch is not null then e.repository
                else coalesce(c.repository, e.repository) end as repository,
                coalesce(c.branch, e.branch) as branch, c.input_tokens, c.output_tokens, c.cache_read_tokens,
                case when coalesce(cache_write_5m_tokens, cache_write_1h_tokens) is not null
                then coalesce(cache_write_5m_tokens, 0) + coalesce(cache_write_1h_tokens, 0) end as cache_write_tokens,
                c.reasoning_tokens, c.cost_usd, c.reported_cost_usd
            from fct_llm_calls c left join fct_executions e on e.execution_id = c.execution_id and e.day = c.day
            union all
            select false, day, repository, branch, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens,
                reasoning_tokens, cost_usd, reported_cost_usd from ({WITHOUT_CALLS})
        )
        select repository, branch, branch is not null, {COUNTED}, count(distinct day), {TOKENS}
        from u group by repository, branch""",
    ),
    "mart_metric_daily": (
        "select day, subject_kind, subject, metric, n, hits, value from mart_metric_daily",
        f"select * exclude (log_variance) from {METRICS}",
    ),
    "mart_routing_daily": (
        """select day, strategy, decisions, validated, validated_successes, accuracy, expected_known, expected_matches,
            confidence, error_n, prediction_error, brier_score, cache_known, cache_hits, fallback_known, fallbacks,
            routing_n, p50_us, p95_us, p99_us
        from mart_routing_daily""",
        """select day, strategy, count(*), count(actual_success), count(*) filter (where actual_success),
            avg(actual_success::int), count(expected_agent) filter (where selected_agent is not null),
            count(*) filter (where expected_agent = selected_agent), avg(confidence),
            count(confidence) filter (where actual_success is not null), avg(abs(confidence - actual_success::int)),
            avg((confidence - actual_success::int) ** 2), count(cache_hit), count(*) filter (where cache_hit),
            count(fallback), count(*) filter (where fallback), count(routing_us), quantile_cont(routing_us, 0.5),
            quantile_cont(routing_us, 0.95), quantile_cont(routing_us, 0.99)
        from fct_routing_decisions group by day, strategy""",
    ),
    "mart_routing_daily bypasses": (
        """select day, sum(executed_known), sum(bypasses), sum(asker_known), sum(self_routings)
        from mart_routing_daily group by day""",
        """select d.day,
            count(*) filter (where ran is not null), count(*) filter (where ran <> selected_agent),
            count(*) filter (where asker is not null), count(*) filter (where asker = selected_agent)
        from (
            select *, coalesce(
                (select agent_name from fct_executions e where e.execution_id = d.execution_id and e.day = d.day),
                (select case when count(distinct agent_name) = 1 then min(agent_name) end from fct_executions e
                    where e.correlation_id = d.correlation_id and e.day = d.day)) as ran,
                (select arg_min(source_agent, (coalesce(started_at, completed_at), event_id))
                    from fct_agent_transformations t
                    where t.correlation_id = d.correlation_id and t.day = d.day and source_agent is not null) as asker
            from fct_routing_decisions d
        ) as d where selected_agent is not null group by d.day""",
    ),
    "mart_routing_calibration": (
        """select confidence_bin, labelled, successes, success_rate, mean_confidence, gap_ratio
        from mart_routing_calibration""",
        f"""select least(floor(confidence * 10), 9)::bigint as b, {LABELS.replace("success", "actual_success")},
            avg(actual_success::int), avg(confidence), avg(actual_success::int) - avg(confidence)
        from fct_routing_decisions
        where confidence is not null and actual_success is not null and {newest(90, "fct_routing_decisions")}
        group by b""",
    ),
    "mart_routing_component": (
        "select component, n, successes, mean_of_successes, mean_of_failures, auc from mart_routing_component",
        f"""with d as (
            select component, value, actual_success as success from (
                unpivot (select trigger_confidence as trigger, context_confidence as context, actual_success,
                    capability_confidence as capability, historical_confidence as historical, confidence as total
                    from fct_routing_decisions
                    where actual_success is not null and {newest(90, "fct_routing_decisions")})
                on trigger, context, capability, historical, total into name component value value)
        )
        select component, count(*), count(*) filter (where success), avg(value) filter (where success),
            avg(value) filter (where not success),
            (select avg(case when g.value > b.value then 1 when g.value = b.value then 0.5 else 0 end)
                from d as g, d as b
                where g.success and not b.success and g.component = d.component and b.component = d.component)
        from d group by component""",
    ),
    "mart_transformation_daily": (
        """select day, target_agent, transformations, events, completed, failed, labelled, successes, source_known,
            self_transformations, request_known, unrouted, total_n, total_p50_ms
        from mart_transformation_daily""",
        """with t as (
            select day, target_agent, coalesce('r:' || correlation_id, event_id) as id, count(*) as events,
                bool_or(event_type = 'complete') as completed, bool_or(event_type = 'failed') as failed,
                bool_and(success) as good, bool_and(source_agent = target_agent) as same,
                any_value(correlation_id) as request, max(total_ms) as total_ms
            from fct_agent_transformations group by all
        ), o as (
            select *, case when failed then false else good end as success,
                exists (from fct_routing_decisions d where d.correlation_id = t.request and d.day = t.day) as decided
            from t
        )
        select day, target_agent, count(*), sum(events), count(*) filter (where completed),
            count(*) filter (where failed), count(success), count(*) filter (where success), count(same),
            count(*) filter (where same), count(request), count(*) filter (where request is not null and not decided),
            count(total_ms), quantile_cont(total_ms, 0.5)
        from o group by day, target_agent""",
    ),
    "mart_trend": (
        """select subject_kind, subject, metric, window_days, days, days_before, n, n_before, value, value_before
        from mart_trend""",
        """with m as (
            select *, (select max(day) from mart_metric_daily) - day
                - case when form in ('count', 'sum') then 1 else 0 end as age
            from mart_metric_daily
        ), w as (
            select m.*, d, age < d as inside from m, (values (7), (30), (90)) as w(d) where age between 0 and 2 * d - 1
        )
        select subject_kind, subject, metric, d, count(*) filter (where inside), count(*) filter (where not inside),
            coalesce(sum(n) filter (where inside), 0), coalesce(sum(n) filter (where not inside), 0),
            case when any_value(form) = 'rate' then sum(hits) filter (where inside) / sum(n) filter (where inside)
            else avg(value) filter (where inside) end,
            case when any_value(form) = 'rate'
            then sum(hits) filter (where not inside) / sum(n) filter (where not inside)
            else avg(value) filter (where not inside) end
        from w group by all having count(*) filter (where inside) > 0""",
    ),
}
# Of each fact, what has no time is in none of them; nothing else is lost.
TOTALS = f"""select
    (select sum(executions) from mart_repository_daily), (select sum(executions) from mart_task_type_daily),
    (select sum(value) from mart_metric_daily where metric = 'executions' and subject = '(all)'),
    (select count(*)::double from {WORK})"""
