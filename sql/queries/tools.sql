-- Which tools are used, how often they fail and how long they take
select
    tool_name,
    tool_kind,
    sum(calls) as calls,
    sum(results) as results,
    sum(errors) as errors,
    round(sum(errors) / nullif(sum(results), 0), 3) as error_rate,
    sum(rejected) as rejected,
    max(p95_ms) as worst_daily_p95_ms
from mart_tool_daily
group by tool_name, tool_kind
order by calls desc, tool_name, tool_kind;
