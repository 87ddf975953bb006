-- How much of the cost led to a commit, and how much did not
select
    case when is_attributed then 'behind a commit' else 'unattributed' end as what,
    count(distinct commit) filter (where executions > 0) as commits,
    sum(executions) as executions,
    round(sum(cost_usd), 2) as cost_usd,
    round(sum(cost_usd) / nullif(sum(sum(cost_usd)) over (), 0), 3) as share
from mart_commit_cost
group by is_attributed
order by is_attributed desc;
