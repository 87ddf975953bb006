-- Tokens and cost per day, over the last 30 days of the data
select
    day,
    sum(calls) as calls,
    sum(executions) as executions,
    sum(input_tokens) as input_tokens,
    sum(output_tokens) as output_tokens,
    sum(cache_read_tokens) as cache_read_tokens,
    sum(cache_write_tokens) as cache_write_tokens,
    round(sum(cost_usd), 2) as cost_usd,
    sum(unpriced_calls) as unpriced_calls,
    sum(unpriced_executions) as unpriced_executions
from mart_usage_daily
where day > (select max(day) from mart_usage_daily) - 30
group by day
order by day;
