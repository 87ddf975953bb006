-- How long executions take, by agent: median, 90th, 95th and 99th percentile in milliseconds
with by_agent as (
    select
        agent_name,
        count(duration_ms) as n,
        quantile_cont(duration_ms, [0.5, 0.9, 0.95, 0.99]) as points  -- all at once: they are put in order once
    from fct_executions
    where duration_ms is not null
    group by agent_name
)
select
    agent_name,
    n,
    round(points[1]) as p50_ms,
    round(points[2]) as p90_ms,
    round(points[3]) as p95_ms,
    round(points[4]) as p99_ms
from by_agent
order by n desc, agent_name;
