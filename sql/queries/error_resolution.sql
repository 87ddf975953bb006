-- What resolved errors: how often by what, how long it took, after how many attempts
select error_type, resolution, count(*) as failures,
    round(count(*) / sum(count(*)) over (partition by error_type), 3) as share_ratio,
    round(median(recovery_ms)) as recovery_p50_ms, count(recovery_ms) as recovery_n, round(avg(attempts), 2) as mean_attempts
from mart_error_resolution
group by error_type, resolution
order by error_type, failures desc, resolution;
