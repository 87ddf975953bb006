"""Every mart, computed a second time: in plain SQL, over the facts of the database."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from learning_pipeline.contracts.marts_work import LEADERBOARD_WINDOWS
from learning_pipeline.marts.stats import wilson_interval
from learning_pipeline.settings import load_settings

TOKENS = """sum(input_tokens), sum(output_tokens), sum(cache_read_tokens), sum(cache_write_tokens),
    sum(reasoning_tokens), sum(cost_usd), sum(reported_cost_usd)"""
SUMS = """input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens,
    cost_usd, reported_cost_usd"""
# Executions whose usage only they themselves tell of.
WITHOUT_CALLS = """select * from fct_executions e
    where source = 'execution_log' and coalesce(input_tokens, output_tokens, cache_read_tokens, cache_write_tokens,
        reasoning_tokens, reported_cost_usd) is not null
    and not exists (from fct_llm_calls c where c.execution_id = e.execution_id
        and c.day between e.day and coalesce((e.ended_at at time zone 'UTC')::date, e.day + 1))"""
# All usage: calls, and executions without calls.
USAGE = f"""(
    select true as is_call, day, source, session_id, model, provider, started_at as ts, input_tokens, output_tokens,
        cache_read_tokens,
        case when cache_write_5m_tokens is null and cache_write_1h_tokens is null then null
        else coalesce(cache_write_5m_tokens, 0) + coalesce(cache_write_1h_tokens, 0) end as cache_write_tokens,
        reasoning_tokens, cost_usd, reported_cost_usd
    from fct_llm_calls
    union all
    select false, day, source, session_id, model, provider, coalesce(started_at, ended_at), input_tokens,
        output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_usd, reported_cost_usd
    from ({WITHOUT_CALLS})
)"""
COUNTS = "calls, executions, unpriced_calls, unpriced_executions"
COUNTED = """count(*) filter (where is_call), count(*) filter (where not is_call),
    count(*) filter (where is_call and cost_usd is null), count(*) filter (where not is_call and cost_usd is null)"""
OUTCOMES = "count(success), count(*) filter (where success), count(*) filter (where not success)"

SAME: dict[str, tuple[str, str]] = {
    "mart_usage_daily": (
        f"select day, source, model, {COUNTS}, sessions, {SUMS} from mart_usage_daily",
        f"""select day, source, model, {COUNTED}, count(distinct session_id), {TOKENS}
        from {USAGE} group by all""",
    ),
    "mart_usage_monthly": (
        f"select month, source, model, {COUNTS}, active_days, {SUMS} from mart_usage_monthly",
        f"""select date_trunc('month', day)::date, source, model, {COUNTED}, count(distinct day), {TOKENS}
        from {USAGE} group by all""",
    ),
    "mart_usage_session": (
        f"""select source, session_id, if(session_id is null, day, null), first_call_at, last_call_at, models, {COUNTS},
            {SUMS} from mart_usage_session""",
        f"""select source, session_id, if(session_id is null, day, null), min(ts), max(ts),
            coalesce(list_sort(list(distinct model) filter (where model is not null)), []), {COUNTED},
            {TOKENS}
        from {USAGE} group by 1, 2, 3""",
    ),
    "mart_unpriced_models": (
        """select model, provider, calls, executions, sessions, first_day, last_day, input_tokens
        from mart_unpriced_models""",
        f"""select model, provider, count(*) filter (where is_call), count(*) filter (where not is_call),
            count(distinct session_id), min(day), max(day), sum(input_tokens)
        from {USAGE}
        where cost_usd is null and input_tokens is not null and output_tokens is not null
        group by model, provider""",
    ),
    "mart_agent_daily": (
        f"""select day, agent_name, model, task_type, repository, executions, labelled, successes, failures,
            success_rate, p50_ms, p90_ms, p95_ms, p99_ms, tool_errors, committed, quality_score, quality_n,
            unpriced_executions, {SUMS}
        from mart_agent_daily""",
        f"""select day, agent_name, model, task_type, repository, count(*), {OUTCOMES},
            avg(success::int), quantile_cont(duration_ms, 0.5), quantile_cont(duration_ms, 0.9),
            quantile_cont(duration_ms, 0.95), quantile_cont(duration_ms, 0.99), sum(tool_errors),
            count(*) filter (where committed), avg(quality_score), count(quality_score),
            count(*) - count(cost_usd), {TOKENS}
        from fct_executions group by day, agent_name, model, task_type, repository""",
    ),
    "mart_model_daily": (
        f"""select day, model, calls, unpriced_calls, unpriced_executions, {SUMS}, answered, errors, error_rate,
            call_p50_ms, call_p95_ms, executions, labelled, successes, failures, success_rate
        from mart_model_daily""",
        f"""with u as (
            select day, coalesce(model, '?') as m, count(*) filter (where is_call) as calls,
                count(*) filter (where is_call and cost_usd is null) as unpriced,
                count(*) filter (where not is_call and cost_usd is null) as unpriced_executions,
                {TOKENS}
            from {USAGE} group by all
        ), c as (
            select day, coalesce(model, '?') as m, count(is_error) as answered,
                count(*) filter (where is_error) as errors, avg(is_error::int) as error_rate,
                quantile_cont(duration_ms, 0.5) as p50, quantile_cont(duration_ms, 0.95) as p95
            from fct_llm_calls group by all
        ), e as (
            select day, coalesce(model, '?') as m, count(*) as executions, count(success) as labelled,
                count(*) filter (where success) as s, count(*) filter (where not success) as f,
                avg(success::int) as rate
            from fct_executions group by all
        )
        select coalesce(u.day, e.day), nullif(coalesce(u.m, e.m), '?'), coalesce(calls, 0), coalesce(unpriced, 0),
            coalesce(unpriced_executions, 0), u.* exclude (day, m, calls, unpriced, unpriced_executions),
            coalesce(answered, 0), coalesce(errors, 0), error_rate, p50, p95,
            coalesce(executions, 0), coalesce(labelled, 0), coalesce(s, 0), coalesce(f, 0), rate
        from u full join e on u.day = e.day and u.m = e.m
        left join c on u.day = c.day and u.m = c.m""",
    ),
    "mart_tool_daily": (
        """select day, tool_name, tool_kind, mcp_server, calls, agents, sessions, results, errors, error_rate,
            rejected, p50_ms, p95_ms, p99_ms
        from mart_tool_daily""",
        """select day, tool_name, tool_kind, mcp_server, count(*), count(distinct agent_name),
            count(distinct session_id), count(is_error), count(*) filter (where is_error), avg(is_error::int),
            count(*) filter (where decision = 'reject'), quantile_cont(duration_ms, 0.5),
            quantile_cont(duration_ms, 0.95), quantile_cont(duration_ms, 0.99)
        from fct_tool_calls group by day, tool_name, tool_kind, mcp_server""",
    ),
    "mart_git_daily": (
        """select day, repository, events, commits, agent_commits, reverts, merges, authors, lines_added, lines_removed
        from mart_git_daily""",
        """with g as (
            select *, bool_or(session_id is not null or co_authored_agent is not null)
                over (partition by day, repository, commit) as by_agent
            from fct_git_events
        ), made as (
            select day, repository, commit, bool_or(by_agent) as by_agent, bool_or(is_merge) as merges,
                bool_or(reverts_commit is not null) as reverts, list(author_hash) as authors,
                max(lines_added) as added, max(lines_removed) as removed
            from g where commit is not null and event_type in ('commit', 'amend', 'merge', 'revert') group by all
        ), sums as (
            select day, repository, count(*) as commits, count(*) filter (where by_agent) as by_agents,
                count(*) filter (where reverts) as reverts, count(*) filter (where merges) as merges,
                len(list_distinct(flatten(list(authors)))) as authors, sum(added) as added, sum(removed) as removed
            from made group by all
        )
        select g.day, g.repository, count(*), coalesce(any_value(commits), 0), coalesce(any_value(by_agents), 0),
            coalesce(any_value(reverts), 0), coalesce(any_value(merges), 0), coalesce(any_value(authors), 0),
            any_value(added), any_value(removed)
        from g left join sums s on s.day = g.day and s.repository is not distinct from g.repository
        group by g.day, g.repository""",
    ),
    "mart_session": (
        """select session_id, day, started_at, ended_at, length_ms, prompts, executions, agents, llm_calls, tool_calls,
            tool_results, tool_errors, tools, commits, labelled, successes, quality_score, input_tokens, cost_usd
        from mart_session""",
        f"""with usage as (from {USAGE}), ids as (
            select session_id from fct_executions union select session_id from fct_llm_calls
            union select session_id from fct_tool_calls
        ), times as (
            select session_id, started_at as ts, nullif(day, date '1970-01-01') as day from fct_executions
            union all select session_id, ended_at, null from fct_executions
            union all select session_id, started_at, day from fct_llm_calls
            union all select session_id, started_at, day from fct_tool_calls
        )
        select session_id, coalesce(min(times.day), date '1970-01-01'), min(ts), max(ts),
            epoch_ms(max(ts)) - epoch_ms(min(ts)),
            (select count(*) from fct_executions e where e.session_id = i.session_id and agent_kind = 'main'),
            (select count(*) from fct_executions e where e.session_id = i.session_id),
            (select count(distinct agent_name) from fct_executions e where e.session_id = i.session_id),
            (select count(*) from fct_llm_calls c where c.session_id = i.session_id),
            (select count(*) from fct_tool_calls t where t.session_id = i.session_id),
            (select count(is_error) from fct_tool_calls t where t.session_id = i.session_id),
            (select count(*) from fct_tool_calls t where t.session_id = i.session_id and is_error),
            (select count(distinct tool_name) from fct_tool_calls t where t.session_id = i.session_id),
            (select count(distinct c) from (
                select unnest(commits) as c from fct_executions e where e.session_id = i.session_id)),
            (select count(success) from fct_executions e where e.session_id = i.session_id),
            (select count(*) from fct_executions e where e.session_id = i.session_id and success),
            (select avg(quality_score) from fct_executions e where e.session_id = i.session_id),
            (select sum(input_tokens) from usage u where u.session_id = i.session_id),
            (select sum(cost_usd) from usage u where u.session_id = i.session_id)
        from ids i join times using (session_id)
        where session_id is not null
        group by session_id""",
    ),
    "mart_throughput": (
        """select period, starts_at, executions, llm_calls, tool_calls, git_events, agents, task_types, observed_ms
        from mart_throughput""",
        """with r as (
            select coalesce(started_at, ended_at) as ts, 'e' as what, agent_name, task_type from fct_executions
            where coalesce(started_at, ended_at) is not null
            union all select started_at, 'c', null, null from fct_llm_calls
            union all select started_at, 't', null, null from fct_tool_calls where started_at is not null
            union all select occurred_at, 'g', null, null from fct_git_events where occurred_at is not null
        ), span as (select epoch_ms(min(ts)) as first, epoch_ms(max(ts)) as last from r),
        p as (
            select period, date_trunc(period, ts) as s, r.*,
                case period when 'day' then 86400000 else 3600000 end as len
            from r, (values ('day'), ('hour')) as periods(period)
        )
        select period, s, count(*) filter (where what = 'e'), count(*) filter (where what = 'c'),
            count(*) filter (where what = 't'), count(*) filter (where what = 'g'), count(distinct agent_name),
            count(distinct task_type),
            least(epoch_ms(s) + any_value(len), any_value(last)) - greatest(epoch_ms(s), any_value(first))
        from p, span group by period, s""",
    ),
    "dim_agents": (
        "select agent_name, first_day, last_day, executions, models, task_types, repositories from dim_agents",
        """select agent_name, min(day), max(day), count(*),
            coalesce(list_sort(list(distinct model) filter (where model is not null)), []),
            coalesce(list_sort(list(distinct task_type) filter (where task_type is not null)), []),
            count(distinct repository)
        from fct_executions group by agent_name""",
    ),
    "dim_models": (
        "select model, first_day, last_day, calls, executions from dim_models",
        """select model, min(day), max(day), sum(c), sum(e)
        from (select model, day, 1 as c, 0 as e from fct_llm_calls
            union all select model, day, 0, 1 from fct_executions)
        where model is not null group by model""",
    ),
    "dim_repositories": (
        "select repository, first_day, last_day, executions, agents, commits from dim_repositories",
        """select repository, min(day), max(day), count(distinct e), count(distinct a), count(distinct c)
        from (select repository, day, execution_id as e, agent_name as a, null as c from fct_executions
            union all select repository, day, null, null, commit from fct_git_events)
        where repository is not null group by repository""",
    ),
}
for _days in LEADERBOARD_WINDOWS:
    SAME[f"mart_agent_leaderboard {_days}"] = (
        f"""select agent_name, executions_{_days}d, labelled_{_days}d, successes_{_days}d, success_rate_{_days}d,
            labelled_before_{_days}d, trend_{_days}d, cost_usd_{_days}d, reported_cost_usd_{_days}d,
            cost_per_success_usd_{_days}d, p50_ms_{_days}d, p95_ms_{_days}d, enough_data_{_days}d
        from mart_agent_leaderboard""",
        f"""with x as (
            select *, (select max(day) from fct_executions) - day as age, cost_usd as cost from fct_executions
        )
        select agent_name, count(*) filter (where age < {_days}), count(success) filter (where age < {_days}),
            count(*) filter (where success and age < {_days}), avg(success::int) filter (where age < {_days}),
            count(success) filter (where age >= {_days} and age < {2 * _days}),
            avg(success::int) filter (where age < {_days})
                - avg(success::int) filter (where age >= {_days} and age < {2 * _days}),
            sum(cost) filter (where age < {_days}), sum(reported_cost_usd) filter (where age < {_days}),
            sum(cost) filter (where success is not null and age < {_days})
                / nullif(count(*) filter (where success and cost is not null and age < {_days}), 0),
            quantile_cont(duration_ms, 0.5) filter (where age < {_days}),
            quantile_cont(duration_ms, 0.95) filter (where age < {_days}),
            count(success) filter (where age < {_days}) >= 20
        from x group by agent_name""",
    )


@pytest.fixture(scope="module")
def marts(world_home: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(load_settings(world_home).marts_path), read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        yield connection


def rows_of(connection: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    """Return the rows in the order of their keys, which come first."""
    return sorted(connection.execute(sql).fetchall(), key=str)


def same(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    """Say whether two rows are equal: exactly, but for the last digits of numbers that are not whole."""
    return len(one) == len(other) and all(
        a == pytest.approx(b, rel=1e-7, abs=1e-8) if isinstance(a, float) and isinstance(b, float) else a == b
        for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize("mart", SAME)
def test_a_mart_is_what_plain_sql_makes_of_the_facts(marts: duckdb.DuckDBPyConnection, mart: str) -> None:
    of_mart, of_facts = SAME[mart]
    got, expected = rows_of(marts, of_mart), rows_of(marts, of_facts)
    assert got and len(got) == len(expected)
    assert [pair for pair in zip(got, expected, strict=True) if not same(*pair)] == []


def test_cost_of_executions_is_that_of_their_calls(marts: duckdb.DuckDBPyConnection) -> None:
    wrong = """
        with c as (
            select e.execution_id,
                case when count(*) = count(c.cost_usd) then sum(c.cost_usd) end as cost
            from fct_executions e join fct_llm_calls c using (execution_id)
            where c.day between e.day and coalesce((e.ended_at at time zone 'UTC')::date, e.day + 1)
            group by e.execution_id
        )
        select count(*) filter (where e.cost_usd is distinct from c.cost), count(e.cost_usd)
        from fct_executions e left join c using (execution_id)
        where c.execution_id is not null or e.source = 'claude_code'"""
    [(different, costed)] = marts.execute(wrong).fetchall()
    assert different == 0 and costed > 20


def test_cost_of_executions_without_a_call_is_that_of_their_tokens(marts: duckdb.DuckDBPyConnection) -> None:
    ask = f"""
        select e.cost_usd::double, (e.input_tokens * m.input_usd_per_mtok + e.output_tokens * m.output_usd_per_mtok
            + coalesce(e.cache_write_tokens, 0) * m.cache_write_5m_usd_per_mtok)::double
        from ({WITHOUT_CALLS}) e join dim_models m using (model)"""
    rows = marts.execute(ask).fetchall()
    assert [
        (cost, tokens) for cost, tokens in rows if cost != (None if tokens is None else pytest.approx(tokens / 10**6))
    ] == []
    assert sum(cost is not None for cost, _ in rows) > 10


def test_no_cost_is_lost_between_executions_and_commits(marts: duckdb.DuckDBPyConnection) -> None:
    for column in ("cost_usd", "reported_cost_usd", "input_tokens"):
        parts = f"select sum({column}) from mart_commit_cost"
        whole = f"""select sum(x) from (select {column} as x from fct_executions union all
            select {column} from fct_llm_calls where execution_id is null)"""
        assert marts.execute(parts).fetchone() == marts.execute(whole).fetchone()
    unattributed = "select count(*) - count(distinct day), bool_and(commit is null) from mart_commit_cost"
    assert marts.execute(f"{unattributed} where not is_attributed").fetchone() == (0, True)
    behind = "select count(*) from mart_commit_cost where is_attributed and executions > 0"
    assert marts.execute(behind).fetchone()[0] > 10  # type: ignore[index]


def test_commits_are_those_that_tools_and_sessions_tell(marts: duckdb.DuckDBPyConnection) -> None:
    told = """
        with said as (
            select execution_id, coalesce(g.commit, t.commit_prefix) as commit
            from fct_tool_calls t left join fct_git_events g on starts_with(g.commit, t.commit_prefix)
            where t.commit_prefix is not null
        ), named as (
            select arg_max(e.execution_id, (e.started_at, e.execution_id)) as execution_id, g.commit
            from fct_git_events g join fct_executions e using (session_id)
            where e.parent_execution_id is null and e.started_at <= g.occurred_at
            group by g.commit
        )
        select execution_id, list_sort(list(distinct commit)) from (from said union from named) group by 1"""
    have = "select execution_id, commits from fct_executions where commits is not null"
    assert rows_of(marts, have) == rows_of(marts, told)


def test_every_rate_has_its_wilson_interval(marts: duckdb.DuckDBPyConnection) -> None:
    checked = 0
    for mart, rate, n in [
        ("mart_agent_daily", "success", "labelled"),
        ("mart_model_daily", "error", "answered"),
        ("mart_tool_daily", "error", "results"),
    ]:
        count = "successes" if rate == "success" else "errors"
        for k, of, low, high in marts.execute(f"select {count}, {n}, {rate}_low, {rate}_high from {mart}").fetchall():
            expected = wilson_interval(k, of)
            assert (low, high) == (pytest.approx(expected) if expected else (None, None))
            checked += 1
    assert checked > 100


def test_a_short_span_is_not_divided_by(marts: duckdb.DuckDBPyConnection) -> None:
    bad = """select count(*) from mart_throughput
        where not isfinite(coalesce(executions_per_hour, 0))
        or (executions_per_hour is not null) <> (observed_ms >= case period when 'day' then 8640000 else 360000 end)"""
    assert marts.execute(bad).fetchone() == (0,)
