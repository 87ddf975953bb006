-- What each branch cost, and what no branch is known for
select repository, branch, is_attributed, round(cost_usd, 2) as cost_usd, calls + executions as calls, commits,
    round(cost_per_commit_usd, 2) as cost_per_commit_usd, active_days, agents, last_day
from mart_branch_cost
order by is_attributed, cost_usd desc nulls last, repository, branch
limit 100;
