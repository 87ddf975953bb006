-- Every alert rule on every subject: what is not ok stands first
select rule, subject, state, round(value, 4) as value, threshold, unit, n, since, fired, cleared, message
from mart_alert
order by case state when 'critical' then 0 when 'warning' then 1 else 2 end, rule, subject;
