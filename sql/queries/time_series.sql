-- Executions, success and cost per day: the time series, without what has no time
select
    day,
    sum(executions) as executions,
    sum(labelled) as labelled,
    round(sum(successes) / nullif(sum(labelled), 0), 3) as success_rate,
    round(sum(cost_usd), 2) as cost_usd,
    sum(tool_errors) as tool_errors
from mart_agent_daily
where day > date '1970-01-01'
group by day
order by day;
