-- Days on which a number was far from what is usual, newest first
-- Empty: on no day was a number far from what is usual, or none has the days of history that tell what is usual
select day, subject_kind, subject, metric, round(value, 4) as value, round(expected, 4) as expected, n,
    round(score, 1) as score, round(threshold, 1) as threshold, direction, is_worse, round(q_value, 6) as q_value
from mart_anomaly
order by day desc, abs(score) desc, subject_kind, subject, metric
limit 100;
