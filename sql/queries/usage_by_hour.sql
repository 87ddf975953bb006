-- Tokens and cost by hour of the day, UTC, over all days
select hour(hour_end_at - interval 1 hour) as hour_utc, sum(calls) as calls, sum(executions) as executions,
    sum(output_tokens) as output_tokens, round(sum(cost_usd), 2) as cost_usd
from mart_usage_hourly
group by hour_utc
order by hour_utc;
