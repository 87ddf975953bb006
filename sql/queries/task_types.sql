-- How kinds of task go: executions, success rate and its count, median duration, cost per execution
select
    task_type,
    count(*) as executions,
    count(success) as labelled,
    round(count(*) filter (where success) / nullif(count(success), 0), 3) as success_rate,
    round(median(duration_ms)) as p50_ms,
    round(avg(cost_usd), 4) as cost_per_execution_usd,
    count(cost_usd) as with_cost
from fct_executions
group by task_type
order by executions desc, task_type;
