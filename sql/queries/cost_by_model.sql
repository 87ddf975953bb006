-- What each model cost: calls, tokens, cost, and calls without a price
select
    model,
    sum(calls) as calls,
    sum(input_tokens + cache_read_tokens + cache_write_tokens) as tokens_in,
    sum(output_tokens) as tokens_out,
    round(sum(cost_usd), 2) as cost_usd,
    sum(unpriced_calls) as unpriced_calls,
    round(sum(cost_usd) / nullif(sum(calls) - sum(unpriced_calls), 0), 4) as cost_per_call_usd
from mart_usage_daily
group by model
order by cost_usd desc nulls last, model;
