-- Size classes of models over the last thirty days: success, cost and cost per success, by kind of task
select task_type, model_tier, sum(executions) as executions, sum(labelled) as labelled,
    round(sum(successes) / nullif(sum(labelled), 0), 3) as success_rate, round(sum(cost_usd), 2) as cost_usd,
    round(sum(cost_usd) / nullif(sum(successes), 0), 4) as cost_usd_per_success
from mart_tier_performance
group by task_type, model_tier
order by task_type, model_tier;
