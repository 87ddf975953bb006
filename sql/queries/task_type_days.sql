-- Kinds of task per day: executions, success with interval, median duration, cost
select day, task_type, executions, labelled, round(success_rate, 3) as success_rate, round(success_low, 3) as success_low,
    round(success_high, 3) as success_high, round(p50_ms) as p50_ms, duration_n, round(cost_usd, 2) as cost_usd
from mart_task_type_daily
order by day desc, executions desc, task_type
limit 100;
