-- The fifty dearest commits: cost, agents and lines behind each; what git does not tell of a commit is empty
select
    commit[1:10] as commit,
    coalesce(repository, '(not in git)') as repository,
    committed_at,
    subject,
    agents,
    executions,
    lines_added,
    lines_removed,
    round(cost_usd, 2) as cost_usd
from mart_commit_cost
where is_attributed and executions > 0
order by cost_usd desc nulls last, commit
limit 50;
