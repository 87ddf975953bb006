-- Git per day and repository: commits, those by agents, reverts, lines; without what has no time
select day, repository, commits, agent_commits, reverts, merges, pushes, authors, lines_added, lines_removed
from mart_git_daily
where day > date '1970-01-01'
order by day desc, commits desc, repository
limit 100;
