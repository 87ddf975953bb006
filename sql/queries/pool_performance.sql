-- Pools over the last seven days of the data, by repository
select pool_type, repository, sum(executions) as executions, sum(labelled) as labelled,
    round(sum(successes) / nullif(sum(labelled), 0), 3) as success_rate, round(sum(cost_usd), 2) as cost_usd
from mart_pool_performance
group by pool_type, repository
order by executions desc, pool_type, repository;
