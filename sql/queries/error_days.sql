-- Errors per day and kind: where they happened, and their share with its interval
select day, error_type, errors, execution_errors, tool_errors, call_errors, round(share_ratio, 3) as share_ratio,
    round(share_low, 3) as share_low, round(share_high, 3) as share_high, errors_of_day
from mart_error_daily
order by day desc, errors desc, error_type
limit 200;
