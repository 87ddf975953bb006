-- Tokens and cost by month, source and model
select month, source, model, calls, executions, active_days, input_tokens, output_tokens, cache_read_tokens,
    cache_write_tokens, round(cost_usd, 2) as cost_usd, unpriced_calls, unpriced_executions
from mart_usage_monthly
order by month desc, cost_usd desc nulls last, source, model;
