-- Blocks of five hours: tokens, cost, rate, and what the open one will come to
select source, block_start_at, calls + executions as calls, tokens, round(cost_usd, 2) as cost_usd,
    round(tokens_per_minute) as tokens_per_minute, round(cost_usd_per_hour, 2) as cost_usd_per_hour, is_open,
    round(projected_cost_usd, 2) as projected_cost_usd
from mart_usage_block
order by block_start_at desc, source
limit 100;
