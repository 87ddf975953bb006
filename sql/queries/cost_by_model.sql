-- What each model cost: calls, executions without known calls, tokens, cost, and what has no price
select
    model,
    sum(calls) as calls,
    sum(executions) as executions,
    sum(input_tokens) as input_tokens,
    sum(cache_read_tokens) as cache_read_tokens,
    sum(cache_write_tokens) as cache_write_tokens,
    sum(output_tokens) as output_tokens,
    round(sum(cost_usd), 2) as cost_usd,
    round(sum(reported_cost_usd), 2) as reported_cost_usd,
    sum(unpriced_calls) as unpriced_calls,
    sum(unpriced_executions) as unpriced_executions
from mart_usage_daily
group by model
order by cost_usd desc nulls last, model;
