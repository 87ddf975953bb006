-- What executions fail of: kinds of error with count and share, and the agent that has most of them
select
    error_type,
    count(*) as failures,
    round(count(*) / sum(count(*)) over (), 3) as share,
    count(distinct agent_name) as agents,
    mode(agent_name order by agent_name) as mostly_of,
    max(started_at) as last_at
from fct_executions
where success = false
group by error_type
order by failures desc, error_type;
