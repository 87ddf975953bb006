-- Cost per month, source and model
select
    month,
    source,
    model,
    calls,
    executions,
    active_days,
    round(cost_usd, 2) as cost_usd,
    round(reported_cost_usd, 2) as reported_cost_usd,
    unpriced_calls,
    unpriced_executions
from mart_usage_monthly
order by month, cost_usd desc nulls last, source, model;
