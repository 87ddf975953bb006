-- Budgets: what was spent in each period, against the limit, and what an open period will come to
-- Empty: no budget is set; give some under [[budgets]] in learning_pipeline.toml
select
    budget,
    starts_day,
    ends_day,
    round(cost_usd, 2) as cost_usd,
    round(limit_usd, 2) as limit_usd,
    round(spent_ratio, 3) as spent_ratio,
    state,
    usages,
    unpriced,
    round(projected_cost_usd, 2) as projected_cost_usd
from mart_budget
order by starts_day desc, budget
limit 100;
