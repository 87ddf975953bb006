-- The last hour of the data: what ran, and how it ended
select started_at, agent_name, model, task_type, repository, outcome, duration_ms, round(cost_usd, 4) as cost_usd
from fct_executions
where started_at > (select max(started_at) from fct_executions) - interval 1 hour
order by started_at desc, execution_id;
