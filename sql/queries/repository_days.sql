-- Repositories per day: executions, success with interval, median duration, cost
select day, repository, executions, labelled, round(success_rate, 3) as success_rate, round(success_low, 3) as success_low,
    round(success_high, 3) as success_high, round(p50_ms) as p50_ms, duration_n, round(cost_usd, 2) as cost_usd
from mart_repository_daily
order by day desc, executions desc, repository
limit 100;
