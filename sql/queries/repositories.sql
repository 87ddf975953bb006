-- What agents did in each repository: executions, success, cost, commits
select
    d.repository,
    d.executions,
    d.agents,
    sum(a.labelled) as labelled,
    round(sum(a.successes) / nullif(sum(a.labelled), 0), 3) as success_rate,
    round(sum(a.cost_usd), 2) as cost_usd,
    d.commits,
    d.last_day
from dim_repositories as d
left join mart_agent_daily as a using (repository)
group by all
order by d.executions desc, d.repository;
