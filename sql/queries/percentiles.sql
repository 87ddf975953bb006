-- How long executions take, by agent: median, 90th, 95th and 99th percentile in milliseconds
select
    agent_name,
    count(duration_ms) as n,
    round(quantile_cont(duration_ms, 0.5)) as p50_ms,
    round(quantile_cont(duration_ms, 0.9)) as p90_ms,
    round(quantile_cont(duration_ms, 0.95)) as p95_ms,
    round(quantile_cont(duration_ms, 0.99)) as p99_ms
from fct_executions
where duration_ms is not null
group by agent_name
order by n desc, agent_name;
