-- Cost per branch and day, newest first
select day, repository, branch, calls + executions as calls, output_tokens, round(cost_usd, 2) as cost_usd, agents
from mart_branch_daily
order by day desc, cost_usd desc nulls last, repository, branch
limit 100;
