-- Agents becoming another: success, self-transformations, without a decision, time
select target_agent, sum(transformations) as transformations, sum(labelled) as labelled,
    round(sum(successes) / nullif(sum(labelled), 0), 3) as success_rate,
    round(sum(self_transformations) / nullif(sum(source_known), 0), 3) as self_rate,
    round(sum(unrouted) / nullif(sum(request_known), 0), 3) as unrouted_rate,
    round(max(total_p95_ms)) as worst_daily_p95_ms
from mart_transformation_daily
group by target_agent
order by transformations desc, target_agent;
