-- Why lines were rejected, and how many of them still are
select source, "check", "column", sum(rejects) as rejects, sum(open_rejects) as open_rejects, min(reason) as reason
from mart_quarantine_reason
group by source, "check", "column"
order by rejects desc, source, "check", "column";
