-- What is usual for each number: median, spread, the newest day, whether weekdays differ
select subject_kind, subject, metric, days, round(median, 4) as median, round(mad, 4) as mad,
    round(usual_low, 4) as usual_low, round(usual_high, 4) as usual_high, round(newest_value, 4) as newest_value, is_seasonal
from mart_baseline
order by subject_kind, subject, metric
limit 200;
