-- How cost comes to commits: executions and their cost by method and timing of their links, with the confidence
select
    l.method,
    l.timing,
    min(l.confidence) as confidence,
    count(distinct l.execution_id) as executions,
    count(distinct l.commit) as commits,
    count(*) filter (where l.is_used) as links_used
from fct_commit_links l
group by l.method, l.timing
order by confidence desc, l.method;
