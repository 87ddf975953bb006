-- Which agent works after which: how often, success after it against otherwise, hand-over time
select from_agent, to_agent, transitions, round(share_ratio, 3) as share_ratio, labelled,
    round(success_rate, 3) as success_rate, round(without_success_rate, 3) as without_success_rate,
    round(q_value, 4) as q_value, round(handover_p50_ms) as handover_p50_ms, handover_n
from mart_workflow_transition
order by transitions desc, from_agent, to_agent
limit 100;
