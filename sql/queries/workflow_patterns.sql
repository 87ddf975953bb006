-- Sequences of agents: success with against without, corrected for many comparisons
select pattern, workflows, labelled, round(success_rate, 3) as success_rate, round(success_low, 3) as success_low,
    round(success_high, 3) as success_high, without_labelled, round(without_success_rate, 3) as without_success_rate,
    round(difference_ratio, 3) as difference_ratio, round(q_value, 4) as q_value
from mart_workflow_pattern
order by q_value nulls last, workflows desc, pattern
limit 50;
