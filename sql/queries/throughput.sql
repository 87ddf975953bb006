-- Executions per day that had any, against the targets of volume, agents and kinds of task
select
    starts_at::date as day,
    executions,
    llm_calls,
    tool_calls,
    round(observed_ms / 3600000, 1) as observed_hours,
    round(executions_per_hour, 2) as executions_per_hour,
    round(projected_executions_per_day) as projected_per_day,
    round(volume_coverage, 3) as volume_coverage,
    round(agent_coverage, 3) as agent_coverage,
    round(task_type_coverage, 3) as task_type_coverage
from mart_throughput
where period = 'day' and executions > 0
order by day;
