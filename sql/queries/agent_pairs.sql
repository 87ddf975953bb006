-- Pairs of agents in one workflow: success with both against with one of them, and how they ask each other
select agent_a, agent_b, workflows, labelled, round(success_rate, 3) as success_rate, without_labelled,
    round(without_success_rate, 3) as without_success_rate, round(q_value, 4) as q_value, interactions,
    round(interaction_success_rate, 3) as interaction_success_rate, round(latency_p50_ms) as latency_p50_ms, latency_n
from mart_agent_pair
order by q_value nulls last, workflows desc, agent_a, agent_b
limit 50;
