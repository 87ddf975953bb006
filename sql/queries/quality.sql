-- Measured quality by agent and kind of task, with the number of executions that have one
select
    agent_name,
    task_type,
    sum(quality_n) as n,
    round(sum(quality_score * quality_n) / sum(quality_n), 3) as quality_score
from mart_agent_daily
where quality_n > 0
group by agent_name, task_type
order by n desc, agent_name, task_type;
