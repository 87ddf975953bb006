-- Cost per month and model
select month, source, model, calls, active_days, round(cost_usd, 2) as cost_usd, unpriced_calls
from mart_usage_monthly
order by month, cost_usd desc nulls last, source, model;
