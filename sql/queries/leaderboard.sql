-- Agents side by side over the last 30 days: success with interval, cost per success, speed, trend
select
    rank,
    agent_name,
    labelled_30d as n,
    round(success_rate_30d, 3) as success_rate,
    round(success_low_30d, 3) as low,
    round(success_high_30d, 3) as high,
    enough_data_30d as enough_data,
    round(cost_per_success_usd_30d, 3) as cost_per_success_usd,
    round(p50_ms_30d) as p50_ms,
    round(trend_30d, 3) as trend
from mart_agent_leaderboard
order by rank;
