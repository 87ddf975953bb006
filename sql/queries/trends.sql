-- The last 7, 30 and 90 days against those before, the surest change first
select subject_kind, subject, metric, window_days, round(value, 4) as value, n, round(value_before, 4) as value_before,
    n_before, round(change_ratio, 3) as change_ratio, test, round(q_value, 5) as q_value, verdict, is_worse
from mart_trend
order by q_value nulls last, subject_kind, subject, metric, window_days
limit 100;
