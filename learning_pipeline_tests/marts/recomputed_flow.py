"""How agents work together and how they were chosen: what recomputed.py leaves out, in plain SQL over the facts."""

from learning_pipeline_tests.marts.recomputed import AT, FLOWS, WORK, newest

_ASKED = f"""(select *, least(source_agent, target_agent) as a, greatest(source_agent, target_agent) as b
    from fct_interactions
    where source_agent <> target_agent and {newest(90, "fct_executions", "fct_interactions")})"""
_DECIDED = f"""(select * from fct_routing_decisions
    where actual_success is not null and {newest(90, "fct_routing_decisions")})"""
_RAN = """(
    select *, coalesce(
        (select agent_name from fct_executions e where e.execution_id = d.execution_id and e.day = d.day),
        (select case when count(distinct agent_name) = 1 then min(agent_name) end from fct_executions e
            where e.correlation_id = d.correlation_id and e.day = d.day)) as ran,
        (select arg_min(source_agent, (coalesce(started_at, completed_at), event_id))
            from fct_agent_transformations t
            where t.correlation_id = d.correlation_id and t.day = d.day and source_agent is not null) as asker
    from fct_routing_decisions d
)"""
# Hanley and McNeil's interval of an area under the curve.
_AUC = """(select avg(case when g.value > b.value then 1 when g.value = b.value then 0.5 else 0 end)
    from {0} as g, {0} as b where g.success and not b.success and g.part = b.part and g.part = p.part)"""
_SPREAD = """1.959963984540054 * sqrt(greatest(auc * (1 - auc) + (good - 1) * (auc / (2 - auc) - auc * auc)
    + (bad - 1) * (2 * auc * auc / (1 + auc) - auc * auc), 0) / (good * bad))"""
_WEIGHTED = {"trigger": 0.4, "context": 0.3, "capability": 0.2, "historical": 0.1}
_WHOLE = " + ".join(f"{weight} * {name}_confidence" for name, weight in _WEIGHTED.items())
_COMPLETE = " and ".join(f"{name}_confidence is not null" for name in _WEIGHTED)
_SCORES = " union all ".join(
    [
        f"select 'total' as part, 1.0 as weight, actual_success as success, {_WHOLE} as value "
        f"from {_DECIDED} where {_COMPLETE}"
    ]
    + [
        f"select '{name}', {weight}, actual_success, {_WHOLE} - {weight} * {name}_confidence "
        f"from {_DECIDED} where {_COMPLETE}"
        for name, weight in _WEIGHTED.items()
    ]
)


def _percentiles(name: str) -> str:
    return f"count({name}), quantile_cont({name}, 0.5), quantile_cont({name}, 0.95)"


FLOW_RECOMPUTED: dict[str, tuple[str, str]] = {
    "mart_error_resolution rest": (
        """select execution_id, day, failed_at, session_id, workflow_id, agent_name, model, repository, task_type,
            resolution
        from mart_error_resolution""",
        f"""with x as (
            select *, coalesce(workflow_id, session_id) as w, {AT} as ts from {WORK}
            where {newest(90, "fct_executions")}
        )
        select f.execution_id, f.day, coalesce(f.ended_at, f.started_at), f.session_id, f.workflow_id, f.agent_name,
            f.model, f.repository, f.task_type,
            case when f.w is null then 'not_known' when s.execution_id is null then 'unresolved'
            when s.agent_name <> f.agent_name then 'other_agent'
            when s.model is distinct from f.model then 'other_model' else 'retry' end
        from x as f left join lateral (
            select * from x where x.w = f.w and x.success and (x.ts, x.execution_id) > (f.ts, f.execution_id)
            order by x.ts, x.execution_id limit 1
        ) as s on true where not f.success""",
    ),
    "mart_workflow_pattern length": (
        "select pattern, length_n from mart_workflow_pattern",
        f"""with f as materialized (select * from {FLOWS}), one as (
            select distinct w, list_slice(agents, start, start + size - 1) as a, length_ms from (
                select *, unnest(generate_series(1, len(agents) - size + 1)) as start
                from f, (values (2), (3), (4)) as sizes(size) where len(agents) >= size))
        select array_to_string(a, ' > '), count(length_ms) from one group by a having count(*) >= 5""",
    ),
    "mart_agent_pair rest": (
        """select agent_a, agent_b, workflows_a, workflows_b, is_in_workflows, interactions_answered,
            interactions_successful, interaction_retries, latency_p95_ms
        from mart_agent_pair""",
        f"""with f as materialized (select * from {FLOWS}), q as (
            select a, b, count(success) as answered, count(*) filter (where success) as well, sum(retries) as retries,
                quantile_cont(latency_ms, 0.95) as p95
            from {_ASKED} group by a, b
        )
        select m.agent_a, m.agent_b,
            (select count(*) from f where list_contains(agents, m.agent_a)),
            (select count(*) from f where list_contains(agents, m.agent_b)),
            workflows > 0, coalesce(answered, 0), coalesce(well, 0), retries, p95
        from mart_agent_pair m left join q on q.a = m.agent_a and q.b = m.agent_b""",
    ),
    "mart_routing_daily rest": (
        """select day, strategy, sessions, agents, confidence_n, executed_known, bypasses, asker_known, self_routings
        from mart_routing_daily""",
        f"""select day, strategy, count(distinct session_id), count(distinct selected_agent), count(confidence),
            count(*) filter (where ran is not null and selected_agent is not null),
            count(*) filter (where ran <> selected_agent),
            count(*) filter (where asker is not null and selected_agent is not null),
            count(*) filter (where asker = selected_agent)
        from {_RAN} group by day, strategy""",
    ),
    "mart_transformation_daily rest": (
        """select day, target_agent, transformation_n, transformation_p50_ms, transformation_p95_ms, initialization_n,
            initialization_p50_ms, initialization_p95_ms, total_p95_ms, quality_score, quality_n
        from mart_transformation_daily""",
        f"""with t as (
            select day, target_agent, max(transformation_ms) as changed, max(initialization_ms) as begun,
                max(total_ms) as total, max(quality_score) as quality
            from fct_agent_transformations group by day, target_agent, coalesce('r:' || correlation_id, event_id)
        )
        select day, target_agent, {_percentiles("changed")}, {_percentiles("begun")}, quantile_cont(total, 0.95),
            avg(quality), count(quality)
        from t group by day, target_agent""",
    ),
    "mart_routing_component rest": (
        """select component, stated_weight, auc_low, auc_high, p_value, q_value, complete_n, auc_without, auc_gain
        from mart_routing_component""",
        f"""with d as (
            select part, value, actual_success as success from (
                unpivot (select trigger_confidence as trigger, context_confidence as context, actual_success,
                    capability_confidence as capability, historical_confidence as historical, confidence as total
                    from {_DECIDED})
                on trigger, context, capability, historical, total into name part value value)
        ), scores as (from ({_SCORES})), weighted as (
            select part, any_value(weight) as weight, {_AUC.format("scores")} as auc from scores as p group by part
        ), p as (
            select part, count(*) filter (where success) as good, count(*) filter (where not success) as bad,
                {_AUC.format("d")} as auc, rank_sum(list(value) filter (where success),
                    list(value) filter (where not success)) as p_value
            from d as p group by part
        ), r as (
            select *, row_number() over (order by p_value nulls last) as place, count(p_value) over () as tests from p
        )
        select r.part, if(r.part = 'total', null, w.weight::double), greatest(r.auc - {_SPREAD}, 0),
            least(r.auc + {_SPREAD}, 1), p_value,
            if(p_value is null, null, least(min(p_value * tests / place)
                over (order by place rows between current row and unbounded following), 1)),
            (select count(*) from scores where part = 'total'), if(r.part = 'total', null, w.auc),
            if(r.part = 'total', null, (select auc from weighted where part = 'total') - w.auc)
        from r left join weighted w on w.part = r.part""".replace("sqrt(greatest(auc", "sqrt(greatest(r.auc")
        .replace("(auc /", "(r.auc /")
        .replace("- auc * auc", "- r.auc * r.auc")
        .replace("(1 - auc)", "(1 - r.auc)")
        .replace("(2 - auc)", "(2 - r.auc)")
        .replace("2 * auc * auc / (1 + auc)", "2 * r.auc * r.auc / (1 + r.auc)"),
    ),
}
