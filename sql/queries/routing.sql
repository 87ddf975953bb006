-- Routing per day and strategy: accuracy of validated decisions, cache, fallback, bypass, time
select day, strategy, decisions, validated, round(accuracy, 3) as accuracy, round(accuracy_low, 3) as accuracy_low,
    round(accuracy_high, 3) as accuracy_high, round(prediction_error, 3) as prediction_error,
    round(cache_hit_rate, 3) as cache_hit_rate, round(fallback_rate, 3) as fallback_rate,
    round(bypass_rate, 3) as bypass_rate, round(self_rate, 3) as self_rate, round(p95_us) as p95_us, routing_n
from mart_routing_daily
order by day desc, strategy
limit 100;
