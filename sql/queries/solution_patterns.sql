-- Ways of solving that were used five times or more in ninety days, the surest first
-- Empty: no way of solving was used five times in ninety days
select pattern, repository, uses, labelled, round(success_rate, 3) as success_rate, round(success_low, 3) as success_low,
    round(success_shrunk, 3) as success_shrunk, round(p50_ms) as p50_ms, duration_n, round(cost_usd, 2) as cost_usd
from mart_solution_pattern
order by success_low desc nulls last, uses desc, pattern, repository
limit 50;
