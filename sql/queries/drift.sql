-- Numbers that drift slowly or made a step in the last ninety days; all that are stable come behind
-- Empty: no number has 28 days with a value in the last ninety
select subject_kind, subject, metric, shape, direction, is_worse, since_day, round(change_ratio, 3) as change_ratio,
    round(slope_ratio_per_day, 4) as slope_ratio_per_day, round(drift_q_value, 5) as drift_q_value,
    round(step_q_value, 5) as step_q_value, days
from mart_drift
order by shape = 'stable', least(drift_q_value, step_q_value), subject_kind, subject, metric
limit 100;
