"""What tokens and money are summed up to, computed a second time: in plain SQL, over the facts."""

from learning_pipeline_tests.marts.recomputed import UNDATED, USAGE, WITHOUT_CALLS, WORK
from learning_pipeline_tests.marts.test_sql import COUNTED, COUNTS, SUMS, TOKENS

PLACED = f"""(
    select true as is_call, c.day, c.agent_name,
        case when c.branch is null and e.branch is not null then e.repository
        else coalesce(c.repository, e.repository) end as repository,
        coalesce(c.branch, e.branch) as branch, c.input_tokens, c.output_tokens, c.cache_read_tokens,
        case when coalesce(cache_write_5m_tokens, cache_write_1h_tokens) is not null
        then coalesce(cache_write_5m_tokens, 0) + coalesce(cache_write_1h_tokens, 0) end as cache_write_tokens,
        c.reasoning_tokens, c.cost_usd, c.reported_cost_usd
    from fct_llm_calls c left join fct_executions e on e.execution_id = c.execution_id and e.day = c.day
    union all
    select false, day, agent_name, repository, branch, input_tokens, output_tokens, cache_read_tokens,
        cache_write_tokens, reasoning_tokens, cost_usd, reported_cost_usd from ({WITHOUT_CALLS})
)"""


def names(column: str, condition: str = "true") -> str:
    """Return SQL: the different values that are known, sorted."""
    return f"coalesce(list_sort(list(distinct {column}) filter (where {column} is not null and {condition})), [])"


AGENTS = names("agent_name")
# A block begins at the full hour of its first call and holds all calls up to five hours later: one walk over all.
BLOCKS = f"""(
    with recursive u as materialized (
        select source, ts from {USAGE} where day <> {UNDATED} and ts is not null
    ), starts as (
        select source, date_trunc('hour', min(ts)) as start from u group by source
        union all
        select s.source, (select date_trunc('hour', min(ts)) from u
            where u.source = s.source and u.ts > s.start + interval 5 hour)
        from starts s where s.start is not null
    )
    from starts where start is not null
)"""
ALL_TOKENS = "input_tokens, output_tokens, cache_read_tokens, cache_write_tokens"
PERIODS = f"""(
    with days as (
        select day, source, model, cost_usd, calls + executions as usages,
            unpriced_calls + unpriced_executions as unpriced
        from mart_usage_daily where day <> {UNDATED}
    ), newest as (select max(day) as newest from days), spent as (
        select b.*, newest, date_trunc(b.period, day)::date as starts_day, d.day, d.cost_usd, usages, unpriced
        from budgets b, newest, days d
        where d.source = coalesce(b.source, d.source) and (b.model is null or d.model = b.model)
        union all
        select b.*, newest, date_trunc(b.period, newest)::date, newest, null, 0, 0 from budgets b, newest
        where newest is not null
    ), daily as (
        select budget, any_value(limit_usd) as limit_usd, any_value(period) as period, any_value(source) as source,
            any_value(model) as model, any_value(newest) as newest, starts_day, day, sum(cost_usd) as cost_usd,
            sum(usages) as usages, sum(unpriced) as unpriced
        from spent group by budget, starts_day, day
    ), running as (
        select *, sum(cost_usd) over (partition by budget, starts_day order by day)::double / limit_usd::double as part
        from daily
    )
    select budget, starts_day, any_value(period) as period, any_value(source) as source, any_value(model) as model,
        any_value(limit_usd) as limit_usd, any_value(newest) as newest, sum(cost_usd) as cost_usd,
        sum(usages) as usages, sum(unpriced) as unpriced, min(day) filter (where part >= 0.8) as warned,
        min(day) filter (where part >= 1) as over,
        (starts_day + case any_value(period) when 'day' then interval 1 day when 'week' then interval 7 day
            else interval 1 month end)::date - 1 as ends_day
    from running group by budget, starts_day
)"""

USAGE_RECOMPUTED: dict[str, tuple[str, str]] = {
    "mart_branch_daily": (
        f"select day, repository, branch, agents, {COUNTS}, {SUMS} from mart_branch_daily",
        f"select day, repository, branch, {AGENTS}, {COUNTED}, {TOKENS} from {PLACED} group by day, repository, branch",
    ),
    "mart_branch_cost git": (
        """select repository, branch, first_day, last_day, agents, commits, lines_added, lines_removed,
            round(cost_per_commit_usd::double, 9) as cost_per_commit_usd
        from mart_branch_cost""",
        f"""with spent as (
            select repository, branch, min(day) as first_day, max(day) as last_day, {AGENTS} as agents,
                sum(cost_usd) as cost
            from {PLACED} group by repository, branch
        ), made as (
            select repository, branch, count(*) as commits, sum(lines_added) as lines_added,
                sum(lines_removed) as lines_removed
            from (select repository, branch, max(lines_added) as lines_added, max(lines_removed) as lines_removed
                from fct_git_events where event_type in ('commit', 'amend', 'merge', 'revert')
                and commit is not null and branch is not null group by repository, branch, commit)
            group by repository, branch
        )
        select coalesce(s.repository, m.repository), coalesce(s.branch, m.branch), first_day, last_day,
            coalesce(agents, []), coalesce(commits, 0), lines_added, lines_removed, round(cost::double / commits, 9)
        from spent s full join made m
        on s.repository is not distinct from m.repository and s.branch is not distinct from m.branch""",
    ),
    "mart_budget": (
        """select budget, starts_day, ends_day, period, source, model, limit_usd, cost_usd, usages, unpriced,
            spent_ratio, period_days, elapsed_days, is_open, round(projected_cost_usd::double, 9) as projected_cost_usd,
            state, reached_day
        from mart_budget""",
        f"""select budget, starts_day, ends_day, period, source, model, limit_usd, cost_usd, usages, unpriced,
            cost_usd::double / limit_usd::double, ends_day - starts_day + 1, least(ends_day, newest) - starts_day + 1,
            newest between starts_day and ends_day,
            if(newest between starts_day and ends_day,
                round(cost_usd::double * (ends_day - starts_day + 1) / (newest - starts_day + 1), 9), null),
            case when cost_usd is null then null when over is not null then 'critical'
            when warned is not null then 'warning' else 'ok' end,
            coalesce(over, warned)
        from {PERIODS}""",
    ),
    "mart_usage_block": (
        f"""select source, block_start_at, block_end_at, first_call_at, last_call_at, active_ms, gap_before_ms, models,
            tokens, tokens_per_minute, cost_usd_per_hour, is_open,
            round(projected_cost_usd::double, 9) as projected_cost_usd, {COUNTS}, {SUMS}
        from mart_usage_block""",
        f"""with b as (
            select source, start, min(ts) as first, max(ts) as last, epoch_ms(max(ts)) - epoch_ms(min(ts)) as active_ms,
                {names("model")} as models, {COUNTED.replace(",", ",")}, {TOKENS}, sum(cost_usd)::double as cost,
                case when count(coalesce({ALL_TOKENS})) > 0 then sum(coalesce(input_tokens, 0)
                    + coalesce(output_tokens, 0) + coalesce(cache_read_tokens, 0) + coalesce(cache_write_tokens, 0)) end
                as tokens
            from (select u.*, (select max(start) from blocks b where b.source = u.source
                    and (b.start < u.ts or b.start = u.ts and not exists (from blocks o
                        where o.source = b.source and o.start + interval 5 hour = b.start))) as start
                from {USAGE} as u where day <> {UNDATED} and ts is not null)
            group by source, start
        )
        select source, start, start + interval 5 hour, first, last, active_ms,
            epoch_ms(first) - epoch_ms(lag(last) over w), models, tokens,
            if(active_ms >= 60000, tokens * 60000 / active_ms, null),
            if(active_ms >= 60000, cost * 3600000 / active_ms, null), lead(start) over w is null,
            if(lead(start) over w is null and active_ms >= 60000, round(cost + cost * 3600000 / active_ms
                * greatest(epoch_ms(start + interval 5 hour) - epoch_ms(last), 0) / 3600000, 9), null),
            * exclude (source, start, first, last, active_ms, models, cost, tokens)
        from b window w as (partition by source order by start)""".replace(
            "with b as", f"with blocks as materialized (from {BLOCKS}), b as"
        ),
    ),
    "mart_usage_session day": (
        "select source, session_id, day, models from mart_usage_session",
        f"""with first as (
            select session_id, coalesce(min(nullif(day, {UNDATED})), {UNDATED}) as day
            from (select session_id, day from fct_executions union all select session_id, day from fct_llm_calls)
            where session_id is not null group by session_id
        )
        select source, u.session_id, coalesce(any_value(f.day), min(u.day)), {names("model")}
        from {USAGE} as u left join first f using (session_id)
        group by source, u.session_id, if(u.session_id is null, u.day, null)""",
    ),
    "mart_unpriced_models tokens": (
        """select model, provider, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens
        from mart_unpriced_models""",
        f"""select model, provider, sum(output_tokens), sum(cache_read_tokens), sum(cache_write_tokens),
            sum(reasoning_tokens)
        from {USAGE} where cost_usd is null and input_tokens is not null and output_tokens is not null
        group by model, provider""",
    ),
    "mart_session rest": (
        f"""select session_id, repository, outcome, {SUMS} from mart_session""",
        f"""with usage as materialized (select session_id, {TOKENS} from {USAGE} group by session_id), e as (
            select session_id,
                arg_min(repository, (coalesce(started_at, ended_at), execution_id))
                    filter (where repository is not null) as repository,
                arg_max(outcome, (coalesce(started_at, ended_at, '-infinity'::timestamptz), execution_id))
                    filter (where parent_execution_id is null) as outcome
            from fct_executions group by session_id
        ), ids as (
            select session_id from fct_executions union select session_id from fct_llm_calls
            union select session_id from fct_tool_calls
        )
        select i.session_id, repository, outcome, u.* exclude (session_id)
        from ids i left join e using (session_id) left join usage u using (session_id)
        where i.session_id is not null""",
    ),
    "mart_agent_daily counts": (
        "select day, agent_name, model, task_type, repository, llm_calls, tool_calls from mart_agent_daily",
        """select day, agent_name, model, task_type, repository, sum(llm_calls), sum(tool_calls) from fct_executions
        group by all""",
    ),
    "mart_tool_daily sizes": (
        "select day, tool_name, tool_kind, mcp_server, input_bytes, output_bytes from mart_tool_daily",
        """select day, tool_name, tool_kind, mcp_server, sum(input_bytes), sum(output_bytes) from fct_tool_calls
        group by all""",
    ),
    "mart_git_daily rest": (
        "select day, repository, pushes, files_changed from mart_git_daily",
        """select g.day, g.repository, count(*) filter (where event_type = 'push'),
            (select sum(n) from (select max(files_changed) as n from fct_git_events o
                where o.day = g.day and o.repository is not distinct from g.repository and o.commit is not null
                and o.event_type in ('commit', 'amend', 'merge', 'revert') group by o.commit))
        from fct_git_events g group by g.day, g.repository""",
    ),
    "mart_agent_leaderboard costed": (
        """select agent_name, newest_day, last_day, models, costed_7d, costed_30d, costed_90d
        from mart_agent_leaderboard""",
        f"""with x as (select *, max(day) over () as newest, max(day) over () - day as age from fct_executions)
        select agent_name, any_value(newest), max(day), {names("model", "age < 90")},
            {", ".join(f"count(cost_usd) filter (where age < {days})" for days in (7, 30, 90))}
        from x group by agent_name""",
    ),
    "dim_agents rest": (
        "select agent_name, agent_kind, agent_version, models, task_types, sources from dim_agents",
        f"""with e as (select *, (day, coalesce(started_at, '-infinity'::timestamptz), execution_id) as place
            from fct_executions)
        select agent_name, arg_max(agent_kind, place) filter (where agent_kind is not null),
            arg_max(agent_version, place) filter (where agent_version is not null), {names("model")},
            {names("task_type")}, {names("source")}
        from e group by agent_name""",
    ),
    "dim_repositories remote": (
        "select repository, remote from dim_repositories",
        """with seen as (
            select repository, null as remote, null as place from fct_executions
            union all select repository, remote, (day, occurred_at, event_id) from fct_git_events
        )
        select repository, arg_max(remote, place) filter (where remote is not null) from seen
        where repository is not null group by repository""",
    ),
    "mart_solution_pattern rest": (
        "select pattern, repository, example_summary, agents, task_types, quality_n from mart_solution_pattern",
        f"""select trim(regexp_replace(lower(solution_summary), '[^\\p{{L}}]+', ' ', 'g')) as pattern, repository,
            min(solution_summary), {AGENTS}, {names("task_type")}, count(quality_score)
        from {WORK} where solution_summary is not null
            and day > (select max(day) from fct_executions) - 90
        group by pattern, repository having count(*) >= 5 and pattern <> ''""",
    ),
}
