-- Pool utilisation per hour: executions, how many at work at a time, success, 95th percentile
select hour_at, pool_type, executions, round(mean_concurrency, 2) as mean_concurrency, labelled,
    round(success_rate, 3) as success_rate, round(p95_ms) as p95_ms, duration_n, round(cost_usd, 2) as cost_usd
from mart_pool_hourly
order by hour_at desc, pool_type
limit 200;
