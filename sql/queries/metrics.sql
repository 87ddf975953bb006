-- One number a day of all work together: what baselines and trends are made from
select day, metric, form, n, round(value, 4) as value
from mart_metric_daily
where subject_kind = 'all'
order by day desc, metric
limit 200;
