-- The next fourteen days of executions and cost, with 95 % intervals and the error of the back-test
-- Empty: no number has three weeks of history
select day, subject_kind, subject, metric, round(forecast, 2) as forecast, round(low, 2) as low, round(high, 2) as high,
    method, round(mae, 3) as mae, round(naive_mae, 3) as naive_mae, backtest_n
from mart_forecast
where metric in ('executions', 'cost_usd')
order by subject_kind, subject, metric, day
limit 300;
