-- Success rate by agent with its 95 % Wilson interval, only where success or failure is known
with counted as (
    select
        agent_name,
        count(success) as labelled,
        count(*) filter (where success) as successes,
        count(*) - count(success) as unknown_outcomes
    from fct_executions
    group by agent_name
)
select
    agent_name,
    labelled,
    successes,
    unknown_outcomes,
    round(successes / labelled, 3) as success_rate,
    round((successes + 1.9208 - 1.96 * sqrt(successes * (labelled - successes) / labelled + 0.9604)) / (labelled + 3.8416), 3)
        as success_low,
    round((successes + 1.9208 + 1.96 * sqrt(successes * (labelled - successes) / labelled + 0.9604)) / (labelled + 3.8416), 3)
        as success_high
from counted
where labelled > 0
order by success_low desc, agent_name;
